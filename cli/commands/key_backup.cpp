#include "cli/commands/commands.h"
#include "cli/key_file.h"
#include "cli/key_view.h"
#include "cli/table.h"
#include "cli/token_key.h"

namespace signet::cli {
namespace {

constexpr const char* kPrefix = "backup-passphrase";

void print_made(Context& context, const keyring::KeyBackup& backup, const std::string& path) {
    std::vector<std::string> versions;
    for (const keyring::KeyVersion& key : backup.versions) versions.push_back(key.reference());
    if (context.terminal().json()) {
        Json object = {{"message_type", "summary"}, {"versions", versions}, {"made", to_rfc3339(backup.record.made)}};
        set_text(object, "file", path);
        context.terminal().object(object);
        return;
    }
    context.terminal().result("key backup of " + join(versions, ", ") + " in " + printable(path));
}

ExitCode run(Context& context) {
    const std::string& name = context.arguments().front();
    require_local_key(name, Notion::extraction);
    const keyring::KeyVersion named = vault(context).get(name);
    if (named.name != name) throw Error(ErrorCode::usage, "a key backup holds all versions: " + named.name);
    const std::string path = new_output_file(context);

    std::optional<SecretBytes> passphrase;
    (void)unlocked_vault(context);
    if (has_passphrase_option(context, kPrefix))
        passphrase = ask_passphrase(context, kPrefix, "key backup of " + name, true);
    const keyring::KeyBackup backup = store_key_backup(context, name, path, passphrase ? &*passphrase : nullptr);
    print_made(context, backup, path);
    return ExitCode::done;
}

}  // namespace

Command key_backup_command() {
    Command command;
    command.name = "key backup";
    command.synopsis = "NAME -o FILE";
    command.summary = "write a key into a sealed file";
    command.description =
        "Writes all versions of a key that are not deleted, with their states, dates and tags, into a file that is "
        "sealed under the vault's passphrase, or under one of its own. signet key restore brings them back, into this "
        "vault or, after the loss of the machine, into another local vault. Who changes the vault's passphrase later "
        "opens the file with the old one.\n\n"
        "Make a key backup before a key is first used and after each change of it; signet key show tells when the "
        "last one was made. Keep it away from this machine and from the repository.";
    command.options = passphrase_options(kPrefix, "the key backup");
    command.options.insert(command.options.begin(), {.name = "output",
                                                     .letter = 'o',
                                                     .takes = Takes::one,
                                                     .value_name = "FILE",
                                                     .help = "the file; it must not be there yet"});
    command.arguments = {"name", 1, 1};
    command.examples = {
        {"signet key backup prod-2026 -o /media/safe/prod-2026.backup", "Under the vault's passphrase"},
        {"signet key backup prod-2026 -o prod-2026.backup --backup-passphrase-file safe.txt", "Under another"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
