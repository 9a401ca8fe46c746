// What a backup needs of what runs and repackers stored, and whether that is there.
#include "restore/catalogue.h"

#include "format/names.h"

#include <algorithm>

namespace signet::restore {

const storage::RunEntry* Catalogue::run(const IdentityId& identity, std::uint64_t sequence) const {
    const auto found = runs_.find({identity, sequence});
    return found == runs_.end() ? nullptr : &found->second;
}

/// The repack entry that a backup borrows from; nullptr: there is none that counts, or it is about another writer.
const RepackEntry* Catalogue::lender(const format::Borrowed& item, const Backup& backup) const {
    const auto found = repacks_.entries().find({item.identity, item.sequence});
    if (found == repacks_.entries().end()) return nullptr;
    const IdentityId& writer = found->second.fields.writer;
    const auto& before = backup.fields->predecessors;
    const bool is_own = writer == backup.writer || std::find(before.begin(), before.end(), writer) != before.end();
    return is_own ? &found->second : nullptr;
}

std::vector<ReachedEntry> Catalogue::named_by(const Backup& backup) const {
    std::vector<ReachedEntry> named;
    const auto add = [&](const storage::RunEntry* run, const Bytes& bitmap) {
        if (run != nullptr) named.push_back({run->entry, &run->fields, run->entry->identity, bitmap});
    };
    add(run(backup.writer, backup.sequence), all_packs(*backup.fields));
    for (const format::Reach& item : backup.fields->reach) {
        add(run(backup.fields->writer_of(item, backup.writer), item.sequence), item.bitmap);
    }
    for (const format::Borrowed& item : backup.fields->borrowed) {
        if (const RepackEntry* repack = lender(item, backup))
            named.push_back({repack->entry, &repack->fields, repack->fields.writer, item.bitmap});
    }
    return named;
}

std::vector<ReachedEntry> Catalogue::reached_by(const Backup& backup) const {
    return repacks_.follow(named_by(backup), EntryPlace{backup.writer, backup.sequence});
}

void Catalogue::check_reach(const Backup& backup) const {
    if (backup.damage) throw *backup.damage;
    for (const format::Reach& item : backup.fields->reach) {
        const IdentityId& writer = backup.fields->writer_of(item, backup.writer);
        const storage::RunEntry* found = run(writer, item.sequence);
        const auto damaged = [&](const char* why) {
            return Error(ErrorCode::damaged, format::journal_name(backup.writer, backup.sequence) +
                                                 ": refers to entry " + std::to_string(item.sequence) +
                                                 (item.journal == 0 ? std::string() : " of writer " + writer.hex()) +
                                                 ", which " + why);
        };
        if (found == nullptr) throw damaged("is not there");
        if (found->fields.dek != item.dek) throw damaged("has another data key");
        for (std::size_t pack = found->fields.packs.size(); pack < item.bitmap.size() * 8; ++pack) {
            if (item.has(pack)) throw damaged("has fewer packs");
        }
    }
    check_borrowed(backup);
}

/// Of whom is no officer: judge_trust() says so, and it is no damage.
void Catalogue::check_borrowed(const Backup& backup) const {
    for (const format::Borrowed& item : backup.fields->borrowed) {
        if (!trust_.trusts(item.identity, format::Role::officer, item.sequence)) continue;
        const auto damaged = [&](const char* why) {
            return Error(ErrorCode::damaged, format::journal_name(backup.writer, backup.sequence) +
                                                 ": borrows packs of entry " + std::to_string(item.sequence) +
                                                 " of officer " + item.identity.hex() + ", which " + why);
        };
        const RepackEntry* found = lender(item, backup);
        if (found == nullptr) throw damaged("is no repack entry about its writer that counts");
        if (found->fields.dek != item.dek) throw damaged("has another data key");
        for (std::size_t pack = found->fields.packs.size(); pack < item.bitmap.size() * 8; ++pack) {
            if (item.has(pack)) throw damaged("has fewer packs");
        }
    }
}

bool Catalogue::is_whole(const Backup& backup) const {
    try {
        check_reach(backup);
        return true;
    } catch (const Error& error) {
        if (error.code() != ErrorCode::damaged) throw;
        return false;
    }
}

bool Catalogue::is_let_go(const Backup& backup) const {
    using storage::Standing;
    if (condemnations_.of_dek(backup.body.listed->dek) == Standing::let_go) return true;
    for (const ReachedEntry& reached : reached_by(backup)) {
        if (condemnations_.of_dek(reached.listed->dek) == Standing::let_go) return true;
        for (std::size_t pack = 0; pack < reached.listed->packs.size(); ++pack) {
            if (reached.has(pack) && is_let_go(reached, pack)) return true;
        }
    }
    return false;
}

bool Catalogue::is_let_go(const ReachedEntry& reached, std::size_t pack) const {
    const format::SignedEntry& entry = *reached.entry;
    return condemnations_.of_pack(entry.identity, entry.head.sequence, pack) == storage::Standing::let_go;
}

}  // namespace signet::restore
