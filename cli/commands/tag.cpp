#include "cli/commands/commands.h"
#include "cli/officer.h"
#include "cli/selection.h"
#include "cli/table.h"

#include <set>

namespace signet::cli {
namespace {

std::set<std::string> tags_after(const Options& options, const restore::Backup& backup) {
    std::set<std::string> tags(backup.tags.begin(), backup.tags.end());
    const std::vector<std::string> set = options.list("set");
    if (options.given("set")) {
        tags = {set.begin(), set.end()};
        // `--set ''` leaves none.
        tags.erase("");
    }
    for (const std::string& tag : options.list("add")) tags.insert(tag);
    for (const std::string& tag : options.list("remove")) tags.erase(tag);
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
        backups.push_back(&context.catalogue().resolve(reference, selection(context)));
    }
    const crypto::SigningKey signer = std::move(context.keyring().writer().key);
    std::uint64_t changed = 0;
    for (const restore::Backup* backup : backups) {
        const std::set<std::string> after = tags_after(options, *backup);
        const std::vector<std::string> tags(after.begin(), after.end());
        if (tags == backup->tags) continue;
        ++changed;
        if (!context.dry_run()) {
            const SecretBytes label_key = label_key_of(context, *backup);
            append_to_journal(context, signer, [&](const format::EntryHead& head, const crypto::SigningKey& key) {
                return format::make_remark_entry(head, {backup->id, backup->writer}, tags, label_key, key);
            });
        }
        terminal.result(backup->short_id() + "  " + (tags.empty() ? "no tags" : printable(join(tags, ", "))));
    }
    if (terminal.json())
        terminal.object(
            Json{{"message_type", "summary"}, {"changed_backups", changed}, {"dry_run", context.dry_run()}});
    else if (changed == 0)
        terminal.message("nothing to change");
    return ExitCode::done;
}

}  // namespace

Command tag_command() {
    Command command;
    command.name = "tag";
    command.synopsis = "BACKUP… [--add TAG]… [--remove TAG]… [--set TAG]…";
    command.summary = "change the tags of backups";
    command.description =
        "Appends a signed remark with the new list of tags: the backup itself is never changed. The remark counts "
        "when its signer is trusted.";
    command.options = {
        {.name = "add", .takes = Takes::many, .value_name = "TAG", .help = "add a tag"},
        {.name = "remove", .takes = Takes::many, .value_name = "TAG", .help = "remove a tag"},
        {.name = "set", .takes = Takes::many, .value_name = "TAG", .help = "these tags and no others"},
        {.name = "series", .takes = Takes::one, .value_name = "NAME", .help = "with latest: of this series"},
    };
    command.arguments = {"backup", 1, Arguments::kAnyNumber};
    command.examples = {{"signet tag latest --add before-upgrade", "Mark the newest backup"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
