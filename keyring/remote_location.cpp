#include "keyring/remote_location.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "core/error.h"
#include "keyring/key_record.h"

namespace signet::keyring {
namespace {

constexpr std::size_t kMaxPart = 255;

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), [](char c) { return lower(c); });
    return result;
}

bool is_alnum(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9'); }

bool consists_of(std::string_view text, std::string_view others) {
    return !text.empty() && text.size() <= kMaxPart && std::all_of(text.begin(), text.end(), [&](char c) {
        return is_alnum(c) || others.find(c) != std::string_view::npos;
    });
}

/// host[:port] as it may stand in a URL; no user, no escapes.
bool is_authority(std::string_view text) {
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos || !consists_of(text.substr(1, end - 1), ":.")) return false;
        const std::string_view port = text.substr(end + 1);
        return port.empty() || (port.front() == ':' && consists_of(port.substr(1), ""));
    }
    const auto colon = text.find(':');
    const std::string_view port = colon == std::string_view::npos ? "443" : text.substr(colon + 1);
    const bool is_number = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == port.npos;
    return is_number && consists_of(text.substr(0, colon), ".-");
}

/// Names of mounts, namespaces, keys: whatever needs no escape in a URL. No part is "." or "..".
bool is_path(std::string_view path) {
    if (!consists_of(path, "/._-") || path.front() == '/' || path.back() == '/') return false;
    const std::string framed = "/" + std::string(path) + "/";
    for (const char* part : {"//", "/./", "/../"}) {
        if (framed.find(part) != std::string::npos) return false;
    }
    return true;
}

/// What `origin` and "/" are followed by.
std::string_view take_origin(std::string_view rest, std::string_view whole, Location& location) {
    std::string_view path;
    location.origin = secure_origin(rest, path);
    if (location.origin.empty() || !path.starts_with('/')) {
        refuse_location(whole,
                        "the address of a key manager begins with https:// and has a host; http:// is only for "
                        "one on this machine");
    }
    return path.substr(1);
}

bool is_revision(std::string_view text) {
    return text.size() == 32 && text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

}  // namespace

void refuse_location(std::string_view text, std::string_view why) {
    throw Error(
        ErrorCode::usage, "location \"" + std::string(text) + "\": " + std::string(why),
        "locations are local:NAME[/VERSION], local:DIR#NAME[/VERSION], public:FILE, pkcs11:…, "
        "azure:https://VAULT/keys/NAME[/VERSION], aws:arn:… and transit:https://HOST/MOUNT/keys/NAME[/VERSION]");
}

std::uint32_t parse_version(std::string_view digits, std::string_view whole) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool canonical = !digits.empty() && digits.front() != '0';
    if (error != std::errc{} || end != digits.data() + digits.size() || !canonical) {
        refuse_location(whole, "a version is a number from 1");
    }
    return number;
}

bool is_loopback(std::string_view origin) {
    const auto scheme = origin.find("://");
    std::string_view host = scheme == std::string_view::npos ? origin : origin.substr(scheme + 3);
    if (host.starts_with("[::1]")) return host.size() == 5 || host[5] == ':';
    host = host.substr(0, host.find(':'));
    if (host == "localhost") return true;
    return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string secure_origin(std::string_view url, std::string_view& rest) {
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (lower(url.substr(0, scheme.size())) != scheme) continue;
        const std::string_view after = url.substr(scheme.size());
        const std::string_view authority = after.substr(0, after.find_first_of("/?#"));
        if (!is_authority(authority)) return {};
        std::string origin = std::string(scheme) + lower(authority);
        if (scheme == "http://" && !is_loopback(origin)) return {};
        if (scheme == "https://" && origin.ends_with(":443")) origin.resize(origin.size() - 4);
        rest = after.substr(authority.size());
        return origin;
    }
    return {};
}

Location parse_azure(std::string_view rest, std::string_view whole) {
    Location location;
    location.scheme = Location::Scheme::azure;
    std::string_view path = take_origin(rest, whole, location);
    if (lower(path.substr(0, 5)) != "keys/") refuse_location(whole, "no /keys/NAME behind the vault");
    path.remove_prefix(5);
    if (path.ends_with('/')) path.remove_suffix(1);
    if (const auto slash = path.find('/'); slash != std::string_view::npos) {
        if (!is_revision(path.substr(slash + 1))) refuse_location(whole, "a version has 32 hexadecimal digits");
        location.revision = lower(path.substr(slash + 1));
        path = path.substr(0, slash);
    }
    constexpr std::size_t kLongestName = 127;
    if (!consists_of(path, "-") || path.size() > kLongestName) {
        refuse_location(whole, "not the name of a key: letters, digits and hyphens");
    }
    location.name = path;
    return location;
}

KmsArn KmsArn::parse(std::string_view text) {
    KmsArn arn;
    std::vector<std::string_view> parts;
    std::string_view rest = text;
    for (int i = 0; i < 5; ++i) {
        const auto colon = rest.find(':');
        if (colon == std::string_view::npos) refuse_location("aws:" + std::string(text), "not an ARN");
        parts.push_back(rest.substr(0, colon));
        rest.remove_prefix(colon + 1);
    }
    arn.partition = parts[1];
    arn.region = parts[3];
    arn.account = parts[4];
    arn.resource = rest;
    const bool is_key = arn.resource.starts_with("key/") && consists_of(rest.substr(4), "-");
    const bool is_alias = arn.resource.starts_with("alias/") && consists_of(rest.substr(6), "/_-");
    const bool is_account =
        arn.account.size() == 12 && arn.account.find_first_not_of("0123456789") == std::string::npos;
    if (parts[0] != "arn" || parts[2] != "kms" || !consists_of(arn.partition, "-") || !consists_of(arn.region, "-") ||
        !is_account || (!is_key && !is_alias)) {
        refuse_location("aws:" + std::string(text),
                        "not an ARN of a key or an alias: "
                        "arn:aws:kms:REGION:ACCOUNT:key/ID or …:alias/NAME");
    }
    return arn;
}

Location parse_aws(std::string_view rest, std::string_view whole) {
    static_cast<void>(whole);
    const KmsArn arn = KmsArn::parse(rest);
    Location location;
    location.scheme = Location::Scheme::aws;
    location.uri = rest;
    location.name = arn.is_alias() ? arn.resource : arn.key_id();
    return location;
}

Location parse_transit(std::string_view rest, std::string_view whole) {
    Location location;
    location.scheme = Location::Scheme::transit;
    constexpr std::string_view kSpace = "?namespace=";
    if (const auto mark = rest.find('?'); mark != std::string_view::npos) {
        std::string_view space = rest.substr(mark);
        if (!space.starts_with(kSpace)) refuse_location(whole, "only ?namespace= may stand behind the key");
        space.remove_prefix(kSpace.size());
        if (space.ends_with('/')) space.remove_suffix(1);
        if (!is_path(space)) refuse_location(whole, "not the name of a namespace");
        location.space = space;
        rest = rest.substr(0, mark);
    }
    std::string_view path = take_origin(rest, whole, location);
    const auto keys = path.rfind("/keys/");
    if (keys == std::string_view::npos || !is_path(path.substr(0, keys))) {
        refuse_location(whole, "no /MOUNT/keys/NAME behind the host");
    }
    location.mount = path.substr(0, keys);
    path.remove_prefix(keys + 6);
    if (const auto slash = path.find('/'); slash != std::string_view::npos) {
        location.version = parse_version(path.substr(slash + 1), whole);
        path = path.substr(0, slash);
    }
    if (!is_key_name(path)) refuse_location(whole, "not the name of a key");
    location.name = path;
    return location;
}

std::string remote_text(const Location& location) {
    if (location.scheme == Location::Scheme::aws) return "aws:" + location.uri;
    if (location.scheme == Location::Scheme::azure) {
        return "azure:" + location.origin + "/keys/" + location.name +
               (location.revision.empty() ? "" : "/" + location.revision);
    }
    return "transit:" + location.origin + "/" + location.mount + "/keys/" + location.name +
           (location.version ? "/" + std::to_string(*location.version) : "") +
           (location.space.empty() ? "" : "?namespace=" + location.space);
}

}  // namespace signet::keyring
