#include "cli/commands/commands.h"
#include "cli/escrow.h"
#include "cli/officer.h"
#include "cli/table.h"
#include "core/crypto/rsa.h"
#include "keyring/escrow_mark.h"

#include <algorithm>
#include <map>
#include <set>

namespace signet::cli {
namespace {

/// The vault that takes the protectors: made under the repository's passphrase where there is none.
keyring::LocalVault& vault_for(Context& context, const SecretBytes& passphrase) {
    keyring::Vaults& vaults = context.vaults();
    if (!vaults.has_local()) {
        (void)keyring::LocalVault::create(vaults.default_folder(), passphrase, {}, context.clock());
        context.passphrases().remember("vault " + vaults.default_folder(), passphrase);
    }
    return vaults.local().unlocked();
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
    std::vector<OpenEscrow> escrows = open_escrows(context, repository, passphrase);
    context.keyring().pin_repository(config.repository, config.officer, repository.config_hash());
    context.note_location();
    sort_by_use(context, escrows);

    keyring::LocalVault& vault = vault_for(context, passphrase);
    Json protectors = Json::array();
    std::string name;
    for (const OpenEscrow& escrow : escrows) {
        const keyring::LinkReport report = take_in(context, vault, escrow, &escrow == &escrows.back(), name);
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
    if (context.terminal().json()) {
        context.terminal().object(Json{{"message_type", "summary"},
                                       {"repository", config.repository.hex()},
                                       {"officer", config.officer.hex()},
                                       {"protectors", std::move(protectors)}});
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
