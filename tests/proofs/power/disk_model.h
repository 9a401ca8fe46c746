// A disk that forgets: what a program did to the files below a folder, and what may be there after a power cut.
//
// The rules are the worst that a file system may do by its word, and no journaling one does all of it:
//  - octets of a file are there for sure once the file was synced; before that any part of each write may be, in
//  sectors;
//  - a name is there (or gone) for sure once its folder was synced; before that each change of a name may be or not, by
//    itself, in whatever order;
//  - what is in a folder whose own name was lost is lost.
#pragma once

#include "core/bytes.h"

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace signet::proof {

/// One thing that was done. Paths are below the watched folder, without a slash at either end.
struct Operation {
    enum class Kind { make_file, make_folder, write, truncate, sync_file, sync_folder, rename, link, unlink, mark };
    Kind kind = Kind::mark;
    std::uint64_t file = 0;    ///< make_file, write, truncate, sync_file: a number for each file ever made
    std::uint64_t offset = 0;  ///< write; truncate: the new size
    Bytes octets;              ///< write
    std::string path;          ///< of folders and names; rename, link: from
    std::string to;            ///< rename, link
    std::string label;         ///< mark: something was promised to the user from here on
};

/// A crash image: what is below the folder.
struct Image {
    std::map<std::string, Bytes> files;
    std::vector<std::string> folders;  ///< each after the one that it is in
};

/// What becomes of what was not synced.
struct Fate {
    enum class Names { lost, kept, some };
    enum class Octets { lost, kept, empty, torn, some };
    Names names = Names::lost;
    Octets octets = Octets::lost;
    std::size_t sector = 512;
};

class DiskModel {
public:
    /// Takes the next operation.
    void apply(const Operation& operation);
    /// What may be there if the power is cut now.
    [[nodiscard]] Image cut(const Fate& fate, std::mt19937_64& random) const;
    /// Whether every fate gives the same now.
    [[nodiscard]] bool is_synced() const;

private:
    struct Change {
        std::uint64_t offset = 0;
        Bytes octets;
        bool is_truncation = false;
    };
    struct File {
        Bytes durable;
        Bytes now;
        std::vector<Change> pending;
    };
    /// What a name stands for: a file, a folder, or nothing.
    struct Named {
        enum class Kind { nothing, file, folder } kind = Kind::nothing;
        std::uint64_t file = 0;
    };
    struct Folder {
        std::map<std::string, Named> durable;
        std::map<std::string, Named> now;
        std::vector<std::pair<std::string, Named>> pending;
    };

    void name(const std::string& path, const Named& what);
    [[nodiscard]] Named at(const std::string& path) const;
    [[nodiscard]] static Bytes octets_of(const File& file, const Fate& fate, std::mt19937_64& random);
    [[nodiscard]] static std::map<std::string, Named> names_of(const Folder& folder, const Fate& fate,
                                                               std::mt19937_64& random);
    void add(Image& image, const std::string& path, const Fate& fate, std::mt19937_64& random) const;

    std::map<std::uint64_t, File> files_;
    std::map<std::string, Folder> folders_{{"", {}}};
};

}  // namespace signet::proof
