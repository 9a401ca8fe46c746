#include "cli/config_repair.h"

#include "core/crypto/digest.h"
#include "format/entry.h"
#include "format/limits.h"
#include "format/names.h"
#include "storage/open_store.h"
#include "storage/quarantine.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace signet::cli {
namespace {

using keyring::RepositoryPin;

/// What the entries that can be read say of their repository.
struct Named {
    std::map<Digest, std::string> configs;  ///< hashes of config.json, each with an entry that names it
    std::set<RepositoryId> repositories;

    /// Whether all are of the one that a keyring has pinned, and there are some.
    [[nodiscard]] bool only(const RepositoryPin& pin) const {
        return configs.size() == 1 && configs.begin()->first == pin.config_hash && repositories.size() == 1 &&
               *repositories.begin() == pin.repository;
    }
};

Named names_in_entries(const storage::Store& store) {
    Named named;
    for (const storage::ObjectInfo& info : store.list("journal/")) {
        try {
            const auto object = store.get_if_present(info.name, format::kMaxEntry);
            if (!object) continue;
            const format::SignedEntry entry = format::decode_entry(*object, info.name);
            named.configs.emplace(entry.head.config_hash, info.name);
            named.repositories.insert(entry.head.repository);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
        }
    }
    return named;
}

/// Who stores the repository can put another's entries into it: whose it is can then not be told by them.
void require_one(const Named& named) {
    if (named.configs.size() < 2 && named.repositories.size() < 2) return;
    const std::string one = named.configs.begin()->second;
    const std::string other =
        std::next(named.configs.begin()) == named.configs.end() ? one : std::next(named.configs.begin())->second;
    throw Error(ErrorCode::damaged,
                "this place holds entries of two repositories, " + one + " and " + other +
                    ", and no keyring remembers which of them it is",
                "nothing was changed: use a keyring that has been here, or move away what does not belong");
}

/// What may stand there for provider and region: the names of linked protectors, and of the common case.
std::set<std::string> region_names(const keyring::KeyringSet& keyrings) {
    std::set<std::string> names{"local"};
    for (const keyring::Keyring& keyring : keyrings.all()) {
        for (const keyring::Link& link : keyring.links()) names.insert({link.provider, link.region});
    }
    std::erase_if(names, [](const std::string& name) { return !format::is_region_name(name); });
    return names;
}

/// What is left of the two in a damaged file.
void add_names_in(const Bytes& octets, std::set<std::string>& names) {
    constexpr std::size_t kMostNames = 100;
    std::string word;
    const auto take = [&] {
        if (format::is_region_name(word) && names.size() < kMostNames) names.insert(word);
        word.clear();
    };
    for (const std::uint8_t octet : octets) {
        if (octet == '"')
            take();
        else
            word += static_cast<char>(octet);
    }
}

/// The file that has the pinned hash.
std::optional<format::RepositoryConfig> make_again(const RepositoryPin& pin, const std::set<std::string>& names) {
    format::RepositoryConfig config;
    config.repository = pin.repository;
    config.officer = pin.officer;
    for (const std::string& provider : names) {
        for (const std::string& region : names) {
            config.provider = provider;
            config.region = region;
            if (config.hash() == pin.config_hash) return config;
        }
    }
    return std::nullopt;
}

/// Whether no keyring knows it, or one as it is.
bool is_as_pinned(const Digest& hash, const RepositoryId& repository, const keyring::KeyringSet& keyrings) {
    bool is_known = false;
    for (const keyring::Keyring& keyring : keyrings.all()) {
        const RepositoryPin* pin = keyring.pin(repository);
        if (pin == nullptr) continue;
        if (pin->config_hash == hash) return true;
        is_known = true;
    }
    return !is_known;
}

/// What a keyring remembers of a place; nullptr: nothing.
const RepositoryId* held_at(const storage::Store& store, const keyring::KeyringSet& keyrings) {
    const std::string location = canonical_location(store);
    for (const keyring::Keyring& keyring : keyrings.all()) {
        if (const RepositoryId* held = keyring.held_at(location)) return held;
    }
    return nullptr;
}

class ConfigRepairing {
public:
    explicit ConfigRepairing(Context& context)
        : context_(context),
          keyrings_(context.keyrings()),
          store_(storage::open_store(context.repository_location(), storage::OpenMode::existing)),
          held_(held_at(*store_, keyrings_)) {}

    ConfigRepair run() {
        read();
        if (exists_ && is_right()) return ConfigRepair::not_needed;
        if (!exists_ && store_->list("journal/").empty()) return ConfigRepair::not_needed;
        const std::optional<format::RepositoryConfig> right = right_one();
        if (!right) return ConfigRepair::not_needed;
        if (context_.dry_run()) return ConfigRepair::foreseen;
        if (exists_) set_aside();
        if (!store_->put(format::kConfigName, right->encode())) require_same(*right);
        return ConfigRepair::done;
    }

private:
    void read() {
        const auto object = store_->open_if_present(format::kConfigName);
        exists_ = object != nullptr;
        if (!object) return;
        size_ = object->size();
        found_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(size_, format::kMaxConfig)));
        object->read(0, found_);
    }

    /// Whether what is there is what the keyrings know, or, where none does, what the entries name.
    [[nodiscard]] bool is_right() {
        const std::optional<RepositoryId> repository = decode();
        const Digest hash = crypto::sha256(found_);
        if (!repository || !is_as_pinned(hash, *repository, keyrings_)) return false;
        if (held_ != nullptr) return *held_ == *repository;
        const Named named = names_in_entries(*store_);
        require_one(named);
        return named.configs.empty() || named.configs.begin()->first == hash;
    }

    [[nodiscard]] std::optional<RepositoryId> decode() {
        if (size_ > format::kMaxConfig) return std::nullopt;
        try {
            const RepositoryId repository = format::RepositoryConfig::decode(found_).repository;
            is_readable_ = true;
            return repository;
        } catch (const Error& error) {
            if (error.code() == ErrorCode::unsupported) newer_ = error;
            return std::nullopt;
        }
    }

    /// returns  nothing where another repository's is there, for whoever opens it to refuse
    /// throws   the reason why it cannot be made
    [[nodiscard]] std::optional<format::RepositoryConfig> right_one() const {
        const Named named = names_in_entries(*store_);
        if (held_ == nullptr) require_one(named);
        const std::set<std::string> names = possible_names();
        bool is_known = false;
        for (const keyring::Keyring& keyring : keyrings_.all()) {
            for (const auto& [repository, pin] : keyring.pins()) {
                if (!is_of_place(repository, pin, named)) continue;
                is_known = true;
                if (auto config = make_again(pin, names)) return config;
            }
        }
        const std::string what = std::string(format::kConfigName) + (exists_ ? ": damaged" : ": lost");
        if (!is_known && is_readable_) return std::nullopt;
        if (!is_known && newer_) throw Error(*newer_);
        if (!is_known)
            throw Error(code(), what + ", and no keyring here knows the repository that these entries are of",
                        "use the keyring of a host that has backed up to it or restored from it (--keyring), or bring "
                        "config.json back from a copy: it never changes");
        throw Error(code(), what + ", and which provider and region it named is not known any more",
                    "link a protector of that region (signet keyring link), or bring config.json back from a copy of "
                    "that region: it never changes");
    }

    /// What a keyring remembers of the place is worth more than some of what lies there, and not than all of it.
    [[nodiscard]] bool is_of_place(const RepositoryId& repository, const RepositoryPin& pin, const Named& named) const {
        if (held_ == nullptr) return named.only(pin);
        return *held_ == repository && (named.configs.empty() || named.configs.contains(pin.config_hash));
    }

    [[nodiscard]] ErrorCode code() const { return exists_ ? ErrorCode::damaged : ErrorCode::no_repository; }

    /// Also of what an earlier run has set aside, and was stopped.
    [[nodiscard]] std::set<std::string> possible_names() const {
        std::set<std::string> names = region_names(keyrings_);
        add_names_in(found_, names);
        for (const storage::ObjectInfo& info : storage::quarantined(*store_, format::kConfigName)) {
            if (info.size > format::kMaxConfig) continue;
            if (const auto octets = store_->get_if_present(info.name, format::kMaxConfig)) add_names_in(*octets, names);
        }
        return names;
    }

    /// What was found, and nothing that somebody else has put right meanwhile.
    void set_aside() {
        const Bytes judged = found_;
        read();
        if (exists_ && found_ == judged)
            (void)storage::set_aside_as_found(*store_, format::kConfigName,
                                              {crypto::sha256(found_), format::kMaxConfig});
    }

    void require_same(const format::RepositoryConfig& config) {
        read();
        if (exists_ && found_ == config.encode()) return;
        throw Error(ErrorCode::damaged, std::string(format::kConfigName) + ": somebody else changes it meanwhile",
                    "run signet repair once more");
    }

    Context& context_;
    const keyring::KeyringSet& keyrings_;
    std::shared_ptr<storage::Store> store_;
    const RepositoryId* held_;
    bool exists_ = false;
    bool is_readable_ = false;
    std::uint64_t size_ = 0;
    Bytes found_;
    std::optional<Error> newer_;  ///< a newer version's, or damage that looks like it
};

}  // namespace

bool has_entries_of_another(Context& context) {
    const Named named = names_in_entries(context.repository().store());
    return std::any_of(named.configs.begin(), named.configs.end(),
                       [&](const auto& one) { return one.first != context.repository().config_hash(); });
}

ConfigRepair repair_config(Context& context) { return ConfigRepairing(context).run(); }

}  // namespace signet::cli
