#include "restore/log_plan.h"

#include <algorithm>
#include <map>

namespace signet::restore {
namespace {

using format::LogKind;
using format::TimelineSwitch;

/// No transaction is expected to fill more segments than that: 256 GiB of PostgreSQL's usual ones.
constexpr std::size_t kMostBeyond = 16'384;

/// A timeline and where it begins and ends on a path.
struct Stage {
    std::uint32_t timeline = 0;
    std::uint64_t begin = 0;
    std::uint64_t end = UINT64_MAX;
};

/// The segments of a series by timeline and number.
using Segments = std::map<std::pair<std::uint32_t, std::uint64_t>, const Log*>;

Segments segments_of(const LogSeries& logs) {
    Segments segments;
    for (const Log& log : logs.logs) {
        if (log.trailer().kind != LogKind::segment) continue;
        segments.emplace(std::pair(log.trailer().timeline, log.trailer().position / logs.source.segment_size), &log);
    }
    return segments;
}

/// "run `signet log list --gaps`" with what is wrong with the series.
std::string with_problems(const LogSeries& logs, std::string hint) {
    if (!logs.problems.empty()) hint = std::string(logs.problems.front().error.what()) + "; " + hint;
    return hint;
}

class PathFinder {
public:
    PathFinder(const LogSeries& logs, const std::vector<const Backup*>& bases, const MomentRequest& request)
        : logs_(logs), bases_(bases), request_(request), segments_(segments_of(logs)) {}

    LogPath find() {
        choose_timeline();
        make_stages();
        choose_base();
        walk();
        if (request_.at) stop_at(*request_.at);
        path_.target = request_.at;
        return std::move(path_);
    }

private:
    void choose_timeline() {
        std::uint32_t newest = 0;
        for (const auto& [place, log] : segments_) newest = std::max(newest, place.first);
        for (const auto& [timeline, log] : logs_.histories()) newest = std::max(newest, timeline);
        for (const Backup* base : bases_) newest = std::max(newest, base->fields->base->timeline);
        path_.timeline = request_.timeline.value_or(newest);
        if (path_.timeline == 0 || path_.timeline > newest) {
            throw Error(ErrorCode::usage, "series " + logs_.name + " has no timeline " + std::to_string(path_.timeline),
                        "its newest is " + std::to_string(newest));
        }
    }

    void make_stages() {
        std::uint64_t begin = 0;
        if (path_.timeline > 1) {
            const auto histories = logs_.histories();
            const auto own = histories.find(path_.timeline);
            if (own == histories.end()) {
                throw Error(ErrorCode::damaged,
                            format::history_name(path_.timeline) + " is missing from series " + logs_.name +
                                ": nothing tells where timeline " + std::to_string(path_.timeline) + " begins",
                            with_problems(logs_, "an older timeline may do: --timeline N"));
            }
            for (const TimelineSwitch& one : own->second->trailer().switches) {
                stages_.push_back({one.timeline, begin, one.position});
                begin = one.position;
                // Recovery asks for the histories on its way, where they were archived.
                const auto history = histories.find(one.timeline);
                if (history != histories.end()) path_.histories.push_back(history->second);
            }
            path_.histories.push_back(own->second);
        }
        stages_.push_back({path_.timeline, begin, UINT64_MAX});
    }

    [[nodiscard]] bool is_on_path(const Backup& base) const {
        const format::BasePlace& place = *base.fields->base;
        return std::any_of(stages_.begin(), stages_.end(), [&](const Stage& stage) {
            return stage.timeline == place.timeline && place.stop <= stage.end;
        });
    }

    void choose_base() {
        const Backup* oldest = nullptr;
        for (const Backup* base : bases_) {
            if (request_.base != nullptr && base != request_.base) continue;
            if (!is_on_path(*base)) continue;
            if (oldest == nullptr) oldest = base;
            if (!request_.at || base->time() <= *request_.at) path_.base = base;
        }
        if (path_.base != nullptr) return;
        if (oldest == nullptr) {
            throw Error(
                ErrorCode::usage,
                "series " + logs_.name + " has no base on the path of timeline " + std::to_string(path_.timeline),
                "signet list shows the bases, and signet backup --kind postgres makes one; --timeline N chooses "
                "another "
                "timeline");
        }
        throw Error(ErrorCode::usage,
                    "cannot reach " + to_rfc3339(*request_.at) + ": the oldest base of series " + logs_.name +
                        " was complete at " + to_rfc3339(oldest->time()),
                    "the first moment that can be restored is " + to_rfc3339(oldest->time()));
    }

    [[nodiscard]] bool has_later(std::uint32_t timeline, std::uint64_t number) const {
        const auto found = segments_.upper_bound({timeline, number});
        return found != segments_.end() && found->first.first == timeline;
    }

    /// The segment of that number on the path; nullptr: it is not there.
    [[nodiscard]] const Log* segment(std::uint64_t number) const {
        const std::uint64_t size = logs_.source.segment_size;
        for (auto stage = stages_.rbegin(); stage != stages_.rend(); ++stage) {
            if (stage->begin / size > number) continue;
            if (const auto found = segments_.find({stage->timeline, number}); found != segments_.end())
                return found->second;
            // Its copy of the segment in which it begins is lost: what the older one went on with there is not its
            // past.
            if (stage->begin / size == number && has_later(stage->timeline, number)) return nullptr;
            // A timeline that ended in an earlier segment has none with this number.
            if (stage->begin / size < number) return nullptr;
        }
        return nullptr;
    }

    /// The first number after `number` that the path has a segment of.
    [[nodiscard]] const Log* next_after(std::uint64_t number) const {
        const Log* next = nullptr;
        for (const Stage& stage : stages_) {
            const auto found = segments_.lower_bound({stage.timeline, number + 1});
            if (found == segments_.end() || found->first.first != stage.timeline) continue;
            if (found->second->trailer().position >= stage.end) continue;  // of the history that was left
            if (next == nullptr || found->second->trailer().position < next->trailer().position) next = found->second;
        }
        return next;
    }

    void walk() {
        const format::BasePlace& place = *path_.base->fields->base;
        const std::uint64_t size = logs_.source.segment_size;
        path_.end = path_.base->time();
        if (place.segment_size != size || place.system != logs_.source.system) {
            throw Error(ErrorCode::damaged,
                        "backup " + path_.base->describe() + " is of another cluster than the logs of its series");
        }
        std::uint64_t number = place.start / size;
        const std::uint64_t needed = place.stop == place.start ? number : (place.stop - 1) / size;
        for (;; ++number) {
            const Log* found = segment(number);
            if (found == nullptr) break;
            path_.segments.push_back(found);
            path_.end = std::max(path_.end, found->trailer().modified);
            if (request_.at && is_enough(needed, number)) return look_beyond(number + 1);
        }
        const Log* next = next_after(number);
        if (next != nullptr) throw_gap(number, *next);
        if (number <= needed) {
            throw Error(ErrorCode::damaged,
                        "backup " + path_.base->describe() +
                            " cannot be used: the logs that were written while it was made are missing, from " +
                            format::segment_name(place.timeline, number * size, logs_.source.segment_size) + " on",
                        with_problems(logs_, "signet log list --gaps"));
        }
    }

    void look_beyond(std::uint64_t number) {
        for (; path_.beyond.size() < kMostBeyond; ++number) {
            const Log* found = segment(number);
            if (found == nullptr) return;
            path_.beyond.push_back(found);
        }
    }

    /// The first segment that is newer than the target, and one more: commit times are taken before their records are
    /// written.
    [[nodiscard]] bool is_enough(std::uint64_t needed, std::uint64_t number) const {
        const auto& segments = path_.segments;
        return number >= needed && segments.size() >= 2 &&
               segments[segments.size() - 2]->trailer().modified > *request_.at;
    }

    [[noreturn]] void throw_gap(std::uint64_t number, const Log& next) const {
        const std::uint64_t size = logs_.source.segment_size;
        const std::uint64_t last = next.trailer().position / size - 1;
        const std::uint32_t timeline =
            path_.segments.empty() ? path_.base->fields->base->timeline : path_.segments.back()->trailer().timeline;
        const std::string missing =
            format::segment_name(timeline, number * size, logs_.source.segment_size) +
            (last == number
                 ? " is"
                 : " to " + format::segment_name(next.trailer().timeline, last * size, logs_.source.segment_size) +
                       " are");
        throw Error(
            ErrorCode::damaged,
            "cannot reach " + (request_.at ? to_rfc3339(*request_.at) : std::string("the end of the logs")) + ": " +
                missing + " missing from series " + logs_.name + " (" + to_rfc3339(path_.end) + " .. " +
                to_rfc3339(next.trailer().modified) + ")",
            with_problems(logs_, "the last moment before the gap that can be restored is " + to_rfc3339(path_.end)));
    }

    void stop_at(TimePoint at) {
        if (at <= path_.end) return;
        throw Error(ErrorCode::usage,
                    "cannot reach " + to_rfc3339(at) + ": the logs of series " + logs_.name + " end at " +
                        to_rfc3339(path_.end),
                    "the last moment that can be restored is " + to_rfc3339(path_.end) + ": leave out --at for that");
    }

    const LogSeries& logs_;
    const std::vector<const Backup*>& bases_;
    const MomentRequest& request_;
    Segments segments_;
    std::vector<Stage> stages_;
    LogPath path_;
};

}  // namespace

std::vector<NeededLogs> LogPath::needed() const {
    std::vector<NeededLogs> all;
    for (const auto* logs : {&histories, &segments}) {
        for (const Log* log : *logs) {
            const TimePoint time = log->trailer().modified;
            auto found =
                std::find_if(all.begin(), all.end(), [&](const NeededLogs& one) { return one.epoch == log->epoch; });
            if (found == all.end()) found = all.insert(all.end(), {log->epoch, time, time, 0});
            found->from = std::min(found->from, time);
            found->to = std::max(found->to, time);
            ++found->count;
        }
    }
    return all;
}

std::optional<TimePoint> LogPath::reached_by(std::size_t count) const {
    std::optional<TimePoint> reached;
    // As is_enough() has it: the last one is there for the commits that were stamped before they were written.
    for (std::size_t i = 0; i + 1 < count; ++i) {
        const TimePoint before{segments[i]->trailer().modified.ns - 1};
        if (before > base->time()) reached = std::max(reached.value_or(before), before);
    }
    return reached;
}

LogsOfStretch logs_of_stretch(const LogPath& path, const std::vector<const Backup*>& bases, const Moments& stretch) {
    LogsOfStretch found{{}, path.end};
    for (const NeededLogs& logs : path.needed()) {
        const auto first = std::find_if(path.segments.begin(), path.segments.end(),
                                        [&](const Log* log) { return log->epoch == logs.epoch; });
        Moments moments{path.base->time(), stretch.to};
        if (first != path.segments.end() && first - path.segments.begin() >= 2)
            moments.from = std::max(moments.from, (*(first - 2))->trailer().modified);
        const auto later =
            std::find_if(bases.begin(), bases.end(), [&](const Backup* base) { return base->time() > logs.to; });
        // Histories are needed on the whole path.
        if (first != path.segments.end() && later != bases.end()) moments.to = std::min(moments.to, (*later)->time());
        if (moments.from <= stretch.to && moments.to >= stretch.from) found.needed.push_back({logs, moments});
    }
    return found;
}

LogPath path_to(const LogSeries& logs, const std::vector<const Backup*>& bases, const MomentRequest& request) {
    return PathFinder(logs, bases, request).find();
}

}  // namespace signet::restore
