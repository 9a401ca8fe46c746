#include "cli/backup_view.h"
#include "cli/commands/commands.h"
#include "cli/selection.h"
#include "cli/table.h"
#include "core/zone.h"

#include <numeric>

namespace signet::cli {
namespace {

/// "latest" also names an untrusted backup here: looking at a header restores nothing.
const restore::Backup& named(Context& context) {
    const std::string reference = context.arguments().empty() ? "latest" : context.arguments().front();
    refuse_rules_beside_id(context, {reference, "/"});
    const restore::Catalogue& catalogue = context.headers();
    return reference == "latest" ? catalogue.latest(selection(context)) : catalogue.find(reference);
}

std::uint64_t bits_in(const Bytes& bitmap) {
    return std::accumulate(bitmap.begin(), bitmap.end(), std::uint64_t{0}, [](std::uint64_t sum, std::uint8_t octet) {
        return sum + static_cast<std::uint64_t>(__builtin_popcount(octet));
    });
}

template <class Infos>
std::uint64_t total_size(const Infos& infos) {
    return std::accumulate(infos.begin(), infos.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const auto& info) { return sum + info.size; });
}

Json header_json(const restore::Backup& backup, restore::Planner& planner) {
    const format::EntryHead& head = backup.entry->head;
    const format::BackupPublic& fields = *backup.fields;
    Json object = backup_row(backup, planner);
    object["repository"] = head.repository.hex();
    object["config_hash"] = head.config_hash.hex();
    object["previous"] = head.previous.is_zero() ? Json(nullptr) : Json(head.previous.hex());
    object["signed"] = to_rfc3339(head.time);
    object["policy"] = head.policy.is_zero() ? Json(nullptr) : Json(head.policy.hex());
    object["audit_head"] = head.audit_head.is_zero() ? Json(nullptr) : Json(head.audit_head.hex());
    object["run_id"] = fields.run.hex();
    object["started"] = to_rfc3339(fields.started);
    object["finished"] = to_rfc3339(fields.finished);
    object["dek_id"] = fields.dek.hex();
    object["dek_commitment"] = fields.commitment.hex();
    Json slots = Json::array();
    for (const format::Slot& slot : fields.slots) {
        Json row = {{"thumbprint", slot.thumbprint.text()}, {"algorithm", static_cast<int>(slot.algorithm)}};
        set_text(row, "location", slot.location);
        slots.push_back(std::move(row));
    }
    object["slots"] = std::move(slots);
    Json packs = Json::array();
    for (const format::PackInfo& pack : fields.packs) packs.push_back({{"id", pack.id.hex()}, {"size", pack.size}});
    object["packs"] = std::move(packs);
    Json indexes = Json::array();
    for (const format::IndexInfo& index : fields.indexes)
        indexes.push_back({{"id", index.id.hex()}, {"size", index.size}});
    object["indexes"] = std::move(indexes);
    Json predecessors = Json::array();
    for (const IdentityId& identity : fields.predecessors) predecessors.push_back(identity.hex());
    object["predecessors"] = std::move(predecessors);
    Json reach = Json::array();
    for (const format::Reach& part : fields.reach) {
        reach.push_back({{"writer", fields.writer_of(part, backup.writer).hex()},
                         {"sequence", part.sequence},
                         {"dek_id", part.dek.hex()},
                         {"packs", bits_in(part.bitmap)}});
    }
    object["reach"] = std::move(reach);
    Json borrowed = Json::array();
    for (const format::Borrowed& part : fields.borrowed) {
        borrowed.push_back({{"officer", part.identity.hex()},
                            {"sequence", part.sequence},
                            {"dek_id", part.dek.hex()},
                            {"packs", bits_in(part.bitmap)}});
    }
    object["borrowed"] = std::move(borrowed);
    object["resealed_dek_id"] = Json(nullptr);
    if (backup.body.listed->dek != fields.dek) object["resealed_dek_id"] = backup.body.listed->dek.hex();
    return object;
}

const char* trust_note(const restore::Backup& backup, const restore::Planner& planner) {
    if (planner.catalogue().doubt()) return "  (trust unknown)";
    return backup.trusted ? "" : "  (untrusted)";
}

void print_header(Terminal& terminal, const restore::Backup& backup, restore::Planner& planner) {
    const format::BackupPublic& fields = *backup.fields;
    const auto line = [&](std::string_view name, const std::string& value) {
        terminal.result(std::string(name) + std::string(11 - name.size(), ' ') + value);
    };
    line("backup", backup.id.hex());
    line("series", printable(backup.series()));
    line("writer", backup.writer.hex() + ", entry " + std::to_string(backup.sequence) + trust_note(backup, planner));
    for (const IdentityId& identity : fields.predecessors) line("successor", "of writer " + identity.hex());
    if (backup.labels) {
        line("host", printable(backup.labels->host) + ", user " + printable(backup.labels->user));
        for (const std::string& path : backup.labels->paths) line("path", printable(path));
        if (!backup.labels->command.empty()) line("command", printable(join(backup.labels->command, " ")));
        line("program", printable(backup.labels->program));
    }
    if (!backup.tags.empty()) line("tags", printable(join(backup.tags, ", ")));
    line("kind", std::string(kind_text(fields.kind)) + (fields.has_errors ? ", some sources could not be read" : ""));
    line("time", first_second_text(fields.time) + " (" + to_rfc3339(fields.time) + ")");
    line("run", to_table_time(fields.started) + " to " + to_table_time(fields.finished));
    const format::SealedPacks& sealed = *backup.body.listed;
    line("data key", sealed.dek.hex() + (sealed.dek == fields.dek ? "" : ", after resealing"));
    for (const format::Slot& slot : sealed.slots)
        line("protector", slot.thumbprint.text() + "  " + printable(slot.location));
    line("stored", counted(fields.packs.size(), "pack") + ", " + human_size(total_size(fields.packs)) + "; " +
                       counted(fields.indexes.size(), "index segment") + ", " + human_size(total_size(fields.indexes)));
    line("needs", counted(planner.keys_of(backup).size(), "data key") + ", of " +
                      counted(fields.reach.size() + fields.borrowed.size(), "earlier entry", "earlier entries"));
}

ExitCode run(Context& context) {
    const restore::Backup& backup = named(context);
    if (context.terminal().json())
        context.terminal().object(header_json(backup, context.planner()));
    else
        print_header(context.terminal(), backup, context.planner());
    return ExitCode::done;
}

}  // namespace

Command show_command() {
    Command command;
    command.name = "show";
    command.synopsis = "[BACKUP|latest]";
    command.summary = "show the public header of a backup";
    command.description =
        "Shows what a backup says of itself without a key: who made it and when, which data key seals it, under which "
        "protectors, in which packs, and which earlier runs it refers to. Names are shown where the keyring knows the "
        "writer's label key.";
    command.options = selection_options();
    command.arguments = {"backup", 0, 1};
    command.examples = {{"signet show 1a2b3c4d", "One backup"},
                        {"signet show latest --json", "The newest one, for a program"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
