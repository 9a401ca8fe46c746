#include "cli/context.h"

#include "cli/passphrase.h"
#include "cli/places.h"
#include "storage/open_store.h"

namespace signet::cli {

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
        passphrases_ = std::make_unique<keyring::PassphraseSource>(passphrase_asker(options_), passphrase_manner(options_));
    }
    return *passphrases_;
}

keyring::Vaults& Context::vaults() {
    if (!vaults_) {
        vaults_ = std::make_unique<keyring::Vaults>(absolute_path(options_.text_or("vault", default_vault())), passphrases(),
                                                    clock());
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
    auto location = options_.text("repo");
    if (!location) {
        throw Error(ErrorCode::usage, "no repository was named", "give --repo DIR, or set SIGNET_REPOSITORY");
    }
    return *location;
}

const storage::Repository& Context::repository() {
    if (!repository_) {
        repository_ = storage::Repository::open(storage::open_store(repository_location(), storage::OpenMode::existing));
    }
    return *repository_;
}

const restore::Catalogue& Context::catalogue(bool remember) {
    if (!catalogue_) {
        restore::CatalogueOptions options;
        options.remember = remember;
        load_catalogue(std::move(options));
    }
    return *catalogue_;
}

const restore::Catalogue& Context::load_catalogue(restore::CatalogueOptions options) {
    if (catalogue_) throw Error(ErrorCode::failed, "the catalogue was read already");
    options.notice = [this](const std::string& sentence) { terminal_.warning(sentence); };
    catalogue_ = restore::Catalogue::load(repository(), keyrings(), options);
    return *catalogue_;
}

restore::Planner& Context::planner() {
    if (!planner_) planner_ = std::make_unique<restore::Planner>(catalogue(), repository(), resolver());
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
