#include "cli/needed_keys.h"

#include "cli/access.h"
#include "cli/protector_needs.h"
#include "cli/retirement.h"
#include "cli/table.h"

#include <algorithm>
#include <iterator>
#include <optional>

namespace signet::cli {
namespace {

/// When the local vault's key backup of this protector was made; none where it is elsewhere, or has changed since.
std::optional<TimePoint> key_backup_of(Context& context, const format::Thumbprint& thumbprint) {
    if (!context.vaults().has_local()) return std::nullopt;
    const keyring::LocalVault& vault = context.vaults().local().vault();
    const auto key = vault.find(thumbprint);
    if (!key || vault.backup_state(key->name) != keyring::KeyBackupState::current) return std::nullopt;
    const auto backup = vault.record(key->name).backup;
    return backup ? std::optional(backup->made) : std::nullopt;
}

/// Further places that hold the private half.
std::vector<std::string> twins_of(const keyring::ProtectorReport& report) {
    std::vector<std::string> places;
    std::copy_if(report.locations.begin(), report.locations.end(), std::back_inserter(places),
                 [](const std::string& text) { return keyring::Location::parse(text).can_unwrap(); });
    if (!places.empty()) places.erase(places.begin());
    return places;
}

std::string lost_text(const ProtectorNeed& need) {
    const std::string unproven =
        need.claimed_backups == 0 ? "" : counted(need.claimed_backups, "backup") + " open by unproven slots only";
    if (need.sole_backups == 0) return unproven.empty() ? "nothing" : unproven;
    const std::string from = to_table_time(*need.sole_from).substr(0, 16);
    const std::string to = to_table_time(*need.sole_to).substr(0, 16);
    return counted(need.sole_backups, "backup") + ", " + from + (from == to ? "" : " .. " + to) +
           (unproven.empty() ? "" : "; " + unproven);
}

/// "Now" is never said here: only `key retire` opens what it promises.
std::string date_text(const keyring::Policy& policy, const ProtectorNeed& need, const std::optional<TimePoint>& date,
                      bool is_known) {
    if (!is_known) return "not known";
    if (date) return to_table_time(*date).substr(0, 10);
    return policy.is_fenced(need.report.thumbprint) ? "ask key retire" : "in use";
}

Json to_json(const ProtectorNeed& need, const keyring::Link* link, const std::optional<TimePoint>& key_backup,
             const std::optional<TimePoint>& date) {
    Json lost = nullptr;
    if (need.sole_backups > 0) {
        lost = {
            {"backups", need.sole_backups}, {"from", to_rfc3339(*need.sole_from)}, {"to", to_rfc3339(*need.sole_to)}};
    }
    std::vector<std::string> twins = twins_of(need.report);
    return {{"thumbprint", need.report.thumbprint.text()},
            {"name", need.report.name.empty() ? Json(nullptr) : Json(need.report.name)},
            {"status", keyring::text(need.report.status)},
            {"backups", need.backups},
            {"logs", 0},
            {"deks", need.deks},
            {"lost_without", std::move(lost)},
            {"unproven_without", need.claimed_backups},
            {"safe_to_destroy", time_json(date)},
            {"last_proven", time_json(link == nullptr ? std::nullopt : link->last_proven)},
            {"key_backup", time_json(key_backup)},
            {"twins", std::move(twins)}};
}

}  // namespace

void print_needed_keys(Context& context) {
    Table table({"THUMBPRINT", "NAME", "STATUS", "BACKUPS", "LOST WITHOUT IT", "PROVEN", "KEY BACKUP", "TWINS",
                 "SAFE TO DESTROY"});
    Json rows = Json::array();
    const keyring::Policy policy = policy_in_force(context);
    const ProtectorNeeds needs = protector_needs(context);
    for (const ProtectorNeed& need : needs.protectors) {
        const keyring::Link* link = context.keyring().find(need.report.thumbprint);
        const auto key_backup = key_backup_of(context, need.report.thumbprint);
        const auto proven = link == nullptr ? std::nullopt : link->last_proven;
        const auto until = needed_until(policy, need.needed_until, need.reachable, context.clock().now());
        const auto date = needs.unknown.empty() ? free_from(policy, context.catalogue(), need.report.thumbprint, until)
                                                : std::nullopt;
        table.add({need.report.thumbprint.short_text(), printable(title_of(need.report)),
                   std::string(keyring::text(need.report.status)), std::to_string(need.backups), lost_text(need),
                   proven ? to_table_time(*proven) : "never", key_backup ? to_table_time(*key_backup) : "none",
                   std::to_string(twins_of(need.report).size()), date_text(policy, need, date, needs.unknown.empty())});
        rows.push_back(to_json(need, link, key_backup, date));
    }
    if (context.terminal().json())
        context.terminal().object(rows);
    else if (table.empty() && needs.unknown.empty())
        context.terminal().message("there is no backup in this repository that needs a key");
    else
        table.print(context.terminal());
    needs.require_whole();
}

}  // namespace signet::cli
