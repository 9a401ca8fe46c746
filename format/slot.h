// Slots: wrapped copies of data keys (docs/format.md section 8).
#pragma once

#include "core/byte_io.h"
#include "format/data_key.h"
#include "format/thumbprint.h"

#include <optional>

namespace signet::format {

enum class WrapAlgorithm : std::uint16_t { rsa_oaep_256 = 1, rsa_oaep_sha1 = 2, aes_kwp = 3, kms_context = 4 };

/// What a symmetric key of a key manager binds a wrapped key to (wrap algorithm 4): it opens for nothing else.
struct WrapBinding {
    RepositoryId repository;
    DekId dek;
    /// "signet:repository=<hex>,signet:dek=<hex>": the associated data of managers that take octets.
    [[nodiscard]] std::string text() const;
};

struct Slot {
    WrapAlgorithm algorithm = WrapAlgorithm::rsa_oaep_256;
    RepositoryId repository;
    DekId dek;
    Thumbprint thumbprint;
    Digest commitment;
    std::string location;  ///< where the protector was, for people: "local:prod-2025/1"
    Bytes wrapped;

    [[nodiscard]] WrapBinding binding() const { return {repository, dek}; }
    [[nodiscard]] Bytes encode() const;
    /// throws  Error{damaged}, Error{unsupported}
    [[nodiscard]] static Slot decode(ByteView bytes, std::string_view what);
};

/// The algorithm that goes with a kind of key: RSA-OAEP-256, or that of key managers.
[[nodiscard]] WrapAlgorithm algorithm_for(const Thumbprint& thumbprint);
/// The 64 octets that a vault wraps: DEK ‖ digest of its context. For symmetric keys of a key manager the context
/// leaves the protector out, so that the manager can wrap anew under another of its keys and show nothing.
[[nodiscard]] SecretBytes wrap_plaintext(const DataKey& key, const Thumbprint& thumbprint);
/// Checks what a vault unwrapped from `slot` and makes the data key of it.
/// throws  Error{damaged}: size, context or commitment differ (a foreign or damaged wrapped key)
[[nodiscard]] DataKey accept_unwrapped(const Slot& slot, const SecretBytes& plaintext);

}  // namespace signet::format
