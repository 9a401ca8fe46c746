#include "keyring/policy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <type_traits>

#include "core/error.h"
#include "format/config.h"
#include "keyring/replica.h"

namespace signet::keyring {
namespace {

constexpr std::string_view kAfterRotation = "after-rotation";
constexpr std::string_view kDedupHorizon = "dedup-horizon";
constexpr std::string_view kMaxDeks = "max-deks";
constexpr std::string_view kMinProtectors = "min-protectors";
constexpr std::string_view kRequireTwin = "require-twin";
constexpr std::string_view kAllowedSizes = "allowed-sizes";
constexpr std::string_view kAllowedProviders = "allowed-providers";
constexpr std::string_view kMode = "mode";
constexpr std::string_view kHealWindow = "heal-window";
constexpr std::string_view kBackupsWait = "backups-wait-for-revalidation";
constexpr std::string_view kReplicas = "replicas";
constexpr std::string_view kRetiring = "retiring";
constexpr std::string_view kCompromised = "compromised";
constexpr std::string_view kKeepWithin = "keep-within";
constexpr std::string_view kDefaultProtector = "default-protector";
constexpr std::string_view kPublicKey = "public-key:";
constexpr std::string_view kRequireProof = "require-proof";
constexpr const char* kProven = "proven:";  // and a thumbprint
constexpr std::int64_t kDefaultHealWindow = 8LL * 3600 * kNsPerSecond;
constexpr std::uint32_t kLargestMinProtectors = 16;
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

std::optional<Mode> parse_mode(const std::string& value) {
    for (const auto mode : {Mode::escrow, Mode::customer_managed}) {
        if (text(mode) == value) return mode;
    }
    if (value.empty() || value == "any") return std::nullopt;
    refuse(kMode, value, "escrow, customer-managed or any");
}

std::uint32_t parse_number(std::string_view name, std::string_view value, std::uint32_t largest) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || number < 1 || number > largest) {
        refuse(name, value, "a number from 1 to " + std::to_string(largest));
    }
    return number;
}

bool parse_yes(std::string_view name, std::string_view value) {
    if (value == "yes") return true;
    if (value == "no" || value.empty()) return false;
    refuse(name, value, "yes or no");
}

/// "2048,4096" or "any": each part parsed, in ascending order, each once.
template <class Value, class Parse>
std::vector<Value> parse_list(std::string_view value, const Parse& parse) {
    std::vector<Value> list;
    if (value.empty() || value == "any") return list;
    for (std::size_t at = 0; at <= value.size();) {
        const std::size_t comma = std::min(value.find(',', at), value.size());
        list.push_back(parse(value.substr(at, comma - at)));
        at = comma + 1;
    }
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    return list;
}

std::uint32_t parse_size(std::string_view value) {
    for (const std::uint32_t size : {2048U, 3072U, 4096U}) {
        if (std::to_string(size) == value) return size;
    }
    refuse(kAllowedSizes, value, "sizes of 2048, 3072 and 4096, with commas between them, or any");
}

std::string parse_provider(std::string_view value) {
    for (const std::string_view name : {"local", "public", "pkcs11", "azure", "aws", "transit"}) {
        if (name == value) return std::string(value);
    }
    refuse(kAllowedProviders, value,
           "names of local, public, pkcs11, azure, aws and transit, with commas between them, or any");
}

std::vector<std::string> parse_replicas(std::string_view value) {
    if (value.empty() || value == "none") return {};
    const auto region = [](std::string_view name) {
        if (!format::is_region_name(name))
            refuse(kReplicas, name, "names of regions, with commas between them, or none");
        return std::string(name);
    };
    // "any" stands for no list elsewhere; here it would be everything.
    if (value == "any") refuse(kReplicas, value, "names of regions, with commas between them, or none");
    std::vector<std::string> regions = parse_list<std::string>(value, region);
    if (regions.size() > kMostReplicas) {
        throw Error(ErrorCode::refused, "policy replicas: a repository has " + std::to_string(kMostReplicas) +
                                            " replicas at most, and " + std::to_string(regions.size()) + " are named");
    }
    return regions;
}

format::Thumbprint parse_thumbprint(std::string_view name, std::string_view value) {
    const auto thumbprint = format::Thumbprint::parse(value);
    if (!thumbprint || thumbprint->text() != value) refuse(name, value, "whole thumbprints, with commas between them");
    return *thumbprint;
}

std::vector<format::Thumbprint> parse_thumbprints(std::string_view name, std::string_view value) {
    return parse_list<format::Thumbprint>(value, [&](std::string_view one) { return parse_thumbprint(name, one); });
}

/// In base64, and that protector's.
Bytes parse_public_key(const std::string& name, const format::Thumbprint& protector, const std::string& value) {
    try {
        const auto key = crypto::RsaPublicKey::from_spki(from_base64(value));
        if (format::Thumbprint::of(key) == protector) return key.spki();
    } catch (const Error&) {
        // Said below.
    }
    refuse(name, value.substr(0, 20) + "…", "the public half of that protector (SubjectPublicKeyInfo, base64)");
}

bool is_none_by_default(std::string_view name) {
    return name == kRetiring || name == kCompromised || name == kKeepWithin || name == kDefaultProtector;
}

template <class Value>
std::string list_text(const std::vector<Value>& list) {
    std::string text;
    for (const Value& one : list) {
        if (!text.empty()) text += ',';
        if constexpr (std::is_same_v<Value, std::string>)
            text += one;
        else if constexpr (std::is_same_v<Value, format::Thumbprint>)
            text += one.text();
        else
            text += std::to_string(one);
    }
    return text;
}

/// As `forget --keep-within` takes it, so that m are months here too; a promise counts a month as 31 days, a year as
/// 366.
std::int64_t parse_keep_span(const std::string& value) {
    constexpr std::string_view kUnits = "ymwdhs";
    constexpr std::int64_t kDay = 86'400;
    constexpr std::array<std::int64_t, 6> kSeconds = {366 * kDay, 31 * kDay, 7 * kDay, kDay, 3600, 1};
    // What a count of nanoseconds holds.
    constexpr std::int64_t kMost = 366 * kDay * 290;
    std::int64_t seconds = 0;
    const char* at = value.data();
    const char* const end = at + value.size();
    while (at != end) {
        std::int64_t count = 0;
        const auto number = std::from_chars(at, end, count);
        const std::size_t unit = number.ptr == end ? kUnits.npos : kUnits.find(*number.ptr);
        if (number.ec != std::errc() || count < 0 || count > kMost || unit == kUnits.npos) break;
        seconds += count * kSeconds[unit];
        if (seconds > kMost) break;
        at = number.ptr + 1;
    }
    if (at != end || value.empty())
        throw Error(ErrorCode::usage,
                    "policy keep-within: \"" + value + "\" is not a span of time of at most 290 years",
                    "use years, months, weeks, days and hours, such as 1y6m, 14d or 36h");
    return seconds * kNsPerSecond;
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

std::string_view text(Mode mode) { return mode == Mode::escrow ? "escrow" : "customer-managed"; }

void Policy::set(const std::string& name, const std::string& given) {
    // "none" is how `keyring policy show` names the default of some.
    const std::string value = given == "none" && is_none_by_default(name) ? std::string() : given;
    if (name == kAfterRotation) {
        after_rotation = parse_after_rotation(value);
    } else if (name == kDedupHorizon) {
        dedup_horizon_ns = value.empty() ? kDefaultHorizon : parse_span(value);
    } else if (name == kMaxDeks) {
        max_deks = value.empty() ? kDefaultMaxDeks : parse_number(name, value, kLargestMaxDeks);
    } else if (name == kMinProtectors) {
        min_protectors = value.empty() ? 1 : parse_number(name, value, kLargestMinProtectors);
    } else if (name == kRequireTwin) {
        require_twin = parse_yes(name, value);
    } else if (name == kAllowedSizes) {
        allowed_sizes = parse_list<std::uint32_t>(value, parse_size);
    } else if (name == kAllowedProviders) {
        allowed_providers = parse_list<std::string>(value, parse_provider);
    } else if (name == kMode) {
        mode = parse_mode(value);
    } else if (name == kHealWindow) {
        heal_window_ns = value.empty() ? kDefaultHealWindow : parse_span(value);
    } else if (name == kBackupsWait) {
        backups_wait = parse_yes(name, value);
    } else if (name == kReplicas) {
        replicas = parse_replicas(value);
    } else if (name == kRetiring) {
        retiring = parse_thumbprints(name, value);
    } else if (name == kCompromised) {
        compromised = parse_thumbprints(name, value);
    } else if (name == kKeepWithin) {
        keep_within_ns = value.empty() ? std::nullopt : std::optional(parse_keep_span(value));
    } else if (name == kDefaultProtector) {
        default_protector = value.empty() ? std::nullopt : std::optional(parse_thumbprint(name, value));
    } else if (name.starts_with(kPublicKey)) {
        const auto protector = parse_thumbprint(name, std::string_view(name).substr(kPublicKey.size()));
        if (value.empty())
            public_keys.erase(protector);
        else
            public_keys[protector] = parse_public_key(name, protector, value);
    } else if (name == kRequireProof) {
        require_proof_ns = value.empty() || value == "no" ? 0 : parse_span(value);
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
    if (min_protectors != 1) values.emplace(kMinProtectors, std::to_string(min_protectors));
    if (require_twin) values.emplace(kRequireTwin, "yes");
    if (!allowed_sizes.empty()) values.emplace(kAllowedSizes, list_text(allowed_sizes));
    if (mode) values.emplace(kMode, text(*mode));
    if (heal_window_ns != kDefaultHealWindow) values.emplace(kHealWindow, span_text(heal_window_ns));
    if (backups_wait) values.emplace(kBackupsWait, "yes");
    if (!retiring.empty()) values.emplace(kRetiring, list_text(retiring));
    if (!compromised.empty()) values.emplace(kCompromised, list_text(compromised));
    if (keep_within_ns) values.emplace(kKeepWithin, span_text(*keep_within_ns));
    if (default_protector) values.emplace(kDefaultProtector, default_protector->text());
    for (const auto& [protector, spki] : public_keys) values.emplace(public_key_name(protector), to_base64(spki));
    if (require_proof_ns != 0) values.emplace(kRequireProof, span_text(require_proof_ns));
    if (!allowed_providers.empty()) values.emplace(kAllowedProviders, list_text(allowed_providers));
    if (!replicas.empty()) values.emplace(kReplicas, list_text(replicas));
    return values;
}

bool Policy::is_compromised(const format::Thumbprint& protector) const {
    return std::binary_search(compromised.begin(), compromised.end(), protector);
}

bool Policy::is_fenced(const format::Thumbprint& protector) const {
    return std::binary_search(retiring.begin(), retiring.end(), protector) || is_compromised(protector);
}

std::string public_key_name(const format::Thumbprint& protector) { return std::string(kPublicKey) + protector.text(); }

std::optional<TimePoint> Policy::proven(const format::Thumbprint& thumbprint) const {
    const auto found = others.find(kProven + thumbprint.text());
    if (found == others.end()) return std::nullopt;
    try {
        return parse_time(found->second, TimePoint{});
    } catch (const Error&) {
        return std::nullopt;  // not a time: no proof
    }
}

void Policy::set_proven(const format::Thumbprint& thumbprint, TimePoint when) {
    others[kProven + thumbprint.text()] = to_rfc3339(when);
}

void Policy::forget_proofs() {
    std::erase_if(others, [](const auto& value) { return value.first.rfind(kProven, 0) == 0; });
}

const std::vector<PolicyName>& policy_names() {
    static const std::vector<PolicyName> names = {
        {kAfterRotation, "auto",
         "what a backup may inherit from before a rotation: rewrap, inherit, fresh; auto is rewrap where this host may "
         "unwrap without asking a person, else inherit"},
        {kDedupHorizon, "90d", "chunks from before a rotation that are older than this are stored anew"},
        {kMaxDeks, "64", "data keys that one backup may refer to; beyond, chunks are stored anew"},
        {kMinProtectors, "1",
         "protectors, default and recovery, that wrap every new data key; with fewer no backup is made"},
        {kRequireTwin, "no", "yes: no backup is made while the default protector is linked at one place only"},
        {kAllowedSizes, "any", "sizes in bits of the keys that wrap: 2048, 3072, 4096"},
        {kAllowedProviders, "any", "where the keys that wrap may be: local, public, pkcs11, azure, aws, transit"},
        {kMode, "any",
         "what the default protector must be: escrow or customer-managed; any lets a keyring change from one to the "
         "other"},
        {kHealWindow, "8h", "access to the default protector that comes back within this time needs no person"},
        {kRequireProof, "no",
         "a span such as 7d: no backup is made while the default protector was not really unwrapped within it, here or "
         "by the officer (keyring check --publish)"},
        {kBackupsWait, "no", "yes: after a longer loss of access no backup is made before signet keyring revalidate"},
        {kReplicas, "none", "regions that may hold a replica, four at most"},
        {kRetiring, "none",
         "protectors that are to go: nothing new is wrapped under them, and no backup refers to what only they open; "
         "see signet key retire"},
        {kCompromised, "none",
         "protectors that others have: nothing new is wrapped under them, and no backup refers to anything that they "
         "ever wrapped; see signet key compromised"},
        {kKeepWithin, "none",
         "a span such as 90d or 1y6m, as forget --keep-within takes it (a month counts 31 days, a year 366): how long "
         "rules keep backups at least; without it no date can be told from which a retiring protector is free"},
        {kDefaultProtector, "none",
         "the protector that wraps new backups on hosts that cannot see its vault, or whose own default is to go"},
    };
    return names;
}

}  // namespace signet::keyring
