#include "restore/stranded.h"

#include <algorithm>

#include "format/names.h"

namespace signet::restore {
namespace {

/// Entries without a gap of which each names the one before it.
struct Chain {
    std::size_t begin = 0;  ///< in Journal::stranded
    std::size_t end = 0;
    std::uint64_t proven_to = 0;  ///< the last sequence number that is; 0: none
    std::optional<Error> refuted;

    void refute(Error why) {
        if (!refuted) refuted = std::move(why);
    }
};

bool follows(const format::SignedEntry& next, const format::SignedEntry& entry) {
    return next.head.sequence == entry.head.sequence + 1 && next.head.previous == entry.id;
}

std::vector<Chain> chains_of(const std::vector<format::SignedEntry>& entries) {
    std::vector<Chain> chains;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (i == 0 || !follows(entries[i], entries[i - 1])) chains.push_back({.begin = i, .end = i, .refuted = {}});
        chains.back().end = i + 1;
    }
    return chains;
}

Error fork_at(const IdentityId& identity, std::uint64_t sequence) {
    return {ErrorCode::damaged, format::journal_name(identity, sequence) +
                                    ": does not follow the entry before it, and which of them was there first is not "
                                    "known: a fork of the journal, or a replay"};
}

void hold_to(const storage::Journal& journal, const std::vector<KnownEntry>& known, Chain& chain) {
    std::uint64_t first_unlike = UINT64_MAX;
    for (const KnownEntry& one : known) {
        for (std::size_t i = chain.begin; i < chain.end; ++i) {
            const format::SignedEntry& entry = journal.stranded[i];
            if (entry.head.sequence != one.sequence) continue;
            if (entry.id == one.entry) {
                chain.proven_to = std::max(chain.proven_to, one.sequence);
                continue;
            }
            first_unlike = std::min(first_unlike, one.sequence);
            chain.refute(Error(ErrorCode::damaged, format::journal_name(journal.identity, one.sequence) + ": " +
                                                       one.who + " entry " + one.entry.short_hex(16) +
                                                       " there, and now it is " + entry.id.short_hex(16)));
        }
    }
    // Two memories that contradict each other prove nothing.
    if (first_unlike < chain.proven_to) chain.proven_to = 0;
}

/// Neighbours that do not follow each other cannot both have been there.
void judge_border(const storage::Journal& journal, Chain& left, Chain& right) {
    const std::uint64_t last = journal.stranded[left.end - 1].head.sequence;
    const std::uint64_t first = journal.stranded[right.begin].head.sequence;
    if (first != last + 1) return;
    const bool is_right_proven = right.proven_to != 0;
    const bool is_left_proven = left.proven_to == last;
    if (!is_left_proven) left.refute(fork_at(journal.identity, first));
    if (!is_right_proven) right.refute(fork_at(journal.identity, first));
}

/// The same between what is believed and what follows it at once.
void judge_first(const storage::Journal& journal, Chain& chain, StrandedVerdict& verdict) {
    const std::uint64_t first = journal.stranded[chain.begin].head.sequence;
    if (first != journal.entries.size() + 1) return;
    if (chain.proven_to == 0)
        chain.refute(fork_at(journal.identity, first));
    else
        verdict.contradiction = fork_at(journal.identity, first);
}

}  // namespace

StrandedVerdict judge_stranded(const storage::Journal& journal, const std::vector<KnownEntry>& known) {
    StrandedVerdict verdict;
    if (journal.stranded.empty()) return verdict;
    std::vector<Chain> chains = chains_of(journal.stranded);
    for (Chain& chain : chains) hold_to(journal, known, chain);
    for (std::size_t i = 1; i < chains.size(); ++i) judge_border(journal, chains[i - 1], chains[i]);
    judge_first(journal, chains.front(), verdict);
    for (const Chain& chain : chains) {
        for (std::size_t i = chain.begin; i < chain.end; ++i) {
            const std::uint64_t sequence = journal.stranded[i].head.sequence;
            if (sequence <= chain.proven_to)
                verdict.proven.insert(sequence);
            else if (chain.refuted)
                verdict.refuted.emplace(sequence, *chain.refuted);
        }
    }
    return verdict;
}

}  // namespace signet::restore
