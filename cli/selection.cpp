#include "cli/selection.h"

#include "cli/table.h"

#include <algorithm>
#include <iterator>

namespace signet::cli {

std::vector<OptionSpec> selection_options() {
    return {
        {.name = "series", .takes = Takes::one, .value_name = "NAME", .help = "backups of this series alone"},
        {.name = "host", .takes = Takes::one, .value_name = "NAME", .help = "backups of this host alone"},
        {.name = "path",
         .takes = Takes::many,
         .value_name = "PATH",
         .help = "backups of this path alone; may be repeated"},
        {.name = "tag",
         .takes = Takes::many,
         .value_name = "TAG[,TAG]",
         .help = "backups with this tag, or all of these; may be repeated"},
    };
}

std::vector<OptionSpec> with_selection(std::vector<OptionSpec> own) {
    for (OptionSpec& option : selection_options()) own.push_back(std::move(option));
    return own;
}

restore::BackupFilter selection(const Context& context) {
    const Options& options = context.options();
    restore::BackupFilter filter;
    filter.series = options.text("series");
    filter.host = options.text("host");
    filter.paths = options.list("path");
    filter.tags = tags_of(options, "tag");
    if (context.command().find_option("at") != nullptr) filter.at = time_option(context, "at");
    return filter;
}

std::vector<std::string> tags_of(const Options& options, std::string_view name) {
    std::vector<std::string> tags;
    for (const std::string& words : options.list(name)) {
        std::vector<std::string> parts = split(words, ',');
        // A variable that is not set must not choose everything.
        if (parts.empty())
            throw Error(ErrorCode::usage, "--" + std::string(name) + " has no tag in it", "give TAG, or TAG,TAG");
        for (std::string& tag : parts) tags.push_back(std::move(tag));
    }
    return tags;
}

std::optional<TimePoint> time_option(const Context& context, std::string_view name) {
    const auto text = context.options().text(name);
    if (!text || (name == "at" && *text == "latest")) return std::nullopt;
    return parse_time(*text, context.clock().now());
}

std::string refusal_text(const Error& refusal, const std::optional<TimePoint>& at) {
    return (at ? "a restore to " + to_table_time(*at) + " (--at)" : std::string("a restore of the newest backup")) +
           " is refused: " + refusal.what() + (refusal.hint().empty() ? std::string() : "; " + refusal.hint());
}

void refuse_rules_beside_id(const Context& context, const restore::BackupReference& reference) {
    if (reference.backup == "latest") return;
    for (const char* name : {"at", "series", "host", "path", "tag"}) {
        if (context.command().find_option(name) == nullptr || !context.options().given(name)) continue;
        throw Error(ErrorCode::usage, "a backup is named by its id or chosen by --" + std::string(name) + ", not both",
                    "leave one of them out");
    }
}

const restore::Backup& choose(Context& context, const restore::BackupReference& reference) {
    refuse_rules_beside_id(context, reference);
    return context.catalogue().resolve(reference.backup, selection(context));
}

Chosen choose(Context& context, const std::string& reference) {
    const restore::BackupReference parsed = restore::BackupReference::parse(reference);
    return {choose(context, parsed), parsed.path};
}

std::vector<OptionSpec> with_rules(std::vector<OptionSpec> own) {
    std::vector<OptionSpec> rules = {
        {.name = "all", .help = "every backup"},
        {.name = "from", .takes = Takes::one, .value_name = "T", .help = "backups from this time on"},
        {.name = "to", .takes = Takes::one, .value_name = "T", .help = "backups up to this time"},
    };
    for (OptionSpec& option : own) rules.push_back(std::move(option));
    return with_selection(std::move(rules));
}

bool chooses_by_rule(const Context& context) {
    constexpr const char* kRules[] = {"all", "series", "host", "path", "tag", "from", "to"};
    return std::any_of(std::begin(kRules), std::end(kRules),
                       [&](const char* name) { return context.options().given(name); });
}

std::vector<const restore::Backup*> trusted_choice(Context& context) {
    const bool by_rule = chooses_by_rule(context);
    if (by_rule == !context.arguments().empty()) {
        const std::string name = context.command().name;
        throw Error(ErrorCode::usage,
                    by_rule ? "backups and a rule to choose them cannot be given together"
                            : name + " needs to know which backups",
                    "signet " + name + " --all, --series NAME, --from T --to T, or ids of backups");
    }
    const restore::Catalogue& catalogue = context.catalogue();
    catalogue.require_no_doubt();
    std::vector<const restore::Backup*> backups;
    for (const std::string& reference : context.arguments()) backups.push_back(&catalogue.resolve(reference));
    if (!by_rule) return backups;
    restore::BackupFilter filter = selection(context);
    filter.from = time_option(context, "from");
    filter.at = time_option(context, "to");
    for (const restore::Backup* backup : catalogue.select(filter)) {
        if (backup->trusted)
            backups.push_back(backup);
        else
            context.terminal().warning("backup " + backup->describe() + " is left out: it " + backup->distrust);
    }
    return backups;
}

BackupAndPaths backup_and_paths(const std::vector<std::string>& words) {
    BackupAndPaths result;
    std::size_t next = 0;
    if (!words.empty() && (words.front().empty() || words.front().front() != '/')) {
        result.reference = restore::BackupReference::parse(words.front());
        next = 1;
    }
    const std::string& root = result.reference.path;
    for (; next < words.size(); ++next) {
        const std::string path = path_in_backup(words[next]);
        if (root == "/")
            result.paths.push_back(path);
        else
            result.paths.push_back(path == "/" ? root : root + path);
    }
    return result;
}

std::string path_in_backup(const std::string& text) {
    // The catalogue's rules for what stands behind a colon are the ones wanted.
    return restore::BackupReference::parse("latest:" + (text.empty() || text.front() != '/' ? "/" + text : text)).path;
}

}  // namespace signet::cli
