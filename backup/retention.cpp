#include "backup/retention.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "core/error.h"

namespace signet::backup {
namespace {

/// What two backups of the same period share. Of `last` each is one of its own.
std::string name_of(Period period, TimePoint time, std::size_t index) {
    const std::time_t seconds = time.ns / kNsPerSecond;
    std::tm local{};
    ::localtime_r(&seconds, &local);
    auto year = std::to_string(local.tm_year);
    auto day = year + "/" + std::to_string(local.tm_yday);
    std::array<char, 32> week{};
    switch (period) {
        case Period::last:
            return std::to_string(index);
        case Period::hourly:  // the hour that a change of the clock repeats is two
            return day + "/" + std::to_string(local.tm_hour) + "/" + std::to_string(local.tm_gmtoff);
        case Period::daily:
            return day;
        case Period::weekly:
            return {week.data(), std::strftime(week.data(), week.size(), "%G/%V", &local)};
        case Period::monthly:
            return year + "/" + std::to_string(local.tm_mon);
        case Period::yearly:
            return year;
    }
    invariant(false, "a period has a name");
    return {};
}

/// A span as parse_time() takes it: here m is months, also where it stands alone.
TimePoint before(TimePoint time, const std::string& span) {
    const bool has_years = span.find('y') != std::string::npos;
    return parse_time((has_years ? "-" : "-0y") + span, time);
}

/// Keeps the newest backup of each period.
class PeriodRule {
public:
    PeriodRule(Period period, std::uint32_t left) : period_(period), left_(left) {}
    /// oldest  whether nothing follows: it stays where the rule is not used up, so that a history only grows longer
    [[nodiscard]] bool keeps(TimePoint time, std::size_t index, bool oldest) {
        if (left_ == 0) return false;
        std::string name = name_of(period_, time, index);
        if (name == newest_ && !oldest) return false;
        newest_ = std::move(name);
        if (left_ != RetentionRules::kUnlimited) --left_;
        return true;
    }

private:
    Period period_;
    std::uint32_t left_;
    std::string newest_;
};

bool has_all(const std::vector<std::string>& tags, const std::vector<std::string>& wanted) {
    return std::all_of(wanted.begin(), wanted.end(),
                       [&](const std::string& tag) { return std::find(tags.begin(), tags.end(), tag) != tags.end(); });
}

std::string joined(const std::vector<std::string>& tags) {
    std::string text;
    for (const std::string& tag : tags) text += (text.empty() ? "" : ",") + tag;
    return text;
}

void add_tag_reasons(const RetentionRules& rules, const RetentionCandidate& candidate, KeepReasons& reasons) {
    for (const auto& wanted : rules.tags) {
        if (!candidate.tags)
            reasons.emplace_back("tags unknown");
        else if (has_all(*candidate.tags, wanted))
            reasons.push_back("tag " + joined(wanted));
    }
}

/// All rules that look at times.
class TimeRules {
public:
    TimeRules(const RetentionRules& rules, TimePoint newest) {
        for (std::size_t i = 0; i < kPeriods.size(); ++i) {
            counts_.emplace_back(kPeriods[i], rules.counts[i]);
            within_.emplace_back(kPeriods[i], rules.within[i] ? RetentionRules::kUnlimited : 0);
            starts_.push_back(rules.within[i] ? before(newest, *rules.within[i]) : newest);
        }
    }
    void add_reasons(TimePoint time, std::size_t index, bool oldest, KeepReasons& reasons) {
        for (std::size_t i = 0; i < kPeriods.size(); ++i) {
            if (counts_[i].keeps(time, index, oldest)) reasons.emplace_back(text(kPeriods[i]));
            if (time > starts_[i] && within_[i].keeps(time, index, oldest))
                reasons.push_back(i == 0 ? "within" : "within-" + std::string(text(kPeriods[i])));
        }
    }

private:
    std::vector<PeriodRule> counts_, within_;
    std::vector<TimePoint> starts_;
};

}  // namespace

std::string_view text(Period period) {
    static constexpr std::array<std::string_view, kPeriods.size()> kNames = {"last",   "hourly",  "daily",
                                                                             "weekly", "monthly", "yearly"};
    return kNames[static_cast<std::size_t>(period)];
}

bool RetentionRules::empty() const {
    return tags.empty() && std::all_of(counts.begin(), counts.end(), [](std::uint32_t count) { return count == 0; }) &&
           std::none_of(within.begin(), within.end(), [](const auto& span) { return span.has_value(); });
}

std::uint32_t parse_keep_count(const std::string& option, const std::string& value) {
    if (value == "unlimited") return RetentionRules::kUnlimited;
    std::uint32_t count = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
    if (error == std::errc{} && end == value.data() + value.size() && count > 0 && count < RetentionRules::kUnlimited)
        return count;
    throw Error(ErrorCode::usage, "--" + option + ": \"" + value + "\" is not a number of backups to keep",
                "use a number from 1 on, or unlimited");
}

void check_keep_span(const std::string& option, const std::string& value) {
    try {
        if (!value.empty() && value.find_first_not_of("0123456789ymdh") == std::string::npos) {
            (void)before(TimePoint{}, value);
            return;
        }
    } catch (const Error&) {
        // Said below.
    }
    throw Error(ErrorCode::usage, "--" + option + ": \"" + value + "\" is not a span of time",
                "use years, months, days and hours, such as 1y6m, 14d or 36h");
}

std::vector<KeepReasons> apply_retention(const RetentionRules& rules,
                                         const std::vector<RetentionCandidate>& newest_first, TimePoint now) {
    std::vector<KeepReasons> all(newest_first.size());
    const auto first = std::find_if(newest_first.begin(), newest_first.end(),
                                    [&](const RetentionCandidate& candidate) { return candidate.time <= now; });
    const auto future = static_cast<std::size_t>(first - newest_first.begin());
    for (std::size_t i = 0; i < future; ++i) all[i].emplace_back("later than now");
    if (first == newest_first.end()) return all;
    TimeRules times(rules, first->time);
    for (std::size_t i = future; i < newest_first.size(); ++i) {
        add_tag_reasons(rules, newest_first[i], all[i]);
        times.add_reasons(newest_first[i].time, i, i + 1 == newest_first.size(), all[i]);
    }
    return all;
}

}  // namespace signet::backup
