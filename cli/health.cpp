#include "cli/health.h"

#include "cli/twins.h"
#include "restore/latest.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace signet::cli {
namespace {

constexpr std::int64_t kDayNs = 86'400 * kNsPerSecond;
/// From how long before a protector expires people are told.
constexpr std::int64_t kExpiryNoticeNs = 30 * kDayNs;

void add(SeriesHealth& line, const restore::Backup& backup) {
    ++(backup.trusted ? line.backups : line.untrusted);
    // Who is not trusted names and dates a line only as long as nobody else does.
    if (!backup.trusted && line.backups > 0) return;
    line.series = backup.series();
    line.id = backup.fields->series;
    line.host = backup.labels ? backup.labels->host : std::string();
    line.writer = backup.writer;
    if (backup.trusted) line.last = backup.time();
}

/// Each once: one damaged entry stands in the way of every line.
void note_problem(Health& health, const Error& error) {
    const bool is_known = std::any_of(health.problems.begin(), health.problems.end(), [&](const Error& known) {
        return std::string_view(known.what()) == error.what();
    });
    if (!is_known) health.problems.push_back(error);
}

void judge_line(Context& context, Health& health, SeriesHealth& line, const restore::Backup* newest) {
    line.broken = newest != nullptr && !context.catalogue().is_whole(*newest);
    line.restorable = newest != nullptr && context.planner().restorable(*newest);
    if (newest != nullptr) line.logs = log_health(context, *newest);
    if (line.logs && line.logs->problem) note_problem(health, *line.logs->problem);
    line.restorable = line.restorable && (!line.logs || line.logs->restorable);
    restore::BackupFilter filter;
    filter.series = line.id.hex();
    filter.line = context.catalogue().line_of(line.writer);
    const auto refusal = refusal_of_latest(context.catalogue(), filter);
    line.latest_restorable = line.restorable && !refusal;
    if (refusal) note_problem(health, *refusal);
}

void judge_latest(Context& context, Health& health) {
    const restore::Catalogue& catalogue = context.catalogue();
    if (const auto refusal = refusal_of_latest(catalogue, {})) {
        note_problem(health, *refusal);
        health.latest_restorable = false;
    } else if (!catalogue.backups().empty()) {
        health.latest_restorable = context.planner().restorable(catalogue.latest());
    }
}

void judge_series(Context& context, Health& health) {
    const std::vector<restore::Backup>& backups = context.catalogue().backups();
    std::map<restore::SeriesKey, SeriesHealth> all;
    std::map<restore::SeriesKey, const restore::Backup*> newest;
    for (const restore::Backup& backup : backups) {  // by ascending time
        const restore::SeriesKey series = context.catalogue().series_of(backup);
        add(all[series], backup);
        if (backup.trusted) newest[series] = &backup;
    }
    std::map<std::string, std::size_t> names;
    for (const auto& [place, line] : all) ++names[line.series];
    for (auto& [place, line] : all) {
        line.has_namesake = names.at(line.series) > 1;
        judge_line(context, health, line, newest[place]);
        health.series.push_back(std::move(line));
    }
    std::sort(health.series.begin(), health.series.end(), [](const SeriesHealth& left, const SeriesHealth& right) {
        return std::tie(left.series, left.id, left.writer) < std::tie(right.series, right.id, right.writer);
    });
}

std::string days_text(std::int64_t ns) { return counted(static_cast<std::uint64_t>(ns / kDayNs), "day"); }

void remind_of_expiry(Health& health, const keyring::ProtectorReport& report) {
    if (!report.expires || report.expires->ns - health.now.ns > kExpiryNoticeNs) return;
    const bool is_over = *report.expires <= health.now;
    health.reminders.push_back(
        "protector " + title_of(report) + " (" + report.thumbprint.short_text() + ") " +
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

/// From the worst on.
int rank(ExitCode code) {
    switch (code) {
        case ExitCode::key_unavailable:
            return 0;
        case ExitCode::damaged:
            return 1;
        case ExitCode::refused:
            return 2;
        case ExitCode::objective_missed:
            return 3;
        default:
            return code == ExitCode::done ? 5 : 4;
    }
}

}  // namespace

std::string SeriesHealth::title() const {
    if (!has_namesake) return series;
    return series + " (" + id.short_hex(8) + (host.empty() ? "" : ", " + host) + ")";
}

ExitCode worse(ExitCode left, ExitCode right) { return rank(left) <= rank(right) ? left : right; }

Health health_of(Context& context) {
    Health health;
    health.now = context.clock().now();
    judge_latest(context, health);
    judge_series(context, health);
    ProtectorNeeds needs = protector_needs(context);
    for (const Error& error : needs.broken) note_problem(health, error);
    for (ProtectorNeed& need : needs.protectors) {
        if (need.claimed_backups > 0 && !need.report.can_unwrap) {
            health.reminders.push_back(
                counted(need.claimed_backups, "backup") + " of protector " + title_of(need.report) + " (" +
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
        for (std::string& refusal : refusing_twins(context, link)) health.reminders.push_back(std::move(refusal));
    }
    remind_of_key_backups(context, health);
    if (const auto paused = context.keyring().paused()) {
        health.reminders.push_back("no backups are made: this keyring is paused since " + *paused +
                                   "; signet keyring resume ends it");
    }
    return health;
}

}  // namespace signet::cli
