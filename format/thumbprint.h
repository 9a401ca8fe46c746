// The name of a protector's key material (docs/format.md section 8).
#pragma once

#include "core/byte_io.h"
#include "core/crypto/rsa.h"

#include <optional>
#include <string>

namespace signet::format {

/// Same material, same thumbprint, wherever it is stored.
struct Thumbprint {
    enum class Kind : std::uint8_t { sha256 = 1, kms = 2 };
    Kind kind = Kind::sha256;
    Digest digest;

    [[nodiscard]] static Thumbprint of(const crypto::RsaPublicKey& key) { return {Kind::sha256, key.spki_digest()}; }
    /// Of a symmetric key that only its key manager holds, by the name that the manager gives it:
    /// "aws-kms:PARTITION:REGION:ACCOUNT:ID" (the region "*" where the id begins with mrk-),
    /// "akv:HOST/keys/NAME/VERSION", "transit:CLUSTER:NAMESPACE:MOUNT:NAME:vVERSION".
    [[nodiscard]] static Thumbprint of_name(std::string_view name);
    /// "sha256:<64 hex>" or "kms:<64 hex>".
    [[nodiscard]] std::string text() const;
    /// With twelve digits, for people: "sha256:ab12cd34ef56".
    [[nodiscard]] std::string short_text() const;
    /// As in object names: "sha256-<64 hex>".
    [[nodiscard]] std::string object_text() const;
    /// Parses text() or object_text(), whole.
    [[nodiscard]] static std::optional<Thumbprint> parse(std::string_view text);
    /// Whether `prefix` (with or without "sha256:"/"kms:", at least 4 hex digits) starts this thumbprint.
    [[nodiscard]] bool matches_prefix(std::string_view prefix) const;

    void encode(ByteWriter& writer) const;
    [[nodiscard]] static Thumbprint decode(ByteReader& reader);
    friend auto operator<=>(const Thumbprint&, const Thumbprint&) = default;
};

}  // namespace signet::format

template <>
struct std::hash<signet::format::Thumbprint> {
    std::size_t operator()(const signet::format::Thumbprint& t) const noexcept {
        return std::hash<signet::Digest>{}(t.digest) ^ static_cast<std::size_t>(t.kind);
    }
};
