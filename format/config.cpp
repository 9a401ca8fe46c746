#include "format/config.h"

#include "core/crypto/digest.h"
#include "core/error.h"
#include "format/encoding.h"
#include "format/limits.h"

#include <nlohmann/json.hpp>

namespace signet::format {
namespace {

constexpr std::string_view kWhat = "config.json";
constexpr std::size_t kMaxRegionName = 64;

std::string string_member(const nlohmann::json& object, const char* name) {
    const auto member = object.find(name);
    if (member == object.end() || !member->is_string()) {
        throw_damaged(kWhat, std::string("\"") + name + "\" is missing or not a string");
    }
    return member->get<std::string>();
}

template <class IdType>
IdType id_member(const nlohmann::json& object, const char* name) {
    const auto id = IdType::parse(string_member(object, name));
    if (!id) throw_damaged(kWhat, std::string("\"") + name + "\" is not an id");
    return *id;
}

}  // namespace

bool is_region_name(std::string_view text) {
    if (text.empty() || text.size() > kMaxRegionName) return false;
    return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
}

Bytes RepositoryConfig::encode() const {
    invariant(is_region_name(provider) && is_region_name(region), "provider and region are checked before");
    const std::string text = "{\"format\":1,\"officer\":\"" + officer.hex() + "\",\"provider\":\"" + provider +
                             "\",\"region\":\"" + region + "\",\"repository\":\"" + repository.hex() + "\"}\n";
    const ByteView bytes = as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

RepositoryConfig RepositoryConfig::decode(ByteView bytes) {
    if (bytes.size() > kMaxConfig) throw_damaged(kWhat, "larger than 4 KiB");
    const auto json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
    if (!json.is_object()) throw_damaged(kWhat, "not a JSON object");
    const auto version = json.find("format");
    if (version == json.end() || !version->is_number_unsigned()) throw_damaged(kWhat, "\"format\" is missing");
    if (version->get<std::uint64_t>() != 1) throw_unsupported(kWhat, "made by a newer version of Signet");

    RepositoryConfig config;
    config.repository = id_member<RepositoryId>(json, "repository");
    config.officer = id_member<IdentityId>(json, "officer");
    config.provider = string_member(json, "provider");
    config.region = string_member(json, "region");
    if (!is_region_name(config.provider)) throw_damaged(kWhat, "\"provider\" is not a provider's name");
    if (!is_region_name(config.region)) throw_damaged(kWhat, "\"region\" is not a region's name");
    // Further keys, other orders, spaces, escapes, and keys that stand twice all end here.
    const Bytes canonical = config.encode();
    if (as_text(canonical) != as_text(bytes)) throw_damaged(kWhat, "not in its canonical spelling");
    return config;
}

Digest RepositoryConfig::hash() const { return crypto::sha256(encode()); }

}  // namespace signet::format
