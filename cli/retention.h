// The rules of `forget --keep-…`: which backups stay, group by group, and why.
#pragma once

#include "backup/retention.h"
#include "cli/context.h"

#include <string>
#include <vector>

namespace signet::cli {

/// --keep-last, -l, … and what goes with them.
[[nodiscard]] std::vector<OptionSpec> retention_options();
/// Whether one of the --keep options was given.
[[nodiscard]] bool has_retention_rules(const Context& context);

/// Backups among which the rules choose.
struct RetentionGroup {
    std::string title;                                 ///< "writer 1a2b3c4d, series prod-db", printable
    std::vector<const restore::Backup*> backups;       ///< newest first
    std::vector<signet::backup::KeepReasons> reasons;  ///< of each; none: it is to be forgotten
    [[nodiscard]] std::size_t to_forget() const;
};

/// Applies the rules to the trusted backups that the options choose. Others, and damaged ones, displace nothing and are
/// left alone, with a warning. What the policy's keep-within protects stays.
/// throws  Error{usage}: rules or groups that cannot be; Error{refused}: nothing of a group would stay
[[nodiscard]] std::vector<RetentionGroup> apply_retention_rules(Context& context);

/// Tables for people, or one object for each group.
void print_retention(Context& context, const std::vector<RetentionGroup>& groups);

}  // namespace signet::cli
