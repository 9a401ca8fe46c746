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
/// azure:https://VAULT/keys/NAME[/VERSION]      Azure Key Vault or Managed HSM
/// aws:arn:aws:kms:REGION:ACCOUNT:key/ID        AWS KMS; also alias/NAME, which follows what the alias points at
/// transit:https://HOST/MOUNT/keys/NAME[/VERSION][?namespace=NS]   Transit of HashiCorp Vault or OpenBao
struct Location {
    enum class Scheme { local, public_file, pkcs11, azure, aws, transit };
    Scheme scheme = Scheme::local;
    std::string folder;  ///< local: of another vault; empty means the vault of --vault
    /// local, azure, transit: the key; pkcs11: its label without a version, which may be empty; aws: the key's id, or
    /// "alias/NAME"
    std::string name;
    std::optional<std::uint32_t> version;  ///< local, transit; pkcs11: where the label has one: object=prod%2F2
    std::string revision;                  ///< azure: the version, 32 hex digits; else empty
    std::string path;                      ///< public: the file
    std::string uri;                       ///< pkcs11: in canonical form; aws: the whole ARN
    std::string origin;                    ///< azure, transit: "https://host[:port]", in lower case
    std::string mount;                     ///< transit: where the engine is mounted, "transit"
    std::string space;                     ///< transit: the namespace, "team/a"; may be empty

    /// throws  Error{usage}: none of these
    [[nodiscard]] static Location parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    /// As repositories show it to everybody: without the way to a PIN.
    [[nodiscard]] std::string public_text() const;
    /// With folders and files made absolute.
    [[nodiscard]] Location absolute() const;
    /// pkcs11: the key with that label; version 1 is the label without a version.
    [[nodiscard]] Location with_version(std::uint32_t number) const;
    /// azure: that version of the key.
    [[nodiscard]] Location with_revision(const std::string& id) const;
    [[nodiscard]] Location without_version() const;
    /// The version that is named; on a token 1 where the label has none.
    [[nodiscard]] std::optional<std::uint32_t> named_version() const;
    /// Whether a link to it follows the newest version: a key without a version where there are versions, a label on a
    /// token without version and id, an alias.
    [[nodiscard]] bool follows_newest() const;
    /// Whether private halves can be there.
    [[nodiscard]] bool can_unwrap() const { return scheme != Scheme::public_file; }
    /// Whether it is in a key manager that is reached over HTTP.
    [[nodiscard]] bool is_remote() const {
        return scheme == Scheme::azure || scheme == Scheme::aws || scheme == Scheme::transit;
    }
    /// Whose it is: "local", "pkcs11" for a token, "azure", "aws", "transit".
    [[nodiscard]] std::string provider() const;
    /// azure: the host without its domain, "prod-weu"; transit: host and port; aws: region and account. For people.
    [[nodiscard]] std::string vault_name() const;

    friend bool operator==(const Location&, const Location&) = default;
};

/// Whether a default of one provider is the default of the other. Vault folders and tokens are both the customer's own,
/// on the premises: a repository of provider `local` is served by either.
[[nodiscard]] bool same_provider(std::string_view left, std::string_view right);

}  // namespace signet::keyring
