#include "cli/health.h"

#include "cli/twins.h"

#include <map>

namespace signet::cli {
namespace {

constexpr std::int64_t kDayNs = 86'400 * kNsPerSecond;
/// From how long before a protector expires people are told.
constexpr std::int64_t kExpiryNoticeNs = 30 * kDayNs;

std::vector<SeriesHealth> series_of(Context& context) {
    std::map<std::string, SeriesHealth> all;
    std::map<std::string, const restore::Backup*> newest;
    for (const restore::Backup& backup : context.catalogue().backups()) {
        if (!backup.trusted) continue;
        SeriesHealth& one = all[backup.series()];
        ++one.backups;
        newest[backup.series()] = &backup;  // by ascending time
    }
    std::vector<SeriesHealth> list;
    for (auto& [name, one] : all) {
        one.series = name;
        one.last = newest.at(name)->time();
        one.restorable = context.planner().restorable(*newest.at(name));
        list.push_back(std::move(one));
    }
    return list;
}

std::string days_text(std::int64_t ns) { return counted(static_cast<std::uint64_t>(ns / kDayNs), "day"); }

void remind_of_expiry(Health& health, const keyring::ProtectorReport& report) {
    if (!report.expires || report.expires->ns - health.now.ns > kExpiryNoticeNs) return;
    const bool is_over = *report.expires <= health.now;
    health.reminders.push_back(
        "protector " + report.name + " (" + report.thumbprint.short_text() + ") " +
        (is_over ? "expired at " : "expires in " + days_text(report.expires->ns - health.now.ns) + ", at ") +
        to_table_time(*report.expires) + ": rotate it");
}

void remind_of_key_backups(Context& context, Health& health) {
    if (!context.vaults().has_local()) return;
    const keyring::LocalVault& vault = context.vaults().local().vault();
    for (const keyring::Link& link : context.keyring().links()) {
        const auto key = vault.find(link.thumbprint);
        if (!link.wraps() || !key || vault.backup_state(key->name) == keyring::KeyBackupState::current) continue;
        health.reminders.push_back("key " + key->name + " has no key backup of its present state: signet key backup " +
                                   key->name + " -o FILE");
    }
}

}  // namespace

Health health_of(Context& context) {
    Health health;
    health.now = context.clock().now();
    health.series = series_of(context);
    ProtectorNeeds needs = protector_needs(context);
    for (ProtectorNeed& need : needs.protectors) {
        if (need.claimed_backups > 0 && !need.report.can_unwrap) {
            health.reminders.push_back(
                counted(need.claimed_backups, "backup") + " of protector " + need.report.name + " (" +
                need.report.thumbprint.short_text() +
                ") can be opened by others only if slots that nobody signed are genuine: signet keyring check");
        }
        const keyring::Link* link = context.keyring().find(need.report.thumbprint);
        health.protectors.push_back({std::move(need), link == nullptr ? std::nullopt : link->last_proven});
    }
    health.access = look_at_access(context);
    const std::vector<keyring::Link> links = context.keyring().links();
    for (const keyring::Link& link : links) {
        if (link.wraps()) remind_of_expiry(health, context.resolver().status(link.thumbprint));
    }
    for (const keyring::Link& link : links) {
        const std::string sentence = missing_twin(context, link);
        if (!sentence.empty()) health.reminders.push_back(sentence);
    }
    remind_of_key_backups(context, health);
    if (const auto paused = context.keyring().paused()) {
        health.reminders.push_back("no backups are made: this keyring is paused since " + *paused +
                                   "; signet keyring resume ends it");
    }
    return health;
}

}  // namespace signet::cli
