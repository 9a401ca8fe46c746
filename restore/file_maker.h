// Makes one thing in a folder of the target: under its name where that is free, else beside what is there and then in
// its place. What is not finished is removed.
#pragma once

#include "restore/extractor.h"
#include "restore/metadata.h"
#include "restore/target.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

namespace signet::restore {

/// How things are made; the same for a whole restore.
struct MakingRules {
    Overwrite overwrite = Overwrite::always;
    bool delete_extra = false;       ///< a folder in the way of a file is removed with what is in it
    bool readable = false;           ///< files are opened for reading too (to verify them)
    const MetadataWriter& metadata;  ///< says whose an unchanged file is
};

/// What is at a name.
enum class Found {
    nothing,
    replaceable,  ///< something that the new thing takes the place of
    unchanged,    ///< is_unchanged(), and overwriting is if-changed
    kept,         ///< overwriting is never
};
/// throws  Error{io}
[[nodiscard]] Found look(int folder_fd, const std::string& name, const format::Entry& entry, const MakingRules& rules);

/// Whether a thing in a folder passes for the entry's file as it is restored: a regular file of the same size and time,
/// with the same owner and group, and with no second name unless the entry has one. Anybody can give a file size and
/// time.
[[nodiscard]] bool is_unchanged(const struct stat& status, int folder_fd, const format::Entry& entry,
                                const MakingRules& rules);

/// A name being given to something new. What was not finished is removed by the destructor.
class NewName {
public:
    NewName() = default;
    NewName(NewName&& other) noexcept;
    NewName& operator=(NewName&&) = delete;
    ~NewName() { abandon(); }

    /// make(name) creates exclusively and returns 0 or an errno. `folder_fd` stays open until finish() or abandon().
    /// returns  whether it was made; otherwise found() says what is there
    /// throws   Error{io}; Error{refused}: a folder with something in it is in the way
    template <class Make>
    [[nodiscard]] bool create(int folder_fd, const FolderHandle& folder, const format::Entry& entry,
                              const MakingRules& rules, Target& target, const Make& make);

    [[nodiscard]] Found found() const { return found_; }
    /// The name that it has at the moment.
    [[nodiscard]] const std::string& name() const { return temporary_.empty() ? name_ : temporary_; }
    /// Gives it the wanted name. throws  Error{io}: it is removed
    void finish();
    void abandon() noexcept;
    /// Under its name is something else by now, which is not removed.
    void disown() noexcept { made_ = false; }

private:
    void clear_way(const FolderHandle& folder, Target& target, const MakingRules& rules) const;
    [[nodiscard]] static std::string temporary_name();
    int folder_fd_ = -1;
    std::string name_;
    std::string temporary_;  ///< empty: made under its name
    Found found_ = Found::nothing;
    bool made_ = false;
};

/// Where the octets of a content lie in the file, between its holes.
class HoleMap {
public:
    explicit HoleMap(const format::Entry& entry);
    /// Calls write(octets, file offset) for each stretch.
    template <class Write>
    void split(std::uint64_t content_offset, ByteView octets, const Write& write) const {
        if (stretches_.empty()) {
            write(octets, content_offset);
            return;
        }
        split_stretches(content_offset, octets, write);
    }
    [[nodiscard]] bool has_holes() const { return !stretches_.empty(); }

private:
    struct Stretch {
        std::uint64_t content = 0;  ///< offset of its first octet in the content
        std::uint64_t file = 0;
        std::uint64_t size = 0;
    };
    [[nodiscard]] std::size_t stretch_at(std::uint64_t content_offset) const;
    template <class Write>
    void split_stretches(std::uint64_t content_offset, ByteView octets, const Write& write) const {
        for (std::size_t i = stretch_at(content_offset); !octets.empty() && i < stretches_.size(); ++i) {
            const Stretch& stretch = stretches_[i];
            const std::uint64_t inside = content_offset - stretch.content;
            const std::size_t count =
                static_cast<std::size_t>(std::min<std::uint64_t>(stretch.size - inside, octets.size()));
            if (count > 0) write(octets.first(count), stretch.file + inside);
            octets = octets.subspan(count);
            content_offset += count;
        }
    }
    std::vector<Stretch> stretches_;
};

/// Writes octets at an offset; with `sparse`, whole blocks of zeros are left out.
/// returns  octets written
std::uint64_t write_octets(int fd, ByteView octets, std::uint64_t offset, bool sparse, std::string_view object);

template <class Make>
bool NewName::create(int folder_fd, const FolderHandle& folder, const format::Entry& entry, const MakingRules& rules,
                     Target& target, const Make& make) {
    folder_fd_ = folder_fd;
    name_ = entry.name;
    int result = make(name_);
    if (result == EEXIST) {
        found_ = look(folder_fd, name_, entry, rules);
        if (found_ == Found::unchanged || found_ == Found::kept) return false;
        clear_way(folder, target, rules);
        temporary_ = temporary_name();
        result = make(temporary_);
    }
    if (result != 0) throw Error::from_errno("make", folder->path_of(name_), result);
    made_ = true;
    return true;
}

}  // namespace signet::restore
