#include "cli/escrow.h"

#include "cli/key_view.h"
#include "core/crypto/digest.h"
#include "format/limits.h"
#include "keyring/escrow_mark.h"

#include <algorithm>

namespace signet::cli {
namespace {

std::string free_name(const keyring::LocalVault& vault, const std::string& region) {
    const std::string wanted = region == "local" ? "escrow" : "escrow-" + region;
    const auto is_taken = [&](const std::string& name) {
        const auto& keys = vault.list();
        return std::any_of(keys.begin(), keys.end(), [&](const keyring::KeyVersion& key) { return key.name == name; });
    };
    std::string name = wanted;
    for (int number = 2; is_taken(name); ++number) name = wanted + "-" + std::to_string(number);
    return name;
}

constexpr int kEscrowBits = 3072;

}  // namespace

format::Thumbprint make_escrow_protector(Context& context, const std::string& region) {
    if (!context.vaults().has_local()) require_room_for_vault(context);
    context.vaults().make_local();
    keyring::LocalVault& vault = context.vaults().local().unlocked();
    const keyring::KeyVersion key = vault.create_key(free_name(vault, region), kEscrowBits);
    keyring::mark_escrow(context.keyring(), key.thumbprint);
    keyring::Location location;
    location.name = key.name;
    keyring::LinkOptions options;
    options.role = keyring::LinkRole::default_;
    options.region = region;
    (void)context.keyring().link(location, options, context.vaults());
    return key.thumbprint;
}

void store_escrow(Context& context, storage::Store& store, const RepositoryId& repository,
                  const format::Thumbprint& thumbprint) {
    keyring::LocalVaultAdapter& adapter = context.vaults().local();
    const keyring::LocalVault& vault = adapter.unlocked();
    const auto key = vault.find(thumbprint);
    if (!key)
        throw Error(ErrorCode::key_unavailable,
                    "the escrow protector " + thumbprint.short_text() + " is not in the local vault");
    format::EscrowSecret secret;
    secret.name = key->name;
    secret.pkcs8 = vault.export_private(thumbprint);
    if (context.keyring().has_officer(context.vaults()))
        secret.officer_seed = context.keyring().officer(context.vaults()).seed().clone();
    const SecretBytes passphrase = context.passphrases().get({"unlock", adapter.object(), false});
    const Bytes object = format::seal_escrow(repository, thumbprint, secret, passphrase, {});
    const std::string name = format::escrow_name(thumbprint, crypto::sha256(object));
    (void)store.put(name, object);
    // What nobody could open later is better noticed now.
    const Bytes stored = store.get(name, format::kMaxEscrow);
    if (!format::open_escrow(stored, repository, passphrase, name).pkcs8.equals(secret.pkcs8.reveal())) {
        throw Error(ErrorCode::damaged, name + ": reads back other than it was written");
    }
}

bool has_escrow(const storage::Store& store, const format::Thumbprint& thumbprint) {
    return !store.list("escrow/" + thumbprint.object_text() + ".").empty();
}

OpenEscrows open_escrows(Context& context, const storage::Repository& repository, const SecretBytes& passphrase) {
    struct Candidate {
        std::string object;
        format::EscrowName name;
        bool is_usual = false;  ///< costs what this program's own objects cost
    };
    std::vector<Candidate> candidates;
    for (const storage::ObjectInfo& info : repository.store().list("escrow/")) {
        const auto name = format::parse_escrow_name(info.name);
        if (!name) continue;
        const bool is_small = info.size <= format::kMaxEscrow;
        candidates.push_back(
            {info.name, *name,
             is_small && format::has_usual_cost(repository.store().get(info.name, format::kMaxEscrow))});
    }
    // Anyone can put an expensive one beside the right one.
    std::stable_partition(candidates.begin(), candidates.end(), [](const Candidate& one) { return one.is_usual; });

    OpenEscrows result;
    std::vector<OpenEscrow>& opened = result.opened;
    std::optional<Error> wrong;
    std::optional<Error> unusable;
    for (const Candidate& candidate : candidates) {
        const std::string& object_name = candidate.object;
        const format::EscrowName& name = candidate.name;
        const auto same = [&](const OpenEscrow& other) { return other.thumbprint == name.thumbprint; };
        if (std::any_of(opened.begin(), opened.end(), same)) continue;
        try {
            const Bytes object = repository.store().get(object_name, format::kMaxEscrow);
            if (crypto::sha256(object) != name.content)
                throw Error(ErrorCode::damaged,
                            object_name + " is damaged: it does not have the content that its name promises");
            format::EscrowSecret secret =
                format::open_escrow(object, repository.config().repository, passphrase, object_name);
            opened.push_back({name.thumbprint, std::move(secret)});
        } catch (const Error& error) {
            // Objects under an earlier passphrase, or of a repository that was never finished, may lie beside the right
            // one.
            if (error.code() == ErrorCode::wrong_passphrase) {
                wrong = error;
                result.sealed.insert(name.thumbprint);
                continue;
            }
            if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
            context.terminal().warning(error.what());
            if (!unusable || error.code() == ErrorCode::damaged) unusable = error;
        }
    }
    for (const OpenEscrow& one : opened) result.sealed.erase(one.thumbprint);
    if (!opened.empty()) return result;
    if (unusable) throw *unusable;
    if (wrong) throw *wrong;
    throw Error(ErrorCode::key_unavailable, "the repository holds no escrow object: its protectors are the customer's",
                "link them: signet keyring link LOCATION");
}

}  // namespace signet::cli
