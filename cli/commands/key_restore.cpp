#include "cli/commands/commands.h"
#include "cli/key_file.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/remote_key.h"
#include "cli/share_files.h"
#include "core/file.h"
#include "keyring/key_backup.h"

#include <set>

namespace signet::cli {
namespace {

constexpr const char* kPrefix = "backup-passphrase";

SecretBytes passphrase_of_backup(Context& context, const std::string& path) {
    if (has_passphrase_option(context, kPrefix)) return ask_passphrase(context, kPrefix, "key backup " + path);
    return context.passphrases().get({"unlock", "key backup " + path, false});
}

keyring::OpenKeyBackup open(Context& context, const Bytes& file, const std::string& path) {
    const std::vector<std::string> shares = context.options().list("share");
    if (!shares.empty() || keyring::shares_of_key_backup(file, path)) {
        return keyring::open_key_backup(file, read_shares(shares), path);
    }
    return keyring::open_key_backup(file, passphrase_of_backup(context, path), path);
}

std::set<std::string> names_in(const keyring::OpenKeyBackup& backup) {
    std::set<std::string> names;
    for (const keyring::WholeKey& whole : backup.keys) names.insert(whole.key.name);
    return names;
}

void print_restored(Context& context, const keyring::OpenKeyBackup& backup,
                    const std::vector<keyring::KeyVersion>& added) {
    Terminal& terminal = context.terminal();
    const keyring::LocalVault& keys = vault(context);
    Json rows = Json::array();
    for (const keyring::KeyVersion& key : added) {
        rows.push_back(key_json(keys, key, context.clock().now()));
        terminal.result(key.reference() + " is restored; it is " +
                        std::string(keyring::text(key.state(context.clock().now()))));
    }
    for (const keyring::WholeKey& whole : backup.keys) {
        const auto present = keys.find(whole.key.thumbprint);
        if (!present || !present->attributes.deleted) continue;
        terminal.warning(present->reference() + " is in the vault and deleted: signet key recover " +
                         present->reference());
    }
    if (added.empty()) terminal.message("every version is in the vault already");
    if (terminal.json()) terminal.object(rows);
}

ExitCode run(Context& context) {
    const std::string& path = context.arguments().front();
    if (const auto into = context.options().text("into")) {
        const auto manager = manager_location(*into);
        if (!manager) throw Error(ErrorCode::usage, "--into names a key in a key manager: azure:https://…/keys/NAME");
        return restore_in_manager(context, *manager, path);
    }
    const Bytes file = read_file(path, keyring::kMaxKeyBackup);
    if (!keyring::is_key_backup(file)) {
        throw Error(ErrorCode::damaged, path + ": not a key backup",
                    "a private key in a file: signet key import NAME FILE");
    }
    const keyring::OpenKeyBackup backup = open(context, file, path);
    keyring::LocalVault& keys = vault_for_new_key(context);
    if (keys.id() != backup.vault) context.terminal().message("this key backup was made from another vault");
    for (const std::string& name : names_in(backup)) audit_before_key_change(context, "key-restore", "local:" + name);
    const std::vector<keyring::KeyVersion> added = keys.adopt(backup.keys, backup.record);
    audit_key_change(context, "key-restore", added);
    print_restored(context, backup, added);
    return ExitCode::done;
}

}  // namespace

Command key_restore_command() {
    Command command;
    command.name = "key restore";
    command.synopsis = "FILE [--share SHARE]… | FILE --into LOCATION";
    command.summary = "bring a key back from its key backup";
    command.description =
        "Reads a file that signet key backup has made and takes every version in it into the local vault, as it was "
        "then; the vault is made when there is none. What is in the vault already stays as it is, and no version is "
        "ever replaced by another key (17). A keyring uses the key once it is linked: signet keyring link "
        "local:NAME.\n\n"
        "A file that was made with --shares is opened by as many of them as it says: --share names a text file with "
        "one or more of them, as printed or with their numbered rows alone. A mistyped row is named, and so is a share "
        "of another key backup.\n\n"
        "With --into the file is one that a key manager has made, and goes back into such a one: a vault of the same "
        "subscription and geography.";
    command.options = passphrase_options(kPrefix, "the key backup");
    command.options.push_back(
        {.name = "share", .takes = Takes::many, .value_name = "FILE", .help = "a share of the key backup's secret"});
    command.options.push_back({.name = "into",
                               .takes = Takes::one,
                               .value_name = "LOCATION",
                               .help = "the key manager that the backup came from, and the key in it"});
    command.arguments = {"file", 1, 1};
    command.examples = {
        {"signet key restore /media/safe/prod-2026.backup", "Into this vault, or a new one"},
        {"signet key restore prod-2026.backup --share anna.txt --share bob.txt --share eve.txt", "With three shares"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
