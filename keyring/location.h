// Where a protector is, as `keyring link` takes it.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace signet::keyring {

/// local:NAME[/VERSION]       in the vault of --vault
/// local:DIR#NAME[/VERSION]   in another vault
/// public:FILE                a public half (PEM); wraps only
/// pkcs11:…                   a key on a token (RFC 7512)
struct Location {
    enum class Scheme { local, public_file, pkcs11 };
    Scheme scheme = Scheme::local;
    std::string folder;                    ///< local: of another vault; empty means the vault of --vault
    std::string name;                      ///< local: the key; pkcs11: its label without a version, which may be empty
    std::optional<std::uint32_t> version;  ///< pkcs11: where the label has one: object=prod%2F2
    std::string path;                      ///< public: the file
    std::string uri;                       ///< pkcs11: in canonical form

    /// throws  Error{usage}: none of these; schemes that are known but not built in yet are named as such
    [[nodiscard]] static Location parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    /// As repositories show it to everybody: without the way to a PIN.
    [[nodiscard]] std::string public_text() const;
    /// With folders and files made absolute.
    [[nodiscard]] Location absolute() const;
    /// pkcs11: the key with that label; version 1 is the label without a version.
    [[nodiscard]] Location with_version(std::uint32_t number) const;
    [[nodiscard]] Location without_version() const;
    /// The version that is named; on a token 1 where the label has none.
    [[nodiscard]] std::optional<std::uint32_t> named_version() const;
    /// Whether a link to it follows the newest version: a local key without a version, a label on a token without
    /// version and id.
    [[nodiscard]] bool follows_newest() const;
    /// Whether private halves can be there.
    [[nodiscard]] bool can_unwrap() const { return scheme != Scheme::public_file; }
    /// Whose it is: "local", or "pkcs11" for a token.
    [[nodiscard]] std::string provider() const { return scheme == Scheme::pkcs11 ? "pkcs11" : "local"; }

    friend bool operator==(const Location&, const Location&) = default;
};

/// Whether a default of one provider is the default of the other. Vault folders and tokens are both the customer's own,
/// on the premises: a repository of provider `local` is served by either.
[[nodiscard]] bool same_provider(std::string_view left, std::string_view right);

}  // namespace signet::keyring
