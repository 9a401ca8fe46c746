// Typed access to one repository: config, journals, slots, index segments, packs (docs/format.md).
#pragma once

#include "format/backup_entry.h"
#include "format/config.h"
#include "format/entry.h"
#include "format/index.h"
#include "format/names.h"
#include "storage/journal_cache.h"
#include "storage/store.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace signet::storage {

/// One identity's journal, verified as far as it reaches.
struct Journal {
    IdentityId identity;
    std::vector<format::SignedEntry>
        entries;  ///< sequence 1, 2, 3, … without gaps, each verified against the one before
    /// What stopped the reading, if anything did: a damaged or missing entry, a fork. Later entries are not believed.
    std::optional<Error> problem;
    /// Sequence numbers whose objects exist beyond the last believed entry.
    std::vector<std::uint64_t> unbelieved;
    /// Of these, behind damage, the ones that its identity signed for their places, ascending. What they follow is not
    /// proven: they are there for who salvages.
    std::vector<format::SignedEntry> stranded;
};

/// A backup or partial entry with its public fields decoded.
struct RunEntry {
    const format::SignedEntry* entry = nullptr;  ///< owned by a Journal
    format::BackupPublic fields;
};

class Repository {
public:
    /// Makes config.json in an empty store. throws  Error{refused}: there is a repository already
    static void create(Store& store, const format::RepositoryConfig& config);
    /// throws  Error{no_repository}, Error{unsupported}, Error{damaged}
    [[nodiscard]] static Repository open(std::shared_ptr<Store> store);

    [[nodiscard]] const format::RepositoryConfig& config() const { return config_; }
    [[nodiscard]] const Digest& config_hash() const { return config_hash_; }
    [[nodiscard]] Store& store() const { return *store_; }

    /// Lists and verifies every journal (signatures, chains, names, config hash), several entries at a time.
    /// throws  Error{io}: the store cannot be read; nothing is known then
    [[nodiscard]] std::vector<Journal> load_journals() const;
    /// The same for who only looks: entries have no bodies (format::drop_body), and those in `cache` are not read again
    /// where the journal still reaches them: every object is there with its size, and the newest of them, which is
    /// read, is the same. As each entry names the one before, what was kept is then what the writer signed; that an
    /// older object is still whole is not looked at. cache  null: everything is read. What is new is kept in it
    [[nodiscard]] std::vector<Journal> load_headers(const JournalCache* cache) const;
    /// One identity's journal.
    [[nodiscard]] Journal load_journal(const IdentityId& identity) const;
    /// Creates the object of an entry if absent, durably. returns  false: the sequence number is taken
    [[nodiscard]] bool append_entry(const IdentityId& identity, std::uint64_t sequence, ByteView object) const;

    /// Stores a slot durably, reads it back and compares. Existing: nothing to do.
    void put_slot(const format::Slot& slot) const;
    /// Names of all slots in the repository, by DEK.
    [[nodiscard]] std::multimap<DekId, format::SlotName> list_slots() const;
    /// throws  Error{damaged}: the content does not match its name
    [[nodiscard]] format::Slot load_slot(const format::SlotName& name) const;

    /// Seals and stores durably. returns  its id and size
    [[nodiscard]] format::IndexInfo put_index(const format::IndexSegment& segment, const IdentityId& writer,
                                              const SecretBytes& index_key) const;
    /// The object of an index segment, verified against its name. throws  Error{damaged} (also: missing)
    [[nodiscard]] Bytes load_index_object(const IndexId& id) const;

    /// Stores durably what stands for a lost index segment.
    void put_rebuilt_index(const IndexId& lost, const format::IndexSegment& segment, const IdentityId& writer,
                           const SecretBytes& index_key) const;
    /// The objects that stand for a lost index segment, each verified against its name, with that name; others are left
    /// out. throws  Error{io}
    [[nodiscard]] std::vector<std::pair<std::string, Bytes>> load_rebuilt_index(const IndexId& lost) const;

private:
    Repository(std::shared_ptr<Store> store, format::RepositoryConfig config, Digest hash)
        : store_(std::move(store)), config_(std::move(config)), config_hash_(hash) {}
    /// Names and sizes of the entries of each journal, ascending.
    using Listed = std::map<IdentityId, std::vector<std::pair<std::uint64_t, std::uint64_t>>>;
    [[nodiscard]] Listed list_journals(const std::string& prefix) const;
    [[nodiscard]] std::vector<Journal> read_journals(const Listed& listed, bool with_bodies,
                                                     const JournalCache* cache) const;
    std::shared_ptr<Store> store_;
    format::RepositoryConfig config_;
    Digest config_hash_;
};

}  // namespace signet::storage
