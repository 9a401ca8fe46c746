// What run_backup() does, in parts: backup_run.cpp stores and commits, backup_checks.cpp looks whether it may.
#pragma once

#include "backup/backup.h"
#include "backup/committer.h"
#include "backup/mandate.h"
#include "backup/pipeline.h"
#include "backup/rotation.h"
#include "core/crypto/random.h"
#include "keyring/proven_slots.h"

#include <chrono>
#include <list>

namespace signet::backup {

/// One run, from the lock of its series to its commit. Not for two threads at once.
class BackupRun {
public:
    BackupRun(const BackupRequest& request, const storage::Repository& repository, keyring::KeyringSet& keyrings,
              keyring::Resolver& resolver);

    /// throws  Error: nothing was committed; what was stored is noted for the next run
    [[nodiscard]] BackupReport execute();

private:
    // Storing and committing: backup_run.cpp.
    [[nodiscard]] static FileLock lock_series(const BackupRequest& request, const keyring::Keyring& keyring,
                                              const RepositoryId& repository, const std::string& name,
                                              const SeriesId& series);
    [[nodiscard]] std::string proven_path() const;
    [[nodiscard]] std::string state_path() const;
    [[nodiscard]] std::vector<format::Slot> wrap(const keyring::Policy& policy);
    [[nodiscard]] format::BackupPublic common_fields(const std::vector<format::Slot>& slots) const;
    void require_access();
    void store_partial_when_due(Committer& committer, PackWriter& packs);
    void keep_what_is_stored(Committer& committer, PackWriter& packs);
    void announce(Committer& committer);
    void finish(Committer& committer, PackWriter& packs, Pipeline::Result& result, NewState& new_state);
    void note_seen(const std::map<IdentityId, keyring::SeenEntry>& entries);
    void note_ended(const Committer& committer);
    void warn(const std::string& message) const {
        if (request_.on_warning) request_.on_warning(message);
    }

    // Before anything is read: backup_checks.cpp, as all that follows.
    [[nodiscard]] Mandate take_mandate(const keyring::KeyringSet& keyrings);
    void hold_to_keyring();
    void hold_to_config();
    void hold_to_journal();
    void check_trust() const;
    void warn_of_open_predecessors() const;
    [[nodiscard]] std::string trust_command(const IdentityId* former) const;
    [[nodiscard]] bool believes(const IdentityId& identity, std::uint64_t sequence) const;
    // On its way, and before it is committed.
    [[nodiscard]] Mandate mandate_now() const;
    [[nodiscard]] const Mandate& latest() const { return newest_ ? *newest_ : mandate_; }
    void read_again(const format::ReadJournals& bound);
    [[nodiscard]] format::ReadJournals obey(const Committer::NextEntry& next);
    void require_marked();
    void hold_to_fence(const Mandate& now) const;
    void hold_to_trust(const Mandate& now, std::uint64_t sequence) const;
    static void hold_to_lenders(const Mandate& now, const format::BackupPublic& fields);
    [[nodiscard]] bool is_first_behind_fence() const;
    [[nodiscard]] bool is_unchanged(const OldState& old_state, const Pipeline::Result& result) const;
    void acknowledge_if_waited_for(Committer& committer) const;
    // After it.
    void look_again(std::uint64_t sequence);

    const BackupRequest& request_;
    const storage::Repository& repository_;
    keyring::Keyring& keyring_;
    keyring::Resolver& resolver_;
    keyring::WriterIdentity writer_;
    keyring::OwnJournal own_;  ///< whose place the writer has taken
    format::WriterKeys keys_;
    SecretBytes cache_key_;
    std::string series_name_;
    SeriesId series_;
    FileLock lock_;  ///< before the history is read: what a run that was waited for has stored is part of it
    std::optional<keyring::SeenEntry> seen_;  ///< of the writer's journal, and known before the history is read
    std::list<storage::Journal> officers_;    ///< until the history takes them
    Mandate mandate_;
    std::optional<Mandate> newest_;  ///< what the officers' journals say since, where they were read again
    History history_;
    keyring::ProvenSlots proven_;
    Rotation rotation_;
    format::DataKey dek_;
    std::vector<format::Slot> slots_;  ///< of it; stored with the first entry
    bool is_announced_ = false;
    format::RunId run_ = crypto::random_id<format::RunId>();
    BackupReport report_;
    std::vector<format::Problem> problems_;
    std::vector<format::IndexedPack> waiting_;  ///< stored, in no entry yet
    std::uint64_t waiting_bytes_ = 0;
    std::chrono::steady_clock::time_point last_partial_;
    std::chrono::steady_clock::time_point last_access_;
    bool has_lost_access_ = false;
    std::size_t problem_octets_ = 0;
    TimePoint complete_;  ///< when all was read: a base is consistent by then
};

}  // namespace signet::backup
