#include "keyring/pkcs11_uri.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "core/error.h"
#include "core/percent.h"

namespace signet::keyring {
namespace {

constexpr std::string_view kFile = "file:";

[[noreturn]] void refuse(std::string_view why, std::string hint = {}) {
    if (hint.empty()) hint = "for instance 'pkcs11:token=TOKEN;object=LABEL?pin-source=file:FILE' (RFC 7512)";
    throw Error(ErrorCode::usage, "pkcs11 location: " + std::string(why), std::move(hint));
}

std::optional<std::string> optional_text(const char* text) {
    if (text == nullptr) return std::nullopt;
    return std::string(text);
}

/// The value of an attribute of the URI; empty when it has none.
Bytes attribute(P11KitUri* uri, CK_ATTRIBUTE_TYPE type) {
    const CK_ATTRIBUTE* found = p11_kit_uri_get_attribute(uri, type);
    if (found == nullptr || found->pValue == nullptr) return {};
    const auto* octets = static_cast<const std::uint8_t*>(found->pValue);
    return {octets, octets + found->ulValueLen};
}

/// The file behind "file:/a", "file:///a" or "file:a".
std::string file_of(const std::string& source) {
    if (!source.starts_with(kFile)) {
        refuse("pin-source is no file",
               "pin-source=file:FILE; a command or a descriptor gives the PIN with --passphrase-command or "
               "--passphrase-fd");
    }
    std::string file = source.substr(kFile.size());
    if (file.starts_with("//")) file.erase(0, 2);
    if (file.empty()) refuse("pin-source names no file");
    return file;
}

void check_class(P11KitUri* uri) {
    const CK_ATTRIBUTE* kind = p11_kit_uri_get_attribute(uri, CKA_CLASS);
    if (kind == nullptr || kind->ulValueLen != sizeof(CK_OBJECT_CLASS)) return;
    const CK_OBJECT_CLASS value = *static_cast<const CK_OBJECT_CLASS*>(kind->pValue);
    if (value == CKO_PRIVATE_KEY || value == CKO_PUBLIC_KEY || value == CKO_CERTIFICATE) return;
    refuse("a protector is a key pair: leave out type, or say type=private");
}

/// What is not understood could be a condition.
void check_query(std::string_view query) {
    constexpr std::array<std::string_view, 3> kKnown = {"module-name", "module-path", "pin-source"};
    while (!query.empty()) {
        const std::string_view item = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), item.size() + 1));
        const std::string_view name = item.substr(0, item.find('='));
        if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) {
            refuse("\"" + std::string(name) + "\" is not known", "known are pin-source, module-path and module-name");
        }
    }
}

std::string text_of(P11KitUri* uri) {
    char* formatted = nullptr;
    if (p11_kit_uri_format(uri, P11_KIT_URI_FOR_ANY, &formatted) != P11_KIT_URI_OK) refuse("cannot be written");
    const Handle<char, std::free> owner(formatted);
    return formatted;
}

/// Sets an attribute, or removes it when the value is empty.
void set_attribute(P11KitUri* uri, CK_ATTRIBUTE_TYPE type, ByteView value) {
    p11_kit_uri_clear_attribute(uri, type);
    if (value.empty()) return;
    Bytes copy(value.begin(), value.end());
    CK_ATTRIBUTE attribute{type, copy.data(), static_cast<CK_ULONG>(copy.size())};
    if (p11_kit_uri_set_attribute(uri, &attribute) != P11_KIT_URI_OK) refuse("cannot be written");
}

/// What RFC 7512 lets stand in a query as it is.
std::string encode(std::string_view text) { return percent_encoded(text, "/:@!$'()*+,"); }

}  // namespace

Pkcs11Uri Pkcs11Uri::parse(std::string_view text) {
    Pkcs11Uri uri = read(text);
    if (uri.label_.empty() && uri.id_.empty()) refuse("it names no key: object=LABEL or id=%01 is missing");
    return uri;
}

Pkcs11Uri Pkcs11Uri::parse_token(std::string_view text) { return read(text); }

Pkcs11Uri Pkcs11Uri::read(std::string_view text) {
    Pkcs11Uri result;
    result.uri_.reset(p11_kit_uri_new());
    P11KitUri* uri = result.uri_.get();
    const int parsed = p11_kit_uri_parse(std::string(text).c_str(), P11_KIT_URI_FOR_ANY, uri);
    // First of all, so that no message repeats it.
    if (p11_kit_uri_get_pin_value(uri) != nullptr || text.find("pin-value") != std::string_view::npos) {
        refuse("pin-value puts the PIN where others can read it",
               "name a file that holds it: pin-source=file:FILE; or use --passphrase-command or --passphrase-fd");
    }
    if (parsed != P11_KIT_URI_OK) refuse(p11_kit_uri_message(parsed));
    if (p11_kit_uri_any_unrecognized(uri) != 0) refuse("an attribute that RFC 7512 does not have");
    check_class(uri);

    const Bytes label = attribute(uri, CKA_LABEL);
    result.label_ = as_text(label);
    result.id_ = attribute(uri, CKA_ID);
    if (const auto source = optional_text(p11_kit_uri_get_pin_source(uri))) result.pin_file_ = file_of(*source);
    result.module_path_ = optional_text(p11_kit_uri_get_module_path(uri));
    result.module_name_ = optional_text(p11_kit_uri_get_module_name(uri));

    const std::string whole = text_of(uri);
    const auto mark = std::min(whole.find('?'), whole.size());
    result.path_ = whole.substr(0, mark);
    check_query(std::string_view(whole).substr(std::min(mark + 1, whole.size())));
    return result;
}

std::string Pkcs11Uri::query() const {
    std::string query;
    const auto add = [&](std::string_view name, const std::string& value) {
        query += query.empty() ? '?' : '&';
        query += std::string(name) + "=" + encode(value);
    };
    if (module_name_) add("module-name", *module_name_);
    if (module_path_) add("module-path", *module_path_);
    if (pin_file_) add("pin-source", std::string(kFile) + *pin_file_);
    return query;
}

Pkcs11Uri Pkcs11Uri::absolute() const {
    Pkcs11Uri copy = read(text());
    if (pin_file_) copy.pin_file_ = std::filesystem::absolute(*pin_file_).lexically_normal().string();
    return copy;
}

Pkcs11Uri Pkcs11Uri::without_key() const { return with_key({}, {}); }

Pkcs11Uri Pkcs11Uri::with_key(std::string_view label, ByteView id) const {
    const Pkcs11Uri copy = read(path_);
    set_attribute(copy.uri_.get(), CKA_LABEL, as_bytes(label));
    set_attribute(copy.uri_.get(), CKA_ID, id);
    return read(text_of(copy.uri_.get()) + query());
}

VersionedLabel VersionedLabel::parse(std::string_view label) {
    const auto slash = label.rfind('/');
    std::uint32_t version = 0;
    if (slash == std::string_view::npos || slash == 0) return {std::string(label), 1};
    const std::string_view digits = label.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), version);
    const bool is_version = error == std::errc{} && end == digits.data() + digits.size() && version > 1;
    if (!is_version || digits.front() == '0') return {std::string(label), 1};
    return {std::string(label.substr(0, slash)), version};
}

std::string VersionedLabel::text() const { return version == 1 ? name : name + "/" + std::to_string(version); }

bool Pkcs11Uri::matches_module(const CK_INFO& info) const {
    return p11_kit_uri_match_module_info(uri_.get(), &info) == 1;
}

bool Pkcs11Uri::matches_slot(CK_SLOT_ID slot, const CK_SLOT_INFO& info) const {
    const CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(uri_.get());
    const bool any = wanted == static_cast<CK_SLOT_ID>(-1);
    return (any || wanted == slot) && p11_kit_uri_match_slot_info(uri_.get(), &info) == 1;
}

bool Pkcs11Uri::matches_token(const CK_TOKEN_INFO& info) const {
    return p11_kit_uri_match_token_info(uri_.get(), &info) == 1;
}

}  // namespace signet::keyring
