// Whether a backup may go on, refer to what it found, and be committed.
#include "backup/backup_run.h"
#include "format/names.h"

namespace signet::backup {

/// All that is read of the repository is read after this.
Mandate BackupRun::take_mandate(const keyring::KeyringSet& keyrings) {
    hold_to_keyring();
    hold_to_config();
    if (const auto* pin = keyring_.pin(repository_.config().repository)) {
        const auto seen = pin->seen.find(writer_.identity());
        if (seen != pin->seen.end()) seen_ = seen->second;
    }
    return mandate_of(repository_, keyrings, officers_);
}

/// Somebody may have changed the keyring while this run waited for its series.
void BackupRun::hold_to_keyring() {
    keyring_.refresh();
    keyring_.require_not_paused();
    const auto writer = keyring_.writer_if_present();
    const auto own = keyring_.own_journal(repository_.config().repository, writer_.identity());
    if (writer && writer->identity() == writer_.identity() && own.predecessors == own_.predecessors) return;
    throw Error(ErrorCode::refused, "this keyring became another writer while the backup waited for its turn",
                "run it again: it is made as the writer that the keyring is now");
}

/// What is not trusted a backup must not refer to: no restore would accept it. A writer that is not trusted at all, or
/// not yet, believes its own journal; its predecessors count as far as they are trusted.
bool BackupRun::believes(const IdentityId& identity, std::uint64_t sequence) const {
    if (mandate_.trust.trusts(identity, format::Role::writer, sequence)) return true;
    const auto* known = mandate_.trust.find(identity, format::Role::writer);
    return identity == writer_.identity() && (known == nullptr || known->last_sequence < known->first_sequence);
}

/// The command that an officer has to give. former  whose place this writer has taken
std::string BackupRun::trust_command(const IdentityId* former) const {
    return "signet keyring trust " + writer_.identity().hex() +
           (former == nullptr ? std::string() : " --instead-of " + former->hex());
}

void BackupRun::warn_of_open_predecessors() const {
    for (const auto& former : own_.predecessors) {
        const auto* known = mandate_.trust.find(former, format::Role::writer);
        if (known == nullptr || known->last_sequence != UINT64_MAX) continue;
        warn("writer " + former.hex() + ", whose place this one has taken, can still go on: until an officer runs `" +
             trust_command(&former) + "`, restores accept what is made with its key");
    }
}

void BackupRun::check_trust() const {
    const std::uint64_t next = history_.journal().entries.size() + 1;
    const IdentityId writer = writer_.identity();
    if (mandate_.trust.trusts(writer, format::Role::writer, next)) return warn_of_open_predecessors();
    const auto* known = mandate_.trust.find(writer, format::Role::writer);
    if (known != nullptr && known->last_sequence < next && known->last_sequence >= known->first_sequence) {
        throw Error(
            ErrorCode::refused,
            "the officer trusts writer " + writer.hex() + " up to entry " + std::to_string(known->last_sequence) +
                " only: no restore would accept what it makes now",
            "another machine may have taken its place: then signet keyring adopt --new-identity makes a writer of "
            "this machine's own; or an officer says " +
                trust_command(nullptr));
    }
    warn("this repository does not trust this writer yet: until an officer runs `" +
         trust_command(own_.predecessors.empty() ? nullptr : &own_.predecessors.back()) +
         "`, restores refuse its backups");
}

/// The repository must be the one that this keyring knows.
void BackupRun::hold_to_config() {
    const auto& config = repository_.config();
    const auto* pin = keyring_.pin(config.repository);
    if (pin == nullptr) {
        if (request_.dry_run) return;
        warn("first contact with repository " + config.repository.hex() + ": from now on its officer is " +
             config.officer.hex() + "; compare this with what `signet init` printed");
        keyring_.pin_repository(config.repository, config.officer, repository_.config_hash());
        return;
    }
    keyring::require_pinned(*pin, config, repository_.config_hash());
}

/// Whatever this keyring has seen of its journal must still be there, and nobody else may have added to it: a host
/// never forks its own journal unknowingly.
void BackupRun::hold_to_journal() {
    keyring_.require_own(repository_.config().repository, writer_.identity(), history_.own_entries());
    // Not what the keyring knows by now: another series of this writer may have ended since the journal was read.
    if (!seen_ || seen_->sequence == 0) return;
    const auto& entries = history_.journal().entries;
    const auto sequence = seen_->sequence;
    if (entries.size() < sequence || entries[sequence - 1].id != seen_->entry) {
        throw Error(
            ErrorCode::damaged,
            format::journal_name(writer_.identity(), sequence) + ": this keyring has seen it (" +
                seen_->entry.short_hex(16) + "), and now it is gone or another: the repository was rolled back",
            "bring the missing entries back, or accept the loss: signet keyring adopt --replace --officer FINGERPRINT");
    }
}

Mandate BackupRun::mandate_now() const {
    std::list<storage::Journal> journals;
    return mandate_of(repository_, resolver_.keyrings(), journals);
}

/// What this run refers to must still be there. It may have been repacked meanwhile: what stands for it does as well.
/// throws  Error{damaged}: it went away; Error{io}: nothing is known
void BackupRun::require_marked() {
    if (history_.count_gone() == 0) return;
    std::list<storage::Journal> officers;
    const Mandate now = mandate_of(repository_, resolver_.keyrings(), officers);
    history_.follow({std::move(officers), counts(now)});
    const std::uint64_t gone = history_.count_gone();
    if (gone == 0) return;
    throw Error(ErrorCode::damaged,
                std::to_string(gone) + (gone == 1 ? " pack" : " packs") +
                    " that this backup refers to went away while it was made",
                "run it again: what they held is stored anew; if a backup was made all the same, forget it");
}

/// Whether the newest backup of this series does not say yet that it obeyed a policy that some protectors are to go:
/// `key retire` waits for one that does.
bool BackupRun::is_first_behind_fence() const {
    const auto& policy = mandate_.policy;
    const auto* latest = history_.latest_of(series_);
    return (!policy.retiring.empty() || !policy.compromised.empty()) && latest != nullptr &&
           latest->entry->head.policy != mandate_.policy_entry;
}

/// An officer may have said while the run was under way that a protector is to go, or that one which was to go is
/// compromised: then not even what was wrapped anew may be referred to. Who waits for this writer must not be told too
/// late: once a backup of it has obeyed, none that has not may follow.
void BackupRun::hold_to_fence(const Mandate& now) const {
    if (now.policy_entry == mandate_.policy_entry) return;
    const auto refuse_new = [&](const format::Thumbprint& protector) {
        const bool is_exposed = now.policy.is_compromised(protector) && !mandate_.policy.is_compromised(protector);
        const bool is_to_go = now.policy.is_fenced(protector) && !mandate_.policy.is_fenced(protector);
        if (!is_exposed && !is_to_go) return;
        throw Error(ErrorCode::refused,
                    "the policy of this repository changed while the backup ran: protector " + protector.short_text() +
                        (is_exposed ? " is compromised" : " is to go") + ", and this backup would need it",
                    "run it again: it obeys the policy that is in force now");
    };
    for (const auto& protector : report_.protectors) refuse_new(protector);
    for (const DekId& id : history_.marked_deks()) {
        const KnownDek& dek = history_.deks().at(id);
        for (const auto& slot : dek.slots) refuse_new(slot.thumbprint);
        for (const auto& claim : dek.claims) refuse_new(claim.slot.thumbprint);
    }
}

/// An officer may have closed this writer while the run was under way: no restore would accept what it makes now.
/// sequence  that its entry is to have, or has
void BackupRun::hold_to_trust(const Mandate& now, std::uint64_t sequence) const {
    const IdentityId writer = writer_.identity();
    const bool was_trusted = mandate_.trust.trusts(writer, format::Role::writer, history_.journal().entries.size() + 1);
    if (!was_trusted || now.trust.trusts(writer, format::Role::writer, sequence)) return;
    throw Error(ErrorCode::refused,
                "an officer ended the trust in writer " + writer.hex() + " while the backup ran: no restore accepts " +
                    "its entry " + std::to_string(sequence),
                "another machine may have taken its place: then signet keyring adopt --new-identity makes a writer of "
                "this machine's own; or an officer says " +
                    trust_command(nullptr));
}

/// An officer may have been withdrawn altogether while the run was under way: no restore would accept what it borrows.
void BackupRun::hold_to_lenders(const Mandate& now, const format::BackupPublic& fields) {
    for (const format::Borrowed& item : fields.borrowed) {
        if (now.trust.trusts(item.identity, format::Role::officer, item.sequence)) continue;
        throw Error(ErrorCode::refused,
                    "officer " + item.identity.hex() +
                        ", who had sealed packs anew that this backup refers to, was withdrawn while it was made",
                    "run it again: what they held is stored anew");
    }
}

/// throws  Error{damaged}: what an entry of this writer has read is not there any more
void BackupRun::read_again(const format::ReadJournals& bound) {
    newest_ = mandate_now();
    for (const auto& journal : newest_->word.read) {
        if (journal.sequence >= format::read_up_to(bound, journal.identity)) continue;
        throw Error(ErrorCode::damaged, format::journal_name(journal.identity, journal.sequence + 1) +
                                            ": an entry of this writer was made having read it, and now it is gone");
    }
}

/// What an entry that is about to be signed obeys: before the backup's the officers' journals are read again.
format::ReadJournals BackupRun::obey(const Committer::NextEntry& next) {
    const bool is_backup = next.kind == format::EntryKind::backup;
    if (is_backup || !storage::is_as_far(latest().word, latest().word, next.bound)) read_again(next.bound);
    if (is_backup) {
        hold_to_fence(latest());
        hold_to_trust(latest(), next.sequence);
        hold_to_lenders(latest(), next.fields);
    }
    if (auto obeyed = storage::obedience(mandate_.word, latest().word, next.bound, next.fields, writer_.identity()))
        return *std::move(obeyed);
    throw Error(ErrorCode::refused, "an officer has condemned packs that this backup refers to while it was made",
                "run it again: what they held is stored anew");
}

/// Somebody waits until this writer has read what was condemned, and this run makes no entry that says so.
void BackupRun::acknowledge_if_waited_for(Committer& committer) const {
    if (!mandate_.word.condemnations.has_open() || history_.own_entries().empty()) return;
    if (!format::is_read_as_far(committer.bound(), mandate_.word.read)) committer.acknowledge(mandate_.word.read);
}

/// After the commit. Who shreds, destroys a key or closes a writer looks at journals first, and this looks at packs,
/// policy and trust after committing: one of the two sees it.
void BackupRun::look_again(std::uint64_t sequence) {
    try {
        require_marked();
        const Mandate now = mandate_now();
        hold_to_trust(now, sequence);
        try {
            hold_to_fence(now);
        } catch (const Error& error) {
            throw Error(error.code(),
                        "backup " + report_.backup->short_hex(8) + " was made under an older policy; " + error.what(),
                        "forget it and run again: what it stored serves the next one");
        }
    } catch (const Error& error) {
        if (error.code() != ErrorCode::io) throw;
        warn(std::string("whether all packs are still there, and trust and policy the same, could not be seen: ") +
             error.what());
    }
}

/// Whether the run is one to skip. Skipping must not leave a backup behind that lacks what this run has to store, that
/// stays under an old protector, that others wait for, or that counts no more.
bool BackupRun::is_unchanged(const OldState& old_state, const Pipeline::Result& result) const {
    const auto* latest = history_.latest_of(series_);
    return request_.skip_if_unchanged && report_.errors == 0 && old_state.root() == result.sources &&
           !result.stored_of_sources && !rotation_.is_due(history_.marked_deks()) && !is_first_behind_fence() &&
           latest != nullptr && !mandate_.tombstones.is_forgotten(latest->entry->id);
}

}  // namespace signet::backup
