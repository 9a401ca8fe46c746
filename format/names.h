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
/// What stands for an index segment that was lost (section 18).
[[nodiscard]] std::string rebuilt_index_name(const IndexId& lost, const Digest& content);
/// How the names of everything start that stands for one lost index segment.
[[nodiscard]] std::string rebuilt_index_prefix(const IndexId& lost);
/// An object that was set aside as damaged. content  what was found in it
[[nodiscard]] std::string quarantine_name(std::string_view object, const Digest& content);
/// How the names of everything start that was set aside under an object's name.
[[nodiscard]] std::string quarantine_prefix(std::string_view object);

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
struct RebuiltIndexName {
    IndexId lost;
    Digest content;
};
/// Each returns nothing when the name is not of that form, to the letter.
[[nodiscard]] std::optional<JournalName> parse_journal_name(std::string_view name);
[[nodiscard]] std::optional<SlotName> parse_slot_name(std::string_view name);
[[nodiscard]] std::optional<EscrowName> parse_escrow_name(std::string_view name);
[[nodiscard]] std::optional<PackId> parse_pack_name(std::string_view name);
[[nodiscard]] std::optional<IndexId> parse_index_name(std::string_view name);
[[nodiscard]] std::optional<LogName> parse_log_name(std::string_view name);
[[nodiscard]] std::optional<RebuiltIndexName> parse_rebuilt_index_name(std::string_view name);
/// Whether an object was set aside: readers ignore it, but for what section 18 says of packs.
[[nodiscard]] bool is_quarantined(std::string_view name);
/// The name that an object had before it was set aside.
[[nodiscard]] std::optional<std::string> parse_quarantine_name(std::string_view name);

}  // namespace signet::format
