#include "format/log_name.h"

#include "format/encoding.h"
#include "format/limits.h"

#include <algorithm>
#include <charconv>

namespace signet::format {
namespace {

constexpr std::size_t kHexDigits = 8;
constexpr std::size_t kSegmentName = 3 * kHexDigits;
constexpr std::uint64_t kFourGiB = std::uint64_t{1} << 32U;
constexpr std::size_t kMostDigits = 20;

bool is_upper_hex(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

std::optional<std::uint64_t> parse_number(std::string_view text, int base) {
    std::uint64_t value = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

/// Eight upper-case digits.
std::optional<std::uint32_t> parse_word(std::string_view text) {
    if (text.size() != kHexDigits || !is_upper_hex(text)) return std::nullopt;
    return static_cast<std::uint32_t>(*parse_number(text, 16));
}

std::string hex_text(std::uint64_t value, std::size_t digits) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string text;
    for (; value > 0; value /= 16) text.insert(text.begin(), kDigits[value % 16]);
    if (text.size() < digits) text.insert(0, digits - text.size(), '0');
    return text;
}

/// Timeline and position of a segment's 24 digits.
std::optional<PostgresName> parse_segment(std::string_view name, std::uint32_t segment_size) {
    if (name.size() != kSegmentName) return std::nullopt;
    const auto timeline = parse_word(name.substr(0, kHexDigits));
    const auto high = parse_word(name.substr(kHexDigits, kHexDigits));
    const auto low = parse_word(name.substr(2 * kHexDigits));
    if (!timeline || !high || !low || *timeline == 0 || *low >= kFourGiB / segment_size) return std::nullopt;
    return PostgresName{LogKind::segment, *timeline, *high * kFourGiB + std::uint64_t{*low} * segment_size};
}

bool take_end(std::string_view& text, std::string_view end) {
    if (!text.ends_with(end)) return false;
    text.remove_suffix(end.size());
    return true;
}

}  // namespace

std::string_view text(LogKind kind) {
    switch (kind) {
        case LogKind::generic:
            return "generic";
        case LogKind::segment:
            return "segment";
        case LogKind::history:
            return "history";
        case LogKind::backup_history:
            return "backup-history";
        case LogKind::partial:
            return "partial";
    }
    return "unknown";
}

bool is_segment_size(std::uint64_t size) { return size >= kMiB && size <= 1024 * kMiB && (size & (size - 1)) == 0; }

std::optional<std::uint32_t> parse_history_name(std::string_view name) {
    if (!take_end(name, ".history")) return std::nullopt;
    const auto timeline = parse_word(name);
    return timeline && *timeline != 0 ? timeline : std::nullopt;
}

std::optional<PostgresName> parse_postgres_name(std::string_view name, std::uint32_t segment_size) {
    if (const auto timeline = parse_history_name(name)) return PostgresName{LogKind::history, *timeline, 0};
    if (!is_segment_size(segment_size)) return std::nullopt;
    if (take_end(name, ".partial")) {
        auto found = parse_segment(name, segment_size);
        if (found) found->kind = LogKind::partial;
        return found;
    }
    if (!take_end(name, ".backup")) return parse_segment(name, segment_size);
    if (name.size() != kSegmentName + 1 + kHexDigits || name[kSegmentName] != '.') return std::nullopt;
    auto found = parse_segment(name.substr(0, kSegmentName), segment_size);
    const auto offset = parse_word(name.substr(kSegmentName + 1));
    if (!found || !offset || *offset >= segment_size) return std::nullopt;
    found->kind = LogKind::backup_history;
    found->position += *offset;
    return found;
}

bool looks_like_postgres(std::string_view name) {
    return parse_history_name(name) || parse_postgres_name(name, static_cast<std::uint32_t>(kMiB)).has_value();
}

std::string segment_name(std::uint32_t timeline, std::uint64_t position, std::uint32_t segment_size) {
    invariant(is_segment_size(segment_size), "segments have a size");
    return hex_text(timeline, kHexDigits) + hex_text(position / kFourGiB, kHexDigits) +
           hex_text(position % kFourGiB / segment_size, kHexDigits);
}

std::string history_name(std::uint32_t timeline) { return hex_text(timeline, kHexDigits) + ".history"; }

std::string position_text(std::uint64_t position) {
    return hex_text(position / kFourGiB, 1) + "/" + hex_text(position % kFourGiB, 1);
}

std::optional<std::uint64_t> parse_position(std::string_view text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto high = parse_number(text.substr(0, slash), 16);
    const auto low = parse_number(text.substr(slash + 1), 16);
    if (!high || !low || *high >= kFourGiB || *low >= kFourGiB) return std::nullopt;
    return *high * kFourGiB + *low;
}

std::vector<TimelineSwitch> parse_history(std::string_view content, std::string_view what) {
    std::vector<TimelineSwitch> switches;
    while (!content.empty()) {
        const std::size_t end = std::min(content.find('\n'), content.size());
        std::string_view line = content.substr(0, end);
        content.remove_prefix(std::min(end + 1, content.size()));
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
        if (line.empty() || line.front() == '#') continue;
        const std::size_t first = line.find_first_of(" \t");
        if (first == std::string_view::npos) throw_damaged(what, "a line without a position");
        const auto timeline = parse_number(line.substr(0, first), 10);
        line.remove_prefix(std::min(line.find_first_not_of(" \t", first), line.size()));
        const auto position = parse_position(line.substr(0, line.find_first_of(" \t\r")));
        if (!timeline || *timeline == 0 || *timeline > UINT32_MAX || !position) throw_damaged(what, "not a history");
        if (!switches.empty() && switches.back().timeline >= *timeline) throw_damaged(what, "timelines do not ascend");
        if (switches.size() >= kMaxSwitches) throw_damaged(what, "more than 4,096 timelines");
        switches.push_back({static_cast<std::uint32_t>(*timeline), *position});
    }
    return switches;
}

LogSequence LogSequence::parse(std::string_view pattern) {
    const Error problem(ErrorCode::usage, "not a sequence of names: \"" + std::string(pattern) + "\"",
                        "a text with one %d or %06d for the number: binlog.%06d");
    LogSequence sequence;
    bool has_number = false;
    for (std::size_t at = 0; at < pattern.size(); ++at) {
        if (pattern[at] != '%') {
            (has_number ? sequence.after_ : sequence.before_) += pattern[at];
            continue;
        }
        if (++at >= pattern.size()) throw problem;
        if (pattern[at] == '%') {
            (has_number ? sequence.after_ : sequence.before_) += '%';
            continue;
        }
        const std::size_t end = pattern.find('d', at);
        if (has_number || end == std::string_view::npos) throw problem;
        if (end > at) {
            const auto digits = parse_number(pattern.substr(at + 1, end - at - 1), 10);
            if (pattern[at] != '0' || !digits || *digits == 0 || *digits > kMostDigits) throw problem;
            sequence.digits_ = static_cast<std::size_t>(*digits);
        }
        has_number = true;
        at = end;
    }
    if (!has_number || pattern.size() > kMaxName) throw problem;
    return sequence;
}

std::optional<std::uint64_t> LogSequence::number_of(std::string_view name) const {
    if (name.size() < before_.size() + after_.size() || !name.starts_with(before_)) return std::nullopt;
    name.remove_prefix(before_.size());
    if (!take_end(name, after_)) return std::nullopt;
    const auto number = parse_number(name, 10);
    // One name for each number: no zeros but those that the pattern asks for.
    if (!number || name_of(*number) != before_ + std::string(name) + after_) return std::nullopt;
    return number;
}

std::string LogSequence::name_of(std::uint64_t number) const {
    std::string digits = std::to_string(number);
    if (digits.size() < digits_) digits.insert(0, digits_ - digits.size(), '0');
    return before_ + digits + after_;
}

}  // namespace signet::format
