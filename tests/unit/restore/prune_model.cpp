#include "tests/unit/restore/prune_model.h"

#include <algorithm>
#include <initializer_list>

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "format/names.h"
#include "format/officer_entry.h"
#include "keyring/officers.h"
#include "tests/support/journal_writer.h"

namespace signet::restore::test {
namespace {

std::string joined(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const std::string_view part : parts) text += part;
    return text;
}

constexpr std::int64_t kYearNs = std::int64_t{365} * 86'400 * kNsPerSecond;

/// Whether an entry can change what backups need.
bool changes_needs(const storage::Store& store, std::string_view entry) {
    std::array<std::uint8_t, 1> kind{};
    store.get_range(entry, 10, kind);
    switch (static_cast<format::EntryKind>(kind[0])) {
        case format::EntryKind::backup:
        case format::EntryKind::trust:
        case format::EntryKind::repack:
        case format::EntryKind::tombstone:
            return true;
        default:
            return false;
    }
}

IdentityId identity_of(const crypto::SigningKey& key) { return key.verify_key().identity(); }

}  // namespace

struct PruneModel::RunState {
    Writer& writer;
    format::DataKey dek;
    format::BackupPublic common;
    Word first;
    std::optional<Word> newest;
    std::vector<format::Reach> own;  ///< this run's partial entries
    std::vector<format::Reach> reach;
    std::vector<format::Borrowed> borrowed;
    std::uint32_t packs = 0;
    bool was_trusted = false;
    // As a committer knows its journal.
    std::uint64_t next = 1;
    EntryId previous;
    format::ReadJournals bound;

    void follow(const storage::Journal& journal) {
        next = journal.entries.size() + 1;
        previous = journal.entries.empty() ? EntryId{} : journal.entries.back().id;
        bound = storage::bound_of(journal);
    }
};

PruneModel::PruneModel(std::uint64_t seed, keyring::KeyringSet& keyrings) : turns_(seed), keyrings_(keyrings) {
    officers_.push_back(crypto::SigningKey::generate());
    officers_.push_back(crypto::SigningKey::generate());
    format::RepositoryConfig config;
    config.repository = crypto::random_id<RepositoryId>();
    config.officer = identity_of(officers_.front());
    storage::Repository::create(*base_, config);
    store_ = std::make_shared<signet::test::StepStore>(base_, turns_);
    repository_ = storage::Repository::open(store_);
    plain_ = storage::Repository::open(base_);
    format::TrustFields trust;
    trust.statements.push_back({identity_of(officers_.back()), format::Role::officer, 1, UINT64_MAX});
    say(0, format::EntryKind::trust, trust.encode(), {});
    for (int i = 0; i < 2; ++i) {
        auto writer = std::make_unique<Writer>();
        writer->keys = {crypto::random_secret(32), crypto::random_secret(32), crypto::random_secret(32)};
        trust_writer(writer->identity(), UINT64_MAX);
        writers_.push_back(std::move(writer));
    }
    store_->on_created = [this](std::string_view name) {
        if (name.starts_with("journal/") && changes_needs(*base_, name)) verify("after " + std::string(name));
    };
    store_->on_remove = [this](std::string_view name) {
        ++counts_["removals"];
        verify_removal(name);
    };
}

TimePoint PruneModel::some_time() {
    const std::int64_t now = 1'700'000'000LL * kNsPerSecond;
    return {now + static_cast<std::int64_t>(turns_.below(20)) * kYearNs - 10 * kYearNs};
}

PruneModel::Word PruneModel::read_word() {
    Word word;
    std::list<storage::Journal>& journals = word.journals;
    const auto read = [&](const IdentityId& identity) -> keyring::OfficerJournal {
        const storage::Journal& journal = journals.emplace_back(repository_->load_journal(identity));
        return {journal.entries, journal.problem};
    };
    keyring::Officers officers = keyring::read_officers(repository_->config().officer, read);
    officers.require_whole();
    word.trust = std::move(officers.trust);
    for (const auto& [identity, newest] : officers.newest) word.word.read.push_back({identity, newest.sequence});
    for (const storage::Journal& journal : journals) {
        for (const format::SignedEntry& entry : journal.entries) {
            if (word.trust.trusts(entry.identity, format::Role::officer, entry.head.sequence))
                word.word.condemnations.take(entry);
        }
    }
    return word;
}

Catalogue PruneModel::catalogue(const storage::Repository& repository) {
    CatalogueOptions options;
    options.remember = false;
    options.headers_only = true;
    return Catalogue::load(repository, keyrings_, options);
}

std::pair<EntryId, std::uint64_t> PruneModel::append(const crypto::SigningKey& key, TimePoint time, const Make& make) {
    for (;;) {
        const storage::Journal journal = repository_->load_journal(identity_of(key));
        if (journal.problem) throw *journal.problem;
        format::EntryHead head;
        head.repository = repository_->config().repository;
        head.config_hash = repository_->config_hash();
        head.sequence = journal.entries.size() + 1;
        if (!journal.entries.empty()) head.previous = journal.entries.back().id;
        head.time = time;
        const Bytes object = make(head, journal);
        if (repository_->append_entry(identity_of(key), head.sequence, object))
            return {EntryId::from(crypto::sha256(object).view()), head.sequence};
    }
}

void PruneModel::say(std::size_t officer, format::EntryKind kind, const Bytes& fields, TimePoint time) {
    const crypto::SigningKey& key = officers_[officer];
    (void)append(key, time, [&](const format::EntryHead& head, const storage::Journal&) {
        return format::make_plain_entry(kind, head, fields, key);
    });
}

void PruneModel::trust_writer(const IdentityId& identity, std::uint64_t last) {
    format::TrustFields fields;
    fields.statements.push_back({identity, format::Role::writer, 1, last});
    say(0, format::EntryKind::trust, fields.encode(), {});
}

/// As an index has it: one frame, whose chunks have one octet each.
format::IndexedPack PruneModel::store_pack(const DekId& dek, std::uint32_t counter, const Chunks& chunks) {
    ByteWriter pack;
    pack.raw(std::string_view("SIGNETPK"));
    pack.u16(1);
    pack.u16(1);
    pack.u32(counter);
    pack.id(repository_->config().repository);
    pack.id(dek);
    Bytes rest(64);
    crypto::random_fill(rest);
    pack.raw(rest);
    pack.raw(Bytes(100 + chunks.size()));
    format::IndexedPack indexed;
    indexed.id = PackId::from(crypto::sha256(pack.view()).view());
    indexed.size = pack.size();
    const auto octets = static_cast<std::uint32_t>(chunks.size());
    indexed.frames = {{format::FrameKind::data, format::Codec::raw, octets + 16, octets,
                       std::vector<std::uint32_t>(chunks.size(), 1)}};
    indexed.chunks.assign(chunks.begin(), chunks.end());
    held_[indexed.id] = chunks;
    (void)repository_->store().put(format::pack_name(indexed.id), pack.view());
    return indexed;
}

std::vector<format::IndexInfo> PruneModel::store_index(const DekId& dek, const std::vector<format::IndexedPack>& packs,
                                                       const IdentityId& writer) {
    if (packs.empty()) return {};
    return {repository_->put_index({dek, packs}, writer, writer_named(writer).keys.index_key)};
}

const PruneModel::Writer& PruneModel::writer_named(const IdentityId& identity) const {
    const auto found = std::find_if(writers_.begin(), writers_.end(),
                                    [&](const auto& writer) { return writer->identity() == identity; });
    return **found;
}

/// One of the few that this writer's backups have, and those of its line.
ChunkId PruneModel::some_chunk(const Writer& writer) {
    ByteWriter octets;
    octets.u64(turns_.below(kChunks));
    octets.raw(writer.keys.id_key.reveal());
    return ChunkId::from(crypto::sha256(octets.view()).view().first(ChunkId::kSize));
}

format::Slot PruneModel::store_slot(const format::DataKey& dek) {
    format::Thumbprint protector;
    protector.kind = format::Thumbprint::Kind::sha256;
    protector.digest = crypto::sha256(as_bytes(std::string_view("protector")));
    format::Slot slot = signet::test::hollow_slot(dek, protector, "local:prod/1");
    repository_->put_slot(slot);
    return slot;
}

/// As a committer does it: the number that it knows of, and what won where that is taken.
/// content  of a backup
void PruneModel::append_run_entry(RunState& run, format::EntryKind kind, const std::vector<format::IndexedPack>& packs,
                                  const Chunks& content) {
    format::BackupPublic fields = run.common;
    for (const format::IndexedPack& pack : packs) fields.packs.push_back({pack.id, pack.size});
    fields.indexes = store_index(run.dek.id(), packs, run.writer.identity());
    if (kind == format::EntryKind::backup) {
        fields.reach = run.reach;
        fields.borrowed = run.borrowed;
    }
    const bool is_backup = kind == format::EntryKind::backup;
    if (is_backup || !packs.empty()) fields.reach.insert(fields.reach.end(), run.own.begin(), run.own.end());
    std::sort(fields.reach.begin(), fields.reach.end(), [](const auto& a, const auto& b) {
        return std::tie(a.journal, a.sequence) < std::tie(b.journal, b.sequence);
    });
    format::BackupBody body;
    body.keys = run.writer.keys.clone();
    body.root.type = format::EntryType::directory;
    const format::Labels labels{"host", "user", "series", {}, {}, {}, "model"};
    for (;;) {
        const Word& latest = run.newest ? *run.newest : run.first;
        if (is_backup || !storage::is_as_far(latest.word, latest.word, run.bound)) run.newest = read_word();
        const Word& now = run.newest ? *run.newest : run.first;
        if (is_backup && run.was_trusted && !now.trust.trusts(run.writer.identity(), format::Role::writer, run.next))
            throw Error(ErrorCode::refused, "trusted no more");
        const auto obeyed = storage::obedience(run.first.word, now.word, run.bound, fields, run.writer.identity());
        if (!obeyed) throw Error(ErrorCode::refused, "condemned meanwhile");
        fields.obeyed = *obeyed;
        format::EntryHead head;
        head.repository = repository_->config().repository;
        head.config_hash = repository_->config_hash();
        head.sequence = run.next;
        head.previous = run.previous;
        head.time = some_time();
        const Bytes object = format::make_backup_entry(kind, head, fields, labels, body, run.dek, run.writer.key);
        const EntryId id = EntryId::from(crypto::sha256(object).view());
        if (is_backup) contents_[id] = content;
        if (repository_->append_entry(run.writer.identity(), run.next, object)) {
            run.previous = id;
            run.bound = format::farthest(run.bound, fields.obeyed);
            if (!packs.empty()) {
                format::Reach own{0, run.next, run.dek.id(), {}};
                for (std::size_t i = 0; i < packs.size(); ++i) own.set(i);
                run.own.push_back(std::move(own));
            }
            ++run.next;
            return;
        }
        ++counts_["races for a number"];
        run.follow(repository_->load_journal(run.writer.identity()));
    }
}

/// As a backup does it. returns  what is to be stored
PruneModel::Chunks PruneModel::look_up(RunState& run, const Chunks& content) {
    const keyring::Trust& trust = run.first.trust;
    const IdentityId self = run.writer.identity();
    const auto counts = [&](const format::SignedEntry& entry) {
        return trust.trusts(entry.identity, format::Role::officer, entry.head.sequence);
    };
    const auto believes = [&](const IdentityId& identity, std::uint64_t sequence) {
        return identity == self || trust.trusts(identity, format::Role::writer, sequence);
    };
    backup::History history(*repository_, self, run.writer.predecessors, {run.first.journals, counts}, believes,
                            [](const std::string&) {});
    run.follow(history.journal());
    backup::History::Choice choice;
    choice.series = run.common.series;
    choice.max_deks = 64;
    choice.is_current = [](const backup::KnownDek&) { return true; };
    history.choose(choice);
    history.leave_out(run.first.word.condemnations);
    backup::ChunkTable table;
    history.load_index(table, run.writer.keys.index_key, {});
    Chunks fresh;
    for (const ChunkId& chunk : content) {
        const backup::PackNumber pack = table.find(chunk);
        if (pack == backup::ChunkTable::kUnknown)
            fresh.insert(chunk);
        else
            history.mark(pack);
    }
    run.reach = history.reach();
    run.borrowed = history.borrowed();
    if (!run.borrowed.empty()) ++counts_["borrowing"];
    return fresh;
}

void PruneModel::back_up(std::size_t number, std::size_t series, bool may_fail) {
    Writer& writer = *writers_[number];
    if (writer.is_busy[series]) return;
    // A lock of the series: the system lets go of it when its holder is killed.
    struct Busy {
        bool& flag;
        explicit Busy(bool& which) : flag(which) { flag = true; }
        ~Busy() { flag = false; }
    } const busy(writer.is_busy[series]);
    RunState run{writer, format::DataKey::generate(repository_->config().repository),
                 {},     read_word(),
                 {},     {},
                 {},     {},
                 0,      false,
                 1,      {},
                 {}};
    run.common.run = crypto::random_id<format::RunId>();
    run.common.series = format::series_id(writer.keys.label_key, series == 0 ? "a" : "b");
    Chunks content;
    for (std::uint64_t i = 1 + turns_.below(5); i > 0; --i) content.insert(some_chunk(writer));
    Chunks fresh = look_up(run, content);
    run.was_trusted = run.first.trust.trusts(writer.identity(), format::Role::writer, run.next);
    const auto* known = run.first.trust.find(writer.identity(), format::Role::writer);
    if (!run.was_trusted && known != nullptr) return;  // was trusted, and is no more
    run.common.time = some_time();
    run.common.predecessors = writer.predecessors;
    run.common.dek = run.dek.id();
    run.common.commitment = run.dek.commitment();
    run.common.slots = {store_slot(run.dek)};
    append_run_entry(run, format::EntryKind::partial, {}, {});
    std::vector<format::IndexedPack> packs;
    while (!fresh.empty()) {
        Chunks in_pack;
        for (std::uint64_t i = 1 + turns_.below(3); i > 0 && !fresh.empty(); --i)
            in_pack.insert(fresh.extract(fresh.begin()));
        packs.push_back(store_pack(run.dek.id(), run.packs++, in_pack));
        if (turns_.happens(1, 4)) append_run_entry(run, format::EntryKind::partial, std::exchange(packs, {}), {});
    }
    if (may_fail && turns_.happens(1, 8)) return;  // it fails: what it stored stays for the next
    append_run_entry(run, format::EntryKind::backup, packs, content);
    ++counts_["backups"];
}

void PruneModel::say_about(const Backup& backup, format::TombstoneAction action, const Catalogue& known) {
    format::TombstoneFields fields;
    fields.statements.push_back({backup.writer, backup.sequence, backup.id, action});
    TimePoint time = some_time();
    if (const LastWord* word = known.tombstone(backup.id))
        time = std::max(time, TimePoint{std::get<TimePoint>(word->order).ns + 1});
    say(turns_.below(2), format::EntryKind::tombstone, fields.encode(), time);
}

void PruneModel::forget() {
    const Catalogue known = catalogue(*repository_);
    if (known.backups().empty()) return;
    say_about(known.backups()[turns_.below(known.backups().size())], format::TombstoneAction::forgotten, known);
    ++counts_["forgotten"];
}

void PruneModel::undelete() {
    const Catalogue known = catalogue(*repository_);
    if (known.forgotten().empty()) return;
    const Backup& backup = known.forgotten()[turns_.below(known.forgotten().size())];
    if (known.is_let_go(backup)) return;
    for (const ReachedEntry& reached : known.reached_by(backup)) {
        for (std::size_t i = 0; i < reached.listed->packs.size(); ++i) {
            if (reached.has(i) && !repository_->store().exists(format::pack_name(reached.listed->packs[i].id))) return;
        }
    }
    uncertain_.insert(backup.id);
    say_about(backup, format::TombstoneAction::taken_back, known);
    const Catalogue now = catalogue(*repository_);
    if (now.is_let_go(now.find(backup.id.hex(), true))) {
        say_about(backup, format::TombstoneAction::forgotten, now);
        ++counts_["taken back too late"];
    } else {
        ++counts_["taken back"];
    }
    uncertain_.erase(uncertain_.find(backup.id));  // another may be at it still
    verify("after a backup was taken back");
}

void PruneModel::prune(bool can_wait) {
    ++counts_["prunes"];
    const std::size_t officer = turns_.below(2);
    Writer& own = *writers_[turns_.below(writers_.size())];
    PruneSetup setup{.repository = *repository_,
                     .keyrings = keyrings_,
                     .clock = Clock::system(),
                     .append = [&](format::EntryKind kind, const Bytes& fields) {
                         ++counts_[kind == format::EntryKind::verdict ? "verdicts" : "condemnations"];
                         say(officer, kind, fields, some_time());
                     }};
    setup.acknowledge = [&] {
        (void)append(own.key, some_time(), [&](const format::EntryHead& head, const storage::Journal&) {
            return format::make_plain_entry(format::EntryKind::acknowledgement, head,
                                            format::AcknowledgementFields{read_word().word.read}.encode(), own.key);
        });
        ++counts_["acknowledgements"];
    };
    setup.writer = own.identity();
    setup.remember = false;                                   // several hosts share the keyring of this world
    setup.grace_ns = setup.unknown_grace_ns = INT64_MIN / 2;  // only ever delays
    Pruner pruner(std::move(setup));
    pruner.look();
    pruner.judge_and_delete();
    pruner.condemn();
    pruner.acknowledge();
    if (can_wait) {
        pruner.look();
        pruner.judge_and_delete();
    }
    (void)pruner.finish();
}

/// Of trusted backups, each entry once.
std::vector<ReachedEntry> PruneModel::needed_by_all(const Catalogue& known) const {
    std::map<EntryPlace, ReachedEntry> all;
    for (const Backup& backup : known.backups()) {
        if (!backup.trusted) continue;
        for (ReachedEntry& reached : known.reached_by(backup)) {
            ReachedEntry& one = all[{reached.entry->identity, reached.entry->head.sequence}];
            if (one.entry == nullptr) {
                one = std::move(reached);
                continue;
            }
            for (std::size_t pack = 0; pack < reached.listed->packs.size(); ++pack) {
                if (reached.has(pack)) format::bitmap_set(one.bitmap, pack);
            }
        }
    }
    std::vector<ReachedEntry> entries;
    for (auto& [place, one] : all) entries.push_back(std::move(one));
    return entries;
}

/// A repack entry in the making.
struct PruneModel::Copying {
    const crypto::SigningKey& officer;
    format::DataKey dek;
    format::RepackPublic fields = {};
    std::vector<format::IndexedPack> packs = {};
};

void PruneModel::open_copying(Copying& copying, const IdentityId& writer) {
    format::RepackPublic& fields = copying.fields;
    fields.writer = writer;
    fields.dek = copying.dek.id();
    fields.commitment = copying.dek.commitment();
    fields.slots = {store_slot(copying.dek)};
    fields.is_opening = true;
    append_repack(copying);
    fields.is_opening = false;
}

void PruneModel::append_repack(Copying& copying) {
    format::RepackPublic& fields = copying.fields;
    for (const format::IndexedPack& pack : copying.packs) fields.packs.push_back({pack.id, pack.size});
    fields.indexes = store_index(fields.dek, copying.packs, fields.writer);
    (void)append(copying.officer, some_time(), [&](const format::EntryHead& head, const storage::Journal&) {
        const Catalogue now = catalogue(*repository_);
        if (now.condemnations().of_listed(fields) != storage::Standing::free)
            throw Error(ErrorCode::refused, "condemned meanwhile");
        fields.obeyed = now.officers_read();
        return format::make_repack_entry(head, fields, {}, copying.dek, copying.officer);
    });
}

/// All packs of one entry that a backup needs, sealed anew.
void PruneModel::reseal() {
    Copying copying{officers_[turns_.below(2)], format::DataKey::generate(repository_->config().repository)};
    const Catalogue known = catalogue(*repository_);
    const std::vector<ReachedEntry> choice = needed_by_all(known);
    if (choice.empty()) return;
    const ReachedEntry& reached = choice[turns_.below(choice.size())];
    open_copying(copying, reached.writer);
    format::ReplacedPacks replaced{reached.entry->identity, reached.entry->head.sequence, reached.listed->dek, {}};
    for (std::size_t pack = 0; pack < reached.listed->packs.size(); ++pack) {
        if (!reached.has(pack)) continue;
        // What is read must be there: otherwise there is nothing to copy.
        const PackId& id = reached.listed->packs[pack].id;
        if (!repository_->store().exists(format::pack_name(id))) return;
        copying.packs.push_back(store_pack(copying.dek.id(), static_cast<std::uint32_t>(pack), held_.at(id)));
        format::bitmap_set(replaced.bitmap, pack);
    }
    copying.fields.replaced = {replaced};
    append_repack(copying);
    ++counts_["repacks"];
}

/// What is needed of the packs of one entry or of several of one writer, for the backups that are there now.
void PruneModel::sift() {
    Copying copying{officers_[turns_.below(2)], format::DataKey::generate(repository_->config().repository)};
    const Catalogue known = catalogue(*repository_);
    std::vector<ReachedEntry> choice = needed_by_all(known);
    if (choice.empty()) return;
    const IdentityId writer = choice[turns_.below(choice.size())].writer;
    std::erase_if(choice, [&](const ReachedEntry& one) { return one.writer != writer || !turns_.happens(2, 3); });
    if (choice.empty()) return;
    Chunks needed;
    for (const Backup& backup : known.backups()) {
        if (backup.trusted) needed.insert(contents_.at(backup.id).begin(), contents_.at(backup.id).end());
    }
    open_copying(copying, writer);
    Chunks kept;
    std::size_t before = 0;
    std::set<EntryPlace> places;
    for (const ReachedEntry& reached : choice) {
        const EntryPlace place{reached.entry->identity, reached.entry->head.sequence};
        format::ReplacedPacks replaced{place.first, place.second, reached.listed->dek, reached.bitmap};
        for (std::size_t pack = 0; pack < reached.listed->packs.size(); ++pack) {
            if (!reached.has(pack)) continue;
            const PackId& id = reached.listed->packs[pack].id;
            if (!repository_->store().exists(format::pack_name(id))) return;
            before += held_.at(id).size();
            for (const ChunkId& chunk : held_.at(id)) {
                if (needed.contains(chunk)) kept.insert(chunk);
            }
        }
        places.insert(place);
        copying.fields.replaced.push_back(std::move(replaced));
    }
    if (!kept.empty()) copying.packs.push_back(store_pack(copying.dek.id(), 0, kept));
    for (const Backup& backup : known.backups()) {
        const auto reached = known.reached_by(backup);
        const bool is_user = std::any_of(reached.begin(), reached.end(), [&](const ReachedEntry& one) {
            return places.contains({one.entry->identity, one.entry->head.sequence});
        });
        if (backup.trusted && is_user) copying.fields.backups.push_back({backup.writer, backup.sequence, backup.id});
    }
    std::sort(copying.fields.backups.begin(), copying.fields.backups.end(), [](const auto& a, const auto& b) {
        return std::tie(a.identity, a.sequence) < std::tie(b.identity, b.sequence);
    });
    append_repack(copying);
    ++counts_["lossy repacks"];
    if (kept.size() < before) ++counts_["something left behind"];
}

/// A writer is closed, opened again, or succeeded by another one that nobody trusts at first.
void PruneModel::change_trust() {
    const Catalogue known = catalogue(*repository_);
    const std::size_t number = turns_.below(writers_.size());
    const IdentityId identity = writers_[number]->identity();
    if (turns_.happens(1, 3) && writers_.size() < 4) {
        auto heir = std::make_unique<Writer>();
        heir->keys = writers_[number]->keys.clone();
        heir->predecessors = writers_[number]->predecessors;
        heir->predecessors.push_back(identity);
        writers_.push_back(std::move(heir));
        ++counts_["successors"];
        return;
    }
    const auto* trusted = known.trust().find(identity, format::Role::writer);
    const bool is_open = trusted != nullptr && trusted->last_sequence == UINT64_MAX;
    trust_writer(identity, is_open ? repository_->load_journal(identity).entries.size() : UINT64_MAX);
    ++counts_[is_open ? "closed" : "opened"];
}

void PruneModel::act_at_random() {
    const std::uint64_t kind = turns_.below(100);
    const std::size_t writer = turns_.below(writers_.size());
    const std::size_t series = turns_.below(kSeries);
    if (kind < 40) return turns_.add("backup", [this, writer, series] { back_up(writer, series, true); });
    if (kind < 56) return turns_.add("forget", [this] { forget(); });
    if (kind < 62) return turns_.add("undelete", [this] { undelete(); });
    if (kind < 66) return turns_.add("reseal", [this] { reseal(); });
    if (kind < 78) return turns_.add("sift", [this] { sift(); });
    if (kind < 82) return turns_.add("trust", [this] { change_trust(); });
    turns_.add("prune", [this] { prune(true); });
}

void PruneModel::run() {
    turns_.set_kills(120);
    for (int round = 0; round < 4 && violations_.empty(); ++round) {
        for (std::uint64_t actors = 2 + turns_.below(5); actors > 0; --actors) act_at_random();
        turns_.run();
    }
    settle();
    counts_["kills"] = turns_.killed();
}

/// Everybody is trusted and makes a backup of each series; then all that is condemned goes in a few prunes.
void PruneModel::settle() {
    turns_.set_kills(0);
    for (const auto& writer : writers_) trust_writer(writer->identity(), UINT64_MAX);
    for (int again = 0; again < 4 && violations_.empty(); ++again) {
        for (std::size_t writer = 0; writer < writers_.size(); ++writer) {
            for (std::size_t series = 0; series < kSeries; ++series) {
                turns_.add("last backup", [=, this] { back_up(writer, series, false); });
                turns_.run();
            }
        }
        turns_.add("last prune", [this] { prune(false); });
        turns_.run();
    }
    for (const std::string& failure : turns_.failures()) {
        // These are what a run is told that must not commit; anything else is none of theirs. A slot that no entry
        // names yet may go before it is read back: nobody waits here, and whoever stored it commits nothing.
        const bool stores_slots = failure.starts_with("backup: slots/") || failure.starts_with("reseal: slots/") ||
                                  failure.starts_with("sift: slots/");
        const bool lost_its_slot = stores_slots && failure.ends_with("missing from memory");
        if (!failure.ends_with("condemned meanwhile") && !failure.ends_with("trusted no more") && !lost_its_slot)
            violations_.push_back(failure);
    }
    if (violations_.empty()) require_no_garbage();
}

/// What backups that count need, of all that there is: names of packs and index segments, and data keys by their ids.
void PruneModel::learn_needs(const std::string& when) {
    needed_.clear();
    const Catalogue now = catalogue(*plain_);
    for (const JournalFinding& finding : now.findings()) violations_.push_back(when + ": " + finding.error.what());
    for (const Backup& backup : now.backups()) {
        const bool is_judged = now.trust().find(backup.writer, format::Role::writer) != nullptr;
        if ((!backup.trusted && is_judged) || uncertain_.contains(backup.id)) continue;
        const std::string whose = "backup " + std::to_string(backup.sequence) + " of " + backup.writer.short_hex(8);
        needed_[backup.body.listed->dek.hex()] = whose;
        Chunks lacking = contents_.at(backup.id);
        for (const ReachedEntry& reached : now.reached_by(backup)) {
            needed_[reached.listed->dek.hex()] = whose;
            for (std::size_t pack = 0; pack < reached.listed->packs.size(); ++pack) {
                if (!reached.has(pack)) continue;
                needed_[format::pack_name(reached.listed->packs[pack].id)] = whose;
                for (const ChunkId& chunk : held_.at(reached.listed->packs[pack].id)) lacking.erase(chunk);
            }
            for (const format::IndexInfo& index : reached.listed->indexes)
                needed_[format::index_name(index.id)] = whose;
        }
        if (!lacking.empty())
            violations_.push_back(
                joined({when, ": ", whose, " does not reach ", std::to_string(lacking.size()), " of its chunks"}));
    }
}

/// Every backup that counts has all that it needs.
void PruneModel::verify(const std::string& when) {
    learn_needs(when);
    std::set<std::string> with_slots;
    for (const auto& [dek, name] : plain_->list_slots()) with_slots.insert(dek.hex());
    for (const auto& [object, whose] : needed_) {
        const bool is_there =
            object.find('/') == std::string::npos ? with_slots.contains(object) : base_->exists(object);
        if (!is_there) violations_.push_back(joined({when, ": ", whose, " lacks ", object}));
    }
}

/// Nothing goes that is needed; of slots of a data key one suffices.
void PruneModel::verify_removal(std::string_view name) {
    const auto slot = format::parse_slot_name(name);
    const auto user = needed_.find(slot ? slot->dek.hex() : std::string(name));
    if (user != needed_.end()) violations_.push_back(std::string(name) + " goes, which " + user->second + " needs");
}

void PruneModel::require_no_garbage() {
    const Catalogue now = catalogue(*plain_);
    const auto listing = base_->list("");
    const Holdings holdings(*plain_, now, listing);
    for (const Proposal& proposal : propose(holdings)) {
        if (proposal.unneeded + proposal.replaced + proposal.loose > 0)
            violations_.emplace_back("garbage that nobody condemned stays");
    }
    for (const storage::Condemnation* one : now.condemnations().all()) {
        if (!one->is_open()) continue;
        // Of what an officer left who repacked and signs nothing any more nobody else can say that it is over.
        auto waited = waited_for(holdings, *one);
        std::erase_if(waited, [this](const IdentityId& identity) {
            return std::any_of(officers_.begin(), officers_.end(),
                               [&](const auto& officer) { return identity_of(officer) == identity; });
        });
        const bool is_ripe = waited_for(holdings, *one).empty();
        if (is_ripe || !waited.empty())
            violations_.push_back("a condemnation is open for ever: of " +
                                  std::to_string(one->fields.objects.packs.size()) + " items, " +
                                  std::to_string(one->fields.objects.loose.size()) + " loose packs, " +
                                  std::to_string(one->fields.objects.indexes.size()) + " loose indexes, " +
                                  std::to_string(one->fields.objects.deks.size()) + " data keys; waits for " +
                                  std::to_string(waited.size()) + " writers");
    }
    if (!departing(holdings, now.condemnations()).empty()) violations_.emplace_back("what was let go stays");
}

}  // namespace signet::restore::test
