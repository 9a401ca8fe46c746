#include "cli/commands/commands.h"
#include "cli/key_view.h"
#include "cli/passphrase.h"
#include "core/crypto/rsa.h"
#include "core/file.h"

#include <algorithm>
#include <functional>

namespace signet::cli {
namespace {

using crypto::RsaPrivateKey;
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
RsaPrivateKey load(const Context& context, const std::string& path) {
    Bytes content = read_file(path, kMaxKeyFile);
    struct Wiper {
        Bytes& bytes;
        ~Wiper() { wipe(bytes); }
    } wiper{content};
    try {
        return parse(content, nullptr, path);
    } catch (const Error& error) {
        // Without a passphrase a sealed file is a wrong use or a wrong passphrase, as its form has it.
        if (error.code() != ErrorCode::usage && error.code() != ErrorCode::wrong_passphrase) throw;
    }
    const auto ask = passphrase_asker(context.options(), "import-passphrase");
    const SecretBytes passphrase = ask({"import", "key file " + path, false});
    return parse(content, &passphrase, path);
}

ExitCode run(Context& context) {
    const std::string& name = context.arguments()[0];
    if (!keyring::is_key_name(name)) throw Error(ErrorCode::usage, "no name for a key: " + printable(name));
    const keyring::KeyDates valid = dates(context);
    const RsaPrivateKey key = load(context, context.arguments()[1]);
    context.vaults().make_local();
    const keyring::KeyVersion made = unlocked_vault(context).import_key(name, key, "imported", valid);
    const TimePoint now = context.clock().now();
    if (context.terminal().json()) context.terminal().object(key_json(made, now));
    else print_key(context.terminal(), made, now);
    return ExitCode::done;
}

}  // namespace

Command key_import_command() {
    Command command;
    command.name = "key import";
    command.synopsis = "NAME FILE [--import-passphrase-file FILE]";
    command.summary = "take a private key into the local vault";
    command.description =
        "Reads an RSA private key of 2048, 3072 or 4096 bits and keeps it in the local vault as the next version of NAME. "
        "The file may be PEM or DER: PKCS#8, plain or sealed under a passphrase of its own, PKCS#1, or PKCS#12 (.pfx). "
        "What it is follows from its content.\n\nThe file is left as it is: store it safely or destroy it.";
    command.options = {
        {.name = "import-passphrase-file", .takes = Takes::one, .value_name = "FILE", .help = "the passphrase of the file"},
        {.name = "import-passphrase-command", .takes = Takes::one, .value_name = "CMD",
         .help = "a command that prints the passphrase of the file"},
        {.name = "import-passphrase-fd", .takes = Takes::one, .value_name = "N",
         .help = "a descriptor from which to read the passphrase of the file"},
    };
    for (OptionSpec& option : date_options()) command.options.push_back(std::move(option));
    command.arguments = {"name", 2, 2};
    command.examples = {{"signet key import prod-2025 prod-2025.pem", "Import a key made elsewhere"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
