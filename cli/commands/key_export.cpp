#include "cli/commands/commands.h"
#include "cli/key_file.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/token_key.h"
#include "core/crypto/key_transport.h"
#include "core/file.h"
#include "keyring/byok_file.h"

namespace signet::cli {
namespace {

constexpr std::size_t kMaxPem = std::size_t{64} * 1024;

crypto::RsaPublicKey recipient_of(const Context& context) {
    const auto path = context.options().text("for");
    if (!path)
        throw Error(ErrorCode::usage, "no key exchange key was named", "name its public half with --for KEK.pem");
    return crypto::RsaPublicKey::from_pem(as_text(read_file(*path, kMaxPem)), *path);
}

ExitCode run(Context& context) {
    require_local_key(context.arguments().front(), Notion::extraction);
    if (!context.options().flag("byok")) {
        throw Error(
            ErrorCode::usage, "a private key leaves the vault only as .byok, wrapped for another vault",
            "signet key export KEY --byok --for KEK.pem -o FILE; the public half: signet key export-public KEY");
    }
    const keyring::KeyVersion key = vault(context).get(context.arguments().front());
    const keyring::KeyState state = key.state(context.clock().now());
    if (!keyring::may_unwrap(state)) {
        throw Error(ErrorCode::refused, key.reference() + " is " + std::string(keyring::text(state)),
                    std::string("signet key ") + (key.attributes.deleted ? "recover " : "enable ") + key.reference());
    }
    if (key.use == keyring::KeyUse::exchange) {
        throw Error(ErrorCode::refused,
                    key.reference() + " is a key exchange key: it protects nothing and stays where it is",
                    "another vault makes its own: signet key create NAME --exchange");
    }
    const crypto::RsaPublicKey recipient = recipient_of(context);
    const std::string path = new_output_file(context);
    const std::string key_id = context.options().text_or("kid", format::Thumbprint::of(recipient).text());

    const SecretBytes pkcs8 = unlocked_vault(context).export_private(key.thumbprint);
    audit_key_change(context, "key-export", {key}, "for " + format::Thumbprint::of(recipient).text());
    const std::string file =
        keyring::encode_byok({key_id, crypto::wrap_for_transport(recipient, pkcs8), "signet " SIGNET_VERSION});
    replace_file(path, as_bytes(file), 0600);
    if (context.terminal().json()) {
        Json object = {{"message_type", "summary"},
                       {"name", key.name},
                       {"version", key.version},
                       {"thumbprint", key.thumbprint.text()}};
        set_text(object, "file", path);
        context.terminal().object(object);
    } else {
        context.terminal().result(key.reference() + " is in " + printable(path) + ", for " + printable(key_id));
    }
    return ExitCode::done;
}

}  // namespace

Command key_export_command() {
    Command command;
    command.name = "key export";
    command.synopsis = "KEY --byok --for KEK.pem [--kid ID] -o FILE";
    command.summary = "wrap a key for another vault that is to hold it too";
    command.description =
        "Writes one version of a key as a .byok file: its private half, wrapped for the key exchange key of another "
        "vault (CKM_RSA_AES_KEY_WRAP), which alone can open it. So two vaults hold the same key, and one is the twin "
        "of the other. --kid is the key exchange key's identifier as its owner has it: for a cloud vault its full "
        "address.\n\n"
        "Who owns the private half of KEK.pem owns the key from then on: compare its fingerprint with its owner's "
        "first. The audit log shows the export.";
    command.options = {
        {.name = "byok", .help = "the form of the file; there is no other"},
        {.name = "for",
         .takes = Takes::one,
         .value_name = "FILE",
         .help = "the public half of the key exchange key, as PEM"},
        {.name = "kid",
         .takes = Takes::one,
         .value_name = "ID",
         .help = "its identifier; its thumbprint when nothing is said"},
        {.name = "output",
         .letter = 'o',
         .takes = Takes::one,
         .value_name = "FILE",
         .help = "the file; it must not be there yet"},
    };
    command.arguments = {"key", 1, 1};
    command.examples = {{"signet key export prod-2026 --byok --for kek.pem -o prod-2026.byok",
                         "For a vault whose key exchange key is kek.pem"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
