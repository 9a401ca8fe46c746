#include "cli/tombstones.h"

#include "cli/officer.h"
#include "format/limits.h"

#include <map>

namespace signet::cli {

void append_tombstones(Context& context, const std::vector<const restore::Backup*>& backups,
                       format::TombstoneAction action) {
    // In the order of the format, each once.
    std::map<restore::EntryPlace, EntryId> places;
    for (const restore::Backup* backup : backups) places[{backup->writer, backup->sequence}] = backup->id;
    format::TombstoneFields fields;
    const auto append = [&] {
        if (fields.statements.empty()) return;
        append_officer_entry(context, format::EntryKind::tombstone, fields.encode());
        fields.statements.clear();
    };
    for (const auto& [place, id] : places) {
        fields.statements.push_back({place.first, place.second, id, action});
        if (fields.statements.size() == format::kMaxTombstones) append();
    }
    append();
}

}  // namespace signet::cli
