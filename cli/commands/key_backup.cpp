#include "keyring/key_backup.h"
#include "cli/commands/commands.h"
#include "cli/key_file.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/remote_key.h"
#include "cli/share_files.h"
#include "cli/table.h"
#include "cli/token_key.h"
#include "core/file.h"

#include <unistd.h>

namespace signet::cli {
namespace {

constexpr const char* kPrefix = "backup-passphrase";

void print_made(Context& context, const keyring::KeyBackup& backup, const std::string& path,
                const std::vector<std::string>& shares) {
    std::vector<std::string> versions;
    for (const keyring::KeyVersion& key : backup.versions) versions.push_back(key.reference());
    if (context.terminal().json()) {
        Json object = {{"message_type", "summary"}, {"versions", versions}, {"made", to_rfc3339(backup.record.made)}};
        set_text(object, "file", path);
        if (!shares.empty()) object["shares"] = shares;
        context.terminal().object(object);
        return;
    }
    const std::string made = "key backup of " + join(versions, ", ") + " in " + printable(path);
    if (context.options().given("shares") && shares.empty()) {
        context.terminal().message(made);  // standard output has the pages
        return;
    }
    context.terminal().result(made);
    for (const std::string& share : shares) context.terminal().result("  " + printable(share));
}

/// The shares first: a file that nobody can open is worth nothing.
void back_up_in_shares(Context& context, const std::string& name, const keyring::ShareScheme& scheme,
                       const std::string& path) {
    keyring::LocalVault& keys = unlocked_vault(context);
    const auto shared = keyring::make_shared_key_backup(keys, name, scheme, context.clock().now());
    // On record before private halves leave the vault.
    audit_key_change(
        context, "key-backup", shared.backup.versions,
        "opened by " + std::to_string(scheme.threshold) + " of " + std::to_string(scheme.count) + " shares");
    const std::vector<std::string> shares = write_shares(context, shared);
    try {
        replace_file(path, shared.backup.file, 0600);
    } catch (const Error&) {
        for (const std::string& share : shares) ::unlink(share.c_str());
        throw;
    }
    keys.note_key_backup(name, shared.backup.record);
    print_made(context, shared.backup, path, shares);
    context.terminal().message("to bring the key back, the file and " + std::to_string(scheme.threshold) + " of the " +
                               std::to_string(scheme.count) + " shares are needed: keep them apart from each other");
}

ExitCode run(Context& context) {
    const std::string& name = context.arguments().front();
    if (const auto manager = manager_location(name))
        return back_up_in_manager(context, *manager, new_output_file(context));
    require_local_key(name, Notion::extraction);
    const keyring::KeyVersion named = vault(context).get(name);
    if (named.name != name) throw Error(ErrorCode::usage, "a key backup holds all versions: " + named.name);
    const std::string path = new_output_file(context);

    if (const auto scheme = wanted_shares(context)) {
        if (has_passphrase_option(context, kPrefix)) {
            throw Error(ErrorCode::usage, "a key backup is opened by a passphrase or by shares",
                        "leave out --shares, or the passphrase of the key backup");
        }
        back_up_in_shares(context, name, *scheme, path);
        return ExitCode::done;
    }
    std::optional<SecretBytes> passphrase;
    (void)unlocked_vault(context);
    if (has_passphrase_option(context, kPrefix))
        passphrase = ask_passphrase(context, kPrefix, "key backup of " + name, true);
    const keyring::KeyBackup backup = store_key_backup(context, name, path, passphrase ? &*passphrase : nullptr);
    print_made(context, backup, path, {});
    return ExitCode::done;
}

}  // namespace

Command key_backup_command() {
    Command command;
    command.name = "key backup";
    command.synopsis = "NAME -o FILE [--shares N --threshold M [--shares-dir DIR]]";
    command.summary = "write a key into a sealed file";
    command.description =
        "Writes all versions of a key that are not deleted, with their states, dates and tags, into a file that is "
        "sealed under the vault's passphrase, or under one of its own. signet key restore brings them back, into this "
        "vault or, after the loss of the machine, into another local vault. Who changes the vault's passphrase later "
        "opens the file with the old one.\n\n"
        "With an azure: location the vault gives a blob that Azure alone can open, and that a vault of the same "
        "subscription and geography takes back.\n\n"
        "Make a key backup before a key is first used and after each change of it; signet key show tells when the "
        "last one was made. Keep it away from this machine and from the repository.\n\n"
        "With --shares no passphrase opens the file: a random secret does, which is written down in N shares of a page "
        "each, for N people. M of them together with the file bring the key back; fewer say nothing about it. A share "
        "is text that can be printed and typed back.";
    command.options = passphrase_options(kPrefix, "the key backup");
    command.options.insert(command.options.begin(), {.name = "output",
                                                     .letter = 'o',
                                                     .takes = Takes::one,
                                                     .value_name = "FILE",
                                                     .help = "the file; it must not be there yet"});
    for (const OptionSpec& option : share_options()) command.options.push_back(option);
    command.arguments = {"name", 1, 1};
    command.examples = {
        {"signet key backup prod-2026 -o /media/safe/prod-2026.backup", "Under the vault's passphrase"},
        {"signet key backup prod-2026 -o prod-2026.backup --backup-passphrase-file safe.txt", "Under another"},
        {"signet key backup prod-2026 -o prod-2026.backup --shares 5 --threshold 3 | lpr",
         "For five people, any three of whom can bring it back"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
