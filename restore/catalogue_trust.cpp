// Which backups may be believed: by officers' statements, by a person's word while those cannot be read, and by what is
// known from outside of entries behind damage.
#include "format/officer_entry.h"
#include "restore/catalogue.h"
#include "restore/catalogue_parts.h"
#include "restore/stranded.h"

#include <algorithm>

namespace signet::restore {

/// What cannot have been there is not among the stranded entries any more.
void Catalogue::judge_stranded_entries(const std::vector<const keyring::RepositoryPin*>& pins,
                                       const CatalogueOptions& options) {
    for (storage::Journal& journal : journals_) {
        std::vector<KnownEntry> known;
        for (const keyring::RepositoryPin* pin : pins) {
            const auto seen = pin->seen.find(journal.identity);
            if (seen != pin->seen.end())
                known.push_back({seen->second.sequence, seen->second.entry, "this keyring has seen"});
        }
        for (const Checkpoint& checkpoint : options.checkpoints) {
            if (checkpoint.identity == journal.identity)
                known.push_back({checkpoint.sequence, checkpoint.entry, "a checkpoint knows"});
        }
        const StrandedVerdict verdict = judge_stranded(journal, known);
        if (verdict.contradiction && !options.tolerate_rollback) throw *verdict.contradiction;
        std::erase_if(journal.stranded, [&](const format::SignedEntry& entry) {
            const auto refuted = verdict.refuted.find(entry.head.sequence);
            if (verdict.proven.contains(entry.head.sequence)) proven_stranded_.insert(entry.id);
            if (refuted == verdict.refuted.end()) return false;
            refuted_stranded_.emplace_back(entry.id, refuted->second);
            return true;
        });
    }
}

/// A person's word counts only while officers' cannot be read, and then nobody else's.
bool Catalogue::trusts_writer(const IdentityId& writer, std::uint64_t sequence) const {
    if (!doubt_ || vouched_.empty()) return trust_.trusts(writer, format::Role::writer, sequence);
    return vouched_.contains(writer) && !is_ended_by_word(writer, sequence);
}

/// What officers have said and can be read is no matter of doubt: a person vouches for what is lost, not against it.
bool Catalogue::is_ended_by_word(const IdentityId& writer, std::uint64_t sequence) const {
    const auto excludes = [sequence](std::uint64_t first, std::uint64_t last) {
        return sequence < first || sequence > last;
    };
    const keyring::TrustedIdentity* known = trust_.find(writer, format::Role::writer);
    bool is_ended = known != nullptr && excludes(known->first_sequence, known->last_sequence);
    for (const storage::Journal& journal : journals_) {
        for (const format::SignedEntry& entry : journal.stranded) {
            if (entry.kind != format::EntryKind::trust) continue;
            if (!trust_.trusts(entry.identity, format::Role::officer, entry.head.sequence)) continue;
            // Its fields were checked when it was read.
            for (const auto& said : format::TrustFields::decode(entry.public_fields(), name_of(entry)).statements) {
                if (said.identity == writer && said.role == format::Role::writer)
                    is_ended = excludes(said.first_sequence, said.last_sequence);
            }
        }
    }
    return is_ended;
}

/// What a backup reaches is part of it, so its writer must have been trusted for that as well.
void Catalogue::judge_trust(Backup& backup) const {
    const std::string who = ", who is not trusted for it";
    if (!trusts_writer(backup.writer, backup.sequence)) {
        backup.distrust = "is by writer " + backup.writer.hex() + who;
        return;
    }
    for (const format::Reach& item : backup.fields->reach) {
        const IdentityId& writer = backup.fields->writer_of(item, backup.writer);
        if (trusts_writer(writer, item.sequence)) continue;
        backup.distrust = "refers to entry " + std::to_string(item.sequence) + " of writer " + writer.hex() + who;
        return;
    }
    for (const format::Borrowed& item : backup.fields->borrowed) {
        if (trust_.trusts(item.identity, format::Role::officer, item.sequence)) continue;
        backup.distrust =
            "borrows packs of entry " + std::to_string(item.sequence) + " of officer " + item.identity.hex() + who;
        return;
    }
    backup.trusted = true;
}

void Catalogue::require_no_doubt() const {
    if (doubt_) throw *doubt_;
}

void Catalogue::require_trusted(const Backup& backup) const {
    if (!vouched_.contains(backup.writer)) require_no_doubt();
    if (backup.trusted) return;
    throw Error(ErrorCode::refused, "backup " + backup.describe() + " " + backup.distrust,
                "to trust its writer: signet keyring trust " + backup.writer.hex());
}

}  // namespace signet::restore
