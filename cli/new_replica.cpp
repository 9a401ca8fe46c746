#include "cli/new_replica.h"

#include "cli/copying.h"
#include "cli/officer.h"
#include "cli/replicas.h"
#include "cli/table.h"
#include "keyring/policy.h"
#include "storage/open_store.h"

#include <algorithm>

namespace signet::cli {
namespace {

std::string text(const keyring::ProtectorRegion& region) { return region.provider + "/" + region.region; }

void refuse_own_region(const format::RepositoryConfig& config, const keyring::ProtectorRegion& region) {
    if (region.region != config.region) return;
    throw Error(ErrorCode::refused,
                "the repository is in region " + config.region + " itself, and a replica is in another one",
                "a further copy in the same region: signet copy --init");
}

void refuse_chain(Context& context, const storage::Repository& source) {
    if (!is_replica(context, source)) return;
    throw Error(ErrorCode::refused, source.store().location() + " is a replica, and no replica is made of a replica",
                "name the primary; once that is lost: signet keyring replica promote");
}

/// The officer says which regions may hold one.
void require_named(Context& context, const storage::Repository& source, const keyring::ProtectorRegion& region) {
    const keyring::Officers officers = load_officers(context, source);
    officers.require_whole();
    const auto& in_force = officers.trust.policy();
    std::vector<std::string> named;
    if (in_force) named = keyring::Policy::from_values(in_force->values).replicas;
    if (std::find(named.begin(), named.end(), region.region) != named.end()) return;
    named.push_back(region.region);
    throw Error(ErrorCode::refused,
                "the policy of this repository does not name " + region.region + " as a region for a replica",
                named.size() > keyring::kMostReplicas
                    ? "it has four replicas, and there can be no more"
                    : "its officer: signet keyring policy set replicas=" + join(named, ","));
}

void require_default(Context& context, const keyring::ProtectorRegion& region) {
    if (context.keyring().default_link(region.provider, region.region) != nullptr) return;
    throw Error(ErrorCode::key_unavailable,
                "no default protector for " + text(region) + " in this keyring, and a replica has keys of its region",
                "signet keyring link LOCATION --default --region " + region.region +
                    (region.provider == "local" ? "" : " --provider " + region.provider));
}

storage::Repository open_or_create(Context& context, const storage::Repository& source) {
    const std::shared_ptr<storage::Store> store =
        storage::open_store(context.repository_location(), storage::OpenMode::create);
    if (!store->exists(format::kConfigName)) create_like(*store, source);
    storage::Repository target = storage::Repository::open(store);
    if (target.config_hash() != source.config_hash()) {
        throw Error(ErrorCode::refused,
                    store->location() + " holds another repository, " + target.config().repository.hex(),
                    "name an empty place");
    }
    return target;
}

void remember(Context& context, const storage::Repository& target, const keyring::ProtectorRegion& region) {
    const format::RepositoryConfig& config = target.config();
    keyring::Keyring& keyring = context.keyring();
    const std::string location = canonical_location(target.store());
    const keyring::ReplicaPlace* known = keyring.replica_at(location);
    if (known != nullptr && known->repository == config.repository && !known->is_replica()) {
        throw Error(ErrorCode::refused, location + " was promoted, and is the primary",
                    "if it is to be a replica again: signet keyring replica demote");
    }
    const bool is_new = keyring.pin(config.repository) == nullptr;
    keyring.pin_repository(config.repository, config.officer, target.config_hash());
    if (is_new) {
        context.terminal().warning("first contact with repository " + config.repository.hex() + ": its officer is " +
                                   config.officer.hex() + "; compare this with what signet init printed");
    }
    keyring.note_location(location, config.repository);
    keyring.note_replica(location, {config.repository, region, std::nullopt});
}

}  // namespace

ExitCode make_replica(Context& context, const std::string& primary, const keyring::ProtectorRegion& region) {
    const storage::Repository source =
        open_elsewhere(context, storage::open_store(primary, storage::OpenMode::existing));
    refuse_own_region(source.config(), region);
    refuse_chain(context, source);
    require_named(context, source, region);
    require_default(context, region);
    const storage::Repository target = open_or_create(context, source);
    if (canonical_location(target.store()) == canonical_location(source.store()))
        throw Error(ErrorCode::usage, "source and replica are the same place: " + primary);
    remember(context, target, region);

    const CopyResult result = copy_to(context, source, &target, target.store().location());
    if (context.terminal().json()) {
        Json json = {{"message_type", "initialized"},
                     {"id", target.config().repository.hex()},
                     {"officer", target.config().officer.hex()},
                     {"region", region.region},
                     {"provider", region.provider}};
        Json copied = copy_json(result, false);
        copied.erase("message_type");
        json.update(copied);
        context.terminal().object(json);
    } else {
        context.terminal().result("repository  " + target.config().repository.hex());
        context.terminal().result("officer     " + target.config().officer.hex());
        context.terminal().result("replica in  " + text(region));
        print_copy(context.terminal(), result, false);
    }
    require_complete(result);
    return ExitCode::done;
}

}  // namespace signet::cli
