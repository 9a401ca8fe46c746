#include "cli/replicas.h"

#include "cli/terminal.h"

namespace signet::cli {
namespace {

std::optional<keyring::ReplicaPlace> known_to(const keyring::Keyring& keyring, const std::string& location,
                                              const RepositoryId& repository) {
    const keyring::ReplicaPlace* place = keyring.replica_at(location);
    return place != nullptr && place->repository == repository ? std::optional(*place) : std::nullopt;
}

void hold_to_pins(Context& context, const storage::Repository& repository) {
    const format::RepositoryConfig& config = repository.config();
    for (const keyring::Keyring& keyring : context.keyrings().all()) {
        const keyring::RepositoryPin* pin = keyring.pin(config.repository);
        if (pin == nullptr) continue;
        if (pin->officer == config.officer && pin->config_hash == repository.config_hash()) continue;
        throw Error(ErrorCode::refused,
                    repository.store().location() + " has another officer or configuration than repository " +
                        config.repository.hex() + ", which this keyring knows",
                    "is this the right place?");
    }
}

}  // namespace

std::optional<keyring::ReplicaPlace> replica_at(Context& context, const storage::Repository& repository) {
    const std::string location = canonical_location(repository.store());
    const RepositoryId& id = repository.config().repository;
    for (const keyring::Keyring& keyring : context.keyrings().all()) {
        if (auto place = known_to(keyring, location, id)) return place;
    }
    for (const auto& [region, replica] : context.keyring().replica_keyrings()) {
        try {
            if (auto place = known_to(keyring::Keyring::open(replica.folder), location, id)) return place;
        } catch (const Error& error) {
            context.terminal().warning("the keyring of the replica in " + region + " cannot be read: " + error.what());
        }
    }
    return std::nullopt;
}

bool is_replica(Context& context, const storage::Repository& repository) {
    const auto place = replica_at(context, repository);
    return place && place->is_replica();
}

keyring::ProtectorRegion region_of(Context& context, const storage::Repository& repository) {
    const format::RepositoryConfig& config = repository.config();
    const auto place = known_to(context.keyring(), canonical_location(repository.store()), config.repository);
    return place ? place->region : keyring::ProtectorRegion{config.provider, config.region};
}

void require_primary(Context& context) {
    if (!is_replica(context, context.repository())) return;
    throw Error(ErrorCode::refused,
                context.repository().store().location() +
                    " is a replica: backups and statements are made in the primary, and copied",
                "once the primary is lost: signet keyring replica promote");
}

storage::Repository open_elsewhere(Context& context, std::shared_ptr<storage::Store> store) {
    storage::Repository repository = storage::Repository::open(std::move(store));
    context.hold_to_place(repository);
    hold_to_pins(context, repository);
    return repository;
}

}  // namespace signet::cli
