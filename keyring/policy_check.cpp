#include "keyring/policy_check.h"

#include <algorithm>

#include "core/error.h"
#include "keyring/escrow_mark.h"
#include "keyring/wrapping.h"

namespace signet::keyring {
namespace {

std::string named(const Link& link) { return link.name + " (" + link.thumbprint.short_text() + ")"; }

[[noreturn]] void refuse(const std::string& rule, const std::string& why, const std::string& hint) {
    throw Error(ErrorCode::refused,
                "the policy of this repository forbids what would wrap its data keys: " + rule + ", and " + why, hint);
}

void check_size(const Policy& policy, const Link& link) {
    if (link.spki.empty()) return;  // symmetric keys of key managers have one size
    const auto& allowed = policy.allowed_sizes;
    const auto bits = static_cast<std::uint32_t>(link.public_key().bits());
    if (allowed.empty() || std::find(allowed.begin(), allowed.end(), bits) != allowed.end()) return;
    refuse("allowed-sizes", "protector " + named(link) + " has " + std::to_string(bits) + " bits",
           "make a key of an allowed size the default: signet key create NAME --size BITS");
}

void check_provider(const Policy& policy, const Link& link) {
    const auto& allowed = policy.allowed_providers;
    if (allowed.empty()) return;
    for (const std::string& location : link.locations) {
        const std::string scheme = location.substr(0, location.find(':'));
        if (std::find(allowed.begin(), allowed.end(), scheme) != allowed.end()) continue;
        refuse("allowed-providers", "protector " + named(link) + " is linked at " + location,
               "make a key of an allowed vault the default: signet keyring link LOCATION --default");
    }
}

/// Escrow stays escrow, or the customer's the customer's.
void check_mode(const Policy& policy, const Keyring& keyring, const Link& link) {
    if (!policy.mode) return;
    const Mode mode = is_escrow(keyring, link.thumbprint) ? Mode::escrow : Mode::customer_managed;
    if (mode == *policy.mode) return;
    refuse("mode=" + std::string(text(*policy.mode)),
           "the default protector " + named(link) + " is " +
               (mode == Mode::escrow ? "an escrow protector" : "not an escrow protector"),
           "make another one the default: signet keyring default NAME");
}

/// Nothing new under what is to go.
void check_fence(const Policy& policy, const Keyring& keyring, const Link& link) {
    if (!policy.is_fenced(link.thumbprint)) return;
    const bool has_successor = policy.default_protector && !policy.is_fenced(*policy.default_protector);
    refuse(policy.is_compromised(link.thumbprint) ? "compromised" : "retiring",
           "protector " + named(link) + " is one of those that are to go",
           has_successor ? default_command(keyring, *policy.default_protector)
                         : "make another one the default: signet key rotate NAME, or signet keyring link LOCATION "
                           "--default");
}

}  // namespace

void require_unfenced(const Policy& policy, const Keyring& keyring, const std::vector<format::Thumbprint>& wrapping) {
    for (const format::Thumbprint& thumbprint : wrapping) {
        const Link* link = keyring.find(thumbprint);
        if (link != nullptr) check_fence(policy, keyring, *link);
    }
}

void require_policy(const Policy& policy, const Keyring& keyring, const std::vector<format::Thumbprint>& wrapping) {
    require_unfenced(policy, keyring, wrapping);
    if (wrapping.size() < policy.min_protectors) {
        refuse("min-protectors=" + std::to_string(policy.min_protectors),
               std::to_string(wrapping.size()) + " would wrap its data key",
               "link another one: signet keyring link LOCATION --recovery");
    }
    for (const format::Thumbprint& thumbprint : wrapping) {
        const Link* link = keyring.find(thumbprint);
        if (link == nullptr) continue;
        check_size(policy, *link);
        check_provider(policy, *link);
    }
    const Link* first = wrapping.empty() ? nullptr : keyring.find(wrapping.front());
    const auto holds_private_half = [](const std::string& text) { return Location::parse(text).can_unwrap(); };
    if (first != nullptr) check_mode(policy, keyring, *first);
    if (policy.require_twin && first != nullptr &&
        std::count_if(first->locations.begin(), first->locations.end(), holds_private_half) < 2) {
        refuse("require-twin=yes",
               "protector " + named(*first) + " is not linked at two places that hold its private half",
               "link its twin: signet keyring link LOCATION --twin-of " + first->thumbprint.short_text());
    }
}

std::optional<TimePoint> last_proof(const Policy& policy, const Link& link) {
    return std::max(link.last_unwrapped, std::max(link.last_proven, policy.proven(link.thumbprint)));
}

void require_proof(const Policy& policy, const Keyring& keyring, const format::Thumbprint& default_protector,
                   TimePoint now) {
    const Link* link = keyring.find(default_protector);
    if (policy.require_proof_ns == 0 || link == nullptr) return;
    const std::optional<TimePoint> proof = last_proof(policy, *link);
    if (proof && now.ns - proof->ns <= policy.require_proof_ns) return;
    refuse("require-proof=" + policy.values().at("require-proof"),
           "protector " + named(*link) + (proof ? " was last proven at " + to_table_time(*proof) : " was never proven"),
           link->wrap_only() ? "the officer proves it where its private half is: signet keyring check --publish"
                             : "prove it: signet keyring test, or signet keyring check");
}

}  // namespace signet::keyring
