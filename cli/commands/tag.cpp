#include "cli/commands/commands.h"
#include "cli/officer.h"
#include "cli/selection.h"
#include "cli/table.h"

#include <map>
#include <set>

namespace signet::cli {
namespace {

std::set<std::string> tags_after(const Options& options, const restore::Backup& backup) {
    std::set<std::string> tags(backup.tags.begin(), backup.tags.end());
    // `--set ''` leaves none.
    const bool is_cleared = options.list("set") == std::vector<std::string>{""};
    const auto set = is_cleared ? std::vector<std::string>() : tags_of(options, "set");
    if (options.given("set")) tags = {set.begin(), set.end()};
    for (const std::string& tag : tags_of(options, "add")) tags.insert(tag);
    for (const std::string& tag : tags_of(options, "remove")) tags.erase(tag);
    for (const std::string& tag : tags) {
        if (!is_utf8(tag)) throw Error(ErrorCode::usage, "a tag must be UTF-8");
    }
    return tags;
}

/// Names are sealed under the label key of the backup's own writer: known, or found in the backup.
SecretBytes label_key_of(Context& context, const restore::Backup& backup) {
    const SecretBytes* known = context.catalogue().label_key(backup.writer);
    return known != nullptr ? known->clone() : context.open(backup)->body().keys.label_key.clone();
}

using TagsOf = std::map<EntryId, std::vector<std::string>>;

void sign(Context& context, const restore::Backup& backup, const std::vector<std::string>& tags,
          const crypto::SigningKey& signer) {
    const SecretBytes label_key = label_key_of(context, backup);
    const EntryMaker make = [&](const format::EntryHead& head, const crypto::SigningKey& key) {
        return format::make_remark_entry(head, {backup.id, backup.writer}, tags, label_key, key);
    };
    const restore::LastWord* word = context.catalogue().remark(backup.id);
    append_to_journal(context, signer, make,
                      word == nullptr ? TimePoint{} : just_after(std::get<TimePoint>(word->order)));
}

/// Of several remarks the latest counts, and only somebody's who is trusted.
void require_in_force(Context& context, const TagsOf& signed_tags) {
    if (signed_tags.empty()) return;
    const restore::Catalogue now = context.look_again();
    for (const auto& [id, tags] : signed_tags) {
        const restore::Backup& backup = now.find(id.hex());
        // Without the label key, which could not be kept, nobody here can tell.
        if (backup.tags == tags || !backup.labels) continue;
        const std::string had = backup.tags.empty() ? "no tags" : join(backup.tags, ", ");
        throw not_in_force("backup " + backup.describe() + " has " + had, now.remark(id), format::Role::writer);
    }
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    const Options& options = context.options();
    if (!options.given("add") && !options.given("remove") && !options.given("set")) {
        throw Error(ErrorCode::usage, "tag needs --add, --remove or --set");
    }
    options.refuse_together({"set", "add"});
    options.refuse_together({"set", "remove"});
    std::vector<const restore::Backup*> backups;
    for (const std::string& reference : context.arguments()) {
        backups.push_back(&choose(context, reference).backup);
    }
    const crypto::SigningKey signer = std::move(context.keyring().writer().key);
    TagsOf changed;
    for (const restore::Backup* backup : backups) {
        const std::set<std::string> after = tags_after(options, *backup);
        const std::vector<std::string> tags(after.begin(), after.end());
        if (tags == backup->tags) continue;
        changed[backup->id] = tags;
        if (!context.dry_run()) sign(context, *backup, tags, signer);
    }
    if (!context.dry_run()) require_in_force(context, changed);
    for (const auto& [id, tags] : changed)
        terminal.result(id.short_hex(8) + "  " + (tags.empty() ? "no tags" : printable(join(tags, ", "))));
    if (terminal.json())
        terminal.object(
            Json{{"message_type", "summary"}, {"changed_backups", changed.size()}, {"dry_run", context.dry_run()}});
    else if (changed.empty())
        terminal.message("nothing to change");
    return ExitCode::done;
}

}  // namespace

Command tag_command() {
    Command command;
    command.name = "tag";
    command.synopsis = "BACKUP… [--add TAG[,TAG]]… [--remove TAG[,TAG]]… [--set TAG[,TAG]]…";
    command.summary = "change the tags of backups";
    command.description =
        "Appends a signed remark with the new list of tags: the backup itself is never changed. The remark counts "
        "when its signer is trusted: else, and where another remark counts instead, the exit code is 17.";
    command.options = {
        {.name = "add", .takes = Takes::many, .value_name = "TAG[,TAG]", .help = "add a tag"},
        {.name = "remove", .takes = Takes::many, .value_name = "TAG[,TAG]", .help = "remove a tag"},
        {.name = "set", .takes = Takes::many, .value_name = "TAG[,TAG]", .help = "these tags and no others"},
        {.name = "series", .takes = Takes::one, .value_name = "NAME", .help = "with latest: of this series"},
    };
    command.arguments = {"backup", 1, Arguments::kAnyNumber};
    command.examples = {{"signet tag latest --add before-upgrade", "Mark the newest backup"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
