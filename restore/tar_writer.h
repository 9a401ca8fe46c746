// A pax tar through libarchive: extended attributes, ACLs, holes, hard links, long names.
#pragma once

#include "format/backup_entry.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace signet::restore {

class TarWriter {
public:
    /// fd  borrowed. plain  no owners, extended attributes and ACLs. body  names of owners and groups; outlives the
    /// writer
    TarWriter(int fd, bool plain, const format::BackupBody& body);
    ~TarWriter();
    TarWriter(const TarWriter&) = delete;
    TarWriter& operator=(const TarWriter&) = delete;

    /// Starts an entry. path  relative. returns  whether its content (holes as zeros) has to follow through write()
    /// throws  Error{io}
    [[nodiscard]] bool add(std::string_view path, const format::Entry& entry);
    void write(ByteView octets);
    /// throws  Error{failed}: less was written than was announced
    void end_file();
    /// Writes the end of the archive. Without it the archive is not whole.
    void finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace signet::restore
