#include "format/names.h"

#include "core/error.h"
#include "format/limits.h"

namespace signet::format {
namespace {

constexpr std::size_t kSequenceDigits = 10;
constexpr std::string_view kQuarantine = "quarantine/";
constexpr std::string_view kRebuilt = "rebuilt/";
constexpr std::size_t kQuarantineDigits = 32;

bool take(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

/// Takes what stands before the first `separator`, and the separator itself.
std::optional<std::string_view> take_until(std::string_view& text, char separator) {
    const std::size_t end = text.find(separator);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(end + 1);
    return part;
}

std::string sequence_text(std::uint64_t sequence) {
    std::string digits = std::to_string(sequence);
    digits.insert(0, kSequenceDigits - digits.size(), '0');
    return digits;
}

/// Ten digits that are not all zero.
std::optional<std::uint64_t> parse_sequence(std::string_view text) {
    if (text.size() != kSequenceDigits) return std::nullopt;
    std::uint64_t sequence = 0;
    for (const char digit : text) {
        if (digit < '0' || digit > '9') return std::nullopt;
        sequence = sequence * 10 + static_cast<std::uint64_t>(digit - '0');
    }
    if (sequence == 0) return std::nullopt;
    return sequence;
}

/// A thumbprint spelt as in object names, with a hyphen.
std::optional<Thumbprint> parse_object_thumbprint(std::string_view text) {
    if (text.find(':') != std::string_view::npos) return std::nullopt;
    return Thumbprint::parse(text);
}

}  // namespace

std::string journal_name(const IdentityId& identity, std::uint64_t sequence) {
    invariant(sequence >= 1 && sequence <= kMaxSequence, "sequence number outside 1 to 9,999,999,999");
    return "journal/" + identity.hex() + "/" + sequence_text(sequence);
}

std::string log_name(const DekId& epoch, std::uint64_t number) {
    invariant(number >= 1 && number <= kMaxLogsInEpoch, "number of a log outside 1 to 65,536");
    return "logs/" + epoch.hex() + "/" + sequence_text(number);
}

std::string slot_name(const Thumbprint& thumbprint, const DekId& dek, const Digest& content) {
    return "slots/" + thumbprint.object_text() + "/" + dek.hex() + "." + content.hex();
}

std::string pack_name(const PackId& pack) {
    const std::string hex = pack.hex();
    return "packs/" + hex.substr(0, 2) + "/" + hex;
}

std::string index_name(const IndexId& index) { return "indexes/" + index.hex(); }

std::string escrow_name(const Thumbprint& thumbprint, const Digest& content) {
    return "escrow/" + thumbprint.object_text() + "." + content.hex();
}

std::string rebuilt_index_prefix(const IndexId& lost) { return std::string(kRebuilt) + lost.hex() + "."; }

std::string rebuilt_index_name(const IndexId& lost, const Digest& content) {
    return rebuilt_index_prefix(lost) + content.hex();
}

std::string quarantine_prefix(std::string_view object) { return std::string(kQuarantine) + std::string(object) + "."; }

std::string quarantine_name(std::string_view object, const Digest& content) {
    return quarantine_prefix(object) + content.short_hex(kQuarantineDigits);
}

bool is_quarantined(std::string_view name) { return name.starts_with(kQuarantine); }

std::optional<std::string> parse_quarantine_name(std::string_view name) {
    if (!take(name, kQuarantine) || name.size() <= kQuarantineDigits + 1) return std::nullopt;
    const std::size_t end = name.size() - kQuarantineDigits - 1;
    if (name[end] != '.') return std::nullopt;
    return std::string(name.substr(0, end));
}

std::optional<JournalName> parse_journal_name(std::string_view name) {
    if (!take(name, "journal/")) return std::nullopt;
    const auto identity_text = take_until(name, '/');
    if (!identity_text) return std::nullopt;
    const auto identity = IdentityId::parse(*identity_text);
    const auto sequence = parse_sequence(name);
    if (!identity || !sequence) return std::nullopt;
    return JournalName{*identity, *sequence};
}

std::optional<LogName> parse_log_name(std::string_view name) {
    if (!take(name, "logs/")) return std::nullopt;
    const auto epoch_text = take_until(name, '/');
    if (!epoch_text) return std::nullopt;
    const auto epoch = DekId::parse(*epoch_text);
    const auto number = parse_sequence(name);
    if (!epoch || !number || *number > kMaxLogsInEpoch) return std::nullopt;
    return LogName{*epoch, *number};
}

std::optional<SlotName> parse_slot_name(std::string_view name) {
    if (!take(name, "slots/")) return std::nullopt;
    const auto thumbprint_text = take_until(name, '/');
    const auto dek_text = thumbprint_text ? take_until(name, '.') : std::nullopt;
    if (!dek_text) return std::nullopt;
    const auto thumbprint = parse_object_thumbprint(*thumbprint_text);
    const auto dek = DekId::parse(*dek_text);
    const auto content = Digest::parse(name);
    if (!thumbprint || !dek || !content) return std::nullopt;
    return SlotName{*thumbprint, *dek, *content};
}

std::optional<EscrowName> parse_escrow_name(std::string_view name) {
    if (!take(name, "escrow/")) return std::nullopt;
    const auto thumbprint_text = take_until(name, '.');
    if (!thumbprint_text) return std::nullopt;
    const auto thumbprint = parse_object_thumbprint(*thumbprint_text);
    const auto content = Digest::parse(name);
    if (!thumbprint || !content) return std::nullopt;
    return EscrowName{*thumbprint, *content};
}

std::optional<PackId> parse_pack_name(std::string_view name) {
    if (!take(name, "packs/")) return std::nullopt;
    const auto folder = take_until(name, '/');
    if (!folder || folder->size() != 2 || !name.starts_with(*folder)) return std::nullopt;
    return PackId::parse(name);
}

std::optional<IndexId> parse_index_name(std::string_view name) {
    if (!take(name, "indexes/")) return std::nullopt;
    return IndexId::parse(name);
}

std::optional<RebuiltIndexName> parse_rebuilt_index_name(std::string_view name) {
    if (!take(name, kRebuilt)) return std::nullopt;
    const auto lost_text = take_until(name, '.');
    if (!lost_text) return std::nullopt;
    const auto lost = IndexId::parse(*lost_text);
    const auto content = Digest::parse(name);
    if (!lost || !content) return std::nullopt;
    return RebuiltIndexName{*lost, *content};
}

}  // namespace signet::format
