#include "cli/key_file.h"

#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/passphrase.h"
#include "core/file.h"

#include <filesystem>

namespace signet::cli {

std::vector<OptionSpec> passphrase_options(const std::string& prefix, const std::string& whose) {
    return {
        {.name = prefix + "-file", .takes = Takes::one, .value_name = "FILE", .help = "the passphrase of " + whose},
        {.name = prefix + "-command",
         .takes = Takes::one,
         .value_name = "CMD",
         .help = "a command that prints the passphrase of " + whose},
        {.name = prefix + "-fd",
         .takes = Takes::one,
         .value_name = "N",
         .help = "a descriptor from which to read the passphrase of " + whose},
    };
}

bool has_passphrase_option(const Context& context, const std::string& prefix) {
    const Options& options = context.options();
    return options.given(prefix + "-file") || options.given(prefix + "-command") || options.given(prefix + "-fd");
}

SecretBytes ask_passphrase(const Context& context, const std::string& prefix, const std::string& object, bool is_new) {
    return passphrase_asker(context.options(), prefix)({is_new ? "create" : "unlock", object, is_new});
}

void require_new_file(const std::string& path) {
    if (!std::filesystem::exists(std::filesystem::symlink_status(path))) return;
    throw Error(ErrorCode::refused, path + " is there already", "a key file replaces nothing: name another file");
}

std::string new_output_file(const Context& context) {
    const auto path = context.options().text("output");
    if (!path || path->empty()) throw Error(ErrorCode::usage, "no file was named to write to", "name one with -o FILE");
    require_new_file(*path);
    return *path;
}

keyring::KeyBackup store_key_backup(Context& context, const std::string& name, const std::string& path,
                                    const SecretBytes* passphrase) {
    keyring::LocalVault& keys = unlocked_vault(context);
    const SecretBytes own = passphrase == nullptr
                                ? context.passphrases().get({"unlock", context.vaults().local().object(), false})
                                : SecretBytes(passphrase->reveal());
    keyring::KeyBackup backup = keyring::make_key_backup(keys, name, own, context.clock().now());
    // On record before private halves leave the vault.
    audit_key_change(context, "key-backup", backup.versions);
    replace_file(path, backup.file, 0600);
    keys.note_key_backup(name, backup.record);
    return backup;
}

}  // namespace signet::cli
