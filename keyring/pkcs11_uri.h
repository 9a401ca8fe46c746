// pkcs11: URIs (RFC 7512), as locations have them.
#pragma once

#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/bytes.h"
#include "core/handle.h"

namespace signet::keyring {

/// How labels on tokens say which version of a key they are: "prod" is version 1, "prod/2" the next.
struct VersionedLabel {
    std::string name;
    std::uint32_t version = 1;
    /// What does not end in a version from 2 on is a name as it stands.
    [[nodiscard]] static VersionedLabel parse(std::string_view label);
    [[nodiscard]] std::string text() const;
};

/// Names a key on a token: token, manufacturer, model, serial, slot-… and library-… choose the token; object and id the
/// key. The query says how to get there: pin-source=file:FILE, module-path, module-name.
class Pkcs11Uri {
public:
    /// throws  Error{usage}: not a URI, an unknown attribute, no object and no id, another kind of object than a key or
    ///         certificate, a PIN itself (pin-value), a pin-source other than a file. A PIN is never repeated.
    [[nodiscard]] static Pkcs11Uri parse(std::string_view text);
    /// The same where a whole token is meant: object and id may be missing.
    [[nodiscard]] static Pkcs11Uri parse_token(std::string_view text);

    /// In canonical form: attributes in a fixed order, and encoded only where they must be.
    [[nodiscard]] std::string text() const { return path_ + query(); }
    /// Without the query: what others may see.
    [[nodiscard]] const std::string& path() const { return path_; }
    /// The pin-source made absolute.
    [[nodiscard]] Pkcs11Uri absolute() const;
    /// Another key of the same token, reached in the same way. label, id  at least one is not empty
    [[nodiscard]] Pkcs11Uri with_key(std::string_view label, ByteView id) const;
    /// The token itself, without a key.
    [[nodiscard]] Pkcs11Uri without_key() const;

    /// CKA_LABEL and CKA_ID of the key; at least one is not empty, unless a token is meant.
    [[nodiscard]] const std::string& label() const { return label_; }
    [[nodiscard]] const Bytes& id() const { return id_; }
    /// The file of pin-source.
    [[nodiscard]] const std::optional<std::string>& pin_file() const { return pin_file_; }
    /// The module's file, or its name as p11-kit knows it.
    [[nodiscard]] const std::optional<std::string>& module_path() const { return module_path_; }
    [[nodiscard]] const std::optional<std::string>& module_name() const { return module_name_; }

    [[nodiscard]] bool matches_module(const CK_INFO& info) const;
    [[nodiscard]] bool matches_slot(CK_SLOT_ID slot, const CK_SLOT_INFO& info) const;
    [[nodiscard]] bool matches_token(const CK_TOKEN_INFO& info) const;

private:
    using UriHandle = Handle<P11KitUri, p11_kit_uri_free>;
    [[nodiscard]] static Pkcs11Uri read(std::string_view text);
    [[nodiscard]] std::string query() const;

    UriHandle uri_;
    std::string path_;
    std::string label_;
    Bytes id_;
    std::optional<std::string> pin_file_;
    std::optional<std::string> module_path_;
    std::optional<std::string> module_name_;
};

}  // namespace signet::keyring
