#include "keyring/replica.h"

#include <algorithm>

#include "core/error.h"
#include "format/config.h"
#include "format/encoding.h"
#include "keyring/keyring.h"
#include "keyring/resolver.h"

namespace signet::keyring {
namespace {

/// Whether a replica's own keyring and vault can open what one of these protectors wraps, without asking anybody.
bool can_open_any(const ReplicaKeyring& replica, const std::vector<format::Thumbprint>& wrapping, Vaults& vaults) {
    KeyringSet keyrings({Keyring::open(replica.folder, true, vaults.clock())});
    Vaults there(replica.vault, vaults.passphrases(), vaults.clock());
    Resolver resolver(keyrings, there);
    return std::any_of(wrapping.begin(), wrapping.end(),
                       [&](const format::Thumbprint& one) { return resolver.status(one).can_unwrap; });
}

}  // namespace

const ReplicaPlace* Keyring::replica_at(const std::string& location) const {
    const auto found = content_.replicas.find(format::to_utf8(location));
    return found == content_.replicas.end() ? nullptr : &found->second;
}

void Keyring::note_replica(const std::string& location, const ReplicaPlace& place) {
    change([&](Content& next) { next.replicas.insert_or_assign(format::to_utf8(location), place); });
    audit_.note({place.is_replica() ? "replica" : "replica-promote", std::nullopt, format::to_utf8(location),
                 "repository " + place.repository.hex()},
                place.region.provider + "/" + place.region.region);
}

void Keyring::add_replica_keyring(const std::string& region, const ReplicaKeyring& replica) {
    if (!format::is_region_name(region)) {
        throw Error(ErrorCode::usage, "\"" + format::to_utf8(region) + "\" cannot name a region",
                    "use lower-case letters, digits and '-'");
    }
    if (replica.folder == folder_) {
        throw Error(ErrorCode::usage, folder_ + " is this keyring itself", "name the replica's keyring with --with");
    }
    static_cast<void>(open(replica.folder, true, *clock_));
    change([&](Content& next) {
        next.replica_keyrings.insert_or_assign(region, replica);
        if (next.replica_keyrings.size() <= kMostReplicas) return;
        throw Error(ErrorCode::refused,
                    "this keyring has " + std::to_string(kMostReplicas) + " replicas, and there can be no more",
                    "take one away first: signet keyring replica remove REGION");
    });
    audit_.note({"replica-add", std::nullopt, format::to_utf8(replica.folder), "region " + region});
}

void Keyring::remove_replica_keyring(const std::string& region) {
    change([&](Content& next) {
        if (next.replica_keyrings.erase(region) != 0) return;
        throw Error(ErrorCode::usage, "this keyring knows no keyring of a replica in region " + format::to_utf8(region),
                    "see: signet keyring replica");
    });
    audit_.note({"replica-remove", std::nullopt, {}, "region " + region});
}

std::vector<std::string> Keyring::replicas_waiting_for(const format::Thumbprint& next, Vaults& vaults) const {
    std::vector<format::Thumbprint> wrapping = {next};
    for (const Link& link : links()) {
        if (link.role == LinkRole::recovery) wrapping.push_back(link.thumbprint);
    }
    std::vector<std::string> waiting;
    for (const auto& [region, replica] : content_.replica_keyrings) {
        try {
            if (can_open_any(replica, wrapping, vaults)) continue;
            waiting.push_back("the replica in " + region + " could not open what " + next.short_text() + " wraps");
        } catch (const Error& error) {
            waiting.push_back("the replica in " + region + " cannot be asked: " + error.what());
        }
    }
    return waiting;
}

void Keyring::require_replicas_ready(const format::Thumbprint& next, Vaults& vaults) const {
    const std::vector<std::string> waiting = replicas_waiting_for(next, vaults);
    if (waiting.empty()) return;
    std::string reasons;
    for (const std::string& one : waiting) reasons += (reasons.empty() ? "" : "; ") + one;
    throw Error(
        ErrorCode::refused,
        "protector " + next.short_text() + " cannot be the default yet, as rotation reaches replicas first: " + reasons,
        "link the same key in the replica's keyring; or here, as --recovery, the public half of a key that the "
        "replica has");
}

}  // namespace signet::keyring
