#include "cli/fence.h"

#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/officer.h"
#include "cli/replicas.h"

#include <algorithm>
#include <set>

namespace signet::cli {
namespace {

std::optional<NamedProtector> in_vault(Context& context, const std::string& reference) {
    if (!context.vaults().has_local()) return std::nullopt;
    const keyring::LocalVault& keys = vault(context);
    const auto key = keys.find(reference);
    if (!key) return std::nullopt;
    if (reference == key->name && versions_of(keys, reference).size() > 1) {
        throw Error(ErrorCode::usage, "key " + reference + " has several versions",
                    "name one of them: " + reference + "/1; signet key list shows them");
    }
    return NamedProtector{key->thumbprint, key->reference(), key};
}

/// The list of the policy that a kind of fence stands for.
std::vector<format::Thumbprint>& list_of(keyring::Policy& policy, FenceKind kind) {
    return kind == FenceKind::retiring ? policy.retiring : policy.compromised;
}

/// Where the policy has no default protector that stays, this keyring's is everybody's.
void name_successor(Context& context, const NamedProtector& protector, keyring::Policy& policy) {
    const keyring::ProtectorRegion region = region_of(context, context.repository());
    const keyring::Link* own = context.keyring().default_link(region.provider, region.region);
    if (own != nullptr && policy.is_fenced(own->thumbprint)) {
        throw Error(ErrorCode::refused,
                    own->name + " (" + own->thumbprint.short_text() + ") is this keyring's default protector for " +
                        region.provider + "/" + region.region +
                        (own->thumbprint == protector.thumbprint ? "" : " and is to go itself") +
                        ": no backup could be made any more",
                    "make another one the default first: signet key rotate NAME, or signet keyring link LOCATION "
                    "--default");
    }
    if (policy.default_protector && !policy.is_fenced(*policy.default_protector)) return;
    policy.default_protector.reset();
    if (own == nullptr) return;
    policy.default_protector = own->thumbprint;
    if (!own->spki.empty()) policy.public_keys[own->thumbprint] = own->spki;
}

}  // namespace

NamedProtector named_protector(Context& context, const std::string& reference) {
    if (auto found = in_vault(context, reference)) return *found;
    if (const auto whole = format::Thumbprint::parse(reference)) {
        const keyring::Link* link = context.keyring().find(*whole);
        return {*whole, link == nullptr ? whole->short_text() : link->name, std::nullopt};
    }
    const keyring::Link& link = context.keyring().get(reference);
    return {link.thumbprint, link.name, std::nullopt};
}

bool raise_fence(Context& context, const NamedProtector& protector, FenceKind kind) {
    if (is_replica(context, context.repository())) return false;
    const PolicyChange raise = [&](keyring::Policy& policy) {
        std::vector<format::Thumbprint>& list = list_of(policy, kind);
        const auto place = std::lower_bound(list.begin(), list.end(), protector.thumbprint);
        if (place == list.end() || *place != protector.thumbprint) list.insert(place, protector.thumbprint);
        policy.public_keys.erase(protector.thumbprint);
        name_successor(context, protector, policy);
    };
    const keyring::Policy before = current_policy(context).policy;
    keyring::Policy after = before;
    raise(after);
    if (after.values() == before.values()) return false;
    const SaidPolicy said = change_policy(context, raise);
    context.keyring().audit().note(
        {kind == FenceKind::retiring ? "fence-retiring" : "fence-compromised", protector.thumbprint, protector.name,
         "repository " + context.repository().config().repository.hex()},
        "policy " + std::to_string(said.policy.number) + ", entry " + said.entry.hex());
    return true;
}

std::vector<Place> places(Context& context) {
    std::vector<Place> found;
    std::set<std::string> seen;
    const auto add = [&](const std::string& location, bool was_named) {
        if (seen.insert(canonical_place(location)).second) found.push_back({canonical_place(location), was_named});
    };
    if (context.has_repository()) add(context.repository_location(), true);
    for (const std::string& location : context.options().list("also")) add(location, true);
    for (const std::string& location : context.options().list("except")) seen.insert(canonical_place(location));
    for (const auto& [location, repository] : context.keyring().locations()) {
        if (context.keyring().pin(repository) != nullptr) add(location, false);
    }
    return found;
}

bool is_replica_here(Context& context) noexcept {
    try {
        return is_replica(context, context.repository());
    } catch (const std::exception&) {
        return false;
    }
}

std::string why_not_judged(Context& context, const Error& error) {
    if (error.code() != ErrorCode::damaged || !is_replica_here(context)) return error.what();
    return std::string("it is a replica; if it is behind the primary, signet copy brings it up: ") + error.what();
}

std::vector<OptionSpec> place_options() {
    return {{.name = "also",
             .takes = Takes::many,
             .value_name = "DIR",
             .help = "another repository, beside --repo and those that this keyring knows"},
            {.name = "except",
             .takes = Takes::many,
             .value_name = "DIR",
             .help = "a place that this keyring remembers and where no repository is any more"}};
}

KeyImpact impact_without(Context& context, const NamedProtector& protector) {
    const keyring::Policy policy = current_policy(context).policy;
    DoomedKeys doomed{.names = {protector.name}, .keys = {protector.thumbprint}, .everywhere = true};
    doomed.not_counted.insert(policy.retiring.begin(), policy.retiring.end());
    doomed.not_counted.insert(policy.compromised.begin(), policy.compromised.end());
    return impact_of(context, doomed, OpenerProof::opened);
}

}  // namespace signet::cli
