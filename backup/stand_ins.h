// What stands for packs of earlier entries since officers had them repacked: sealed anew, or mended (docs/format.md
// section 7). A run that finds chunks there refers to the packs that they stand for, and so needs these.
#pragma once

#include "storage/repacks.h"

#include <functional>
#include <list>
#include <map>
#include <utility>
#include <vector>

namespace signet::backup {

/// What stands for the packs that one repack entry replaced, after all repacking.
struct StandIn {
    /// Packs of one repack entry.
    struct Part {
        storage::EntryPlace place;
        IdentityId writer;  ///< whose chunks these are: named in the index segments
        DekId dek;
        Digest commitment;
        std::vector<format::Slot> slots;
        TimePoint made;
        std::vector<std::pair<std::size_t, format::PackInfo>> packs;  ///< with their numbers in the entry's list
        std::vector<format::IndexInfo> indexes;
    };
    std::vector<Part> parts;
};

class StandIns {
public:
    StandIns() = default;
    /// officers     all their journals
    /// is_officers  whether the signer of an entry is trusted for it as an officer
    /// journals     that `runs` were taken from
    StandIns(const std::list<storage::Journal>& officers,
             const std::function<bool(const format::SignedEntry&)>& is_officers,
             const std::vector<storage::Journal>& journals, const storage::RunEntries& runs);

    /// What stands for a pack of an entry's list; nullptr: it stands for itself. Valid as long as this.
    [[nodiscard]] const StandIn* of(const storage::EntryPlace& place, std::size_t pack) const;
    [[nodiscard]] const std::map<storage::EntryPlace, StandIn>& all() const { return by_entry_; }

private:
    std::map<storage::EntryPlace, StandIn> by_entry_;  ///< by the place of the repack entry that is taken for a pack
    std::map<std::pair<storage::EntryPlace, std::size_t>, const StandIn*> by_pack_;
};

}  // namespace signet::backup
