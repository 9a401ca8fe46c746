#include "cli/commands/commands.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/token_key.h"

namespace signet::cli {
namespace {

using Tags = std::map<std::string, std::optional<std::string>>;

/// "NAME=VALUE" sets, "NAME=" removes.
Tags parse_tags(const std::vector<std::string>& words) {
    Tags tags;
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0) {
            throw Error(ErrorCode::usage, "no tag: " + printable(word), "write NAME=VALUE, or NAME= to remove one");
        }
        const std::string value = word.substr(equals + 1);
        tags[word.substr(0, equals)] = value.empty() ? std::nullopt : std::optional(value);
    }
    return tags;
}

ExitCode run(Context& context) {
    const std::vector<std::string>& words = context.arguments();
    const std::string& name = words.front();
    require_local_key(name, Notion::remarks);
    const Tags tags = parse_tags({words.begin() + 1, words.end()});
    const keyring::KeyVersion key = vault(context).get(name);
    if (key.name != name) throw Error(ErrorCode::usage, "tags belong to all versions: " + key.name);
    keyring::LocalVault& keys = unlocked_vault(context);
    // On record before it is done.
    audit_key_change(context, "key-tag", {key});
    keys.set_tags(name, tags);
    show_key(context, key);
    remind_of_key_backup(context, name);
    return ExitCode::done;
}

}  // namespace

Command key_tag_command() {
    Command command;
    command.name = "key tag";
    command.synopsis = "NAME TAG=VALUE…";
    command.summary = "write remarks on a key";
    command.description =
        "Keeps texts with a key, for all its versions; TAG= removes one. At most 50 tags, names of up to 128 octets "
        "and values of up to 256. Tags stand in clear in the vault's file, and nobody without the passphrase can "
        "change them unseen.";
    command.arguments = {"name", 2, Arguments::kAnyNumber};
    command.examples = {{"signet key tag prod-2026 team=db cost-centre=4711", "Set two tags"},
                        {"signet key tag prod-2026 team=", "Remove one"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
