#include "keyring/drill_history.h"

#include "core/crypto/digest.h"
#include "core/error.h"
#include "core/file.h"
#include "keyring/state_file.h"

#include <algorithm>
#include <optional>

namespace signet::keyring {
namespace {

constexpr double kLockWaitSeconds = 30;
constexpr mode_t kFileMode = 0600;
/// What is signed cannot be taken for anything else that the same key signs.
constexpr std::string_view kDomain = "signet drill record 1\n";

std::string signed_text(Json line) {
    line.erase("signature");
    return std::string(kDomain) + compact(line);
}

template <std::size_t N>
std::optional<std::array<std::uint8_t, N>> octets_of(const Json& line, const char* name) {
    std::array<std::uint8_t, N> octets{};
    const auto member = line.find(name);
    if (member == line.end() || !member->is_string() || !from_hex(member->get<std::string>(), octets))
        return std::nullopt;
    return octets;
}

/// A line that has the form of a record, in its one spelling.
std::optional<Json> parse_record(std::string_view text) {
    Json line = Json::parse(text, nullptr, false);
    if (line.is_discarded() || !line.is_object() || line.size() != 5) return std::nullopt;
    const auto number = line.find("number");
    if (number == line.end() || !number->is_number_unsigned()) return std::nullopt;
    const auto drill = line.find("drill");
    if (drill == line.end() || !drill->is_object()) return std::nullopt;
    if (!octets_of<Digest::kSize>(line, "prev") || !octets_of<32>(line, "key") || !octets_of<64>(line, "signature"))
        return std::nullopt;
    if (line.dump(-1, ' ', false, Json::error_handler_t::replace) != text) return std::nullopt;
    return line;
}

DrillEntry entry_of(std::string_view text, std::uint64_t line_number) {
    DrillEntry entry;
    entry.line = line_number;
    entry.text = std::string(text);
    entry.digest = crypto::sha256(as_bytes(text));
    const auto record = parse_record(text);
    if (!record) return entry;
    entry.number = record->at("number").get<std::uint64_t>();
    entry.drill = compact(record->at("drill"));
    crypto::VerifyKey key;
    key.octets = *octets_of<32>(*record, "key");
    entry.writer = key.identity();
    entry.authentic = key.verify(as_bytes(signed_text(*record)), *octets_of<64>(*record, "signature"));
    return entry;
}

std::vector<DrillEntry> entries_of(ByteView file) {
    std::vector<DrillEntry> entries;
    std::string_view rest = as_text(file);
    while (!rest.empty()) {
        const auto feed = rest.find('\n');
        entries.push_back(entry_of(rest.substr(0, feed), entries.size() + 1));
        if (feed == std::string_view::npos) break;
        rest.remove_prefix(feed + 1);
    }
    return entries;
}

Bytes read_history(const std::string& path) {
    Bytes file;
    if (!read_file_if_present(path, kMaxStateFile, file)) file.clear();
    return file;
}

std::string name_of(const DrillEntry& entry) {
    return entry.number == 0 ? "line " + std::to_string(entry.line) : "record " + std::to_string(entry.number);
}

/// Walks the chain record by record.
class ChainWalk {
public:
    ChainWalk(DrillHistoryReport& report, const IdentityId& writer, const std::set<Digest>& noted)
        : report_(report), writer_(writer), noted_(noted) {}

    void take(const DrillEntry& entry) {
        const bool whole = entry.number != 0 && entry.authentic;
        if (entry.number == 0) {
            problem(entry, "is no record of a drill");
        } else if (!entry.authentic) {
            problem(entry, "was altered: its signature does not fit");
        } else {
            follow(entry);
            judge_signer(entry);
        }
        last_ = &entry;
        last_is_whole_ = whole;
        if (whole) number_ = entry.number;
    }

    void finish() {
        std::set<Digest> there;
        for (const DrillEntry& entry : report_.entries) there.insert(entry.digest);
        const auto missing = static_cast<std::uint64_t>(
            std::count_if(noted_.begin(), noted_.end(), [&](const Digest& one) { return !there.contains(one); }));
        // One that was altered in its place is named already.
        const auto altered = static_cast<std::uint64_t>(
            std::count_if(report_.entries.begin(), report_.entries.end(), [&](const DrillEntry& entry) {
                return (entry.number == 0 || !entry.authentic) && !noted_.contains(entry.digest);
            }));
        if (missing > altered)
            report_.problems.push_back(std::to_string(missing - altered) +
                                       " of the records that the audit log has noted are missing");
    }

private:
    void follow(const DrillEntry& entry) {
        if (last_ == nullptr || last_is_whole_) {
            if (entry.number > number_ + 1) {
                report_missing(number_ + 1, entry.number - 1);
            } else if (entry.number != number_ + 1) {
                problem(entry, "does not follow record " + std::to_string(number_));
            } else if (prev_of(entry) != (last_ == nullptr ? Digest{} : last_->digest)) {
                problem(entry, "does not follow the record before it");
            }
        }
        // Behind a line that was altered the numbers still tell what is missing.
    }
    void judge_signer(const DrillEntry& entry) {
        if (entry.writer == writer_) return;
        const std::string what = "is signed by writer " + entry.writer.short_hex(16) + ", not by that of this keyring";
        if (noted_.contains(entry.digest))
            report_.remarks.push_back(name_of(entry) + " " + what + "; the audit log has it");
        else
            problem(entry, what);
    }
    static Digest prev_of(const DrillEntry& entry) {
        const Json line = Json::parse(entry.text, nullptr, false);
        Digest prev;
        prev.octets = octets_of<Digest::kSize>(line, "prev").value_or(prev.octets);
        return prev;
    }
    void report_missing(std::uint64_t first, std::uint64_t last) {
        report_.problems.push_back(first == last ? "record " + std::to_string(first) + " is missing"
                                                 : "records " + std::to_string(first) + " to " + std::to_string(last) +
                                                       " are missing");
    }
    void problem(const DrillEntry& entry, const std::string& what) {
        report_.problems.push_back(name_of(entry) + " " + what);
    }

    DrillHistoryReport& report_;
    const IdentityId& writer_;
    const std::set<Digest>& noted_;
    const DrillEntry* last_ = nullptr;
    bool last_is_whole_ = false;
    std::uint64_t number_ = 0;
};

}  // namespace

DrillEntry DrillHistory::append(const std::string& drill, const crypto::SigningKey& writer) const {
    const FileLock lock(path_ + ".lock", kLockWaitSeconds, "the history of drills " + path_ + " is locked");
    Bytes file = read_history(path_);
    if (!file.empty() && file.back() != '\n') file.push_back('\n');
    const std::vector<DrillEntry> before = entries_of(file);
    std::uint64_t number = 0;
    for (const DrillEntry& entry : before) number = std::max(number, entry.number);
    Json line = {{"number", number + 1},
                 {"prev", (before.empty() ? Digest{} : before.back().digest).hex()},
                 {"key", to_hex(writer.verify_key().octets)},
                 {"drill", Json::parse(drill)}};
    line["signature"] = to_hex(writer.sign(as_bytes(signed_text(line))));
    const std::string text = compact(line);
    const ByteView octets = as_bytes(text);
    file.insert(file.end(), octets.begin(), octets.end());
    file.push_back('\n');
    if (file.size() > kMaxStateFile) {
        throw Error(ErrorCode::io, "the history of drills " + path_ + " is full",
                    "keep a copy elsewhere and move it away: a new one begins");
    }
    replace_file(path_, file, kFileMode);
    return entry_of(text, before.size() + 1);
}

DrillHistoryReport DrillHistory::read(const IdentityId& writer, const std::set<Digest>& noted) const {
    DrillHistoryReport report;
    report.entries = entries_of(read_history(path_));
    ChainWalk walk(report, writer, noted);
    for (const DrillEntry& entry : report.entries) walk.take(entry);
    walk.finish();
    return report;
}

}  // namespace signet::keyring
