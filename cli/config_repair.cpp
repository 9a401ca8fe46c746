#include "cli/config_repair.h"

#include "core/crypto/digest.h"
#include "format/entry.h"
#include "format/limits.h"
#include "format/names.h"
#include "storage/open_store.h"
#include "storage/quarantine.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>

namespace signet::cli {
namespace {

using keyring::RepositoryPin;

/// Whether the first entry of the officer's journal is that of the repository which the keyring has pinned.
bool holds(const storage::Store& store, const RepositoryPin& pin) {
    const std::string name = format::journal_name(pin.officer, 1);
    const auto object = store.get_if_present(name, format::kMaxEntry);
    if (!object) return false;
    try {
        const format::SignedEntry entry = format::decode_entry(*object, name);
        return entry.head.repository == pin.repository && entry.head.config_hash == pin.config_hash;
    } catch (const Error&) {
        return false;
    }
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

/// Whether it is the one that the keyrings know, or of a repository that none of them knows.
bool is_right(const Bytes& octets, const keyring::KeyringSet& keyrings, const RepositoryId* held) {
    try {
        const auto config = format::RepositoryConfig::decode(octets);
        if (held != nullptr && *held != config.repository) return false;
        for (const keyring::Keyring& keyring : keyrings.all()) {
            const RepositoryPin* pin = keyring.pin(config.repository);
            if (pin != nullptr && pin->config_hash != crypto::sha256(octets)) return false;
        }
        return true;
    } catch (const Error&) {
        return false;
    }
}

/// What a keyring remembers of a place; nullptr: nothing.
const RepositoryId* held_at(const storage::Store& store, const keyring::KeyringSet& keyrings) {
    const std::string location = canonical_location(store);
    for (const keyring::Keyring& keyring : keyrings.all()) {
        if (const RepositoryId* held = keyring.held_at(location)) return held;
    }
    return nullptr;
}

std::optional<format::RepositoryConfig> find_right_one(const storage::Store& store, const keyring::KeyringSet& keyrings,
                                                       const RepositoryId* held, const Bytes& found) {
    std::set<std::string> names = region_names(keyrings);
    add_names_in(found, names);
    for (const keyring::Keyring& keyring : keyrings.all()) {
        for (const auto& [repository, pin] : keyring.pins()) {
            if ((held != nullptr && *held != repository) || !holds(store, pin)) continue;
            if (auto config = make_again(pin, names)) return config;
        }
    }
    return std::nullopt;
}

}  // namespace

ConfigRepair repair_config(Context& context) {
    const auto store = storage::open_store(context.repository_location(), storage::OpenMode::existing);
    const keyring::KeyringSet& keyrings = context.keyrings();
    const RepositoryId* held = held_at(*store, keyrings);
    Bytes found;
    if (store->exists(format::kConfigName)) {
        const auto object = store->open_object(format::kConfigName);
        found.resize(static_cast<std::size_t>(std::min<std::uint64_t>(object->size(), format::kMaxConfig)));
        object->read(0, found);
        if (object->size() <= format::kMaxConfig && is_right(found, keyrings, held)) return ConfigRepair::not_needed;
    }
    const auto config = find_right_one(*store, keyrings, held, found);
    if (!config) return ConfigRepair::not_needed;
    if (context.dry_run()) return ConfigRepair::foreseen;
    if (store->exists(format::kConfigName))
        (void)storage::set_aside_as_found(*store, format::kConfigName, {crypto::sha256(found), format::kMaxConfig});
    storage::Repository::create(*store, *config);
    return ConfigRepair::done;
}

}  // namespace signet::cli
