// Shredding: what only forgotten backups need is deleted, packs first, slots last (docs/format.md section 7). Nothing
// here decides whether a backup is to be forgotten; an officer's tombstone says so before anything is deleted.
#pragma once

#include "restore/catalogue.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace signet::restore {

/// An object to be deleted.
struct Doomed {
    std::string name;
    std::uint64_t size = 0;
};

/// What stays although a backup that is shredded needed it.
struct Shared {
    std::string what;             ///< name of a pack, or id of a data key in hexadecimal
    std::uint64_t size = 0;       ///< of a pack
    std::set<std::string> users;  ///< short ids of the backups that need it
};

struct Shredding {
    std::optional<storage::CompleteListing> listing;  ///< that has all of these objects
    std::vector<Doomed> packs;
    std::vector<Doomed> indexes;
    std::vector<Doomed> slots;
    std::vector<DekId> deks;  ///< data keys that no backup needs any more
    std::vector<Shared> shared_packs;
    std::vector<Shared> shared_deks;
    std::set<std::string>
        strangers;  ///< short ids of untrusted backups that name something of another writer that goes
};

/// What would go if these backups were forgotten, and what stays because other backups need it. Only what is there.
/// An untrusted backup keeps nothing of other writers: anybody can name anything.
/// backups  ids, forgotten already or not; forgotten backups that are not among them need nothing
/// throws   Error{damaged}: a journal that counts is not whole, so that backups may be missing from the catalogue; or
///          what a backup needs cannot be followed; Error{io}: a listing failed
[[nodiscard]] Shredding foresee_shredding(const Catalogue& catalogue, const storage::Repository& repository,
                                          const std::set<EntryId>& backups);
/// The same, to be carried out. throws  as foresee_shredding(); Error{refused}: one of them is not forgotten
[[nodiscard]] Shredding plan_shredding(const Catalogue& catalogue, const storage::Repository& repository,
                                       const std::set<EntryId>& backups);

/// Names of packs, index segments and slots in `source` that only backups need which are forgotten there or in a second
/// place: a copy from here to there would undo a shredding. Of what the places say about a backup the latest counts.
/// there   nullptr: there is no second place yet
/// throws  as foresee_shredding(), for either place
[[nodiscard]] std::set<std::string> only_forgotten_need(const Catalogue& here, const storage::Repository& source,
                                                        const Catalogue* there);

/// What became of a deletion.
struct Deletion {
    std::uint64_t objects = 0;
    std::uint64_t octets = 0;
    std::vector<std::string> stay;  ///< names of objects that could not be deleted, or are there still; with the reason
};
/// Deletes objects, and looks whether they are gone. throws  Error{io}: the store could not make it durable
/// listing  has them
void shred(const storage::Repository& repository, const storage::CompleteListing& listing,
           const std::vector<Doomed>& objects, Deletion& deletion);

/// Trusted backups of a catalogue read afterwards that need something that was deleted: made meanwhile, by a run that
/// began before. returns  short ids
[[nodiscard]] std::set<std::string> broken_by(const Catalogue& afterwards, const Shredding& shredding);

}  // namespace signet::restore
