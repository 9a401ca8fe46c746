#include "keyring/state_file.h"

#include "core/crypto/digest.h"

namespace signet::keyring {
namespace {

constexpr std::string_view kChecksumLabel("signet/state/v1\0", 16);

std::string dump(const Json& value, int indent) {
    try {
        return value.dump(indent);
    } catch (const Json::exception&) {
        throw Error(ErrorCode::usage, "a name or location is not UTF-8");
    }
}

std::string checksum(const Json& body) {
    return crypto::sha256({as_bytes(kChecksumLabel), as_bytes(compact(body))}).hex();
}

[[noreturn]] void fail_damaged(std::string_view what, std::string_view why) {
    throw Error(ErrorCode::damaged, std::string(what).append(": ").append(why), "restore it from a copy");
}

}  // namespace

std::string compact(const Json& value) { return dump(value, -1); }

std::string encode_state(Json body) {
    std::string sum = checksum(body);
    body["checksum"] = std::move(sum);
    return dump(body, 2) + "\n";
}

Json decode_state(ByteView file, std::string_view kind, std::string_view what) {
    Json body = Json::parse(as_text(file), nullptr, false);
    if (body.is_discarded() || !body.is_object()) fail_damaged(what, "not a JSON object");
    const auto sum = body.find("checksum");
    if (sum == body.end() || !sum->is_string()) fail_damaged(what, "no checksum");
    const std::string stored = sum->get<std::string>();
    body.erase(sum);
    // One spelling only: white space, escapes and duplicate members are not what was written. The checksum is in it.
    if (encode_state(body) != as_text(file)) {
        fail_damaged(what,
                     checksum(body) == stored ? "not in the form it was written in" : "its checksum does not agree");
    }
    const auto version = body.find(kind);
    if (version == body.end() || !version->is_number_unsigned()) {
        fail_damaged(what, "not a file of this kind");
    }
    if (version->get<std::uint64_t>() != 1) {
        throw Error(ErrorCode::unsupported, std::string(what) + ": made by a newer version of signet");
    }
    return body;
}

JsonObject::JsonObject(const Json& object, std::string_view what) : object_(object), what_(what) {
    if (!object.is_object()) fail_damaged(what_, "not an object");
}

bool JsonObject::has(const char* name) const { return object_.contains(name); }

const Json& JsonObject::member(const char* name) const {
    const auto found = object_.find(name);
    if (found == object_.end()) fail(name);
    return *found;
}

const Json& JsonObject::array(const char* name) const {
    const Json& value = member(name);
    if (!value.is_array()) fail(name);
    return value;
}

std::string JsonObject::text(const char* name) const {
    const Json& value = member(name);
    if (!value.is_string()) fail(name);
    return value.get<std::string>();
}

std::uint64_t JsonObject::number(const char* name, std::uint64_t limit) const {
    const Json& value = member(name);
    if (!value.is_number_unsigned()) fail(name);
    const auto number = value.get<std::uint64_t>();
    if (number > limit) fail(name);
    return number;
}

bool JsonObject::boolean(const char* name) const {
    const Json& value = member(name);
    if (!value.is_boolean()) fail(name);
    return value.get<bool>();
}

Bytes JsonObject::base64(const char* name) const {
    try {
        return from_base64(text(name));
    } catch (const Error&) {
        fail(name);
    }
}

TimePoint JsonObject::time(const char* name) const {
    const std::string stored = text(name);
    try {
        const TimePoint time = parse_time(stored, TimePoint{});
        if (to_rfc3339(time) != stored) fail(name);
        return time;
    } catch (const Error&) {
        fail(name);
    }
}

std::optional<TimePoint> JsonObject::optional_time(const char* name) const {
    if (!has(name) || member(name).is_null()) return std::nullopt;
    return time(name);
}

void JsonObject::fail(const char* name) const { fail_damaged(what_, std::string("bad value of \"") + name + "\""); }

}  // namespace signet::keyring
