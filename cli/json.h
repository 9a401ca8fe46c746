// JSON that a shell can trust: one object a line, RFC 3339 times, names that are no UTF-8 marked as such.
#pragma once

#include "core/bytes.h"
#include "core/clock.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signet::cli {

using Json = nlohmann::ordered_json;

/// Whether octets are UTF-8 (no surrogates, nothing overlong, nothing above U+10FFFF).
[[nodiscard]] bool is_utf8(std::string_view text);
/// With U+FFFD for each octet that is not.
[[nodiscard]] std::string replace_invalid(std::string_view text);

/// Sets object[key]. Octets that are not UTF-8 are replaced there, and stand whole in base64 in object[key + "_b64"].
void set_text(Json& object, std::string_view key, std::string_view text);
/// The same for a list: key_b64 is a list of the same length, with null for texts that are fine.
void set_texts(Json& object, std::string_view key, const std::vector<std::string>& texts);
/// RFC 3339, or null.
[[nodiscard]] Json time_json(const std::optional<TimePoint>& time);
/// One line, without a line feed.
[[nodiscard]] std::string to_line(const Json& value);

}  // namespace signet::cli
