// Repack entries: these packs stand for those, these bodies are sealed anew (docs/format.md section 7).
#pragma once

#include "format/backup_entry.h"

namespace signet::format {

/// Packs of one entry that others stand for.
struct ReplacedPacks {
    IdentityId identity;         ///< whose journal holds the entry
    std::uint64_t sequence = 0;  ///< of the entry: a backup or partial one, or an earlier repack entry
    DekId dek;                   ///< of the entry
    Bytes bitmap;                ///< which of its packs: bitmap_has()
};

/// A backup whose body is sealed anew.
struct ResealedBody {
    std::uint64_t sequence = 0;
    EntryId backup;
};

/// A backup that a lossy repack entry stands for.
struct ServedBackup {
    IdentityId identity;  ///< whose journal holds it
    std::uint64_t sequence = 0;
    EntryId backup;
};

/// The public part of kind 6, after the common fields. Its packs hold all chunks of the replaced ones; those of a lossy
/// one hold what its backups refer to, and it stands for these alone.
/// An opening one names its data key alone, before the first pack under it is stored.
struct RepackPublic : SealedPacks {
    IdentityId writer;  ///< whose backups this is about
    bool is_opening = false;
    ReadJournals obeyed;                  ///< of officers
    std::vector<ReplacedPacks> replaced;  ///< strictly ascending by (identity, sequence)
    std::vector<ResealedBody> bodies;     ///< strictly ascending by sequence; none in a lossy one
    std::vector<ServedBackup> backups;    ///< strictly ascending by (identity, sequence); of a lossy one alone

    [[nodiscard]] bool is_lossy() const { return !backups.empty(); }
    /// Whether it stands for packs of that backup: a lossy one for those that it names, any other for all.
    [[nodiscard]] bool serves(const IdentityId& identity, std::uint64_t sequence) const;

    void encode(ByteWriter& writer) const;
    /// throws  Error{damaged}
    [[nodiscard]] static RepackPublic decode(ByteView fields, std::string_view what);
};

/// The public fields of a repack entry, with slots of its repository. throws  Error{damaged}: also when the entry is of
/// another kind, or has a sealed part where it names no bodies, or the other way round
[[nodiscard]] RepackPublic repack_fields(const SignedEntry& entry);
/// The same, checked against the sealed part: as many sealed bodies as it names.
[[nodiscard]] RepackPublic repack_public(const SignedEntry& entry);

/// Makes and signs a repack entry. head.signer is set from `key`.
/// bodies  the octets of each body in fields.bodies, as open_body_octets() gives them
/// throws  Error{failed}: a part is larger than 16 MiB
[[nodiscard]] Bytes make_repack_entry(EntryHead head, const RepackPublic& fields,
                                      const std::vector<SecretBytes>& bodies, const DataKey& dek,
                                      const crypto::SigningKey& key);

/// The octets of the body with this number in the entry's list. throws  Error{damaged}
[[nodiscard]] SecretBytes open_resealed_octets(const SignedEntry& entry, std::size_t number, const DataKey& dek);
/// The same, decoded.
[[nodiscard]] BackupBody open_resealed_body(const SignedEntry& entry, std::size_t number, const DataKey& dek);

}  // namespace signet::format
