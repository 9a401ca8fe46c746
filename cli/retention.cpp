#include "cli/retention.h"

#include "cli/access.h"
#include "cli/selection.h"
#include "cli/table.h"
#include "core/zone.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace signet::cli {
namespace {

using signet::backup::KeepReasons;
using signet::backup::kPeriods;
using signet::backup::RetentionCandidate;
using signet::backup::RetentionRules;

struct RuleOption {
    const char* count;
    char letter;
    const char* within;
    const char* help;
};
/// By Period.
constexpr RuleOption kRules[] = {
    {"keep-last", 'l', "keep-within", "the newest N"},
    {"keep-hourly", 'H', "keep-within-hourly", "the newest of each hour, for N hours that have one"},
    {"keep-daily", 'd', "keep-within-daily", "the newest of each day, for N days that have one"},
    {"keep-weekly", 'w', "keep-within-weekly", "the newest of each week, for N weeks that have one"},
    {"keep-monthly", 'm', "keep-within-monthly", "the newest of each month, for N months that have one"},
    {"keep-yearly", 'y', "keep-within-yearly", "the newest of each year, for N years that have one"},
};
constexpr const char* kGroups[] = {"writer", "series", "host", "paths", "tags"};

RetentionRules rules_of(const Options& options) {
    RetentionRules rules;
    for (std::size_t i = 0; i < kPeriods.size(); ++i) {
        if (const auto count = options.text(kRules[i].count))
            rules.counts[i] = signet::backup::parse_keep_count(kRules[i].count, *count);
        rules.within[i] = options.text(kRules[i].within);
        if (rules.within[i]) signet::backup::check_keep_span(kRules[i].within, *rules.within[i]);
    }
    for (const std::string& tags : options.list("keep-tag")) rules.tags.push_back(split(tags, ','));
    return rules;
}

std::set<std::string> groups_of(const Options& options) {
    std::set<std::string> groups;
    for (const std::string& name : split(options.text_or("group-by", "writer,series"), ',')) {
        if (std::find(std::begin(kGroups), std::end(kGroups), name) == std::end(kGroups)) {
            throw Error(ErrorCode::usage, "--group-by: there is no group \"" + name + "\"",
                        "use writer, series, host, paths and tags, with commas between them");
        }
        groups.insert(name);
    }
    return groups;
}

/// What the backups of a group have in common: as it is, and for people, to whom different things may look alike.
struct Common {
    std::vector<std::string> key;
    std::vector<std::string> title;

    void add(const char* what, const std::string& exact, const std::string& shown) {
        key.push_back(exact);
        title.push_back(what + (" " + shown));
    }
    void add(const char* what, std::vector<std::string> all) {
        std::sort(all.begin(), all.end());
        key.push_back(std::to_string(all.size()));
        key.insert(key.end(), all.begin(), all.end());
        title.push_back(what + (" " + join(all, ", ")));
    }
};

/// throws  Error{refused}: names are needed and not known
Common common_of(const restore::Catalogue& catalogue, const restore::Backup& backup,
                 const std::set<std::string>& groups) {
    Common common;
    // Whatever they say of themselves: no writer's backups push out those of another that it has not succeeded.
    common.key.push_back(catalogue.line_of(backup.writer).hex());
    if (groups.contains("writer")) common.add("writer", backup.writer.hex(), backup.writer.short_hex(8));
    // Series of the same name may be others.
    if (groups.contains("series")) common.add("series", backup.fields->series.hex(), backup.series());
    for (const char* name : {"host", "paths", "tags"}) {
        if (!groups.contains(name)) continue;
        if (!backup.labels) {
            throw Error(ErrorCode::refused,
                        "the names of backup " + backup.describe() + " are not known here, and --group-by " + name +
                            " needs them",
                        "group by writer and series, or open one of its writer's backups first: signet ls " +
                            backup.short_id());
        }
        if (std::string_view(name) == "host") common.add("host", backup.labels->host, backup.labels->host);
        if (std::string_view(name) == "paths") common.add("paths", backup.labels->paths);
        if (std::string_view(name) == "tags") common.add("tags", backup.tags);
    }
    return common;
}

/// When a backup was made, for the rules: nobody who writes to a journal can move that back before what is there.
TimePoint time_for_rules(const Context& context, const restore::Backup& backup) {
    return context.options().flag("by-backup-time") ? backup.time() : backup.committed;
}

/// By what they have in common, newest first.
std::vector<RetentionGroup> grouped(Context& context) {
    const std::set<std::string> groups = groups_of(context.options());
    std::map<std::vector<std::string>, RetentionGroup> found;
    std::size_t left_alone = 0;
    std::size_t damaged = 0;
    for (const restore::Backup* backup : context.catalogue().select(selection(context))) {
        if (!backup->trusted) {
            ++left_alone;
            continue;
        }
        // What cannot be restored must not push out what can.
        if (!context.catalogue().is_whole(*backup)) {
            ++damaged;
            continue;
        }
        Common common = common_of(context.catalogue(), *backup, groups);
        RetentionGroup& group = found[std::move(common.key)];
        group.title = printable(join(common.title, ", "));
        group.backups.push_back(backup);
    }
    if (left_alone > 0) {
        context.terminal().warning(counted(left_alone, "backup") +
                                   " of writers who are not trusted for them count for nothing and are left alone");
    }
    if (damaged > 0) {
        context.terminal().warning(counted(damaged, "backup") +
                                   " that cannot be restored, as signet check says, count for nothing and are left "
                                   "alone");
    }
    if (found.empty() && left_alone + damaged == 0) {
        context.terminal().warning(context.catalogue().backups().empty()
                                       ? "there is no backup yet: nothing to forget"
                                       : "no backup is of the series, host, paths and tags that were named");
    }
    std::vector<RetentionGroup> all;
    for (auto& [key, group] : found) {
        // Of backups of one time the newest is the one that is restored: the last by writer and sequence number.
        const auto place = [&](const restore::Backup& backup) {
            return std::tuple(time_for_rules(context, backup), backup.writer, backup.sequence);
        };
        std::sort(group.backups.begin(), group.backups.end(),
                  [&](const auto* left, const auto* right) { return place(*left) > place(*right); });
        all.push_back(std::move(group));
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& left, const auto& right) { return left.title < right.title; });
    return all;
}

void decide(Context& context, RetentionGroup& group, const RetentionRules& rules, const keyring::Policy& policy) {
    const TimePoint now = context.clock().now();
    std::vector<RetentionCandidate> candidates;
    for (const restore::Backup* backup : group.backups) {
        candidates.push_back({time_for_rules(context, *backup), backup->labels
                                                                    ? std::optional(backup->tags)
                                                                    : std::optional<std::vector<std::string>>()});
    }
    group.reasons = apply_retention(rules, candidates, now);
    const auto later = std::count_if(candidates.begin(), candidates.end(),
                                     [&](const RetentionCandidate& candidate) { return candidate.time > now; });
    if (later > 0) {
        context.terminal().warning(group.title + ": " + counted(static_cast<std::size_t>(later), "backup") +
                                   " of a time later than now, which no rule forgets; where a host's clock was ahead, "
                                   "--by-backup-time goes by the times that backups claim");
    }
    if (!policy.keep_within_ns) return;
    for (std::size_t i = 0; i < group.backups.size(); ++i) {
        if (after(group.backups[i]->committed, *policy.keep_within_ns) > now)
            group.reasons[i].emplace_back("policy keep-within");
    }
}

/// Whoever can make backups as this writer can make as many as he likes.
void warn_of_floods(Context& context, const RetentionRules& rules, const keyring::Policy& policy) {
    RetentionRules others = rules;
    others.counts[0] = 0;
    if (rules.counts[0] == 0 || rules.counts[0] == RetentionRules::kUnlimited || !others.empty() ||
        policy.keep_within_ns)
        return;
    context.terminal().warning(
        "--keep-last alone: a host that makes many backups pushes its older ones out; add a rule about time, such as "
        "--keep-within 14d, or set one for all: signet keyring policy set keep-within=14d");
}

}  // namespace

std::size_t RetentionGroup::to_forget() const {
    return static_cast<std::size_t>(
        std::count_if(reasons.begin(), reasons.end(), [](const KeepReasons& why) { return why.empty(); }));
}

std::vector<OptionSpec> retention_options() {
    std::vector<OptionSpec> options;
    for (const RuleOption& rule : kRules) {
        options.push_back({.name = rule.count,
                           .letter = rule.letter,
                           .takes = Takes::one,
                           .value_name = "N",
                           .help = std::string("keep ") + rule.help + "; unlimited for every one"});
    }
    for (const RuleOption& rule : kRules) {
        const bool is_all = &rule == &kRules[0];
        options.push_back({.name = rule.within,
                           .takes = Takes::one,
                           .value_name = "SPAN",
                           .help = is_all ? "keep all within this span before the newest, such as 1y6m or 36h"
                                          : std::string("as ") + rule.count + ", within this span before the newest"});
    }
    options.push_back({.name = "keep-tag",
                       .takes = Takes::many,
                       .value_name = "TAG[,TAG]",
                       .help = "keep what has this tag, or all of these; may be repeated"});
    options.push_back({.name = "group-by",
                       .letter = 'g',
                       .takes = Takes::one,
                       .value_name = "WHAT",
                       .help = "apply the rules to each writer, series, host, paths, tags; default: writer,series"});
    options.push_back({.name = "by-backup-time",
                       .help = "count by the times that backups claim (--time) instead of when they were made"});
    options.push_back({.name = "unsafe-allow-remove-all", .help = "forget even when nothing of a group would stay"});
    return options;
}

bool has_retention_rules(const Context& context) {
    const Options& options = context.options();
    return options.given("keep-tag") || std::any_of(std::begin(kRules), std::end(kRules), [&](const RuleOption& rule) {
               return options.given(rule.count) || options.given(rule.within);
           });
}

std::vector<RetentionGroup> apply_retention_rules(Context& context) {
    const RetentionRules rules = rules_of(context.options());
    context.catalogue().require_no_doubt();
    const keyring::Policy policy = policy_in_force(context);
    warn_of_floods(context, rules, policy);
    std::vector<RetentionGroup> groups = grouped(context);
    for (RetentionGroup& group : groups) {
        decide(context, group, rules, policy);
        if (group.to_forget() < group.backups.size() || context.options().flag("unsafe-allow-remove-all")) continue;
        throw Error(ErrorCode::refused, "these rules would keep nothing of " + group.title,
                    "choose others, or add --unsafe-allow-remove-all");
    }
    return groups;
}

void print_retention(Context& context, const std::vector<RetentionGroup>& groups) {
    Terminal& terminal = context.terminal();
    for (const RetentionGroup& group : groups) {
        Table table({"", "ID", "MADE", "TIME", "WHY"});
        Json keep = Json::array();
        Json remove = Json::array();
        for (std::size_t i = 0; i < group.backups.size(); ++i) {
            const restore::Backup& backup = *group.backups[i];
            const bool stays = !group.reasons[i].empty();
            table.add({stays ? "keep" : "forget", backup.short_id(), first_second_text(backup.committed),
                       first_second_text(backup.time()), printable(join(group.reasons[i], ", "))});
            (stays ? keep : remove)
                .push_back({{"id", backup.id.hex()},
                            {"time", to_rfc3339(backup.time())},
                            {"committed", to_rfc3339(backup.committed)},
                            {"reasons", group.reasons[i]}});
        }
        if (terminal.json()) {
            terminal.object(Json{{"message_type", "group"},
                                 {"group", group.title},
                                 {"keep", std::move(keep)},
                                 {"remove", std::move(remove)}});
            continue;
        }
        terminal.result(group.title + ": " + std::to_string(group.backups.size() - group.to_forget()) + " kept, " +
                        std::to_string(group.to_forget()) + (context.dry_run() ? " would be forgotten" : " forgotten"));
        table.print(terminal);
    }
}

}  // namespace signet::cli
