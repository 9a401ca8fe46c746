#include "keyring/remote_vault.h"

#include <algorithm>
#include <cctype>

#include "keyring/aws_kms_vault.h"
#include "keyring/azure_vault.h"
#include "keyring/remote_location.h"
#include "keyring/transit_vault.h"

namespace signet::keyring {
namespace {

[[noreturn]] void throw_state(const KeyDescription& key) {
    throw RemoteError(refusal_of(key.state), key.location.text() + " is " + std::string(text(key.state)));
}

/// What one login is good for.
std::string vault_of(const Location& location) {
    if (location.scheme == Location::Scheme::aws) {
        const KmsArn arn = KmsArn::parse(location.uri);
        return "aws:" + arn.partition + ":" + arn.region;
    }
    return location.provider() + ":" + location.origin + "?" + location.space;
}

}  // namespace

/// Names in key managers are told apart whatever their case, but for those of Transit.
std::string RemoteVault::place_of(const Location& location) {
    std::string place = location.text();
    if (location.scheme == Location::Scheme::transit) return place;
    std::transform(place.begin(), place.end(), place.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return place;
}

std::string_view text(AdminVerb verb) {
    switch (verb) {
        case AdminVerb::create:
            return "create";
        case AdminVerb::import_key:
            return "import";
        case AdminVerb::rotate:
            return "rotate";
        case AdminVerb::set_enabled:
            return "enable and disable";
        case AdminVerb::remove:
            return "delete";
        case AdminVerb::recover:
            return "recover";
        case AdminVerb::purge:
            return "purge";
        case AdminVerb::backup:
            return "back up";
        case AdminVerb::restore:
            return "restore";
        case AdminVerb::replicate:
            return "make twins of";
    }
    return {};
}

void RemoteVault::refuse_verb(AdminVerb verb, const Location& location) {
    throw RemoteError(Outcome::misuse, "signet does not " + std::string(text(verb)) + " keys in a vault of kind " +
                                           location.provider() + ": use its own tools");
}

std::vector<std::string> RemoteVault::excess_rights(const Location& location) {
    static_cast<void>(location);
    return {};
}

bool RemoteVault::can(AdminVerb verb) const {
    static_cast<void>(verb);
    return false;
}

std::vector<KeyDescription> RemoteVault::versions(const Location& location) {
    return {require_key(describe(location), location)};
}

KeyDescription RemoteVault::create(const Location& location, const NewKey& wanted) {
    static_cast<void>(wanted);
    refuse_verb(AdminVerb::create, location);
}

KeyDescription RemoteVault::rotate(const Location& location, int bits, const KeyDates& dates) {
    static_cast<void>(bits);
    static_cast<void>(dates);
    refuse_verb(AdminVerb::rotate, location);
}

KeyDescription RemoteVault::import_key(const Location& location, const crypto::RsaPrivateKey& key,
                                       const KeyDates& dates) {
    static_cast<void>(key);
    static_cast<void>(dates);
    refuse_verb(AdminVerb::import_key, location);
}

KeyDescription RemoteVault::import_byok(const Location& location, ByteView file, const KeyDates& dates) {
    static_cast<void>(file);
    static_cast<void>(dates);
    refuse_verb(AdminVerb::import_key, location);
}

void RemoteVault::set_enabled(const Location& location, bool enabled) {
    static_cast<void>(enabled);
    refuse_verb(AdminVerb::set_enabled, location);
}

RemovedKey RemoteVault::remove(const Location& location) { refuse_verb(AdminVerb::remove, location); }

KeyDescription RemoteVault::recover(const Location& location) { refuse_verb(AdminVerb::recover, location); }

void RemoteVault::purge(const Location& location) { refuse_verb(AdminVerb::purge, location); }

SecretBytes RemoteVault::backup(const Location& location) { refuse_verb(AdminVerb::backup, location); }

KeyDescription RemoteVault::restore(const Location& vault, const SecretBytes& backup) {
    static_cast<void>(backup);
    refuse_verb(AdminVerb::restore, vault);
}

KeyDescription RemoteVault::replicate(const Location& key, const Location& location) {
    static_cast<void>(location);
    refuse_verb(AdminVerb::replicate, key);
}

const KeyDescription* RecentDescriptions::find(const Location& location) const {
    constexpr std::int64_t kFresh = 5 * kNsPerSecond;
    const auto found = kept_.find(location.text());
    if (found == kept_.end()) return nullptr;
    const std::int64_t age = clock_.now().ns - found->second.when.ns;
    return age >= 0 && age < kFresh ? &found->second.key : nullptr;
}

void RecentDescriptions::keep(const Location& location, const KeyDescription& key) {
    kept_.insert_or_assign(location.text(), Kept{key, clock_.now()});
}

void require_may_wrap(const KeyDescription& key) {
    if (!may_wrap(key.state)) throw_state(key);
}

void require_may_unwrap(const KeyDescription& key) {
    if (!may_unwrap(key.state)) throw_state(key);
}

RemoteVaults::RemoteVaults(RemoteSettings settings, const Clock& clock) : client_(std::move(settings), clock) {}

RemoteVaults::~RemoteVaults() = default;

RemoteVault& RemoteVaults::at(const Location& location) {
    std::unique_ptr<RemoteVault>& vault = vaults_[vault_of(location)];
    if (vault) return *vault;
    if (location.scheme == Location::Scheme::transit) {
        vault = std::make_unique<TransitVault>(client_, location);
    } else if (location.scheme == Location::Scheme::aws) {
        if (!aws_) aws_ = std::make_unique<AwsAccess>(client_.settings(), client_.clock());
        vault = std::make_unique<AwsKmsVault>(*aws_, KmsArn::parse(location.uri).region);
    } else if (location.scheme == Location::Scheme::azure) {
        vault = std::make_unique<AzureVault>(client_, location);
    } else {
        throw Error(ErrorCode::usage, location.provider() + ": is not built in yet");
    }
    return *vault;
}

}  // namespace signet::keyring
