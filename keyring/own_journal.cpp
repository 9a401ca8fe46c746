#include "keyring/own_journal.h"

#include <algorithm>

namespace signet::keyring {
namespace {

/// Runs that were killed never end. So many of them at once are remembered; nobody runs that many side by side.
constexpr std::size_t kMostBegun = 1000;

}  // namespace

const OwnEntry* OwnJournal::foreign(std::span<const OwnEntry> entries) const {
    for (const OwnEntry& entry : entries) {
        if (entry.sequence <= accounted) continue;
        const bool is_own =
            std::any_of(begun.begin(), begun.end(), [&](const Begun& one) { return one.run == entry.run; });
        if (!is_own) return &entry;
    }
    return nullptr;
}

void OwnJournal::account(std::uint64_t last) {
    accounted = std::max(accounted, last);
    // One that ended beyond `last` has entries that were not there yet when the journal was read.
    std::erase_if(begun, [&](const Begun& one) { return one.ended && *one.ended <= accounted; });
}

void OwnJournal::begin(const format::RunId& run) {
    if (begun.size() >= kMostBegun) begun.erase(begun.begin());
    begun.push_back({run, std::nullopt});
}

void OwnJournal::end(const format::RunId& run, std::uint64_t last) {
    for (Begun& one : begun) {
        if (one.run == run) one.ended = last;
    }
}

}  // namespace signet::keyring
