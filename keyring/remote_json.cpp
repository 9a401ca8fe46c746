#include "keyring/remote_json.h"

#include <algorithm>
#include <array>

namespace signet::keyring {
namespace {

constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr int kDeepest = 32;

template <class Text>
Text encode(ByteView octets, std::string_view alphabet, bool padded) {
    Text text;
    text.reserve((octets.size() + 2) / 3 * 4);
    for (std::size_t at = 0; at < octets.size(); at += 3) {
        const std::size_t count = std::min<std::size_t>(3, octets.size() - at);
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i) bits = bits << 8U | (i < count ? octets[at + i] : 0U);
        for (std::size_t i = 0; i <= count; ++i) text += alphabet[bits >> (18U - 6U * i) & 63U];
        if (padded) text.append(3 - count, '=');
    }
    return text;
}

/// text  without padding
std::optional<SecretBytes> decode(std::string_view text, std::string_view alphabet) {
    if (text.size() % 4 == 1) return std::nullopt;
    SecretBytes octets(text.size() * 3 / 4);
    const auto out = octets.mutable_view();
    std::uint32_t bits = 0;
    unsigned held = 0;
    std::size_t at = 0;
    for (const char c : text) {
        const auto value = alphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        out[at++] = static_cast<std::uint8_t>(bits >> held);
        bits &= (1U << held) - 1U;
    }
    if (bits != 0) return std::nullopt;
    return octets;
}

}  // namespace

std::optional<SecretJson> parse_object(ByteView text) {
    bool too_deep = false;
    const auto watch = [&](int depth, SecretJson::parse_event_t, SecretJson&) {
        too_deep = too_deep || depth > kDeepest;
        return !too_deep;
    };
    const std::string_view characters = as_text(text);
    SecretJson parsed = SecretJson::parse(characters.begin(), characters.end(), watch, false);
    if (too_deep || parsed.is_discarded() || !parsed.is_object()) return std::nullopt;
    return parsed;
}

std::optional<std::string> text_of(const SecretJson& object, const char* name) {
    const SecretText* text = secret_of(object, name);
    if (text == nullptr) return std::nullopt;
    return std::string(view_of(*text));
}

const SecretText* secret_of(const SecretJson& object, const char* name) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(name);
    return found == object.end() || !found->is_string() ? nullptr : found->get_ptr<const SecretText*>();
}

std::optional<std::int64_t> number_of(const SecretJson& object, const char* name) {
    if (!object.is_object()) return std::nullopt;
    const auto found = object.find(name);
    if (found == object.end() || !found->is_number_integer()) return std::nullopt;
    if (found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
        return std::nullopt;
    return found->get<std::int64_t>();
}

std::optional<bool> boolean_of(const SecretJson& object, const char* name) {
    if (!object.is_object()) return std::nullopt;
    const auto found = object.find(name);
    if (found == object.end() || !found->is_boolean()) return std::nullopt;
    return found->get<bool>();
}

const SecretJson* object_of(const SecretJson& object, const char* name) {
    if (!object.is_object()) return nullptr;
    const auto found = object.find(name);
    return found == object.end() || !found->is_object() ? nullptr : &*found;
}

SecretBytes to_body(const SecretJson& object) {
    const SecretText text = object.dump();
    return SecretBytes(as_bytes(view_of(text)));
}

std::string to_base64url(ByteView octets) { return encode<std::string>(octets, kUrl, false); }
SecretText secret_base64url(ByteView octets) { return encode<SecretText>(octets, kUrl, false); }
SecretText secret_base64(ByteView octets) { return encode<SecretText>(octets, kPlain, true); }

std::optional<SecretBytes> from_base64url(std::string_view text) { return decode(text, kUrl); }

std::optional<SecretBytes> secret_from_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    if (text.ends_with("==")) {
        text.remove_suffix(2);
    } else if (text.ends_with('=')) {
        text.remove_suffix(1);
    }
    return decode(text, kPlain);
}

}  // namespace signet::keyring
