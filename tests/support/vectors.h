// Published test vectors, read from tests/vectors.
#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "core/bytes.h"
#include "core/file.h"

namespace signet::test {

/// The octets of a file below tests/vectors.
inline Bytes load_vector(const std::string& name) {
    return read_file(std::string(SIGNET_TEST_DIR) + "/vectors/" + name, std::size_t{16} << 20U);
}

inline nlohmann::json load_json_vectors(const std::string& name) {
    const Bytes bytes = load_vector(name);
    return nlohmann::json::parse(bytes.begin(), bytes.end());
}

/// Octets from lower-case hexadecimal; any length.
inline Bytes unhex(std::string_view text) {
    Bytes bytes(text.size() / 2);
    if (!from_hex(text, bytes)) throw std::runtime_error("not hexadecimal: " + std::string(text));
    return bytes;
}

inline Bytes unhex(const char* text) { return unhex(std::string_view(text)); }
inline Bytes unhex(const nlohmann::json& text) { return unhex(std::string_view(text.get_ref<const std::string&>())); }

}  // namespace signet::test
