#include "restore/latest.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace signet::restore {
namespace {

/// From the time of an untrusted backup to that of the next trusted one.
struct RefusedStretch {
    TimePoint from;
    std::optional<TimePoint> to;  ///< nothing: there is no later one
    std::string reason;

    [[nodiscard]] bool covers(TimePoint moment) const { return from <= moment && (!to || moment < *to); }
};

/// What moments are restored from, by time: of backups of one time the last.
std::vector<const Backup*> last_of_each_time(const std::vector<const Backup*>& backups) {
    std::vector<const Backup*> last;
    for (const Backup* backup : backups) {
        if (!last.empty() && last.back()->time() == backup->time()) last.pop_back();
        last.push_back(backup);
    }
    return last;
}

std::vector<RefusedStretch> refused_stretches(const std::vector<const Backup*>& backups) {
    std::vector<RefusedStretch> stretches;
    bool is_open = false;
    for (const Backup* backup : backups) {
        if (is_open && backup->trusted) stretches.back().to = backup->time();
        if (!is_open && !backup->trusted)
            stretches.push_back({backup->time(), {}, "backup " + backup->describe() + " " + backup->distrust});
        is_open = !backup->trusted;
    }
    return stretches;
}

/// The interval in parts, each of which is refused as a whole or not at all.
std::vector<CoverageInterval> parts_of(const CoverageInterval& whole, const std::vector<RefusedStretch>& stretches,
                                       const std::vector<const Backup*>& backups) {
    std::set<TimePoint> starts = {whole.from};
    const auto cut = [&](TimePoint at) {
        if (whole.from < at && at < whole.to) starts.insert(at);
    };
    for (const RefusedStretch& stretch : stretches) {
        cut(stretch.from);
        if (stretch.to) cut(*stretch.to);
    }
    std::vector<CoverageInterval> parts;
    for (auto start = starts.begin(); start != starts.end(); ++start) {
        const auto next = std::next(start);
        CoverageInterval part = whole;
        part.from = *start;
        if (next != starts.end()) part.to = *next;
        const auto refused = std::find_if(stretches.begin(), stretches.end(),
                                          [&](const RefusedStretch& stretch) { return stretch.covers(part.from); });
        if (refused != stretches.end()) {
            part.restorable = part.unproven = false;
            part.refused = refused->reason;
        }
        if (starts.size() > 1) {
            part.backups =
                static_cast<std::uint64_t>(std::count_if(backups.begin(), backups.end(), [&](const Backup* backup) {
                    return backup->trusted && part.from <= backup->time() && backup->time() < part.to;
                }));
        }
        parts.push_back(std::move(part));
    }
    return parts;
}

}  // namespace

std::optional<Error> refusal_of_latest(const Catalogue& catalogue, const BackupFilter& filter) {
    // Asked, not judged a second time: the two must never differ.
    try {
        (void)catalogue.latest(filter);
        return std::nullopt;
    } catch (const Error& error) {
        if (error.code() == ErrorCode::usage) return std::nullopt;
        return error;
    }
}

std::vector<std::string> exclude_refused(Plan& plan, const Catalogue& catalogue, const BackupFilter& filter) {
    BackupFilter whole = filter;
    whole.from.reset();
    whole.at.reset();
    const std::vector<const Backup*> backups = last_of_each_time(catalogue.select(whole));
    const std::vector<RefusedStretch> stretches = refused_stretches(backups);
    std::vector<std::string> sentences;
    if (stretches.empty()) return sentences;
    std::vector<CoverageInterval> coverage;
    for (const CoverageInterval& interval : plan.coverage) {
        std::vector<CoverageInterval> parts = parts_of(interval, stretches, backups);
        std::move(parts.begin(), parts.end(), std::back_inserter(coverage));
    }
    plan.coverage = std::move(coverage);
    for (const RefusedStretch& stretch : stretches) {
        if (stretch.from > plan.to || (stretch.to && *stretch.to <= plan.from)) continue;
        plan.restorable = false;
        sentences.push_back("restores to moments from " + to_rfc3339(stretch.from) +
                            (stretch.to ? " to before " + to_rfc3339(*stretch.to) : " on") +
                            " are refused: " + stretch.reason);
    }
    if (!plan.restorable) plan.find_nearest();
    return sentences;
}

}  // namespace signet::restore
