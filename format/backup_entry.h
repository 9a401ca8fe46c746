// Backup and partial entries: what a plan needs in clear, names and content sealed (docs/format.md section 6).
#pragma once

#include "format/entry.h"
#include "format/obeyed.h"
#include "format/sealed_packs.h"
#include "format/tree.h"

#include <optional>

namespace signet::format {

enum class BackupKind : std::uint8_t {
    files = 1,
    stream = 2,
    base = 3,  ///< a PostgreSQL cluster that logs are replayed over
};

/// What a base says of its place in the write-ahead log.
struct BasePlace {
    std::uint64_t system = 0;  ///< system identifier
    std::uint32_t timeline = 0;
    std::uint64_t start = 0;  ///< logs are replayed from this position on
    std::uint64_t stop = 0;   ///< and it is consistent from this one on
    std::uint32_t segment_size = 0;
    friend bool operator==(const BasePlace&, const BasePlace&) = default;
};

/// Which packs of an earlier entry, of the same journal or of a predecessor's, are used.
struct Reach {
    std::uint64_t journal = 0;  ///< 0: the entry's own; i: that of the i-th predecessor, counted from 1
    std::uint64_t sequence = 0;
    DekId dek;
    Bytes bitmap;
    [[nodiscard]] bool has(std::size_t pack) const { return bitmap_has(bitmap, pack); }
    void set(std::size_t pack) { bitmap_set(bitmap, pack); }
};

/// Which packs of a repack entry are used: one about the signer or a predecessor.
struct Borrowed {
    IdentityId identity;  ///< whose journal holds the entry
    std::uint64_t sequence = 0;
    DekId dek;  ///< of the entry
    Bytes bitmap;
    [[nodiscard]] bool has(std::size_t pack) const { return bitmap_has(bitmap, pack); }
    void set(std::size_t pack) { bitmap_set(bitmap, pack); }
};

using RunId = Id<struct RunTag, 16>;

/// The public part of kinds 1 and 2, after the common fields.
struct BackupPublic : SealedPacks {
    RunId run;
    SeriesId series;
    BackupKind kind = BackupKind::files;
    bool has_errors = false;
    TimePoint time;
    TimePoint started;
    TimePoint finished;
    std::vector<IdentityId> predecessors;  ///< writers whose place the signer has taken, the oldest first
    ReadJournals obeyed;                   ///< of officers
    std::vector<Reach> reach;              ///< ascending by (journal, sequence)
    std::vector<Borrowed> borrowed;        ///< ascending by (identity, sequence); none in a partial entry
    std::optional<BasePlace> base;         ///< of a base

    /// In whose journal a reached entry stands. signer  of this entry
    [[nodiscard]] const IdentityId& writer_of(const Reach& item, const IdentityId& signer) const {
        return item.journal == 0 ? signer : predecessors.at(item.journal - 1);
    }

    void encode(ByteWriter& writer) const;
    /// throws  Error{damaged}
    [[nodiscard]] static BackupPublic decode(ByteView fields, std::string_view what);
};

/// The public fields of a backup or partial entry, checked against its head: slots of the same repository, the signer
/// no predecessor of its own, reach to earlier entries only, nothing borrowed by a partial entry. throws
/// Error{damaged}: also when the entry is of another kind
[[nodiscard]] BackupPublic backup_public(const SignedEntry& entry);

/// The predecessors of an entry's signer; used by every entry that has a DEK of a writer.
void encode_predecessors(ByteWriter& writer, const std::vector<IdentityId>& predecessors);
[[nodiscard]] std::vector<IdentityId> decode_predecessors(ByteReader& reader);

/// A list of tags, ascending, without duplicates. throws  Error{usage}: a tag that is not UTF-8
void encode_tags(ByteWriter& writer, const std::vector<std::string>& tags);
[[nodiscard]] std::vector<std::string> decode_tags(ByteReader& reader);

struct Labels {
    std::string host;
    std::string user;
    std::string series;
    std::vector<std::string> paths;
    std::vector<std::string> tags;
    std::vector<std::string> command;
    std::string program;

    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static Labels decode(ByteView bytes, std::string_view what);
};

struct Problem {
    std::string path;
    int error_number = 0;
    std::string what;
};

struct BackupStatistics {
    std::uint64_t files = 0;
    std::uint64_t directories = 0;
    std::uint64_t others = 0;
    std::uint64_t bytes = 0;
    std::uint64_t added_raw = 0;
    std::uint64_t added_sealed = 0;
    std::uint64_t errors = 0;
};

/// The sealed body. In a partial entry only `keys` counts.
struct BackupBody {
    WriterKeys keys;
    Entry root;
    std::vector<std::pair<std::uint32_t, std::string>> owners;
    std::vector<std::pair<std::uint32_t, std::string>> groups;
    BackupStatistics statistics;
    std::vector<Problem> problems;

    [[nodiscard]] Bytes encode(EntryKind kind) const;
    [[nodiscard]] static BackupBody decode(ByteView bytes, EntryKind kind, std::string_view what);
};

/// Makes and signs a backup or partial entry.
/// head.signer is set from `key`. label_key is body.keys.label_key.
[[nodiscard]] Bytes make_backup_entry(EntryKind kind, EntryHead head, const BackupPublic& fields, const Labels& labels,
                                      const BackupBody& body, const DataKey& dek, const crypto::SigningKey& key);

/// Whether entries of this kind seal labels and a body: backup, partial and log epoch entries.
[[nodiscard]] bool has_labels_and_body(EntryKind kind);
/// Lets go of the body and the signature of such an entry; what stays is what plans and lists need.
/// open_labels() works as before, open_body() not any more. throws  Error{damaged}: the sealed part has no such halves
void drop_body(SignedEntry& entry);

/// returns  nothing when the label key is not this writer's
[[nodiscard]] std::optional<Labels> open_labels(const SignedEntry& entry, const SecretBytes& label_key);
/// Anybody can write down the id of another's series; to name it takes the other's label key.
/// throws  Error{damaged}: the series id of a backup, partial or log epoch entry is not that of the name in its labels
void check_series(const SignedEntry& entry, const Labels& labels, const SecretBytes& label_key);
/// entry  with its body. throws  Error{damaged}
[[nodiscard]] BackupBody open_body(const SignedEntry& entry, const DataKey& dek);
/// The body's octets alone, as they were sealed: what a repack entry seals anew. throws  Error{damaged}
[[nodiscard]] SecretBytes open_body_octets(const SignedEntry& entry, const DataKey& dek);

}  // namespace signet::format
