// Trust, policy, remark and tombstone entries (docs/format.md section 7).
#pragma once

#include "format/entry.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace signet::format {

enum class Role : std::uint8_t { writer = 1, officer = 2 };

struct TrustStatement {
    IdentityId identity;
    Role role = Role::writer;
    std::uint64_t first_sequence = 1;
    std::uint64_t last_sequence = UINT64_MAX;
};

struct TrustFields {
    std::vector<TrustStatement> statements;
    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static TrustFields decode(ByteView fields, std::string_view what);
};

struct PolicyFields {
    std::uint64_t number = 0;
    std::vector<std::pair<std::string, std::string>> values;  ///< ascending by name
    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static PolicyFields decode(ByteView fields, std::string_view what);
};

struct RemarkFields {
    EntryId backup;
    IdentityId writer;  ///< of that backup
    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static RemarkFields decode(ByteView fields, std::string_view what);
};

enum class TombstoneAction : std::uint8_t { forgotten = 1, taken_back = 2 };

/// What is said about one backup.
struct TombstoneStatement {
    IdentityId writer;
    std::uint64_t sequence = 0;
    EntryId backup;
    TombstoneAction action = TombstoneAction::forgotten;
};

struct TombstoneFields {
    std::vector<TombstoneStatement> statements;  ///< ascending by (writer, sequence)
    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static TombstoneFields decode(ByteView fields, std::string_view what);
};

/// Makes and signs an entry without a sealed part (all kinds but backup, partial, remark and repack). head.signer is set from `key`.
[[nodiscard]] Bytes make_plain_entry(EntryKind kind, EntryHead head, ByteView fields, const crypto::SigningKey& key);
/// Makes and signs a remark. tags  ascending, the full list from now on.
[[nodiscard]] Bytes make_remark_entry(EntryHead head, const RemarkFields& fields, const std::vector<std::string>& tags,
                                      const SecretBytes& label_key, const crypto::SigningKey& key);
/// returns  nothing when the label key is not that writer's
[[nodiscard]] std::optional<std::vector<std::string>> open_remark(const SignedEntry& entry,
                                                                  const SecretBytes& label_key);

}  // namespace signet::format
