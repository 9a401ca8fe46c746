#include "cli/backup_view.h"

namespace signet::cli {
namespace {

/// What a restore needs; null when the reach of a damaged repository cannot be followed.
Json needs_json(const restore::Backup& backup, const restore::Planner& planner) {
    Json needs = Json::array();
    try {
        for (const restore::RunKey* key : planner.keys_of(backup)) {
            Json thumbprints = Json::array();
            for (const restore::Opener& opener : key->openers) thumbprints.push_back(opener.thumbprint.text());
            needs.push_back({{"dek_id", key->dek.hex()}, {"thumbprints", std::move(thumbprints)}});
        }
    } catch (const Error& error) {
        if (error.code() != ErrorCode::damaged) throw;
        return nullptr;
    }
    return needs;
}

}  // namespace

std::string_view kind_text(format::BackupKind kind) {
    if (kind == format::BackupKind::base) return "base";
    return kind == format::BackupKind::stream ? "stream" : "files";
}

std::string protector_of(const restore::Backup& backup) {
    return backup.body.listed->slots.empty() ? "" : backup.body.listed->slots.front().thumbprint.text();
}

Json backup_row(const restore::Backup& backup, restore::Planner& planner) {
    Json row = {{"id", backup.id.hex()}, {"short_id", backup.short_id()}};
    if (backup.labels)
        set_text(row, "series", backup.labels->series);
    else
        row["series"] = nullptr;
    row["series_id"] = backup.fields->series.hex();
    row["writer"] = backup.writer.hex();
    row["sequence"] = backup.sequence;
    if (backup.labels)
        set_text(row, "host", backup.labels->host);
    else
        row["host"] = nullptr;
    if (backup.labels)
        set_text(row, "username", backup.labels->user);
    else
        row["username"] = nullptr;
    row["kind"] = kind_text(backup.fields->kind);
    row["time"] = to_rfc3339(backup.time());
    if (backup.labels)
        set_texts(row, "paths", backup.labels->paths);
    else
        row["paths"] = nullptr;
    if (backup.labels)
        set_texts(row, "tags", backup.tags);
    else
        row["tags"] = nullptr;
    const std::string protector = protector_of(backup);
    row["protector_thumbprint"] = protector.empty() ? Json(nullptr) : Json(protector);
    row["needs"] = needs_json(backup, planner);
    row["trusted"] = backup.trusted;
    row["has_errors"] = backup.fields->has_errors;
    row["restorable"] = planner.restorable(backup);
    row["unproven"] = planner.restorable(backup) && planner.outlook(backup) == restore::Outlook::unproven;
    return row;
}

}  // namespace signet::cli
