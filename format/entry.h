// Journal entries: the signed envelope and its common fields (docs/format.md section 5).
#pragma once

#include "core/byte_io.h"
#include "core/clock.h"
#include "core/crypto/identity_key.h"

#include <optional>

namespace signet::format {

enum class EntryKind : std::uint8_t {
    backup = 1,
    partial = 2,
    trust = 3,
    policy = 4,
    remark = 5,
    repack = 6,
    tombstone = 7,
    condemnation = 8,
    verdict = 9,
    acknowledgement = 10,
    log_epoch = 11,
    log_release = 12,
};

/// The fields every entry starts with.
struct EntryHead {
    RepositoryId repository;
    Digest config_hash;
    crypto::VerifyKey signer;
    std::uint64_t sequence = 0;
    EntryId previous;
    TimePoint time;
    Digest audit_head;
    EntryId policy;

    void encode(ByteWriter& writer) const;
    [[nodiscard]] static EntryHead decode(ByteReader& reader);
};

/// A whole entry whose signature has been verified.
struct SignedEntry {
    EntryKind kind{};
    EntryHead head;
    EntryId id;           ///< SHA-256 of the object
    IdentityId identity;  ///< of head.signer
    Bytes object;         ///< all octets; after drop_body() those up to the end of the names
    bool has_body = true;
    std::size_t public_size = 0;
    std::size_t public_rest = 0;  ///< offset in object where the kind's own public fields start

    /// Octets [0..20+P): the associated data of the sealed part.
    [[nodiscard]] ByteView associated() const { return ByteView(object).first(20 + public_size); }
    /// The kind's own public fields.
    [[nodiscard]] ByteView public_fields() const { return associated().subspan(public_rest); }
    /// What is sealed, without the signature after it. Without the body: the names alone.
    [[nodiscard]] ByteView sealed_part() const {
        return ByteView(object).subspan(20 + public_size, object.size() - (has_body ? 64 : 0) - 20 - public_size);
    }
    /// Octets of the object as it is stored.
    [[nodiscard]] std::size_t stored_size() const;
};

/// Verifies everything that the object itself can prove: magic, version, kind, lengths, signature.
/// `name` is the object's name; identity and sequence must agree with it.
/// throws  Error{damaged}, Error{unsupported}
[[nodiscard]] SignedEntry decode_entry(Bytes object, std::string_view name);

/// An entry that was verified by decode_entry() before and kept by the caller where nobody else could change it.
/// Nothing is verified again but its form.
/// kept  `object` of the entry, or what drop_body() left of it. throws  Error{damaged}, Error{unsupported}
[[nodiscard]] SignedEntry resume_entry(Bytes kept, const EntryId& id, std::string_view name);

/// The octets before the sealed part: magic … P, S, public part. `sealed_size` is what the sealed part will have.
[[nodiscard]] Bytes entry_prefix(EntryKind kind, ByteView public_part, std::size_t sealed_size);
/// prefix ‖ sealed ‖ signature.
[[nodiscard]] Bytes sign_entry(Bytes prefix, ByteView sealed, const crypto::SigningKey& key);

}  // namespace signet::format
