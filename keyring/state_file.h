// Inside keyring/ only: JSON files that hold state. One object, one spelling, with a checksum, so that damage is seen
// before anything is believed; and readers that turn what they do not expect into Error{damaged}.
#pragma once

#include <nlohmann/json.hpp>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/id.h"

#include <optional>
#include <string>
#include <string_view>

namespace signet::keyring {

using Json = nlohmann::json;

inline constexpr std::size_t kMaxStateFile = std::size_t{64} * 1024 * 1024;

/// The octets that stand for a value when it is hashed: keys in order, no white space.
/// throws  Error{usage}: a text is not UTF-8
[[nodiscard]] std::string compact(const Json& value);

/// The file's content for `body`: "checksum" added, two spaces of indentation, a line feed at the end.
[[nodiscard]] std::string encode_state(Json body);
/// Reads what encode_state made, without "checksum". kind  the member that holds the version, "signet_vault"
/// throws  Error{damaged}: other octets, or a wrong checksum; Error{unsupported}: whole, but not of version 1
[[nodiscard]] Json decode_state(ByteView file, std::string_view kind, std::string_view what);

/// Typed members of a JSON object. Everything missing, of another type or not canonical is Error{damaged}.
class JsonObject {
public:
    JsonObject(const Json& object, std::string_view what);

    [[nodiscard]] bool has(const char* name) const;
    [[nodiscard]] const Json& member(const char* name) const;
    [[nodiscard]] const Json& array(const char* name) const;
    [[nodiscard]] std::string text(const char* name) const;
    [[nodiscard]] std::uint64_t number(const char* name, std::uint64_t limit = UINT64_MAX) const;
    [[nodiscard]] bool boolean(const char* name) const;
    [[nodiscard]] Bytes base64(const char* name) const;
    [[nodiscard]] TimePoint time(const char* name) const;
    /// null, or absent, is nothing.
    [[nodiscard]] std::optional<TimePoint> optional_time(const char* name) const;
    template <class IdType>
    [[nodiscard]] IdType id(const char* name) const {
        const auto parsed = IdType::parse(text(name));
        if (!parsed) fail(name);
        return *parsed;
    }
    [[noreturn]] void fail(const char* name) const;
    [[nodiscard]] const std::string& what() const { return what_; }

private:
    const Json& object_;
    std::string what_;
};

[[nodiscard]] inline Json time_or_null(const std::optional<TimePoint>& time) {
    return time ? Json(to_rfc3339(*time)) : Json(nullptr);
}

}  // namespace signet::keyring
