#include "restore/checkpoint.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/crypto/digest.h"
#include "format/names.h"

namespace signet::restore {
namespace {

constexpr std::string_view kStart = "signet-checkpoint 1 ";
constexpr std::size_t kCheckDigits = 8;

std::string check_digits(std::string_view text) { return crypto::sha256(as_bytes(text)).short_hex(kCheckDigits); }

[[noreturn]] void refuse(std::string_view line) {
    throw Error(ErrorCode::usage, "\"" + std::string(line.substr(0, 60)) + "\" is no checkpoint, or was mangled",
                "give the whole line, or the file with such lines, as signet checkpoint prints them");
}

/// Takes the next word.
std::string_view take_word(std::string_view& text) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

std::uint64_t read_sequence(std::string_view word, std::string_view line) {
    std::uint64_t number = 0;
    if (word.empty() || word.size() > 10 || word.front() == '0') refuse(line);
    for (const char digit : word) {
        if (digit < '0' || digit > '9') refuse(line);
        number = number * 10 + static_cast<std::uint64_t>(digit - '0');
    }
    return number;
}

template <class Value>
Value taken(const std::optional<Value>& value, std::string_view line) {
    if (!value) refuse(line);
    return *value;
}

std::string entries_text(const CheckpointVerdict& verdict) {
    if (verdict.first == verdict.last) return "entry " + std::to_string(verdict.first);
    return "entries " + std::to_string(verdict.first) + " to " + std::to_string(verdict.last);
}

std::string time_text(const Checkpoint& checkpoint, const CheckpointVerdict& verdict) {
    const std::string end = to_rfc3339(checkpoint.time);
    return verdict.after ? "signed after " + to_rfc3339(*verdict.after) + " and up to " + end : "signed up to " + end;
}

}  // namespace

std::string Checkpoint::line() const {
    const std::string text = std::string(kStart) + repository.hex() + " " + identity.hex() + " " +
                             std::to_string(sequence) + " " + entry.hex() + " " + to_rfc3339(time);
    return text + " " + check_digits(text);
}

Checkpoint Checkpoint::parse(std::string_view line) {
    // Mail programs indent and end lines in their own ways.
    constexpr std::string_view kBlank = " \t\r\n";
    line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
    line = line.substr(0, line.find_last_not_of(kBlank) + 1);
    if (!line.starts_with(kStart) || line.size() <= kStart.size() + kCheckDigits) refuse(line);
    const std::string_view said = line.substr(0, line.size() - kCheckDigits - 1);
    std::string_view rest = said.substr(kStart.size());
    Checkpoint checkpoint;
    checkpoint.repository = taken(RepositoryId::parse(take_word(rest)), line);
    checkpoint.identity = taken(IdentityId::parse(take_word(rest)), line);
    checkpoint.sequence = read_sequence(take_word(rest), line);
    checkpoint.entry = taken(EntryId::parse(take_word(rest)), line);
    try {
        checkpoint.time = parse_time(take_word(rest), {});
    } catch (const Error&) {
        refuse(line);
    }
    // One spelling for one checkpoint, and the digits catch what was mangled on its way.
    if (checkpoint.line() != line) refuse(line);
    return checkpoint;
}

std::optional<Checkpoint> Checkpoint::of(const RepositoryId& repository, const storage::Journal& journal) {
    if (journal.entries.empty()) return std::nullopt;
    const format::SignedEntry& last = journal.entries.back();
    return Checkpoint{repository, journal.identity, last.head.sequence, last.id, last.head.time};
}

std::vector<Checkpoint> parse_checkpoints(std::string_view text) {
    std::vector<Checkpoint> checkpoints;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const std::size_t start = line.find_first_not_of(" \t\r");
        if (start != std::string_view::npos && line[start] != '#') checkpoints.push_back(Checkpoint::parse(line));
    }
    if (checkpoints.empty()) throw Error(ErrorCode::usage, "there is no checkpoint in it", "see: signet checkpoint");
    return checkpoints;
}

CheckpointVerdict judge(const Checkpoint& checkpoint, const storage::Journal* journal) {
    using Kind = CheckpointVerdict::Kind;
    const std::size_t believed = journal == nullptr ? 0 : journal->entries.size();
    if (checkpoint.sequence <= believed) {
        if (journal->entries[checkpoint.sequence - 1].id == checkpoint.entry) return {};
        CheckpointVerdict forked{Kind::forked, checkpoint.sequence, checkpoint.sequence, std::nullopt};
        if (checkpoint.sequence > 1) forked.after = journal->entries[checkpoint.sequence - 2].head.time;
        return forked;
    }
    CheckpointVerdict verdict{Kind::rolled_back, believed + 1, checkpoint.sequence, std::nullopt};
    if (believed > 0) verdict.after = journal->entries.back().head.time;
    if (journal == nullptr || journal->unbelieved.empty()) return verdict;
    // The first that is not believed is refused itself, or follows one that is missing.
    verdict.kind = journal->unbelieved.front() == believed + 1 ? Kind::altered : Kind::withheld;
    return verdict;
}

std::optional<Error> refusal(const Checkpoint& checkpoint, const CheckpointVerdict& verdict) {
    using Kind = CheckpointVerdict::Kind;
    if (verdict.kind == Kind::proven) return std::nullopt;
    const std::string name = format::journal_name(checkpoint.identity, verdict.first);
    const std::string who = " of " + checkpoint.identity.hex();
    const std::string what = entries_text(verdict) + who + ", " + time_text(checkpoint, verdict) + ", ";
    switch (verdict.kind) {
        case Kind::rolled_back:
            return Error(ErrorCode::damaged,
                         name + ": the checkpoint knows entry " + std::to_string(checkpoint.sequence) + who +
                             ", and the journal ends before: " + what + "are gone: rolled back or withheld",
                         "bring them back from another place of the repository: signet copy");
        case Kind::withheld:
            return Error(ErrorCode::damaged,
                         name + ": missing, with later ones there: " + what + "cannot be believed: withheld or lost",
                         "bring them back from another place of the repository: signet copy");
        case Kind::altered:
            return Error(ErrorCode::damaged,
                         name + ": there and refused: " + what +
                             "cannot be believed: altered, replayed, or a fork of the journal",
                         "signet check names what is wrong with it; bring it back from another place: signet copy");
        default:
            return Error(ErrorCode::damaged,
                         name + ": another entry than the checkpoint knows: " + what +
                             "are not those that it has seen: the journal was forked or replaced",
                         "two machines may have written as one (signet keyring show), or the storage shows another "
                         "history: trust neither before you know why");
    }
}

namespace {

bool stands_behind_damage(const Checkpoint& checkpoint, const storage::Journal* journal) {
    return journal != nullptr &&
           std::any_of(journal->stranded.begin(), journal->stranded.end(),
                       [&](const format::SignedEntry& entry) { return entry.id == checkpoint.entry; });
}

}  // namespace

std::vector<Error> compare(const std::vector<Checkpoint>& checkpoints, const RepositoryId& repository,
                           const std::vector<storage::Journal>& journals, bool beyond_damage) {
    std::map<IdentityId, Error> found;
    std::map<std::pair<IdentityId, std::uint64_t>, EntryId> known;
    for (const Checkpoint& checkpoint : checkpoints) {
        if (checkpoint.repository != repository) {
            throw Error(ErrorCode::refused,
                        "the checkpoint is of repository " + checkpoint.repository.hex() + ", and config.json says " +
                            repository.hex(),
                        "give the checkpoints of this repository, or look whether another one was put in its place");
        }
        const auto [same, is_new] = known.try_emplace({checkpoint.identity, checkpoint.sequence}, checkpoint.entry);
        if (!is_new && same->second != checkpoint.entry) {
            found.insert_or_assign(checkpoint.identity,
                                   Error(ErrorCode::damaged,
                                         format::journal_name(checkpoint.identity, checkpoint.sequence) +
                                             ": two checkpoints know two entries there, " + same->second.short_hex(16) +
                                             " and " + checkpoint.entry.short_hex(16) + ": the journal was forked",
                                         "two machines may have written as one: signet keyring show"));
        }
        const auto journal = std::find_if(journals.begin(), journals.end(), [&](const storage::Journal& one) {
            return one.identity == checkpoint.identity;
        });
        const storage::Journal* own = journal == journals.end() ? nullptr : &*journal;
        if (beyond_damage && stands_behind_damage(checkpoint, own)) continue;
        if (auto error = refusal(checkpoint, judge(checkpoint, own))) found.emplace(checkpoint.identity, *error);
    }
    std::vector<Error> errors;
    errors.reserve(found.size());
    for (auto& [identity, error] : found) errors.push_back(std::move(error));
    return errors;
}

}  // namespace signet::restore
