#include "keyring/byok_file.h"

#include <algorithm>

#include "keyring/state_file.h"

namespace signet::keyring {
namespace {

constexpr const char* kSchema = "1.0.0";
constexpr const char* kAlgorithm = "dir";
constexpr const char* kMechanism = "CKM_RSA_AES_KEY_WRAP";
constexpr std::size_t kLongestKeyId = 1024;

/// The alphabet of URLs, with or without padding.
Bytes from_base64url(std::string text, const JsonObject& fields) {
    std::erase_if(text, [](char c) { return c == '='; });
    for (char& c : text) {
        if (c == '+' || c == '/') fields.fail("ciphertext");
        if (c == '-')
            c = '+';
        else if (c == '_')
            c = '/';
    }
    text.resize((text.size() + 3) / 4 * 4, '=');
    try {
        return from_base64(text);
    } catch (const Error&) {
        fields.fail("ciphertext");
    }
}

std::string to_base64url(ByteView bytes) {
    std::string text = to_base64(bytes);
    std::erase_if(text, [](char c) { return c == '='; });
    std::replace(text.begin(), text.end(), '+', '-');
    std::replace(text.begin(), text.end(), '/', '_');
    return text;
}

[[noreturn]] void fail_unsupported(std::string_view what, const std::string& why) {
    throw Error(ErrorCode::unsupported, std::string(what) + ": " + why,
                std::string("wrap the key with ") + kMechanism + " for a key exchange key of this vault");
}

}  // namespace

bool looks_like_byok(ByteView file) {
    const std::string_view text = as_text(file);
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    return first != std::string_view::npos && text[first] == '{';
}

ByokFile parse_byok(ByteView file, std::string_view what) {
    if (file.size() > kMaxByokFile) throw Error(ErrorCode::damaged, std::string(what) + ": too large for a .byok file");
    const Json json = Json::parse(as_text(file), nullptr, false);
    if (json.is_discarded()) throw Error(ErrorCode::damaged, std::string(what) + ": not a .byok file: not JSON");
    const JsonObject fields(json, what);
    const JsonObject header(fields.member("header"), what);
    if (fields.text("schema_version") != kSchema) fail_unsupported(what, "a .byok file of another version");
    if (header.text("alg") != kAlgorithm || header.text("enc") != kMechanism)
        fail_unsupported(what, "wrapped in another way");
    ByokFile byok;
    byok.key_id = header.text("kid");
    if (byok.key_id.size() > kLongestKeyId) header.fail("kid");
    byok.ciphertext = from_base64url(fields.text("ciphertext"), fields);
    if (fields.has("generator")) byok.generator = fields.text("generator");
    return byok;
}

std::string encode_byok(const ByokFile& file) {
    const Json json = {{"schema_version", kSchema},
                       {"header", {{"kid", file.key_id}, {"alg", kAlgorithm}, {"enc", kMechanism}}},
                       {"ciphertext", to_base64url(file.ciphertext)},
                       {"generator", file.generator}};
    return compact(json) + "\n";
}

}  // namespace signet::keyring
