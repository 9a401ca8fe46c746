#include "restore/log_copies.h"

#include <algorithm>
#include <compare>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "format/names.h"

namespace signet::restore {
namespace {

using format::LogFamily;
using format::LogKind;

bool is_damage(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported;
}

/// Why its octets are not those that were signed; nothing when they are.
std::optional<Error> damage_of(const storage::Store& store, const Log& log) {
    try {
        const auto reader = store.open_if_present(log.object());
        if (!reader) return Error(ErrorCode::damaged, log.object() + ": was there, and is gone");
        if (storage::verify_log(*reader, log.object()).id == log.log.id) return std::nullopt;
        return Error(ErrorCode::damaged, log.object() + ": is another log than a moment ago");
    } catch (const Error& error) {
        if (!is_damage(error) && error.code() != ErrorCode::io) throw;
        return error;
    }
}

/// Where a log stands in a record that can be counted.
struct Spot {
    std::uint32_t timeline = 0;  ///< 0: of a generic one
    std::uint64_t number = 0;

    [[nodiscard]] Spot plus(std::uint64_t count) const { return {timeline, number + count}; }
    friend auto operator<=>(const Spot&, const Spot&) = default;
};

std::optional<Spot> spot_of(const LogSeries& series, const Log& log) {
    const format::LogTrailer& trailer = log.trailer();
    if (trailer.kind == LogKind::segment) return Spot{trailer.timeline, trailer.position / series.source.segment_size};
    if (trailer.kind == LogKind::generic && trailer.number) return Spot{0, *trailer.number};
    return std::nullopt;
}

/// One object of a series, in the order in which they were stored: a log that counts, or one that is lost.
struct Stored {
    const LogEpoch* epoch = nullptr;
    std::uint64_t number = 0;
    const Log* log = nullptr;             ///< nullptr: it is lost
    const LogProblem* problem = nullptr;  ///< then what is known of it

    [[nodiscard]] auto order() const {
        return std::tuple(epoch->opened(), epoch->entry->identity, epoch->entry->head.sequence, number);
    }
};

std::vector<Stored> in_order_of_storing(const LogSeries& series) {
    std::vector<Stored> all;
    for (const Log& log : series.logs) all.push_back({log.epoch, log.number, &log, nullptr});
    for (const LogProblem& problem : series.problems) {
        if (problem.number != 0 && problem.name.empty() && is_damage(problem.error))
            all.push_back({problem.epoch, problem.number, nullptr, &problem});
    }
    std::sort(all.begin(), all.end(),
              [](const Stored& left, const Stored& right) { return left.order() < right.order(); });
    return all;
}

/// Finds out which lost objects of a series were stored again, by the logs that were stored before and after them. A
/// writer stores logs in their order; what it stores out of order fills no hole by itself.
class HoleJudge {
public:
    explicit HoleJudge(const LogSeries& series) : series_(series), stored_(in_order_of_storing(series)) {}

    using Found = std::map<const LogProblem*, std::pair<std::string, std::string>>;
    /// Each with its name and the sentence about it.
    Found judge() {
        if (!can_be_counted() || !series_.gaps().empty()) return {};
        for (std::size_t at = 0; at < stored_.size(); ++at) {
            const auto spot = stored_[at].log == nullptr ? std::nullopt : spot_of(series_, *stored_[at].log);
            if (spot && !stored_[at].log->damage) last_[*spot] = at;
        }
        for (std::size_t at = 0; at < stored_.size(); ++at) {
            if (stored_[at].log == nullptr) {
                run_.push_back(at);
                continue;
            }
            const auto spot = spot_of(series_, *stored_[at].log);
            if (spot && is_onward(*spot)) end_run(spot);
        }
        end_run(std::nullopt);
        return std::move(found_);
    }

private:
    /// Whether all of its logs are numbered in one way, so that a gap is seen.
    [[nodiscard]] bool can_be_counted() const {
        const bool is_generic = series_.source.family == LogFamily::generic;
        if (is_generic && series_.source.sequence.empty()) return false;
        return std::all_of(stored_.begin(), stored_.end(), [&](const Stored& one) {
            if (one.epoch->fields.source != series_.source) return false;
            return !is_generic || one.log == nullptr || one.log->trailer().number.has_value();
        });
    }

    /// Whether it goes beyond all that was stored before, or begins a newer timeline.
    [[nodiscard]] bool is_onward(const Spot& spot) const { return !top_ || spot > *top_; }

    /// What was lost since the record went on last, up to the log with which it goes on.
    void end_run(const std::optional<Spot>& next) {
        if (!run_.empty()) judge_run(next);
        run_.clear();
        top_ = next;
    }

    void judge_run(const std::optional<Spot>& next) {
        const std::uint64_t count = run_.size();
        Spot first;
        if (top_) {
            first = top_->plus(1);
        } else if (next && next->number >= count) {
            first = {next->timeline, next->number - count};
        } else {
            return;
        }
        // These are all that fit in between: it were they.
        const bool is_certain = next && next->timeline == first.timeline && next->number == first.number + count;
        // Between segments there are other files. Elsewhere all logs have numbers, and none is missing.
        if (!is_certain && series_.source.family == LogFamily::postgres) return;
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto again = last_.find(first.plus(i));
            if (again == last_.end() || again->second < run_.back()) return;
        }
        for (std::uint64_t i = 0; i < count; ++i) {
            const LogProblem* lost = stored_[run_[i]].problem;
            const Log& again = *stored_[last_.at(first.plus(i))].log;
            std::string sentence =
                std::string(lost->error.what()) +
                (is_certain ? "; it was " + again.name() + ", which is stored again as " + again.object()
                            : "; no log of series " + series_.name + " is missing, and " + again.name() +
                                  ", which follows those stored before, is there as " + again.object()) +
                ": no damage";
            found_[lost] = {again.name(), std::move(sentence)};
        }
    }

    const LogSeries& series_;
    std::vector<Stored> stored_;
    std::map<Spot, std::size_t> last_;  ///< the last object that has it whole
    std::optional<Spot> top_;           ///< how far the record has gone
    std::vector<std::size_t> run_;      ///< lost since
    Found found_;
};

/// A log that is not whole, where a whole one has its name and content.
std::optional<std::string> covered_by_name(const LogSeries& series, const Log& damaged) {
    const Log* taken = series.find(damaged.name());
    if (taken->damage || taken->trailer().content_tag != damaged.trailer().content_tag) return std::nullopt;
    return std::string(damaged.damage->what()) + "; " + damaged.name() + " is stored again as " + taken->object() +
           ": no damage";
}

}  // namespace

void find_whole_copies(const storage::Store& store, LogSeries& series) {
    std::map<std::string_view, std::size_t> count;
    for (const Log& log : series.logs) ++count[log.name()];
    std::set<std::string> several;
    for (const auto& [name, copies] : count) {
        if (copies > 1) several.emplace(name);
    }
    for (const std::string& name : several) {
        for (const Log* log : series.copies(name)) {
            auto damage = damage_of(store, *log);
            if (!damage) break;
            series.logs[static_cast<std::size_t>(log - series.logs.data())].damage = std::move(damage);
        }
    }
    if (!several.empty()) std::sort(series.logs.begin(), series.logs.end(), comes_before);
}

void excuse_stored_again(LogSeries& series) {
    for (const Log& log : series.logs) {
        if (!log.damage) continue;
        if (auto sentence = covered_by_name(series, log))
            series.stored_again.push_back({log.epoch, log.number, log.name(), std::move(*sentence)});
        else
            series.problems.push_back({log.epoch, *log.damage, log.number, log.name()});
    }
    const bool has_holes = std::any_of(series.problems.begin(), series.problems.end(),
                                       [](const LogProblem& one) { return one.number != 0 && one.name.empty(); });
    if (!has_holes) return;
    const auto found = HoleJudge(series).judge();
    std::vector<LogProblem> left;
    for (LogProblem& problem : series.problems) {
        if (const auto excused = found.find(&problem); excused != found.end())
            series.stored_again.push_back(
                {problem.epoch, problem.number, excused->second.first, excused->second.second});
        else
            left.push_back(std::move(problem));
    }
    series.problems = std::move(left);
}

}  // namespace signet::restore
