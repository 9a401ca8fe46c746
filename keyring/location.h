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
struct Location {
    enum class Scheme { local, public_file };
    Scheme scheme = Scheme::local;
    std::string folder;  ///< local: of another vault; empty means the vault of --vault
    std::string name;    ///< local: the key
    std::optional<std::uint32_t> version;
    std::string path;    ///< public: the file

    /// throws  Error{usage}: none of these; schemes that are known but not built in yet are named as such
    [[nodiscard]] static Location parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    /// With folders and files made absolute.
    [[nodiscard]] Location absolute() const;
    [[nodiscard]] Location with_version(std::uint32_t number) const;
    [[nodiscard]] Location without_version() const;
    /// Whether a link to it follows the newest version.
    [[nodiscard]] bool follows_newest() const { return scheme == Scheme::local && !version; }
    /// Whether private halves can be there.
    [[nodiscard]] bool can_unwrap() const { return scheme != Scheme::public_file; }
    /// "local".
    [[nodiscard]] std::string provider() const { return "local"; }

    friend bool operator==(const Location&, const Location&) = default;
};

}  // namespace signet::keyring
