#include "keyring/officers.h"

#include "format/names.h"

#include <algorithm>
#include <set>

namespace signet::keyring {
namespace {

constexpr const char* kHint =
    "bring the missing or damaged entry back from a copy of the repository: it may be the one that withdrew a writer; "
    "where there is no copy: signet restore ID --salvage --trust-writer FINGERPRINT, with that of a host you know";

Error doubt_of(const Error& error) {
    return {error.code(), std::string("who is trusted cannot be known: ") + error.what(), kHint};
}

struct Believed {
    std::uint64_t count = 0;
    std::optional<Error> problem;  ///< with entry count + 1
};

/// Takes statements up to the first entry that cannot be read.
Believed take(const OfficerJournal& journal, TrustInput& input) {
    Believed believed;
    for (const format::SignedEntry& entry : journal.entries) {
        try {
            input.add(entry);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
            believed.problem =
                Error(error.code(), format::journal_name(entry.identity, entry.head.sequence) + ": " + error.what());
            return believed;
        }
        ++believed.count;
    }
    believed.problem = journal.problem;
    return believed;
}

/// What a keyring has seen and the journal does not show.
std::optional<Error> unlike_seen(const IdentityId& identity, const OfficerJournal& journal, const Believed& believed,
                                 const SeenEntry& seen) {
    const std::string object = format::journal_name(identity, seen.sequence);
    if (seen.sequence > believed.count) {
        return Error(ErrorCode::damaged, object + ": this keyring has seen it (" + seen.entry.short_hex(16) +
                                             "), and now the journal ends at entry " + std::to_string(believed.count));
    }
    const EntryId& found = journal.entries[seen.sequence - 1].id;
    if (found == seen.entry) return std::nullopt;
    return Error(ErrorCode::damaged, object + ": this keyring has seen entry " + seen.entry.short_hex(16) +
                                         " there, and now it is " + found.short_hex(16));
}

/// Why the journal of an officer who is trusted up to `last` does not suffice.
std::optional<Error> doubt_about(const IdentityId& identity, const OfficerJournal& journal, const Believed& believed,
                                 std::uint64_t last, const std::vector<const RepositoryPin*>& pins) {
    const bool is_whole = believed.count >= last;
    if (believed.problem && !is_whole) return believed.problem;
    for (const RepositoryPin* pin : pins) {
        const auto seen = pin->seen.find(identity);
        if (seen == pin->seen.end()) continue;
        auto lost = unlike_seen(identity, journal, believed, seen->second);
        if (lost && (!is_whole || seen->second.sequence <= believed.count)) return lost;
    }
    return std::nullopt;
}

}  // namespace

void Officers::require_whole() const {
    if (doubt) throw *doubt;
}

Officers read_officers(const IdentityId& first, const OfficerJournalReader& read,
                       const std::vector<const RepositoryPin*>& pins) {
    Officers officers;
    TrustInput input;
    std::set<IdentityId> known;
    // What a level says settles who is in the next one, for good: each journal is read when its owner is settled.
    for (bool is_settled = false; !is_settled;) {
        is_settled = true;
        officers.trust = Trust::compute(first, input);
        for (const TrustedIdentity& officer : officers.trust.all()) {
            const bool has_effect =
                officer.role == format::Role::officer && officer.first_sequence <= officer.last_sequence;
            if (!has_effect || !known.insert(officer.identity).second) continue;
            is_settled = false;
            const OfficerJournal journal = read(officer.identity);
            const Believed believed = take(journal, input);
            if (believed.count > 0)
                officers.newest[officer.identity] = {believed.count, journal.entries[believed.count - 1].id};
            const auto doubt = doubt_about(officer.identity, journal, believed, officer.last_sequence, pins);
            if (doubt && !officers.doubt) officers.doubt = doubt_of(*doubt);
        }
    }
    return officers;
}

}  // namespace signet::keyring
