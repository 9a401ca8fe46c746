// Opens a backup: plans, unwraps every data key it needs, opens its body, and loads where its chunks lie. Nothing is
// written by anyone before all of this has succeeded.
#pragma once

#include "format/backup_entry.h"
#include "restore/frame_reader.h"
#include "restore/plan.h"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace signet::restore {

class PlaceLoader;

struct OpenOptions {
    /// Data keys that do not open are left out, with a warning; the one of its body must open. Chunks of packs that are
    /// lost are looked for in whatever else their writer has stored, and packs of entries that are lost among all.
    bool salvage = false;
    FrameReaderOptions frames = {};
    std::function<void(const std::string&)> warn = {};
};

/// A backup whose keys are all at hand. Needs neither catalogue nor planner any more. For any number of threads at
/// once, each with its own chunk_reader().
class OpenBackup {
public:
    /// Plans first, then really unwraps every data key.
    /// throws  KeyUnavailable: with the plan; Error{wrong_passphrase}; Error{refused}: untrusted; Error{damaged}: an
    /// officer's journal,
    ///         Error{damaged}: the entry, a slot, or a pack that no index segment describes; Error{io}
    [[nodiscard]] static std::unique_ptr<OpenBackup> open(const storage::Repository& repository, Planner& planner,
                                                          keyring::Resolver& resolver, const Backup& backup,
                                                          const OpenOptions& options = {});

    /// Without its entry.
    [[nodiscard]] const Backup& backup() const { return backup_; }
    [[nodiscard]] const format::BackupBody& body() const { return body_; }
    [[nodiscard]] const format::Entry& root() const { return body_.root; }
    [[nodiscard]] const ChunkTable& table() const { return table_; }
    [[nodiscard]] FrameReader& frames() { return *frames_; }
    [[nodiscard]] ChunkReader chunk_reader() { return ChunkReader(*frames_, body_.keys.id_key); }
    /// Data keys that did not open (only when salvaging).
    [[nodiscard]] const std::map<DekId, std::string>& missing_keys() const { return missing_; }

private:
    explicit OpenBackup(const Backup& backup) : backup_(backup), fields_(*backup.fields) {
        backup_.entry = nullptr;
        backup_.fields = &fields_;
        backup_.body = {};
    }
    void unwrap_keys(const Backup& backup, const storage::Repository& repository, Planner& planner,
                     keyring::Resolver& resolver, const OpenOptions& options);
    void load_salvage(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
                      PlaceLoader& places);
    void load_spares(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
                     const storage::CompleteListing& packs, PlaceLoader& places);
    void load_lost_runs(const storage::Repository& repository, const Catalogue& catalogue, keyring::Resolver& resolver,
                        const storage::CompleteListing& packs, const std::set<DekId>& lost, PlaceLoader& places);
    Backup backup_;
    const format::BackupPublic fields_;
    std::map<DekId, format::DataKey> keys_;
    std::map<DekId, std::string> missing_;
    format::BackupBody body_;
    ChunkTable table_;
    std::unique_ptr<FrameReader> frames_;
};

/// Unwraps one data key with the first opener that opens it.
/// throws  Error{key_unavailable}: also when only slots that hold something else could be tried, and a protector of a
/// signed
///         slot cannot be used; Error{wrong_passphrase}; Error{damaged}: why the last opener failed
[[nodiscard]] format::DataKey unwrap_key(const storage::Repository& repository, Planner& planner,
                                         keyring::Resolver& resolver, const RunKey& key);

/// The same by one of its openers alone: what proves a protector.
/// throws  as unwrap_key()
[[nodiscard]] format::DataKey unwrap_key_by(const storage::Repository& repository, Planner& planner,
                                            keyring::Resolver& resolver, const RunKey& key,
                                            const format::Thumbprint& opener);

/// The data key of a log epoch. Opens the epoch's entry as well: what it says to be of a series is so only where its
/// writer's label key, which its body has, names that series (docs/format.md section 16).
/// throws  as unwrap_key(); Error{damaged}: its names are not those of its writer's label key
[[nodiscard]] format::DataKey unwrap_epoch(const storage::Repository& repository, Planner& planner,
                                           keyring::Resolver& resolver, const LogEpoch& epoch);

/// Whether a failure of unwrap_key() is about this data key's slots and protectors alone, so that others may still
/// open.
[[nodiscard]] bool is_about_slots(const Error& error);

}  // namespace signet::restore
