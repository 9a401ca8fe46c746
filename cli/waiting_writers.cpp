#include "cli/waiting_writers.h"

#include "cli/terminal.h"

namespace signet::cli {

std::string waiting_text(const restore::WaitingWriter& writer) {
    return "writer " + writer.identity.short_hex(16) +
           (writer.host.empty() ? "" : " (" + printable(writer.host) + ")") + ", last backup " +
           to_table_time(writer.last_backup);
}

Json waiting_json(const restore::WaitingWriter& writer) {
    Json row = {{"identity", writer.identity.hex()},
                {"last_backup", to_rfc3339(writer.last_backup)},
                {"entries", writer.entries}};
    set_text(row, "host", writer.host);
    return row;
}

}  // namespace signet::cli
