// Log epoch entries: the logs of a series under one DEK (docs/format.md section 16).
#pragma once

#include "format/backup_entry.h"
#include "format/log.h"

#include <string>
#include <vector>

namespace signet::format {

/// An epoch that has ended, and with what.
struct ClosedEpoch {
    DekId epoch;
    std::uint64_t logs = 0;
    LogId last;  ///< zero when there is none
    friend bool operator==(const ClosedEpoch&, const ClosedEpoch&) = default;
};

/// What the logs of a series are.
struct LogSource {
    LogFamily family = LogFamily::generic;
    std::uint64_t system = 0;        ///< system identifier of PostgreSQL's cluster
    std::uint32_t segment_size = 0;  ///< of PostgreSQL
    std::string sequence;            ///< LogSequence of generic logs; empty: nothing is known of their order
    friend bool operator==(const LogSource&, const LogSource&) = default;
};

/// The public part, after the common fields.
struct LogEpochPublic : SlottedKey {
    SeriesId series;
    LogSource source;
    std::vector<IdentityId> predecessors;
    std::vector<ClosedEpoch> closed;  ///< ascending by epoch

    void encode(ByteWriter& writer) const;
    /// throws  Error{damaged}
    [[nodiscard]] static LogEpochPublic decode(ByteView fields, std::string_view what);
};

/// The public fields of a log epoch entry, checked against its head. throws  Error{damaged}: also of another kind
[[nodiscard]] LogEpochPublic log_epoch_public(const SignedEntry& entry);

/// Makes and signs one. head.signer is set from `key`.
[[nodiscard]] Bytes make_log_epoch_entry(EntryHead head, const LogEpochPublic& fields, const Labels& labels,
                                         const WriterKeys& keys, const DataKey& dek, const crypto::SigningKey& key);
/// The writer's keys from its body. throws  Error{damaged}
[[nodiscard]] WriterKeys open_epoch_keys(const SignedEntry& entry, const DataKey& dek);

}  // namespace signet::format
