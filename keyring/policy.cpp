#include "keyring/policy.h"

#include <charconv>

#include "core/error.h"

namespace signet::keyring {
namespace {

constexpr std::string_view kAfterRotation = "after-rotation";
constexpr std::string_view kDedupHorizon = "dedup-horizon";
constexpr std::string_view kMaxDeks = "max-deks";
constexpr std::uint32_t kDefaultMaxDeks = 64;
constexpr std::uint32_t kLargestMaxDeks = 4096;
constexpr std::int64_t kDefaultHorizon = 90LL * 86'400 * kNsPerSecond;

[[noreturn]] void refuse(std::string_view name, std::string_view value, std::string_view allowed) {
    throw Error(ErrorCode::usage,
                "policy " + std::string(name) + ": \"" + std::string(value) + "\" is not a value of it",
                "use " + std::string(allowed));
}

std::optional<AfterRotation> parse_after_rotation(const std::string& value) {
    for (const auto rule : {AfterRotation::rewrap, AfterRotation::inherit, AfterRotation::fresh}) {
        if (text(rule) == value) return rule;
    }
    if (value.empty() || value == "auto") return std::nullopt;
    refuse(kAfterRotation, value, "rewrap, inherit, fresh or auto");
}

std::uint32_t parse_max_deks(const std::string& value) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || number < 1 || number > kLargestMaxDeks) {
        refuse(kMaxDeks, value, "a number from 1 to 4096");
    }
    return number;
}

std::string span_text(std::int64_t ns) {
    const std::int64_t seconds = ns / kNsPerSecond;
    if (seconds % 86'400 == 0) return std::to_string(seconds / 86'400) + "d";
    return std::to_string(seconds) + "s";
}

}  // namespace

std::string_view text(AfterRotation value) {
    switch (value) {
        case AfterRotation::rewrap:
            return "rewrap";
        case AfterRotation::inherit:
            return "inherit";
        case AfterRotation::fresh:
            return "fresh";
    }
    invariant(false, "a rotation rule has a name");
    return {};
}

void Policy::set(const std::string& name, const std::string& value) {
    if (name == kAfterRotation) {
        after_rotation = parse_after_rotation(value);
    } else if (name == kDedupHorizon) {
        dedup_horizon_ns = value.empty() ? kDefaultHorizon : parse_span(value);
    } else if (name == kMaxDeks) {
        max_deks = value.empty() ? kDefaultMaxDeks : parse_max_deks(value);
    } else if (value.empty()) {
        others.erase(name);
    } else {
        others[name] = value;
    }
}

Policy Policy::from_values(const std::map<std::string, std::string>& values) {
    Policy policy;
    for (const auto& [name, value] : values) {
        try {
            policy.set(name, value);
        } catch (const Error& error) {
            throw Error(ErrorCode::unsupported, error.what(), "a newer version of signet may know it");
        }
    }
    return policy;
}

std::map<std::string, std::string> Policy::values() const {
    std::map<std::string, std::string> values = others;
    if (after_rotation) values.emplace(kAfterRotation, text(*after_rotation));
    if (dedup_horizon_ns != kDefaultHorizon) values.emplace(kDedupHorizon, span_text(dedup_horizon_ns));
    if (max_deks != kDefaultMaxDeks) values.emplace(kMaxDeks, std::to_string(max_deks));
    return values;
}

const std::vector<PolicyName>& policy_names() {
    static const std::vector<PolicyName> names = {
        {kAfterRotation, "auto",
         "what a backup may inherit from before a rotation: rewrap, inherit, fresh; auto is rewrap where this host may "
         "unwrap without asking a person, else inherit"},
        {kDedupHorizon, "90d", "chunks from before a rotation that are older than this are stored anew"},
        {kMaxDeks, "64", "data keys that one backup may refer to; beyond, chunks are stored anew"},
    };
    return names;
}

}  // namespace signet::keyring
