#include "cli/context.h"

#include "cli/audit_syslog.h"
#include "cli/checkpoints.h"
#include "cli/passphrase.h"
#include "cli/places.h"
#include "storage/open_store.h"

#include <filesystem>

namespace signet::cli {

std::string canonical_place(const std::string& location) {
    std::error_code failed;
    const std::filesystem::path canonical = std::filesystem::weakly_canonical(absolute_path(location), failed);
    return failed ? absolute_path(location) : canonical.string();
}

std::string canonical_location(const storage::Store& store) { return canonical_place(store.location()); }

Context::Context(const Command& command, const Options& options, Terminal& terminal)
    : command_(command), options_(options), terminal_(terminal) {}

Context::~Context() = default;

int Context::jobs() const { return static_cast<int>(options_.integer("jobs", 1, 1024).value_or(0)); }

std::string Context::cache_folder() const {
    if (options_.flag("no-cache")) return {};
    return absolute_path(options_.text_or("cache-dir", default_cache()));
}

keyring::PassphraseSource& Context::passphrases() {
    if (!passphrases_) {
        passphrases_ =
            std::make_unique<keyring::PassphraseSource>(passphrase_asker(options_), passphrase_manner(options_));
    }
    return *passphrases_;
}

keyring::Vaults& Context::vaults() {
    if (!vaults_) {
        vaults_ = std::make_unique<keyring::Vaults>(absolute_path(options_.text_or("vault", default_vault())),
                                                    passphrases(), clock());
    }
    return *vaults_;
}

keyring::KeyringSet& Context::keyrings() {
    if (!keyrings_) {
        std::vector<std::string> folders = options_.list("keyring");
        if (folders.empty()) folders.push_back(default_keyring());
        std::vector<keyring::Keyring> opened;
        opened.reserve(folders.size());
        for (const std::string& folder : folders) {
            opened.push_back(keyring::Keyring::open(absolute_path(folder), !opened.empty(), clock()));
        }
        keyrings_ = std::make_unique<keyring::KeyringSet>(std::move(opened));
        if (options_.flag("audit-syslog")) send_audit_to_syslog(keyrings_->own());
    }
    return *keyrings_;
}

keyring::Resolver& Context::resolver() {
    if (!resolver_) {
        const auto warn = [this](const std::string& sentence) { terminal_.warning(sentence); };
        resolver_ = std::make_unique<keyring::Resolver>(keyrings(), vaults(), warn);
    }
    return *resolver_;
}

std::string Context::repository_location() const {
    auto location = location_ ? location_ : options_.text("repo");
    if (!location) {
        throw Error(ErrorCode::usage, "no repository was named", "give --repo DIR, or set SIGNET_REPOSITORY");
    }
    return *location;
}

const storage::Repository& Context::repository() {
    (void)any_repository();
    if (!place_is_held_) {
        hold_to_place(*repository_);
        place_is_held_ = true;
    }
    return *repository_;
}

/// A forged repository in the place of a known one would otherwise be a mere first contact.
void Context::hold_to_place(const storage::Repository& repository) {
    const format::RepositoryConfig& config = repository.config();
    const std::string location = canonical_location(repository.store());
    for (const keyring::Keyring& keyring : keyrings().all()) {
        const RepositoryId* held = keyring.held_at(location);
        if (held == nullptr || *held == config.repository) continue;
        const keyring::RepositoryPin* pin = keyring.pin(*held);
        throw Error(
            ErrorCode::refused,
            location + " held repository " + held->hex() +
                (pin == nullptr ? std::string() : " of the officer " + pin->officer.hex()) +
                ", and now it holds repository " + config.repository.hex() + ", whose officer is said to be " +
                config.officer.hex(),
            "only if it was replaced on purpose: signet keyring adopt --officer FINGERPRINT, with the fingerprint that "
            "signet init printed for the new one");
    }
}

keyring::ProvenSlots Context::proven_slots(const RepositoryId& repository) {
    const keyring::WriterIdentity writer = keyring().writer();
    return {keyring::ProvenSlots::path_in(cache_folder(), repository, writer.identity()),
            format::derive_cache_key(writer.secret.reveal(), repository)};
}

void Context::note_location() {
    const format::RepositoryConfig& config = any_repository().config();
    if (keyring().pin(config.repository) == nullptr) return;
    try {
        keyring().note_location(canonical_location(repository_->store()), config.repository);
    } catch (const Error& error) {
        // Looking at a repository must work with a keyring on a read-only disk.
        if (error.code() != ErrorCode::io) throw;
        terminal_.warning(std::string("the place of the repository is not remembered: ") + error.what());
    }
}

const storage::Repository& Context::any_repository() {
    if (!repository_) {
        repository_ =
            storage::Repository::open(storage::open_store(repository_location(), storage::OpenMode::existing));
    }
    return *repository_;
}

void Context::turn_to(const std::string& location) {
    forget_catalogue();
    repository_.reset();
    place_is_held_ = false;
    location_ = location;
}

const restore::Catalogue& Context::catalogue(bool remember) {
    if (!catalogue_) {
        restore::CatalogueOptions options;
        options.remember = remember;
        load_catalogue(std::move(options));
    }
    return *catalogue_;
}

const restore::Catalogue& Context::headers() {
    if (catalogue_) return *catalogue_;
    restore::CatalogueOptions options;
    options.remember = false;
    options.headers_only = true;
    const RepositoryId& id = repository().config().repository;
    std::optional<storage::JournalCache> cache;
    // The cache is sealed under a key of this host's writer: without one there is none.
    if (const auto writer = keyring().writer_if_present(); writer && !cache_folder().empty()) {
        cache.emplace(cache_folder() + "/" + id.hex(), id, format::derive_cache_key(writer->secret.reveal(), id));
        options.cache = &*cache;
    }
    return load_catalogue(std::move(options));
}

restore::Catalogue Context::look_again() {
    restore::CatalogueOptions options;
    options.remember = false;
    options.headers_only = true;
    return restore::Catalogue::load(repository(), keyrings(), options);
}

const restore::Catalogue& Context::load_catalogue(restore::CatalogueOptions options) {
    if (catalogue_) throw Error(ErrorCode::failed, "the catalogue was read already");
    options.notice = [this](const std::string& sentence) { terminal_.warning(sentence); };
    options.checkpoints = given_checkpoints(options_);
    catalogue_ = restore::Catalogue::load(repository(), keyrings(), options);
    if (options.remember) note_location();
    return *catalogue_;
}

restore::Planner& Context::planner() {
    if (!planner_) {
        restore::PlanOptions plans;
        plans.without_keys = options_.list("without-key");
        planner_ = std::make_unique<restore::Planner>(catalogue(), repository(), resolver(), std::move(plans));
    }
    return *planner_;
}

void Context::forget_catalogue() {
    planner_.reset();
    catalogue_.reset();
}

std::unique_ptr<restore::OpenBackup> Context::open(const restore::Backup& backup, bool salvage) {
    restore::OpenOptions options;
    options.salvage = salvage;
    options.warn = [this](const std::string& sentence) { terminal_.warning(sentence); };
    auto open = restore::OpenBackup::open(repository(), planner(), resolver(), backup, options);
    if (catalogue().label_key(backup.writer) == nullptr) learn_names(*open);
    return open;
}

void Context::learn_names(const restore::OpenBackup& open) {
    // Names are a convenience: a keyring that cannot be written goes without.
    try {
        keyring().learn_label_key(catalogue().repository(), open.backup().writer, open.body().keys.label_key);
    } catch (const Error&) {
        terminal_.message("the names of this writer's backups cannot be kept in the keyring");
    }
}

}  // namespace signet::cli
