#include "cli/repack_officer.h"

#include "cli/officer.h"

#include <algorithm>

namespace signet::cli {
namespace {

/// After every repack entry that counts: of several about one pack the latest counts.
TimePoint after_all(const restore::Repacks& repacks) {
    TimePoint time;
    for (const auto& [place, repack] : repacks.entries())
        time = std::max(time, just_after(std::get<TimePoint>(repack.order)));
    return time;
}

/// Whether two repack entries are about one pack or one body.
bool overlap(const format::RepackPublic& one, const format::RepackPublic& other) {
    for (const format::ReplacedPacks& item : one.replaced) {
        for (const format::ReplacedPacks& theirs : other.replaced) {
            if (item.identity != theirs.identity || item.sequence != theirs.sequence) continue;
            for (std::size_t i = 0; i < std::min(item.bitmap.size(), theirs.bitmap.size()); ++i) {
                if ((item.bitmap[i] & theirs.bitmap[i]) != 0) return true;
            }
        }
    }
    return one.writer == other.writer && std::any_of(one.bodies.begin(), one.bodies.end(), [&](const auto& body) {
               return std::any_of(other.bodies.begin(), other.bodies.end(),
                                  [&](const auto& theirs) { return theirs.sequence == body.sequence; });
           });
}

}  // namespace

RepackOfficer::RepackOfficer(Context& context)
    : context_(context), not_before_(after_all(context.catalogue().repacks())) {}

void RepackOfficer::prepare() {
    if (!key_) key_ = officer_of(context_, format::EntryKind::repack);
}

void RepackOfficer::append(const restore::EntryMaker& make) {
    prepare();
    const format::SignedEntry entry = append_to_journal(context_, *key_, make, not_before_);
    said_.insert({entry.identity, entry.head.sequence});
}

format::ReadJournals RepackOfficer::obey(const format::SealedPacks& listed) const {
    const restore::Catalogue now = context_.look_again();
    now.require_no_doubt();
    if (now.condemnations().of_listed(listed) != storage::Standing::free) {
        throw Error(ErrorCode::refused,
                    "what was sealed anew was condemned meanwhile, by a prune that did not know of it",
                    "run this again: what was committed before is not done twice");
    }
    return now.officers_read();
}

void RepackOfficer::require_in_force() const {
    if (said_.empty()) return;
    const restore::Catalogue now = context_.look_again();
    now.require_no_doubt();
    const auto& entries = now.repacks().entries();
    const std::string what = "what was sealed anew is not used";
    for (const restore::EntryPlace& place : said_) {
        const auto own = entries.find(place);
        if (own == entries.end()) throw not_in_force(what, nullptr);
        for (const auto& [other, repack] : entries) {
            if (said_.contains(other) || repack.order < own->second.order) continue;
            // A lossy one that another goes before was made in vain, and harms nobody; nor does it undo another.
            if (repack.fields.is_lossy() || own->second.fields.is_lossy()) continue;
            if (!overlap(repack.fields, own->second.fields)) continue;
            const restore::LastWord word{repack.order, repack.entry->id, false};
            throw not_in_force(what, &word);
        }
    }
}

}  // namespace signet::cli
