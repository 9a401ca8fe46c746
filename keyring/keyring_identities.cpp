// The identities of a keyring: its writer with what it wrote in each repository, and the officer.
#include "core/crypto/random.h"
#include "core/file.h"
#include "format/encoding.h"
#include "keyring/identity_file.h"
#include "keyring/keyring.h"
#include "keyring/vault_place.h"

#include <algorithm>
#include <filesystem>

namespace signet::keyring {
namespace {

constexpr const char* kWriterName = "/writer.key";
constexpr const char* kWriterKeysKind = "signet-writer-keys";
constexpr const char* kOfficerName = "/officer.key";
/// Under which name a vault keeps the officer.
constexpr const char* kOfficer = "officer";

WriterIdentity writer_from(const IdentitySecrets& secrets) {
    return {crypto::SigningKey::from_seed(secrets.at("seed").clone()), secrets.at("secret").clone()};
}

/// A new one, in place of what is there.
WriterIdentity make_writer(const std::string& path) {
    IdentitySecrets secrets;
    secrets["seed"] = crypto::SigningKey::generate().seed().clone();
    secrets["secret"] = crypto::random_secret(kSecretSize);
    write_identity_file(path, "signet-writer", secrets);
    return writer_from(secrets);
}

/// The officer's seed in officer.key.
std::optional<SecretBytes> officer_file(const std::string& folder) {
    const auto secrets = read_identity_file(folder + kOfficerName, "signet-officer", {"seed"});
    if (!secrets) return std::nullopt;
    return secrets->at("seed").clone();
}

}  // namespace

std::optional<WriterIdentity> Keyring::writer_if_present() const {
    const auto secrets = read_identity_file(folder_ + kWriterName, "signet-writer", {"secret", "seed"});
    if (!secrets) return std::nullopt;
    return writer_from(*secrets);
}

WriterIdentity Keyring::writer() {
    if (auto present = writer_if_present()) return std::move(*present);
    const FileLock lock = lock_folder();
    // Another process may have made it meanwhile; a second writer would split the journal.
    if (auto present = writer_if_present()) return std::move(*present);
    return make_writer(folder_ + kWriterName);
}

WriterIdentity Keyring::new_writer() {
    const FileLock lock = lock_folder();
    for (const auto& [repository, pin] : content_.pins) {
        std::error_code failed;
        std::filesystem::remove(writer_keys_path(repository), failed);
        if (failed) throw Error::from_errno("remove", writer_keys_path(repository), failed.value());
    }
    return make_writer(folder_ + kWriterName);
}

// The writer's journal in a repository.

std::string Keyring::writer_keys_path(const RepositoryId& repository) const {
    return folder_ + "/writer-" + repository.hex() + ".key";
}

OwnJournal Keyring::own_journal(const RepositoryId& repository, const IdentityId& writer) const {
    const RepositoryPin* known = pin(repository);
    OwnJournal own = known == nullptr ? OwnJournal{} : known->own;
    if (own.writer != writer) own = {};
    own.writer = writer;
    return own;
}

format::WriterKeys Keyring::writer_keys(const RepositoryId& repository, const WriterIdentity& writer) const {
    if (own_journal(repository, writer.identity()).predecessors.empty())
        return format::WriterKeys::derive(writer.secret.reveal(), repository);
    const std::string path = writer_keys_path(repository);
    const auto keys = read_identity_file(path, kWriterKeysKind, {"id", "index", "label"});
    if (!keys) {
        throw Error(ErrorCode::damaged, path + ": gone, and it holds the keys of the writer whose place this one took",
                    "restore it from a copy, or take the place again with signet keyring adopt --new-identity and "
                    "signet keyring adopt " +
                        writer.identity().short_hex(16));
    }
    return {keys->at("id").clone(), keys->at("index").clone(), keys->at("label").clone()};
}

void Keyring::change_own(const RepositoryId& repository, const IdentityId& writer,
                         const std::function<void(OwnJournal&)>& apply) {
    change([&](Content& next) {
        const auto found = next.pins.find(repository);
        if (found == next.pins.end())
            throw Error(ErrorCode::usage, "repository " + repository.short_hex() + " is not pinned");
        OwnJournal& own = found->second.own;
        if (own.writer != writer) own = {};
        own.writer = writer;
        apply(own);
    });
}

void Keyring::take_over(const RepositoryId& repository, const IdentityId& writer, std::vector<IdentityId> predecessors,
                        const format::WriterKeys& keys) {
    make_folders(folder_, 0700);
    IdentitySecrets secrets;
    secrets["id"] = keys.id_key.clone();
    secrets["index"] = keys.index_key.clone();
    secrets["label"] = keys.label_key.clone();
    // Unused as long as keyring.json names no predecessors.
    write_identity_file(writer_keys_path(repository), kWriterKeysKind, secrets);
    change_own(repository, writer, [&](OwnJournal& own) { own.predecessors = std::move(predecessors); });
}

namespace {

void refuse_foreign(const OwnJournal& own, std::span<const OwnEntry> entries) {
    const OwnEntry* foreign = own.foreign(entries);
    if (foreign == nullptr) return;
    const std::string whose = own.writer.short_hex(16);
    throw Error(
        ErrorCode::refused,
        "another machine writes with this identity, " + whose + ", since entry " + std::to_string(foreign->sequence) +
            " of its journal (" + to_rfc3339(foreign->time) + ")",
        "on a machine that was cloned: signet keyring adopt --new-identity; if this is the only machine, and its "
        "keyring was brought back from an old copy: signet keyring adopt " +
            whose + "; if neither, somebody has this machine's writer.key");
}

}  // namespace

void Keyring::require_own(const RepositoryId& repository, const IdentityId& writer, std::span<const OwnEntry> entries) {
    // Runs that other processes began since this keyring was read count.
    refresh();
    refuse_foreign(own_journal(repository, writer), entries);
}

void Keyring::begin_run(const RepositoryId& repository, const IdentityId& writer, std::span<const OwnEntry> entries,
                        const format::RunId& run) {
    change_own(repository, writer, [&](OwnJournal& own) {
        refuse_foreign(own, entries);
        if (!entries.empty()) own.account(entries.back().sequence);
        own.begin(run);
    });
}

void Keyring::end_run(const RepositoryId& repository, const IdentityId& writer, const format::RunId& run,
                      const SeenEntry& last) {
    change([&](Content& next) {
        const auto found = next.pins.find(repository);
        if (found == next.pins.end()) return;
        if (found->second.own.writer == writer) found->second.own.end(run, last.sequence);
        if (last.sequence > 0) (void)found->second.take_newer({{writer, last}});
    });
}

void Keyring::account_for(const RepositoryId& repository, const IdentityId& writer, std::uint64_t last) {
    change_own(repository, writer, [&](OwnJournal& own) {
        // A journal that was rolled back ends earlier than it did.
        own.accounted = last;
        own.account(last);
    });
}

// The officer.

namespace {

std::optional<IdentityId> officer_of_vault(Vaults& vaults) {
    if (!vaults.has_local()) return std::nullopt;
    return vaults.local().vault().identity_of(kOfficer);
}

std::string default_vault(const Vaults& vaults) { return vault_folder(Location{}, vaults.default_folder()); }

Error hidden_officer(const VaultOfficer& officer) {
    const bool is_elsewhere = !is_vault_missing(officer.vault);
    return {ErrorCode::key_unavailable,
            "this keyring's officer " + officer.identity.short_hex(16) + " is out of reach: the vault " +
                officer.vault + (is_elsewhere ? " held it, and is not the one in use" : " that holds it is not there"),
            is_elsewhere ? "name that vault with --vault"
                         : "bring its disk back, or name the folder where it is now with --vault; where it is gone for "
                           "good, signet keyring recover brings back an officer that a repository has in escrow, and "
                           "another keyring (--keyring) makes one of its own"};
}

}  // namespace

void Keyring::note_officer(const VaultOfficer& officer) noexcept {
    try {
        const VaultOfficer noted{officer.identity, format::to_utf8(officer.vault)};
        if (content_.officer != noted) change([&](Content& next) { next.officer = noted; });
    } catch (const std::exception&) {
        // A keyring on a medium that cannot be written still serves.
    }
}

std::optional<IdentityId> Keyring::officer_identity(Vaults& vaults) {
    if (const auto seed = officer_file(folder_)) {
        return crypto::SigningKey::from_seed(seed->clone()).verify_key().identity();
    }
    const auto& known = content_.officer;
    if (const auto held = officer_of_vault(vaults)) {
        // Another vault may be looked at for once: only who signs takes the place of a known one.
        if (!known || known->identity == *held) note_officer({*held, default_vault(vaults)});
        return held;
    }
    return known ? std::optional(known->identity) : std::nullopt;
}

bool Keyring::has_officer(Vaults& vaults) const { return officer_file(folder_) || officer_of_vault(vaults); }

std::optional<crypto::SigningKey> Keyring::officer_if_present(Vaults& vaults) {
    if (auto seed = officer_file(folder_)) return crypto::SigningKey::from_seed(std::move(*seed));
    if (!officer_of_vault(vaults)) {
        if (content_.officer) throw hidden_officer(*content_.officer);
        return std::nullopt;
    }
    auto seed = vaults.local().unlocked().get_identity(kOfficer);
    if (!seed) return std::nullopt;
    auto key = crypto::SigningKey::from_seed(std::move(*seed));
    note_officer({key.verify_key().identity(), default_vault(vaults)});
    return key;
}

void Keyring::require_no_hidden_officer(const Vaults& vaults) const {
    // A vault at hand is where an officer is made, and hides none.
    if (content_.officer || vaults.has_local()) return;
    std::vector<std::string> folders;
    if (const std::string folder = default_vault(vaults);
        !folder.empty() && knows_vault(folder, vaults.default_folder()))
        folders.push_back(folder);
    for (const auto& [folder, file_system] : content_.vault_places) folders.push_back(folder);
    for (const Link& link : content_.links) {
        for (const std::string& text : link.locations) {
            if (const Location location = Location::parse(text); !location.folder.empty())
                folders.push_back(vault_folder(location, {}));
        }
    }
    const auto missing = std::find_if(folders.begin(), folders.end(), is_vault_missing);
    if (missing == folders.end()) return;
    throw Error(ErrorCode::key_unavailable,
                "the vault " + *missing + " is out of reach, and may hold this keyring's officer",
                "bring its disk back, or name the folder where it is now with --vault");
}

crypto::SigningKey Keyring::officer(Vaults& vaults) {
    if (auto present = officer_if_present(vaults)) return std::move(*present);
    require_no_hidden_officer(vaults);
    try {
        adopt_officer(crypto::SigningKey::generate().seed(), vaults);
    } catch (const Error& error) {
        // Another process may have been first: then its officer counts.
        if (error.code() != ErrorCode::refused || !has_officer(vaults)) throw;
    }
    auto present = officer_if_present(vaults);
    invariant(present.has_value(), "an officer that was made is there");
    return std::move(*present);
}

void Keyring::adopt_officer(const SecretBytes& seed, Vaults& vaults) {
    const IdentityId identity = crypto::SigningKey::from_seed(seed.clone()).verify_key().identity();
    if (const auto known = officer_identity(vaults)) {
        if (*known != identity) throw Error(ErrorCode::refused, "this keyring has another officer: " + known->hex());
        // Its vault may be lost, and this brings it back.
        if (has_officer(vaults)) return;
    }
    if (vaults.has_local()) {
        vaults.local().unlocked().put_identity(kOfficer, seed);
        note_officer({identity, default_vault(vaults)});
        return;
    }
    const FileLock lock = lock_folder();
    if (officer_file(folder_)) throw Error(ErrorCode::refused, "this keyring has an officer already");
    IdentitySecrets secrets;
    secrets["seed"] = seed.clone();
    write_identity_file(folder_ + kOfficerName, "signet-officer", secrets);
}

}  // namespace signet::keyring
