#include "restore/surplus_keys.h"

#include <algorithm>
#include <map>

namespace signet::restore {
namespace {

struct NeededKey {
    DekId dek;
    std::uint64_t octets = 0;
    std::set<IdentityId> writers;
};

/// The heaviest first.
std::vector<NeededKey> needed_by(const Catalogue& catalogue, const Backup& backup) {
    catalogue.check_reach(backup);
    std::map<DekId, NeededKey> keys;
    const auto take = [&](const DekId& dek, const IdentityId& writer, std::uint64_t octets) {
        NeededKey& key = keys[dek];
        key.dek = dek;
        key.octets += octets;
        key.writers.insert(writer);
    };
    take(backup.body.listed->dek, backup.writer, 0);
    for (const ReachedEntry& reached : catalogue.reached_by(backup)) {
        for (std::size_t pack = 0; pack < reached.listed->packs.size(); ++pack) {
            if (reached.has(pack)) take(reached.listed->dek, reached.writer, reached.listed->packs[pack].size);
        }
    }
    std::vector<NeededKey> sorted;
    sorted.reserve(keys.size());
    for (auto& [dek, key] : keys) sorted.push_back(std::move(key));
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const NeededKey& left, const NeededKey& right) { return left.octets > right.octets; });
    return sorted;
}

/// Those behind the first `kept`, and how many data keys they get instead.
std::set<IdentityId> writers_behind(const std::vector<NeededKey>& keys, std::size_t kept) {
    std::set<IdentityId> writers;
    for (std::size_t i = kept; i < keys.size(); ++i) writers.insert(keys[i].writers.begin(), keys[i].writers.end());
    return writers;
}

}  // namespace

std::set<DekId> surplus_keys(const Catalogue& catalogue, const std::vector<const Backup*>& backups, std::size_t most) {
    std::set<DekId> surplus;
    for (const Backup* backup : backups) {
        const std::vector<NeededKey> keys = needed_by(catalogue, *backup);
        if (keys.size() <= most) continue;
        std::size_t kept = most;
        while (kept > 0 && kept + writers_behind(keys, kept).size() > most) --kept;
        for (std::size_t i = kept; i < keys.size(); ++i) surplus.insert(keys[i].dek);
    }
    return surplus;
}

}  // namespace signet::restore
