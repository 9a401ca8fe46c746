#include "format/thumbprint.h"

#include <algorithm>

#include "core/crypto/digest.h"

namespace signet::format {
namespace {

constexpr std::string_view kSha256 = "sha256";
constexpr std::string_view kKms = "kms";
constexpr std::size_t kDigitsForPeople = 12;
constexpr std::size_t kFewestPrefixDigits = 4;

std::string_view kind_text(Thumbprint::Kind kind) { return kind == Thumbprint::Kind::sha256 ? kSha256 : kKms; }

/// Takes "sha256" or "kms" and one of the `separators` off the front of `text`.
std::optional<Thumbprint::Kind> take_kind(std::string_view& text, std::string_view separators) {
    for (const auto kind : {Thumbprint::Kind::sha256, Thumbprint::Kind::kms}) {
        const std::string_view word = kind_text(kind);
        if (text.starts_with(word) && text.size() > word.size() &&
            separators.find(text[word.size()]) != std::string_view::npos) {
            text.remove_prefix(word.size() + 1);
            return kind;
        }
    }
    return std::nullopt;
}

}  // namespace

Thumbprint Thumbprint::of_name(std::string_view name) { return {Kind::kms, crypto::sha256(as_bytes(name))}; }

std::string Thumbprint::text() const { return std::string(kind_text(kind)) + ":" + digest.hex(); }

std::string Thumbprint::short_text() const {
    return std::string(kind_text(kind)) + ":" + digest.short_hex(kDigitsForPeople);
}

std::string Thumbprint::object_text() const { return std::string(kind_text(kind)) + "-" + digest.hex(); }

std::optional<Thumbprint> Thumbprint::parse(std::string_view text) {
    const std::optional<Kind> kind = take_kind(text, ":-");
    if (!kind) return std::nullopt;
    const std::optional<Digest> digest = Digest::parse(text);
    if (!digest) return std::nullopt;
    return Thumbprint{*kind, *digest};
}

bool Thumbprint::matches_prefix(std::string_view prefix) const {
    const std::optional<Kind> given = take_kind(prefix, ":-");
    if (given && *given != kind) return false;
    return prefix.size() >= kFewestPrefixDigits && digest.hex().starts_with(prefix);
}

void Thumbprint::encode(ByteWriter& writer) const {
    writer.u8(static_cast<std::uint8_t>(kind));
    writer.id(digest);
}

Thumbprint Thumbprint::decode(ByteReader& reader) {
    const std::uint8_t kind = reader.u8();
    if (kind != static_cast<std::uint8_t>(Kind::sha256) && kind != static_cast<std::uint8_t>(Kind::kms)) {
        reader.fail("unknown kind of thumbprint");
    }
    return {static_cast<Kind>(kind), reader.id<Digest>()};
}

}  // namespace signet::format
