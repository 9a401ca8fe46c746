// The identities of a keyring: its writer with what it wrote in each repository, and the officer.
#include "core/crypto/random.h"
#include "core/file.h"
#include "keyring/identity_file.h"
#include "keyring/keyring.h"

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

std::optional<IdentityId> Keyring::officer_identity(Vaults& vaults) const {
    if (const auto seed = officer_file(folder_)) {
        return crypto::SigningKey::from_seed(seed->clone()).verify_key().identity();
    }
    if (!vaults.has_local()) return std::nullopt;
    return vaults.local().vault().identity_of(kOfficer);
}

std::optional<crypto::SigningKey> Keyring::officer_if_present(Vaults& vaults) const {
    if (auto seed = officer_file(folder_)) return crypto::SigningKey::from_seed(std::move(*seed));
    if (!vaults.has_local() || !vaults.local().vault().identity_of(kOfficer)) return std::nullopt;
    auto seed = vaults.local().unlocked().get_identity(kOfficer);
    if (!seed) return std::nullopt;
    return crypto::SigningKey::from_seed(std::move(*seed));
}

crypto::SigningKey Keyring::officer(Vaults& vaults) {
    if (auto present = officer_if_present(vaults)) return std::move(*present);
    try {
        adopt_officer(crypto::SigningKey::generate().seed(), vaults);
    } catch (const Error& error) {
        // Another process may have been first: then its officer counts.
        if (error.code() != ErrorCode::refused || !officer_identity(vaults)) throw;
    }
    auto present = officer_if_present(vaults);
    invariant(present.has_value(), "an officer that was made is there");
    return std::move(*present);
}

void Keyring::adopt_officer(const SecretBytes& seed, Vaults& vaults) {
    const IdentityId identity = crypto::SigningKey::from_seed(seed.clone()).verify_key().identity();
    if (const auto known = officer_identity(vaults)) {
        if (*known == identity) return;
        throw Error(ErrorCode::refused, "this keyring has another officer: " + known->hex());
    }
    if (vaults.has_local()) {
        vaults.local().unlocked().put_identity(kOfficer, seed);
        return;
    }
    const FileLock lock = lock_folder();
    if (officer_file(folder_)) throw Error(ErrorCode::refused, "this keyring has an officer already");
    IdentitySecrets secrets;
    secrets["seed"] = seed.clone();
    write_identity_file(folder_ + kOfficerName, "signet-officer", secrets);
}

}  // namespace signet::keyring
