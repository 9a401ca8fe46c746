// Which backups of one group a rule keeps: restic's rules, over times that nobody can move back.
#pragma once

#include "core/clock.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace signet::backup {

/// One keeps the newest backup of each.
enum class Period : std::uint8_t { last, hourly, daily, weekly, monthly, yearly };
inline constexpr std::array kPeriods = {Period::last,   Period::hourly,  Period::daily,
                                        Period::weekly, Period::monthly, Period::yearly};
/// "last", "hourly", …
[[nodiscard]] std::string_view text(Period period);

/// What to keep; a backup stays if any rule keeps it.
struct RetentionRules {
    static constexpr std::uint32_t kUnlimited = UINT32_MAX;
    /// How many periods that have a backup, from the newest on; 0: no such rule. By Period.
    std::array<std::uint32_t, kPeriods.size()> counts{};
    /// Spans before the newest backup, such as "1y6m" or "36h", in which the newest of each period stays; for
    /// Period::last all of them. By Period.
    std::array<std::optional<std::string>, kPeriods.size()> within{};
    /// A backup with all tags of one of these lists stays.
    std::vector<std::vector<std::string>> tags;

    [[nodiscard]] bool empty() const;
};

/// "7", or "unlimited". throws  Error{usage}
[[nodiscard]] std::uint32_t parse_keep_count(const std::string& option, const std::string& value);
/// Checks a span of RetentionRules::within. throws  Error{usage}
void check_keep_span(const std::string& option, const std::string& value);

struct RetentionCandidate {
    TimePoint time;
    /// What is known of its tags; unset: nothing, and rules about tags keep it.
    std::optional<std::vector<std::string>> tags;
};

/// Why a backup stays, rule by rule: "daily", "within-weekly", "tag prod"; none: it goes.
using KeepReasons = std::vector<std::string>;

/// Decides about the backups of one group. Periods are those of the local calendar.
/// newest_first  times falling. now  what is dated later counts in no rule and stays
/// returns  for each candidate why it stays
[[nodiscard]] std::vector<KeepReasons> apply_retention(const RetentionRules& rules,
                                                       const std::vector<RetentionCandidate>& newest_first,
                                                       TimePoint now);

}  // namespace signet::backup
