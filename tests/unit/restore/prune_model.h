// A world of writers, officers, prunes, repacking, kills and clocks that jump, for tests of pruning: every entry and
// every index segment is real, packs are headers and noise, and this world alone knows which chunks are in them.
// Writers keep the duties of docs/format.md section 14: what they find and refer to, and what they obey, is decided by
// the code that decides it for backups. After each step that could break something everything is looked at: each backup
// that counts has all objects that it needs, and each of its chunks is in one of them.
#pragma once

#include "backup/history.h"
#include "restore/pruner.h"
#include "tests/support/memory_store.h"
#include "tests/support/turns.h"

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace signet::restore::test {

class PruneModel {
public:
    /// keyrings  of whoever looks; nothing of this world is remembered in them
    PruneModel(std::uint64_t seed, keyring::KeyringSet& keyrings);

    /// Several rounds of actors at once, then a round in which everybody makes a backup and prunes: nothing stays then
    /// that nothing needs.
    void run();
    /// What must not be: backups that count and are not whole, and garbage that stays.
    [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
    /// What happened, by kind.
    [[nodiscard]] const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

private:
    static constexpr std::size_t kSeries = 2;
    static constexpr std::uint64_t kChunks = 48;  ///< that there can be in one writer's backups
    using Chunks = std::set<ChunkId>;
    struct Writer {
        crypto::SigningKey key = crypto::SigningKey::generate();
        format::WriterKeys keys;
        std::vector<IdentityId> predecessors;
        std::array<bool, kSeries> is_busy{};
        [[nodiscard]] IdentityId identity() const { return key.verify_key().identity(); }
    };
    /// What a run reads of the officers.
    struct Word {
        storage::OfficersWord word;
        keyring::Trust trust;
        std::list<storage::Journal> journals;
    };
    struct RunState;

    [[nodiscard]] Word read_word();
    [[nodiscard]] Catalogue catalogue(const storage::Repository& repository);
    [[nodiscard]] TimePoint some_time();
    using Make = std::function<Bytes(const format::EntryHead&, const storage::Journal&)>;
    std::pair<EntryId, std::uint64_t> append(const crypto::SigningKey& key, TimePoint time, const Make& make);
    void say(std::size_t officer, format::EntryKind kind, const Bytes& fields, TimePoint time);
    [[nodiscard]] format::IndexedPack store_pack(const DekId& dek, std::uint32_t counter, const Chunks& chunks);
    [[nodiscard]] std::vector<format::IndexInfo> store_index(const DekId& dek,
                                                             const std::vector<format::IndexedPack>& packs,
                                                             const IdentityId& writer);
    [[nodiscard]] const Writer& writer_named(const IdentityId& identity) const;
    [[nodiscard]] ChunkId some_chunk(const Writer& writer);
    [[nodiscard]] format::Slot store_slot(const format::DataKey& dek);

    void back_up(std::size_t writer, std::size_t series, bool may_fail);
    void append_run_entry(RunState& run, format::EntryKind kind, const std::vector<format::IndexedPack>& packs,
                          const Chunks& content);
    [[nodiscard]] Chunks look_up(RunState& run, const Chunks& content);
    void forget();
    void undelete();
    void prune(bool can_wait);
    void reseal();
    void sift();
    struct Copying;
    [[nodiscard]] std::vector<ReachedEntry> needed_by_all(const Catalogue& known) const;
    void open_copying(Copying& copying, const IdentityId& writer);
    void append_repack(Copying& copying);
    void change_trust();
    void trust_writer(const IdentityId& identity, std::uint64_t last);
    void say_about(const Backup& backup, format::TombstoneAction action, const Catalogue& known);
    void act_at_random();
    void settle();
    void learn_needs(const std::string& when);
    void verify(const std::string& when);
    void verify_removal(std::string_view name);
    void require_no_garbage();

    signet::test::Turns turns_;
    keyring::KeyringSet& keyrings_;
    std::shared_ptr<signet::test::MemoryStore> base_ = std::make_shared<signet::test::MemoryStore>();
    std::shared_ptr<signet::test::StepStore> store_;
    std::vector<crypto::SigningKey> officers_;
    std::vector<std::unique_ptr<Writer>> writers_;
    std::optional<storage::Repository> repository_;  ///< with steps
    std::optional<storage::Repository> plain_;       ///< without: for who looks whether all is well
    std::map<PackId, Chunks> held_;                  ///< by packs, also lost ones
    std::map<EntryId, Chunks> contents_;             ///< of backups
    std::multiset<EntryId> uncertain_;  ///< of backups that somebody was taking back, and was killed, or does so still
    std::map<std::string, std::string> needed_;  ///< objects, and data keys in hexadecimal; by which backup
    std::vector<std::string> violations_;
    std::map<std::string, std::uint64_t> counts_;
};

}  // namespace signet::restore::test
