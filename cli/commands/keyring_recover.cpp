#include "cli/commands/commands.h"
#include "cli/escrow.h"
#include "cli/key_view.h"
#include "cli/officer.h"
#include "cli/table.h"
#include "core/crypto/rsa.h"
#include "keyring/escrow_mark.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>

namespace signet::cli {
namespace {

/// The vault that takes the protectors: made under the repository's passphrase where there is none.
keyring::LocalVault& vault_for(Context& context, const SecretBytes& passphrase) {
    keyring::Vaults& vaults = context.vaults();
    if (!vaults.has_local()) {
        require_room_for_vault(context);
        (void)keyring::LocalVault::create(vaults.default_folder(), passphrase, {}, context.clock());
        context.passphrases().remember("vault " + vaults.default_folder(), passphrase);
    }
    try {
        return vaults.local().unlocked();
    } catch (const Error& error) {
        if (error.code() != ErrorCode::wrong_passphrase) throw;
        throw Error(error.code(), error.what(),
                    "the vault in " + vaults.default_folder() +
                        " has another passphrase than the repository: recover into a new one (--vault DIR), or give "
                        "the vault the same passphrase first: signet key passphrase");
    }
}

/// What must not become the default again: the policy says so. Everything, where the policy cannot be read.
std::function<bool(const format::Thumbprint&)> fence_of(Context& context) {
    try {
        const keyring::Policy policy = current_policy(context).policy;
        return [policy](const format::Thumbprint& thumbprint) { return policy.is_fenced(thumbprint); };
    } catch (const Error& error) {
        context.terminal().warning("no protector is made the default, as the policy cannot be read: " +
                                   std::string(error.what()));
        return [](const format::Thumbprint&) { return true; };
    }
}

/// The protector that was used last of those that are not fenced; none where all are.
std::optional<format::Thumbprint> default_of(Context& context, const std::vector<OpenEscrow>& escrows) {
    const auto is_fenced = fence_of(context);
    const auto last = std::find_if(escrows.rbegin(), escrows.rend(),
                                   [&](const OpenEscrow& escrow) { return !is_fenced(escrow.thumbprint); });
    if (last != escrows.rend()) return last->thumbprint;
    context.terminal().warning(
        "none of these protectors is made the default: the policy says that they are compromised or retiring");
    return std::nullopt;
}

void warn_of_sealed(Context& context, const std::set<format::Thumbprint>& sealed) {
    if (sealed.empty()) return;
    std::vector<std::string> names;
    for (const format::Thumbprint& thumbprint : sealed) names.push_back(thumbprint.short_text());
    context.terminal().warning(
        counted(sealed.size(), "escrow protector") + " did not open with this passphrase, and what " +
        (sealed.size() == 1 ? "it wraps" : "they wrap") + " cannot be restored without: " + join(names, ", ") +
        "; it is under another passphrase: run signet keyring recover again with that one, into another vault "
        "(--vault DIR), or give this vault the same passphrase first (signet key passphrase)");
}

/// A name of its own in the vault: another key may have taken it.
std::string free_name(const keyring::LocalVault& vault, const std::string& wanted, const RepositoryId& repository) {
    const auto& keys = vault.list();
    const auto is_taken = [&](const std::string& name) {
        return std::any_of(keys.begin(), keys.end(), [&](const keyring::KeyVersion& key) { return key.name == name; });
    };
    return is_taken(wanted) ? wanted + "-" + repository.short_hex() : wanted;
}

/// In the order in which they were used last, so that versions keep their order and the newest comes last.
void sort_by_use(Context& context, std::vector<OpenEscrow>& escrows) {
    std::map<format::Thumbprint, TimePoint> used;
    const auto note = [&](const format::SealedPacks& listed, TimePoint time) {
        for (const format::Slot& slot : listed.slots) {
            TimePoint& last = used[slot.thumbprint];
            last = std::max(last, time);
        }
    };
    for (const auto& [place, run] : context.catalogue().runs()) note(run.fields, run.fields.started);
    for (const auto& [place, repack] : context.catalogue().repacks().entries())
        note(repack.fields, repack.entry->head.time);
    std::stable_sort(escrows.begin(), escrows.end(),
                     [&](const OpenEscrow& a, const OpenEscrow& b) { return used[a.thumbprint] < used[b.thumbprint]; });
}

/// Brings one protector into vault and keyring. Twice is once. becomes_default  unless the keyring has a default of its
/// own
keyring::LinkReport take_in(Context& context, keyring::LocalVault& vault, const OpenEscrow& escrow,
                            bool becomes_default, std::string& name) {
    const format::RepositoryConfig& config = context.repository().config();
    auto key = vault.find(escrow.thumbprint);
    if (!key) {
        if (name.empty()) name = free_name(vault, escrow.secret.name, config.repository);
        const auto material = crypto::RsaPrivateKey::from_pkcs8(escrow.secret.pkcs8.reveal());
        if (format::Thumbprint::of(material.public_key()) != escrow.thumbprint) {
            throw Error(ErrorCode::damaged,
                        "the escrow object of " + escrow.thumbprint.short_text() + " holds another key");
        }
        key = vault.import_key(name, material, "recovered");
    }
    keyring::mark_escrow(context.keyring(), escrow.thumbprint);
    keyring::Location location;
    location.name = key->name;
    keyring::LinkOptions options;
    options.provider = config.provider;
    options.region = config.region;
    const keyring::Link* present = context.keyring().default_link(config.provider, config.region);
    options.role = present == nullptr && becomes_default ? keyring::LinkRole::default_ : keyring::LinkRole::linked;
    if (present != nullptr && present->thumbprint == escrow.thumbprint) options.role = keyring::LinkRole::default_;
    return context.keyring().link(location.with_version(key->version), options, context.vaults());
}

/// So that listings show names at once: who opens a backup learns the label key of its writer.
void learn_names(Context& context) {
    std::set<IdentityId> done;
    const std::vector<restore::Backup>& backups = context.catalogue().backups();
    for (auto backup = backups.rbegin(); backup != backups.rend(); ++backup) {
        if (!backup->trusted || !done.insert(backup->writer).second) continue;
        try {
            (void)context.open(*backup);
        } catch (const Error&) {
            // Names are a convenience; the restore will say what is wrong.
        }
    }
}

ExitCode run(Context& context) {
    const storage::Repository& repository = context.repository();
    const format::RepositoryConfig& config = repository.config();
    const auto expected = context.options().text("officer");
    const bool is_pinned = context.keyring().pin(config.repository) != nullptr;
    if (!expected && !is_pinned) {
        throw Error(ErrorCode::usage, "keyring recover needs --officer FINGERPRINT",
                    "signet init printed it; this repository claims " + config.officer.hex());
    }
    if (expected && !is_fingerprint_of(*expected, config.officer)) {
        throw Error(ErrorCode::refused,
                    "the repository's officer is " + config.officer.hex() + ", not " + printable(*expected),
                    "is this the right repository?");
    }
    const SecretBytes passphrase =
        context.passphrases().get({"unlock", "repository " + context.repository_location(), false});
    OpenEscrows found = open_escrows(context, repository, passphrase);
    std::vector<OpenEscrow>& escrows = found.opened;
    context.keyring().pin_repository(config.repository, config.officer, repository.config_hash());
    context.note_location();
    sort_by_use(context, escrows);

    keyring::LocalVault& vault = vault_for(context, passphrase);
    const auto next_default = default_of(context, escrows);
    Json protectors = Json::array();
    Json sealed = Json::array();
    for (const format::Thumbprint& thumbprint : found.sealed) sealed.push_back(thumbprint.text());
    std::string name;
    for (const OpenEscrow& escrow : escrows) {
        const keyring::LinkReport report = take_in(context, vault, escrow, next_default == escrow.thumbprint, name);
        protectors.push_back(report.link.thumbprint.text());
        context.terminal().result("recovered " + report.link.thumbprint.text() + " as " +
                                  printable(join(report.link.locations, ", ")) + " (" +
                                  std::string(keyring::text(report.link.role)) + ")");
    }
    for (const OpenEscrow& escrow : escrows) {
        if (escrow.secret.officer_seed.empty()) continue;
        const auto own = context.keyring().officer_identity(context.vaults());
        const auto inside = crypto::SigningKey::from_seed(escrow.secret.officer_seed.clone()).verify_key().identity();
        if (!own || *own == inside) context.keyring().adopt_officer(escrow.secret.officer_seed, context.vaults());
    }
    learn_names(context);
    warn_of_sealed(context, found.sealed);
    if (context.terminal().json()) {
        context.terminal().object(Json{{"message_type", "summary"},
                                       {"repository", config.repository.hex()},
                                       {"officer", config.officer.hex()},
                                       {"protectors", std::move(protectors)},
                                       {"not_opened", std::move(sealed)}});
    }
    return ExitCode::done;
}

}  // namespace

Command keyring_recover_command() {
    Command command;
    command.name = "keyring recover";
    command.synopsis = "--officer FINGERPRINT";
    command.summary = "bring the escrow protector back, from repository and passphrase alone";
    command.description =
        "For a bare machine: where Signet made the protector by itself, the repository holds its private half under "
        "the passphrase. This command compares the repository's officer with the fingerprint that signet init "
        "printed, opens that object, keeps the protector in a local vault under the same passphrase, links it, and "
        "remembers the repository. Then signet restore works.\n\n"
        "Where the protectors are the customer's own, a repository holds none of them: link them instead.";
    command.options = {{.name = "officer",
                        .takes = Takes::one,
                        .value_name = "FINGERPRINT",
                        .help = "the officer's fingerprint, or its first 16 digits at least"}};
    command.examples = {{"signet keyring recover -r /mnt/backup --officer 1c5e88a3b2d94f10", "On a new machine"},
                        {"signet restore -r /mnt/backup -t /", "And then"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
