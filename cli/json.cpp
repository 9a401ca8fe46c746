#include "cli/json.h"

#include <cstdint>

namespace signet::cli {
namespace {

/// Octets of the character that starts at `from`; 0 when none does.
std::size_t character_size(std::string_view text, std::size_t from) {
    const auto octet = [&](std::size_t i) -> std::uint32_t {
        return from + i < text.size() ? static_cast<std::uint8_t>(text[from + i]) : 0;
    };
    const std::uint32_t first = octet(0);
    if (first < 0x80) return 1;
    const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4) return 0;
    std::uint32_t value = first & (0xffU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
        if ((octet(i) & 0xc0) != 0x80) return 0;
        value = (value << 6) | (octet(i) & 0x3f);
    }
    const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
    const bool surrogate = value >= 0xd800 && value <= 0xdfff;
    return overlong || surrogate || value > 0x10ffff ? 0 : size;
}

}  // namespace

bool is_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t size = character_size(text, at);
        if (size == 0) return false;
        at += size;
    }
    return true;
}

std::string replace_invalid(std::string_view text) {
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t size = character_size(text, at);
        if (size == 0) {
            result += "\xef\xbf\xbd";
            ++at;
        } else {
            result += text.substr(at, size);
            at += size;
        }
    }
    return result;
}

void set_text(Json& object, std::string_view key, std::string_view text) {
    const std::string name(key);
    if (is_utf8(text)) {
        object[name] = text;
    } else {
        object[name] = replace_invalid(text);
        object[name + "_b64"] = to_base64(as_bytes(text));
    }
}

void set_texts(Json& object, std::string_view key, const std::vector<std::string>& texts) {
    Json shown = Json::array();
    Json exact = Json::array();
    bool all_fine = true;
    for (const std::string& text : texts) {
        const bool fine = is_utf8(text);
        all_fine = all_fine && fine;
        shown.push_back(fine ? text : replace_invalid(text));
        exact.push_back(fine ? Json(nullptr) : Json(to_base64(as_bytes(text))));
    }
    object[std::string(key)] = std::move(shown);
    if (!all_fine) object[std::string(key) + "_b64"] = std::move(exact);
}

Json time_json(const std::optional<TimePoint>& time) { return time ? Json(to_rfc3339(*time)) : Json(nullptr); }

std::string to_line(const Json& value) {
    // Texts of others (system messages, labels that an old program wrote) may hold anything.
    const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    // What JSON may leave as it is, and terminals take for commands: U+007F to U+009F.
    std::string line;
    line.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_c1 = text[i] == '\xc2' && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
        if (!is_c1 && text[i] != '\x7f') {
            line += text[i];
            continue;
        }
        static constexpr std::string_view kDigits = "0123456789abcdef";
        i += is_c1 ? 1 : 0;
        const auto low = static_cast<unsigned char>(text[i]);
        line += "\\u00";
        line += kDigits[low >> 4U];
        line += kDigits[low & 15U];
    }
    return line;
}

}  // namespace signet::cli
