#include "cli/commands/commands.h"
#include "cli/key_file.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/remote_key.h"
#include "cli/token_key.h"
#include "core/crypto/rsa.h"
#include "core/file.h"
#include "keyring/byok_file.h"
#include "keyring/key_backup.h"

#include <algorithm>
#include <functional>

namespace signet::cli {
namespace {

using crypto::RsaPrivateKey;
constexpr const char* kPrefix = "import-passphrase";
constexpr std::size_t kMaxKeyFile = std::size_t{1024} * 1024;

bool is_pem(ByteView content) { return as_text(content).find("-----BEGIN ") != std::string_view::npos; }

/// PKCS#12 is a sequence that starts with the version 3; no private key does.
bool is_pkcs12(ByteView der) {
    std::size_t at = 2;
    if (der.size() > 1 && (der[1] & 0x80) != 0) at += der[1] & 0x7fU;
    return der.size() > at + 3 && der[0] == 0x30 && der[at] == 0x02 && der[at + 1] == 0x01 && der[at + 2] == 0x03;
}

RsaPrivateKey parse(ByteView content, const SecretBytes* passphrase, const std::string& path) {
    if (is_pem(content)) return RsaPrivateKey::from_pem(content, passphrase, path);
    if (is_pkcs12(content)) return RsaPrivateKey::from_pkcs12(content, passphrase, path);
    return RsaPrivateKey::from_der(content, passphrase, path);
}

/// Asks for the file's passphrase only when the file is sealed.
RsaPrivateKey open_key_file(const Context& context, ByteView content, const std::string& path) {
    try {
        return parse(content, nullptr, path);
    } catch (const Error& error) {
        // Without a passphrase a sealed file is a wrong use or a wrong passphrase, as its form has it.
        if (error.code() != ErrorCode::usage && error.code() != ErrorCode::wrong_passphrase) throw;
    }
    const SecretBytes passphrase = ask_passphrase(context, kPrefix, "key file " + path);
    return parse(content, &passphrase, path);
}

/// The key exchange key of this vault that a .byok file names.
std::optional<keyring::KeyVersion> meant_key(const keyring::LocalVault& keys, const std::string& key_id) {
    for (const keyring::KeyVersion& key : keys.list()) {
        if (key.use == keyring::KeyUse::exchange && (key_id == key.reference() || key_id == key.thumbprint.text()))
            return key;
    }
    return std::nullopt;
}

/// Why nothing opened a .byok file.
Error not_opened(Context& context, const std::string& key_id, const std::string& path) {
    const auto meant = meant_key(vault(context), key_id);
    const auto named = context.options().text("exchange-key");
    const bool was_tried = !named || (meant && vault(context).get(*named).thumbprint == meant->thumbprint);
    if (!meant || !was_tried) {
        return {ErrorCode::key_unavailable,
                path + ": no key exchange key of the vault opens it; it was wrapped for " + printable(key_id),
                "wrap it for a key of this vault: signet key create NAME --exchange, then signet key export-public "
                "NAME"};
    }
    const keyring::KeyState state = meant->state(context.clock().now());
    if (!may_unwrap(state)) {
        const bool is_deleted = state == keyring::KeyState::deleted;
        return {ErrorCode::key_unavailable,
                path + ": it was wrapped for " + meant->reference() + ", which is " + std::string(text(state)),
                std::string(is_deleted ? "signet key recover " : "signet key enable ") + meant->reference()};
    }
    return {ErrorCode::damaged,
            path + ": damaged: it was wrapped for " + meant->reference() + ", and that key does not open it",
            "have it made again; a key of that name in another vault may be meant as well"};
}

/// The key exchange keys that may open a .byok file: the one that was named, or all, that of the file's key id first.
std::vector<keyring::KeyVersion> exchange_keys(Context& context, const std::string& key_id) {
    const keyring::LocalVault& keys = vault(context);
    if (const auto named = context.options().text("exchange-key")) return {keys.get(*named)};
    std::vector<keyring::KeyVersion> candidates;
    for (const keyring::KeyVersion& key : keys.list()) {
        if (key.use != keyring::KeyUse::exchange || !keyring::may_unwrap(key.state(context.clock().now()))) continue;
        const bool is_meant = key_id == key.reference() || key_id == key.thumbprint.text();
        candidates.insert(is_meant ? candidates.begin() : candidates.end(), key);
    }
    return candidates;
}

RsaPrivateKey open_byok(Context& context, ByteView content, const std::string& path) {
    const keyring::ByokFile file = keyring::parse_byok(content, path);
    const keyring::LocalVault& keys = unlocked_vault(context);
    for (const keyring::KeyVersion& key : exchange_keys(context, file.key_id)) {
        const auto pkcs8 = keys.open_transported(key, file.ciphertext);
        if (pkcs8) return RsaPrivateKey::from_der(pkcs8->reveal(), nullptr, path);
    }
    throw not_opened(context, file.key_id, path);
}

/// A .byok file whose key exchange key is in that key manager's own vault; nothing for any other file.
std::optional<Bytes> wrapped_for(const keyring::Location& location, const std::string& path) {
    Bytes content = read_file(path, kMaxKeyFile);
    const bool is_byok = keyring::looks_like_byok(content);
    if (is_byok && keyring::parse_byok(content, path).key_id.starts_with(location.origin + "/keys/")) return content;
    wipe(content);
    return std::nullopt;
}

struct Loaded {
    RsaPrivateKey key;
    std::string origin;
};

Loaded load(Context& context, const std::string& path) {
    Bytes content = read_file(path, kMaxKeyFile);
    struct Wiper {
        Bytes& bytes;
        ~Wiper() { wipe(bytes); }
    } wiper{content};
    if (keyring::is_key_backup(content)) {
        throw Error(ErrorCode::usage, path + ": a key backup, which has names and states of its own",
                    "signet key restore " + path);
    }
    if (keyring::looks_like_byok(content)) return {open_byok(context, content, path), "byok"};
    return {open_key_file(context, content, path), "imported"};
}

ExitCode import_into_token(Context& context, const keyring::Location& location) {
    const keyring::KeyDates valid = dates(context);
    const Loaded loaded = load(context, context.arguments()[1]);
    audit_before_key_change(context, "key-import", location.public_text());
    const auto made = context.vaults().tokens().import_key(location, loaded.key, valid);
    audit_token_key(context, "key-import", made);
    print_token_key(context.terminal(), made);
    return ExitCode::done;
}

ExitCode run(Context& context) {
    const std::string& name = context.arguments()[0];
    if (const auto token = token_location(name)) return import_into_token(context, *token);
    if (const auto manager = manager_location(name)) {
        const std::string& path = context.arguments()[1];
        if (const auto file = wrapped_for(*manager, path))
            return import_byok_into_manager(context, *manager, *file, dates(context));
        return import_into_manager(context, *manager, load(context, path).key, dates(context));
    }
    if (!keyring::is_key_name(name)) throw Error(ErrorCode::usage, "no name for a key: " + printable(name));
    const keyring::KeyDates valid = dates(context);
    const Loaded loaded = load(context, context.arguments()[1]);
    keyring::LocalVault& keys = vault_for_new_key(context);
    audit_before_key_change(context, "key-import", "local:" + name);
    const keyring::KeyVersion made = keys.import_key(name, loaded.key, loaded.origin, valid);
    audit_key_change(context, "key-import", {made});
    show_key(context, made);
    remind_of_key_backup(context, name, "before its first use");
    return ExitCode::done;
}

}  // namespace

Command key_import_command() {
    Command command;
    command.name = "key import";
    command.synopsis = "NAME|LOCATION FILE [--import-passphrase-file FILE]";
    command.summary = "take a private key into the local vault, a token or a key manager";
    command.description =
        "Reads an RSA private key of 2048, 3072 or 4096 bits and keeps it in the local vault as the next version of "
        "NAME. The file may be PEM or DER: PKCS#8, plain or sealed under a passphrase of its own, PKCS#1, or PKCS#12 "
        "(.pfx); or .byok, wrapped for a key exchange key of this vault (signet key create NAME --exchange). What it "
        "is follows from its content. A file that is sealed in an old way (RC2, RC4, DES) needs OpenSSL's legacy "
        "provider.\n\n"
        "With a pkcs11: location the key goes to that token instead, as object= says, or as its next version where it "
        "has that label already; --not-before and --expires count in days there. It cannot leave the token again. "
        "Import the same file into two vaults or tokens to have twins.\n\n"
        "With an azure: location the key goes to that vault, as a new version where it has a key of that name. A .byok "
        "file whose key exchange key is in that very vault goes there as it is, and only its hardware opens it.\n\n"
        "The file is left as it is: store it safely or destroy it. What signet key backup has made is read by signet "
        "key restore; key backups of cloud vaults can be restored into those alone.";
    command.options = passphrase_options(kPrefix, "the file");
    for (OptionSpec& option : date_options()) command.options.push_back(std::move(option));
    command.options.push_back({.name = "exchange-key",
                               .takes = Takes::one,
                               .value_name = "KEY",
                               .help = "the key exchange key that opens a .byok file; else every one is tried"});
    command.options.push_back(purge_protection_option());
    command.arguments = {"name", 2, 2};
    command.examples = {{"signet key import prod-2025 prod-2025.pem", "Import a key made elsewhere"},
                        {"signet key import prod-2025 prod-2025.pfx --import-passphrase-file pfx.txt", "From PKCS#12"},
                        {"signet key import prod-2025 prod-2025.byok", "Wrapped for a key exchange key of this vault"},
                        {"signet key import 'pkcs11:token=backup;object=prod?pin-source=file:/etc/signet/pin' prod.pem",
                         "Into a token"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
