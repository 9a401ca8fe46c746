#include "keyring/location.h"

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "keyring/local_vault.h"
#include "keyring/pkcs11_uri.h"
#include "keyring/remote_location.h"

namespace signet::keyring {
namespace {

Location parse_local(std::string_view rest, std::string_view whole) {
    Location location;
    // Folders may have a '#' in their names, keys may not.
    if (const auto mark = rest.rfind('#'); mark != std::string_view::npos) {
        location.folder = rest.substr(0, mark);
        rest.remove_prefix(mark + 1);
        if (location.folder.empty()) refuse_location(whole, "no folder before '#'");
    }
    if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
        location.version = parse_version(rest.substr(slash + 1), whole);
        rest = rest.substr(0, slash);
    }
    if (!is_key_name(rest)) refuse_location(whole, "not the name of a key");
    location.name = rest;
    return location;
}

Location on_token(const Pkcs11Uri& uri) {
    const VersionedLabel label = VersionedLabel::parse(uri.label());
    Location location;
    location.scheme = Location::Scheme::pkcs11;
    location.uri = uri.text();
    location.name = label.name;
    if (label.version > 1) location.version = label.version;
    return location;
}

}  // namespace

Location Location::parse(std::string_view text) {
    const bool clean = std::none_of(text.begin(), text.end(), [](char c) {
        const auto octet = static_cast<unsigned char>(c);
        return octet < 0x20 || octet == 0x7f;
    });
    if (!clean) refuse_location("…", "control characters");
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) refuse_location(text, "no scheme");
    const std::string_view scheme = text.substr(0, colon);
    const std::string_view rest = text.substr(colon + 1);
    if (scheme == "local") return parse_local(rest, text);
    if (scheme == "pkcs11") {
        return on_token(Pkcs11Uri::parse(text));
    }
    if (scheme == "public") {
        if (rest.empty()) refuse_location(text, "no file");
        Location location;
        location.scheme = Scheme::public_file;
        location.path = rest;
        return location;
    }
    if (scheme == "azure") return parse_azure(rest, text);
    if (scheme == "aws") return parse_aws(rest, text);
    if (scheme == "transit") return parse_transit(rest, text);
    refuse_location(text, "unknown scheme");
}

std::string Location::text() const {
    if (scheme == Scheme::public_file) return "public:" + path;
    if (scheme == Scheme::pkcs11) return uri;
    if (is_remote()) return remote_text(*this);
    std::string result = "local:";
    if (!folder.empty()) result += folder + "#";
    result += name;
    if (version) result += "/" + std::to_string(*version);
    return result;
}

std::string Location::public_text() const { return scheme == Scheme::pkcs11 ? Pkcs11Uri::parse(uri).path() : text(); }

Location Location::absolute() const {
    const auto whole = [](const std::string& file) {
        return file.empty() ? file : std::filesystem::absolute(file).lexically_normal().string();
    };
    Location location = *this;
    location.folder = whole(folder);
    location.path = whole(path);
    if (scheme == Scheme::pkcs11) location.uri = Pkcs11Uri::parse(uri).absolute().text();
    return location;
}

Location Location::with_version(std::uint32_t number) const {
    if (scheme == Scheme::pkcs11) {
        if (named_version() == number) return *this;
        return on_token(Pkcs11Uri::parse(uri).with_key(VersionedLabel{name, number}.text(), {}));
    }
    Location location = *this;
    location.version = number;
    return location;
}

Location Location::with_revision(const std::string& id) const {
    Location location = *this;
    location.revision = id;
    return location;
}

Location Location::without_version() const {
    if (scheme == Scheme::pkcs11) return version ? with_version(1) : *this;
    Location location = *this;
    location.version.reset();
    location.revision.clear();
    return location;
}

std::optional<std::uint32_t> Location::named_version() const {
    return scheme == Scheme::pkcs11 ? version.value_or(1) : version;
}

bool Location::follows_newest() const {
    if (version || !revision.empty() || scheme == Scheme::public_file) return false;
    if (scheme == Scheme::aws) return KmsArn::parse(uri).is_alias();
    if (is_remote()) return true;
    return scheme == Scheme::local || (!name.empty() && Pkcs11Uri::parse(uri).id().empty());
}

std::string Location::provider() const {
    switch (scheme) {
        case Scheme::pkcs11:
            return "pkcs11";
        case Scheme::azure:
            return "azure";
        case Scheme::aws:
            return "aws";
        case Scheme::transit:
            return "transit";
        case Scheme::local:
        case Scheme::public_file:
            return "local";
    }
    return "local";
}

std::string Location::vault_name() const {
    if (scheme == Scheme::aws) {
        const KmsArn arn = KmsArn::parse(uri);
        return arn.region + "/" + arn.account;
    }
    const auto mark = origin.find("://");
    const std::string host = mark == std::string::npos ? origin : origin.substr(mark + 3);
    return scheme == Scheme::azure && !is_loopback(origin) ? host.substr(0, host.find('.')) : host;
}

bool same_provider(std::string_view left, std::string_view right) {
    const auto place = [](std::string_view provider) { return provider == "pkcs11" ? "local" : provider; };
    return place(left) == place(right);
}

}  // namespace signet::keyring
