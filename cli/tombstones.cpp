#include "cli/tombstones.h"

#include "cli/officer.h"
#include "format/limits.h"

#include <map>

namespace signet::cli {
namespace {

/// After the newest of what was said about these backups: of several statements the latest counts.
TimePoint after_all(const restore::Catalogue& catalogue, const std::vector<const restore::Backup*>& backups) {
    TimePoint time;
    for (const restore::Backup* backup : backups) {
        const restore::LastWord* word = catalogue.tombstone(backup->id);
        if (word != nullptr) time = std::max(time, just_after(std::get<TimePoint>(word->order)));
    }
    return time;
}

void require_in_force(Context& context, const std::vector<const restore::Backup*>& backups,
                      format::TombstoneAction action) {
    const restore::Catalogue now = context.look_again();
    now.require_no_doubt();
    const bool forgotten = action == format::TombstoneAction::forgotten;
    for (const restore::Backup* backup : backups) {
        const restore::LastWord* word = now.tombstone(backup->id);
        if (word != nullptr && word->forgotten == forgotten) continue;
        throw not_in_force(
            "backup " + backup->describe() + (forgotten ? " is not forgotten" : " is forgotten as before"), word);
    }
}

}  // namespace

void append_tombstones(Context& context, const std::vector<const restore::Backup*>& backups,
                       format::TombstoneAction action) {
    if (backups.empty()) return;
    const TimePoint time = after_all(context.catalogue(), backups);
    // In the order of the format, each once.
    std::map<restore::EntryPlace, EntryId> places;
    for (const restore::Backup* backup : backups) places[{backup->writer, backup->sequence}] = backup->id;
    format::TombstoneFields fields;
    const auto append = [&] {
        if (fields.statements.empty()) return;
        append_officer_entry(context, format::EntryKind::tombstone, fields.encode(), time);
        fields.statements.clear();
    };
    for (const auto& [place, id] : places) {
        fields.statements.push_back({place.first, place.second, id, action});
        if (fields.statements.size() == format::kMaxTombstones) append();
    }
    append();
    require_in_force(context, backups, action);
}

}  // namespace signet::cli
