// The tar of a PostgreSQL base backup, understood while it passes: single files come out of it, in the order of the
// tar, and what it says of its place in the write-ahead log.
#pragma once

#include "backup/source.h"
#include "format/backup_entry.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace signet::backup {

/// Reads a tar from a descriptor. Only what a base backup has: files, folders and symbolic links.
class TarReader {
public:
    struct Entry {
        std::string path;  ///< relative, without "." and ".."
        SourceStat stat;
        std::string target;  ///< of a symbolic link
    };
    explicit TarReader(int fd);
    ~TarReader();
    TarReader(const TarReader&) = delete;
    TarReader& operator=(const TarReader&) = delete;

    /// The next entry; nothing at the end of the tar. What was not read of the one before is passed over.
    /// throws  Error{damaged}: not a tar, cut off, or with names that lead out of it
    [[nodiscard]] std::optional<Entry> next();
    /// Content of the entry. returns  octets read; less than asked for only at its end
    [[nodiscard]] std::size_t read(MutableByteView out);
    /// Reads what follows the end of the tar, so that whoever writes it ends well.
    void drain();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// What a base backup says of itself in the files that describe it: backup_label, backup_manifest and
/// global/pg_control.
class BaseDescription {
public:
    /// Whether the content of that file is wanted, and how much of its end.
    [[nodiscard]] static bool wants(const std::string& path);
    /// Takes content in passing, from its start on.
    void take(const std::string& path, ByteView octets);
    /// throws  Error{damaged}: one of them is missing, or does not say it; the base is not to be committed
    [[nodiscard]] format::BasePlace place() const;

private:
    std::string label_;
    std::string manifest_end_;
    Bytes control_;
};

}  // namespace signet::backup
