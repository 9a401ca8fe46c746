// Object names (docs/format.md section 1).
#pragma once

#include "core/id.h"
#include "format/thumbprint.h"

#include <optional>
#include <string>

namespace signet::format {

inline constexpr const char* kConfigName = "config.json";

[[nodiscard]] std::string journal_name(const IdentityId& identity, std::uint64_t sequence);
[[nodiscard]] std::string slot_name(const Thumbprint& thumbprint, const DekId& dek, const Digest& content);
[[nodiscard]] std::string pack_name(const PackId& pack);
[[nodiscard]] std::string index_name(const IndexId& index);
/// number  1 to 65,536
[[nodiscard]] std::string log_name(const DekId& epoch, std::uint64_t number);
[[nodiscard]] std::string escrow_name(const Thumbprint& thumbprint, const Digest& content);

struct JournalName {
    IdentityId identity;
    std::uint64_t sequence = 0;
};
struct SlotName {
    Thumbprint thumbprint;
    DekId dek;
    Digest content;
};
struct LogName {
    DekId dek;
    std::uint64_t number = 0;
};
struct EscrowName {
    Thumbprint thumbprint;
    Digest content;
};
/// Each returns nothing when the name is not of that form, to the letter.
[[nodiscard]] std::optional<JournalName> parse_journal_name(std::string_view name);
[[nodiscard]] std::optional<SlotName> parse_slot_name(std::string_view name);
[[nodiscard]] std::optional<EscrowName> parse_escrow_name(std::string_view name);
[[nodiscard]] std::optional<PackId> parse_pack_name(std::string_view name);
[[nodiscard]] std::optional<IndexId> parse_index_name(std::string_view name);
[[nodiscard]] std::optional<LogName> parse_log_name(std::string_view name);

}  // namespace signet::format
