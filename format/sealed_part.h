// The halves of an entry's sealed part: salt, length, sealed octets (docs/format.md section 6).
#pragma once

#include "core/secret.h"
#include "format/data_key.h"
#include "format/entry.h"

namespace signet::format {

/// Who seals what: the values that go into the key of a half beside its salt.
struct HalfContext {
    const RepositoryId& repository;
    const IdentityId& identity;  ///< of the entry's signer
    std::uint64_t sequence;
};

/// Octets that a half takes for this plaintext.
[[nodiscard]] std::size_t half_size(std::size_t plaintext_size);

/// Appends a half under the label key, with a new salt. associated  octets [0..20+P) of the entry
void seal_labels_half(ByteWriter& out, const HalfContext& context, const SecretBytes& label_key, ByteView associated,
                      ByteView plaintext);
/// Appends a half under a DEK, with a new salt.
void seal_body_half(ByteWriter& out, const HalfContext& context, const DataKey& dek, ByteView associated,
                    ByteView plaintext);

/// Makes and signs an entry that has both halves. public_part  head, with the signer of `key`, and fields
/// body  the octets of the second half, which are wiped
[[nodiscard]] Bytes make_entry_of_halves(EntryKind kind, const EntryHead& head, ByteView public_part,
                                         const SecretBytes& label_key, ByteView labels, Bytes body, const DataKey& dek,
                                         const crypto::SigningKey& key);

/// One half as it stands in the entry.
struct Half {
    ByteView salt;
    ByteView sealed;
    [[nodiscard]] static Half decode(ByteReader& reader);
};

/// returns  nothing when it does not authenticate: another label key
[[nodiscard]] std::optional<SecretBytes> open_labels_half(const Half& half, const SignedEntry& entry,
                                                          const SecretBytes& label_key);
/// throws  Error{damaged}
[[nodiscard]] SecretBytes open_body_half(const Half& half, const SignedEntry& entry, const DataKey& dek,
                                         std::string_view what);

}  // namespace signet::format
