#include "restore/log_retention.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>

#include "format/limits.h"

namespace signet::restore {
namespace {

using format::LogFamily;
using format::LogKind;

bool is_postgres(const LogSeries& series) { return series.source.family == LogFamily::postgres; }

/// Where the first base starts; nothing without one.
std::optional<std::uint64_t> first_start(const std::vector<const Backup*>& backups) {
    std::optional<std::uint64_t> first;
    for (const Backup* backup : backups) {
        if (backup->fields->base) first = std::min(first.value_or(UINT64_MAX), backup->fields->base->start);
    }
    return first;
}

std::vector<bool> needed_by_position(const LogSeries& series, std::uint64_t start) {
    std::vector<bool> needed;
    for (const Log& log : series.logs) {
        const format::LogTrailer& trailer = log.trailer();
        // A backup history file has the position of its backup, the others are whole segments.
        const bool is_segment = trailer.kind == LogKind::segment || trailer.kind == LogKind::partial;
        const std::uint64_t end = trailer.position + (is_segment ? series.source.segment_size : 0);
        needed.push_back(trailer.kind == LogKind::history || end > start);
    }
    return needed;
}

/// The logs stand in the order of their numbers.
std::vector<bool> needed_by_time(const LogSeries& series, const std::vector<const Backup*>& backups) {
    std::vector<bool> needed(series.logs.size(), true);
    TimePoint begun = backups.front()->fields->started;
    for (const Backup* backup : backups) begun = std::min({begun, backup->fields->started, backup->time()});
    // Modified before that: what was written to at its beginning may be the next one. Several where it was stored
    // again.
    std::vector<std::size_t> last;
    for (std::size_t i = 0; i < series.logs.size(); ++i) {
        const format::LogTrailer& trailer = series.logs[i].trailer();
        if (!trailer.number) continue;
        if (trailer.modified >= begun) break;
        if (!last.empty() && series.logs[last.front()].trailer().number != trailer.number) {
            for (const std::size_t one : last) needed[one] = false;
            last.clear();
        }
        last.push_back(i);
    }
    return needed;
}

/// Without a backup nothing can be replayed over, but one may come: what nobody let go stays.
std::vector<bool> needed_by_nothing(const LogSeries& series) {
    std::vector<bool> needed;
    for (const Log& log : series.logs) needed.push_back(log.number >= log.epoch->kept_from);
    return needed;
}

/// What is known of one epoch.
struct EpochState {
    const LogEpoch* epoch = nullptr;
    std::uint64_t first_needed = UINT64_MAX;
    std::uint64_t last_unneeded = 0;
    std::uint64_t last = 0;
    bool has_history = false;
    std::set<std::uint64_t> stored_again;  ///< numbers of what is lost here, there elsewhere, and not needed
    bool lets_go = false;                  ///< logs of the series go, or went
    std::vector<std::pair<std::uint64_t, const Log*>> unneeded;
};

/// From which number on the epoch's logs are kept. An open epoch keeps its last log, which the next one follows; and
/// one with a history is never let go whole.
std::uint64_t kept_from(const EpochState& state) {
    std::uint64_t beyond = std::min(state.first_needed, std::max(state.last_unneeded + 1, state.epoch->kept_from));
    // Holes hold nothing back whose logs are stored again. When these go, nothing tells any more which they were.
    while (state.lets_go && state.stored_again.contains(beyond)) ++beyond;
    return state.epoch->closed && !state.has_history ? beyond : std::min(beyond, state.last);
}

void review(const storage::Repository& repository, const EpochState& state, LogRetention& retention) {
    const std::uint64_t from = kept_from(state);
    std::uint64_t releasing = 0;
    for (const auto& [number, log] : state.unneeded) {
        if (number >= from) continue;
        const std::string name = log->object();
        const std::uint64_t size = repository.store().size(name).value_or(0);
        if (number < state.epoch->kept_from) {
            retention.departing.push_back({name, size});
        } else {
            ++releasing;
            retention.releasing_octets += size;
        }
    }
    retention.releasing += releasing;
    const bool has_holes = from > state.epoch->kept_from && state.stored_again.contains(from - 1);
    if ((releasing > 0 || has_holes) && retention.release.releases.size() < format::kMaxLogReleases)
        retention.release.releases.push_back({state.epoch->entry->identity, state.epoch->fields.dek, from});
}

void review(const storage::Repository& repository, const LogSeries& series, const std::vector<bool>& needed,
            LogRetention& retention) {
    std::map<const LogEpoch*, EpochState> epochs;
    for (std::size_t i = 0; i < series.logs.size(); ++i) {
        const Log& log = series.logs[i];
        EpochState& state = epochs[log.epoch];
        state.epoch = log.epoch;
        state.last = std::max(state.last, log.number);
        // Histories are never deleted, and hold nothing else back.
        if (log.trailer().kind == LogKind::history) {
            state.has_history = true;
            continue;
        }
        if (needed[i]) {
            state.first_needed = std::min(state.first_needed, log.number);
        } else {
            state.last_unneeded = std::max(state.last_unneeded, log.number);
            state.unneeded.emplace_back(log.number, &log);
        }
    }
    std::set<std::string_view> needed_names;
    for (std::size_t i = 0; i < series.logs.size(); ++i) {
        if (needed[i]) needed_names.insert(series.logs[i].name());
    }
    for (const LogStoredAgain& one : series.stored_again) {
        if (needed_names.contains(one.name)) continue;
        EpochState& state = epochs[one.epoch];
        state.epoch = one.epoch;
        state.last = std::max(state.last, one.number);
        state.stored_again.insert(one.number);
    }
    const bool lets_go = series.has_released || std::any_of(epochs.begin(), epochs.end(), [](const auto& one) {
                             return !one.second.unneeded.empty();
                         });
    for (auto& [epoch, state] : epochs) {
        state.lets_go = lets_go;
        review(repository, state, retention);
    }
}

void put_in_order(format::LogReleaseFields& release) {
    const auto order = [](const format::LogRelease& left, const format::LogRelease& right) {
        return std::tie(left.writer, left.epoch) < std::tie(right.writer, right.epoch);
    };
    std::sort(release.releases.begin(), release.releases.end(), order);
}

}  // namespace

std::vector<bool> needed_logs(const LogSeries& series, const std::vector<const Backup*>& backups) {
    if (backups.empty()) return needed_by_nothing(series);
    if (!is_postgres(series)) return needed_by_time(series, backups);
    const auto start = first_start(backups);
    return start ? needed_by_position(series, *start) : std::vector<bool>(series.logs.size(), true);
}

LogRetention review_logs(const storage::Repository& repository, const Catalogue& catalogue) {
    LogRetention retention;
    for (const LogSeries& series : load_logs(repository, catalogue, std::nullopt)) {
        std::vector<const Backup*> backups;
        for (const Backup& backup : catalogue.backups()) {
            if (catalogue.series_of(backup) == SeriesKey{series.id, series.line}) backups.push_back(&backup);
        }
        review(repository, series, needed_logs(series, backups), retention);
    }
    put_in_order(retention.release);
    return retention;
}

LogRetention release_all_logs(const storage::Repository& repository, const LogSeries& series) {
    LogRetention retention;
    review(repository, series, std::vector<bool>(series.logs.size(), false), retention);
    put_in_order(retention.release);
    return retention;
}

}  // namespace signet::restore
