// Plans against an oracle: random histories of real signed entries, every kind of protector, and each answer of the
// planner compared with a brute-force model (plan_model.h). A failure names the seed of its history;
// SIGNET_PLAN_SEED=N runs that one alone.
#include "core/crypto/random.h"
#include "core/file.h"
#include "restore/plan.h"
#include "tests/support/journal_writer.h"
#include "tests/support/memory_store.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/restore/plan_model.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <deque>
#include <functional>
#include <random>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

namespace {

constexpr std::int64_t kHour = 3600 * kNsPerSecond;
constexpr TimePoint kNow{1'800'000'000 * kNsPerSecond};
constexpr TimePoint kStart{1'700'000'000 * kNsPerSecond};

class FixedClock final : public Clock {
public:
    [[nodiscard]] TimePoint now() const override { return kNow; }
};

using Told = ModelPlace::Told;

/// A vault with one key, which answers as its place in the model was told.
class ToldVault final : public keyring::Vault {
public:
    ToldVault(const crypto::RsaPrivateKey& key, const ModelPlace& place)
        : key_(crypto::RsaPrivateKey::from_pkcs8(key.to_pkcs8().reveal())), place_(place) {}

    keyring::Answer<keyring::KeyDescription> describe(const keyring::Location& location) override {
        using Answer = keyring::Answer<keyring::KeyDescription>;
        if (place_.told == Told::unreachable) return Answer::refuse(keyring::Outcome::unavailable, "told so");
        if (place_.told == Told::denied) return Answer::refuse(keyring::Outcome::denied, "told so");
        if (place_.told == Told::gone) return Answer::refuse(keyring::Outcome::not_found, "told so");
        keyring::KeyDescription description;
        description.public_key = key_.public_key();
        description.thumbprint = format::Thumbprint::of(*description.public_key);
        description.name = location.name;
        description.location = location.with_version(1);
        description.size_bits = description.public_key->bits();
        description.attributes.enabled = place_.told != Told::disabled;
        description.attributes.not_before = place_.not_before;
        description.attributes.expires = place_.expires;
        if (place_.told == Told::deleted) description.attributes.deleted = kStart;
        description.state = description.attributes.state(kNow);
        description.can_unwrap = true;
        return Answer::of(std::move(description));
    }
    keyring::Answer<Bytes> wrap(const keyring::Location&, ByteView plaintext, const keyring::Binding&) override {
        return keyring::Answer<Bytes>::of(key_.public_key().wrap(plaintext));
    }
    keyring::Answer<SecretBytes> unwrap(const keyring::Location&, ByteView wrapped, const keyring::Binding&) override {
        if (auto plaintext = key_.unwrap(wrapped)) return keyring::Answer<SecretBytes>::of(std::move(*plaintext));
        return keyring::Answer<SecretBytes>::refuse(keyring::Outcome::integrity, "does not decrypt");
    }

private:
    crypto::RsaPrivateKey key_;
    const ModelPlace& place_;
};

/// Two keyrings with every kind of link, made once: linking really wraps and unwraps.
class World {
public:
    explicit World(int linked) {
        // Before there are links to vaults that are nowhere: one of them might hold an officer.
        officer.emplace(made_.front().officer(vaults));
        for (int i = 0; i < linked; ++i) link(i);
        for (int i = 0; i < kLost; ++i) {
            ModelProtector lost;
            lost.thumbprint.digest = crypto::random_id<Digest>();
            add(lost);
        }
        keyrings.emplace(std::move(made_));
        resolver.emplace(*keyrings, vaults);
    }

    /// Every place answers something else from now on, after it has answered something else before.
    void tell(std::mt19937_64& random) {
        for (ModelPlace& place : places_) place.told = Told::well;
        ask();
        for (int times = 0; times < 2; ++times) {
            for (ModelPlace& place : places_) tell(place, random);
            ask();
        }
    }

private:
    static void tell(ModelPlace& place, std::mt19937_64& random) {
        const auto chance = [&](int percent) { return static_cast<int>(random() % 100) < percent; };
        const auto around_now = [&] {
            return TimePoint{kNow.ns + (static_cast<int>(random() % 400) - 200) * 24 * kHour};
        };
        place.told = chance(65) ? Told::well : static_cast<Told>(1 + random() % 5);
        place.not_before = chance(20) ? std::optional(around_now()) : std::nullopt;
        place.expires = chance(30) ? std::optional(around_now()) : std::nullopt;
    }

    /// So that what the keyring remembers of refusals is settled before plans are made.
    void ask() {
        for (const auto& [thumbprint, protector] : protectors) (void)resolver->status(thumbprint);
        ask_all(protectors);
    }

public:
    std::vector<Thumbprint> thumbprints;
    std::map<Thumbprint, ModelProtector> protectors;
    signet::test::TemporaryFolder folder;
    FixedClock clock;
    keyring::PassphraseSource passphrases;
    keyring::Vaults vaults{folder / "vault", passphrases, clock};
    std::optional<keyring::KeyringSet> keyrings;
    std::optional<keyring::Resolver> resolver;
    std::optional<crypto::SigningKey> officer;

private:
    static constexpr int kLost = 12;

    [[nodiscard]] std::vector<keyring::Keyring> open_keyrings() const {
        std::vector<keyring::Keyring> opened;
        opened.push_back(keyring::Keyring::open(folder / "own", false, clock));
        opened.push_back(keyring::Keyring::open(folder / "other", false, clock));
        return opened;
    }

    void add(const ModelProtector& protector) {
        thumbprints.push_back(protector.thumbprint);
        protectors.emplace(protector.thumbprint, protector);
    }

    /// Links a place with the private half in one of the keyrings.
    ModelPlace* link_private(const crypto::RsaPrivateKey& key, int number, const std::string& vault, bool is_own,
                             const keyring::LinkOptions& options) {
        ModelPlace& place = places_.emplace_back();
        const auto location = keyring::Location::parse("local:/" + vault + "#key" + std::to_string(number) + "/1");
        vaults.replace(location, std::make_unique<ToldVault>(key, place));
        (void)(is_own ? made_.front() : made_.back()).link(location, options, vaults);
        return &place;
    }

    void link_public(const crypto::RsaPrivateKey& key, int number, const keyring::LinkOptions& options) {
        const std::string path = folder / ("key" + std::to_string(number) + ".pem");
        replace_file(path, as_bytes(key.public_key().to_pem()), 0600);
        (void)made_.front().link(keyring::Location::parse("public:" + path), options, vaults);
    }

    /// Kinds in turn: a twin, a public half, a recovery key, a key of the other keyring alone, or of both, plain ones.
    void link(int number) {
        const auto key = crypto::RsaPrivateKey::generate(2048);
        ModelProtector protector;
        protector.thumbprint = format::Thumbprint::of(key.public_key());
        protector.is_linked = true;
        const int kind = number % 8;
        keyring::LinkOptions options;
        options.role = number == 0 ? keyring::LinkRole::default_
                       : kind == 3 ? keyring::LinkRole::recovery
                                   : keyring::LinkRole::linked;
        if (kind != 4) protector.role = options.role;
        if (kind == 2 || kind == 5) link_public(key, number, options);
        if (kind == 4 || kind == 5) {
            protector.private_halves.push_back(link_private(key, number, "other", false, {}));
        } else if (kind != 2) {
            protector.private_halves.push_back(link_private(key, number, "first", true, options));
        }
        if (kind == 1 || kind == 6) {
            keyring::LinkOptions twin;
            twin.twin_of = protector.thumbprint.text();
            protector.private_halves.push_back(link_private(key, number, "second", true, twin));
        }
        add(protector);
    }

    std::deque<ModelPlace> places_;  ///< stay where they are
    std::vector<keyring::Keyring> made_ = open_keyrings();
};

/// How large a history is.
struct Size {
    int backups = 100;
    int rotations = 20;
};

/// One repository and what is true of it.
class History {
public:
    History(World& world, std::uint64_t seed, const Size& size) : world_(world), random_(seed) {
        format::RepositoryConfig config;
        config.repository = crypto::random_id<RepositoryId>();
        config.officer = world.officer->verify_key().identity();
        storage::Repository::create(*store_, config);
        repository = storage::Repository::open(store_);
        const int writers = below(3) + 1;
        for (int i = 0; i < writers; ++i) add_writer();
        model.runs.reserve(std::size_t{2} * static_cast<std::size_t>(size.backups));
        for (int i = 0; i < size.rotations; ++i) protectors_.push_back(any_protector());
        for (int i = 0; i < size.backups; ++i) {
            now_.ns += (below(48) + 1) * kHour + below(3) * (kNsPerSecond / 2);
            back_up(protectors_[static_cast<std::size_t>(i * size.rotations / size.backups)]);
        }
        state_trust();
        find_series();
        rewrap();
    }

    std::mt19937_64& random() { return random_; }
    int below(int limit) { return static_cast<int>(random_() % static_cast<std::uint64_t>(limit)); }
    bool chance(int percent) { return below(100) < percent; }
    [[nodiscard]] TimePoint end() const { return now_; }
    [[nodiscard]] int series_count() const { return static_cast<int>(series_ids.size()); }

    std::optional<storage::Repository> repository;
    ModelHistory model;
    std::vector<SeriesId> series_ids;
    std::vector<IdentityId> lines;  ///< of each series

private:
    struct Writer {
        signet::test::JournalWriter journal;
        TimePoint committed{INT64_MIN};
        std::vector<int> series;
        std::vector<int> predecessors;
        std::vector<std::size_t> runs;  ///< places in model.runs
        std::uint64_t trusted_until = UINT64_MAX;
    };

    Thumbprint any_protector() {
        return world_.thumbprints[static_cast<std::size_t>(below(static_cast<int>(world_.thumbprints.size())))];
    }

    void add_writer() {
        format::WriterKeys keys{crypto::random_secret(32), crypto::random_secret(32), crypto::random_secret(32)};
        Writer writer{
            {*repository, crypto::SigningKey::generate(), std::move(keys)}, {INT64_MIN}, {}, {}, {}, UINT64_MAX};
        const bool is_heir = !writers_.empty() && chance(40);
        if (is_heir) {
            writer.predecessors = writers_.back().predecessors;
            writer.predecessors.push_back(static_cast<int>(writers_.size()) - 1);
        }
        // An heir goes on with the series; and anybody can claim the id of another's.
        if (is_heir || (!writers_.empty() && chance(30))) writer.series.push_back(below(series_count()));
        for (int i = below(3); i >= 0; --i) {
            writer.series.push_back(series_count());
            series_ids.push_back(writer.journal.series("s" + std::to_string(i)));
        }
        model.writers.push_back(writer.journal.identity());
        writers_.push_back(std::move(writer));
    }

    /// A run under the protector of the day and perhaps a recovery key, after an interrupted entry of its own perhaps.
    void back_up(const Thumbprint& protector) {
        const int number = below(static_cast<int>(writers_.size()));
        Writer& writer = writers_[static_cast<std::size_t>(number)];
        const format::DataKey dek = make_data_key();
        ModelRun run;
        run.writer = number;
        run.predecessors = writer.predecessors;
        run.series = writer.series[static_cast<std::size_t>(below(static_cast<int>(writer.series.size())))];
        run.time = now_;
        if (chance(5)) run.time.ns -= below(2000) * kHour;  // --time, of an older state
        if (chance(6) && !writer.runs.empty()) run.time = model.runs[writer.runs.back()].time;
        run.dek = dek.id();
        run.commitment = dek.commitment();
        run.slots.insert(protector);
        while (chance(25)) run.slots.insert(any_protector());
        if (chance(12)) {
            ModelRun partial = run;
            partial.is_backup = false;
            if (chance(30)) partial.slots.insert(any_protector());
            if (chance(30)) partial.time.ns -= below(100) * kHour;
            append(writer, std::move(partial), dek);
            if (chance(40)) return;
        }
        append(writer, std::move(run), dek);
    }

    /// A fresh one mostly. Who signs can also give it the id of an older one, or use that again.
    format::DataKey make_data_key() {
        const RepositoryId& id = repository->config().repository;
        if (made_.empty() || !chance(5)) {
            made_.push_back(format::DataKey::generate(id));
        } else {
            const format::DataKey& older = made_[static_cast<std::size_t>(below(static_cast<int>(made_.size())))];
            if (chance(50)) return older.clone();
            made_.emplace_back(id, older.id(), crypto::random_secret(32));
        }
        return made_.back().clone();
    }

    void append(Writer& writer, ModelRun run, const format::DataKey& dek) {
        format::BackupPublic fields;
        fields.run = crypto::random_id<format::RunId>();
        fields.series = series_ids[static_cast<std::size_t>(run.series)];
        fields.time = fields.started = fields.finished = run.time;
        fields.dek = dek.id();
        fields.commitment = dek.commitment();
        for (const Thumbprint& one : run.slots)
            fields.slots.push_back(signet::test::hollow_slot(dek, one, "local:k/1"));
        fields.packs.resize(static_cast<std::size_t>(below(3)) + 1);
        for (format::PackInfo& pack : fields.packs) pack = {crypto::random_id<PackId>(), 1000};
        for (const int one : run.predecessors)
            fields.predecessors.push_back(model.writers[static_cast<std::size_t>(one)]);
        fields.reach = reach_of(writer, run);

        TimePoint signed_at = now_;
        if (chance(3)) signed_at.ns += (below(200) - 100) * kHour;  // a clock that was set wrong
        writer.committed = std::max(writer.committed, signed_at);
        run.committed = writer.committed;
        run.sequence = writer.journal.next_sequence();
        const auto kind = run.is_backup ? format::EntryKind::backup : format::EntryKind::partial;
        run.entry = writer.journal.append(kind, fields, dek, "s", signed_at);
        writer.runs.push_back(model.runs.size());
        packs_[run.entry] = fields.packs.size();
        model.runs.push_back(std::move(run));
    }

    /// The runs of a writer's own journal (0), or of its n-th predecessor's.
    const std::vector<std::size_t>& runs_of(const Writer& writer, std::size_t journal) const {
        if (journal == 0) return writer.runs;
        return writers_[static_cast<std::size_t>(writer.predecessors[journal - 1])].runs;
    }

    std::vector<format::Reach> reach_of(Writer& writer, ModelRun& run) {
        std::map<std::pair<std::uint64_t, std::uint64_t>, format::Reach> reach;
        std::map<DekId, Digest> commitments{{run.dek, run.commitment}};
        for (int i = chance(15) ? 0 : below(12); i > 0; --i) {
            const std::size_t journal =
                chance(75) ? 0 : static_cast<std::size_t>(below(static_cast<int>(writer.predecessors.size()) + 1));
            const std::vector<std::size_t>& runs = runs_of(writer, journal);
            const int known = static_cast<int>(runs.size());
            if (known == 0) continue;
            // Mostly recent ones, as a host that backs up every day has them.
            const int back = chance(70) ? below(std::min(known, 15)) : below(known);
            const ModelRun& earlier = model.runs[runs[static_cast<std::size_t>(known - 1 - back)]];
            format::Reach& one = reach[{journal, earlier.sequence}];
            one.journal = journal;
            one.sequence = earlier.sequence;
            one.dek = earlier.dek;
            one.set(static_cast<std::size_t>(below(static_cast<int>(packs_.at(earlier.entry)))));
            run.is_broken |= commitments.emplace(earlier.dek, earlier.commitment).first->second != earlier.commitment;
        }
        if (!reach.empty() && below(300) == 0) {
            run.is_broken = true;
            if (chance(50))
                reach.begin()->second.dek = crypto::random_id<DekId>();
            else
                reach.begin()->second.set(9);
        }
        std::vector<format::Reach> list;
        for (auto& [place, one] : reach) {
            const bool is_own = place.first == 0;
            run.reach.emplace_back(is_own ? run.writer : run.predecessors[place.first - 1], place.second);
            list.push_back(one);
        }
        return list;
    }

    /// Most writers are trusted, some up to an entry, some not at all.
    void state_trust() {
        format::TrustFields fields;
        for (Writer& writer : writers_) {
            if (chance(8)) writer.trusted_until = 0;
            if (chance(12))
                writer.trusted_until = static_cast<std::uint64_t>(below(static_cast<int>(writer.runs.size()) + 1));
            fields.statements.push_back({writer.journal.identity(), format::Role::writer, 1, UINT64_MAX});
            if (writer.trusted_until == UINT64_MAX) continue;
            fields.statements.push_back({writer.journal.identity(), format::Role::writer, 1, writer.trusted_until});
        }
        signet::test::JournalWriter officer(*repository, crypto::SigningKey::from_seed(world_.officer->seed().clone()),
                                            {});
        for (const format::TrustStatement& statement : fields.statements) officer.append({{statement}}, now_);
        for (std::size_t heir = 1; heir < writers_.size(); ++heir) {
            if (writers_[heir].predecessors.empty() || writers_[heir].trusted_until != UINT64_MAX || !chance(60))
                continue;
            Writer& former = writers_[heir - 1];
            former.trusted_until = std::min<std::uint64_t>(former.trusted_until, former.runs.size());
            officer.append({{{former.journal.identity(), format::Role::writer, 1, former.trusted_until},
                             {writers_[heir].journal.identity(), format::Role::writer, 1, UINT64_MAX}}},
                           now_);
            stated_.insert({heir - 1, heir});
        }
        const auto is_believed = [&](int writer, std::uint64_t sequence) {
            return sequence <= writers_[static_cast<std::size_t>(writer)].trusted_until;
        };
        for (ModelRun& run : model.runs) {
            run.is_believed = is_believed(run.writer, run.sequence);
            run.is_trusted = run.is_believed && std::all_of(run.reach.begin(), run.reach.end(), [&](const auto& place) {
                                 return is_believed(place.first, place.second);
                             });
        }
    }

    /// Of one id and one line of writers. An heir is one by word of an officer, and by its own in an entry that counts.
    void find_series() {
        std::vector<std::size_t> line(writers_.size());
        for (std::size_t writer = 0; writer < writers_.size(); ++writer) {
            line[writer] = writer;
            const bool says_so = std::any_of(writers_[writer].runs.begin(), writers_[writer].runs.end(),
                                             [&](std::size_t run) { return model.runs[run].is_believed; });
            if (writer > 0 && says_so && stated_.contains({writer - 1, writer})) line[writer] = line[writer - 1];
        }
        std::map<std::size_t, IdentityId> names;  // the least of the line's identities
        for (std::size_t writer = 0; writer < writers_.size(); ++writer) {
            const IdentityId& identity = model.writers[writer];
            const auto [name, is_new] = names.emplace(line[writer], identity);
            if (!is_new) name->second = std::min(name->second, identity);
        }
        std::map<std::pair<int, std::size_t>, int> numbers;
        std::vector<SeriesId> ids;
        for (ModelRun& run : model.runs) {
            const std::size_t of = line[static_cast<std::size_t>(run.writer)];
            const auto [number, is_new] = numbers.emplace(std::pair(run.series, of), static_cast<int>(ids.size()));
            if (is_new) {
                ids.push_back(series_ids[static_cast<std::size_t>(run.series)]);
                lines.push_back(names.at(of));
            }
            run.series = number->second;
        }
        series_ids = std::move(ids);
    }

    /// Slots that were stored later, by whom nobody knows.
    void rewrap() {
        const int percent = below(40);
        for (const ModelRun& run : model.runs) {
            if (!chance(percent)) continue;
            const Thumbprint protector = chance(50) ? protectors_.back() : any_protector();
            format::Slot slot;
            slot.repository = repository->config().repository;
            slot.dek = run.dek;
            slot.thumbprint = protector;
            slot.wrapped = Bytes(256, 7);
            repository->put_slot(slot);
            model.stored[run.dek].insert(protector);
        }
    }

    World& world_;
    std::mt19937_64 random_;
    std::shared_ptr<signet::test::MemoryStore> store_ = std::make_shared<signet::test::MemoryStore>();
    std::vector<Writer> writers_;
    std::set<std::pair<std::size_t, std::size_t>> stated_;  ///< who took whose place, by word of the officer
    std::vector<Thumbprint> protectors_;
    std::map<EntryId, std::size_t> packs_;
    std::vector<format::DataKey> made_;
    TimePoint now_ = kStart;
};

template <class List>
auto as_set(const List& list) {
    return std::set<typename List::value_type>(list.begin(), list.end());
}

/// Compares plans with the model, and counts.
class Comparison {
public:
    Comparison(History& history, World& world, const Catalogue& catalogue, ModelQuestion question)
        : history_(history),
          model_(history.model, world.protectors, question),
          planner_(catalogue, *history.repository, *world.resolver, options_of(question)),
          catalogue_(catalogue),
          question_(std::move(question)) {}

    std::uint64_t decisions = 0;

    void run(int samples) {
        for (int series = 0; series < history_.series_count(); ++series) {
            const std::vector<const ModelRun*>& backups = model_.visible(series);
            compare_latest(series);
            for (int i = 0; i < samples && !backups.empty(); ++i) {
                compare_backup(*backups[static_cast<std::size_t>(history_.below(static_cast<int>(backups.size())))]);
                if (i % 4 == 0) compare_range(series);
            }
        }
        for (const ModelRun& one : history_.model.runs) compare_absent(one);
        compare_timeline({}, {});
        const TimePoint from = any_time();
        compare_timeline(from, {});
        compare_timeline({}, any_time());
        compare_timeline(from, TimePoint{from.ns + history_.below(2000) * kHour});
    }

private:
    static PlanOptions options_of(const ModelQuestion& question) {
        PlanOptions options;
        for (const Thumbprint& one : question.without) options.without_keys.push_back(one.text());
        options.as_of = question.as_of;
        options.offline = question.offline;
        return options;
    }

    TimePoint any_time() {
        // Often the very moment of a backup: whether bounds count is seen there alone.
        if (history_.chance(40)) {
            const auto& runs = history_.model.runs;
            return runs[static_cast<std::size_t>(history_.below(static_cast<int>(runs.size())))].time;
        }
        const auto span = static_cast<std::uint64_t>(history_.end().ns - kStart.ns + 100 * kHour);
        return {kStart.ns - 50 * kHour + static_cast<std::int64_t>(history_.random()() % span)};
    }

    BackupFilter filter_of(int series) const {
        BackupFilter filter;
        filter.series = history_.series_ids[static_cast<std::size_t>(series)].hex();
        filter.line = history_.lines[static_cast<std::size_t>(series)];
        return filter;
    }

    /// One decision.
    template <class Left, class Right>
    void same(const char* what, const Left& planned, const Right& expected) {
        ++decisions;
        if (planned == expected) return;
        INFO("differs in: " << what);
        CAPTURE(planned, expected);
        CHECK(planned == expected);
    }

    void same_plan(const Plan& plan, const ModelPlan& expected) {
        same("restorable", plan.restorable, expected.restorable);
        same("unproven", plan.unproven, expected.unproven);
        same("unopenable", std::multiset<DekId>(plan.unopenable.begin(), plan.unopenable.end()) == expected.unopenable,
             true);
        same("orphaned", std::multiset<DekId>(plan.orphaned.begin(), plan.orphaned.end()) == expected.orphaned, true);
        same("nearest before", plan.before, expected.before);
        same("nearest after", plan.after, expected.after);
        same("number of protectors", plan.required.size(), expected.required.size());
        for (const RequiredProtector& one : plan.required) {
            const auto found = expected.required.find(one.report.thumbprint);
            ModelRequired planned{one.report.status, one.usable, one.inherited, one.needed_from,          one.needed_to,
                                  one.backups,       one.deks,   one.unproven,  as_set(one.alternatives), {}};
            for (const Moments& some : one.moments) planned.moments.emplace_back(some.from, some.to);
            same("a protector", found != expected.required.end() && planned == found->second, true);
        }
        same("number of intervals", plan.coverage.size(), expected.coverage.size());
        for (std::size_t i = 0; i < std::min(plan.coverage.size(), expected.coverage.size()); ++i) {
            const CoverageInterval& one = plan.coverage[i];
            const ModelInterval planned{
                one.from,   one.to, one.restorable, one.unproven, !one.damage.empty(), as_set(one.blocked_by),
                one.backups};
            same("an interval", planned == expected.coverage[i], true);
        }
    }

    void compare_backup(const ModelRun& run) {
        const Backup& backup = catalogue_.find(run.entry.hex());
        CAPTURE(run.sequence, run.series);
        same("restorable(backup)", planner_.restorable(backup), model_.is_restorable(run));
        same("unproven(backup)", planner_.outlook(backup) == Outlook::unproven, model_.is_unproven(run));
        same("damaged(backup)", planner_.outlook(backup) == Outlook::damaged, run.is_broken);
        if (run.is_broken) {
            same("refused", refused([&] { (void)planner_.plan(backup); }), std::optional(ErrorCode::damaged));
            return;
        }
        const Plan plan = planner_.plan(backup);
        same_plan(plan, model_.plan(run));
        // Any moment of the series, found one by one, agrees with the intervals.
        for (int i = 0; i < 5; ++i) {
            const TimePoint moment = any_time();
            const ModelRun* at = PlanModel::newest(model_.line_of(run), moment);
            const auto interval = std::find_if(plan.coverage.begin(), plan.coverage.end(),
                                               [&](const auto& one) { return one.from <= moment && moment < one.to; });
            if (interval == plan.coverage.end()) continue;
            same("a moment", at != nullptr && interval->restorable == model_.is_restorable(*at), true);
        }
    }

    /// What was signed after the time that is asked about was not there.
    void compare_absent(const ModelRun& run) {
        if (!question_.as_of || !run.is_backup || run.committed <= *question_.as_of || !history_.chance(5)) return;
        const Backup& backup = catalogue_.find(run.entry.hex());
        same("absent", refused([&] { (void)planner_.plan(backup); }), std::optional(ErrorCode::usage));
    }

    void compare_latest(int series) {
        BackupFilter filter = filter_of(series);
        filter.as_of = question_.as_of;
        if (history_.chance(50)) filter.at = any_time();
        const ModelRun* newest = nullptr;
        for (const ModelRun& run : history_.model.runs) {
            const bool was_there = !question_.as_of || run.committed <= *question_.as_of;
            // Who is not trusted may mean to go on with it.
            const bool is_of_it =
                run.series == series ||
                (!run.is_trusted && history_.series_ids[static_cast<std::size_t>(run.series)].hex() == *filter.series);
            if (!run.is_backup || !is_of_it || !was_there || (filter.at && run.time > *filter.at)) continue;
            const auto place = [&](const ModelRun& one) {
                return std::tuple(one.time, history_.model.writers[static_cast<std::size_t>(one.writer)], one.sequence);
            };
            if (newest == nullptr || place(*newest) < place(run)) newest = &run;
        }
        if (newest == nullptr || !newest->is_trusted) {
            const auto expected = newest == nullptr ? ErrorCode::usage : ErrorCode::refused;
            same("no latest", refused([&] { (void)catalogue_.latest(filter); }), std::optional(expected));
        } else {
            same("latest", catalogue_.latest(filter).id.hex(), newest->entry.hex());
        }
    }

    void compare_range(int series) {
        BackupFilter filter = filter_of(series);
        const TimePoint from = any_time();
        const TimePoint to{from.ns + history_.below(4000) * kHour};
        filter.from = from;
        filter.at = to;
        const ModelPlan expected = model_.plan(series, from, to);
        if (expected.is_broken) {
            same("a broken range", refused([&] { (void)planner_.plan(filter); }), std::optional(ErrorCode::damaged));
        } else if (model_.at(series, to) == nullptr) {
            same("an empty range", refused([&] { (void)planner_.plan(filter); }), std::optional(ErrorCode::usage));
        } else {
            same_plan(planner_.plan(filter), expected);
        }
    }

    void compare_timeline(std::optional<TimePoint> from, std::optional<TimePoint> to) {
        BackupFilter filter;
        filter.from = from;
        filter.at = to;
        const std::vector<Plan> lanes = planner_.timeline(filter);
        std::size_t expected_lanes = 0;
        for (int series = 0; series < history_.series_count(); ++series) {
            const auto expected = model_.lane(series, from, to);
            const BackupFilter wanted = filter_of(series);
            const auto lane = std::find_if(lanes.begin(), lanes.end(), [&](const Plan& one) {
                return one.series == *wanted.series && one.line == *wanted.line;
            });
            same("a lane", lane != lanes.end(), expected.has_value());
            if (!expected || lane == lanes.end()) continue;
            ++expected_lanes;
            same_plan(*lane, *expected);
        }
        same("number of lanes", lanes.size(), expected_lanes);
    }

    static std::optional<ErrorCode> refused(const std::function<void()>& action) {
        try {
            action();
            return std::nullopt;
        } catch (const Error& error) {
            return error.code();
        }
    }

    History& history_;
    PlanModel model_;
    Planner planner_;
    const Catalogue& catalogue_;
    ModelQuestion question_;
};

/// A plain question, one without keys, one as of a time, one offline, one with everything.
std::vector<ModelQuestion> questions(History& history) {
    std::vector<ModelQuestion> all(5);
    for (ModelQuestion& one : all) one.now = kNow;
    const auto some_keys = [&] {
        std::set<Thumbprint> keys;
        for (int i = history.below(4); i >= 0; --i) {
            const auto& slots =
                history.model.runs[static_cast<std::size_t>(history.below(static_cast<int>(history.model.runs.size())))]
                    .slots;
            keys.insert(*slots.begin());
        }
        return keys;
    };
    const auto some_time = [&] {
        const bool is_future = history.chance(30);
        const std::int64_t from = is_future ? kNow.ns : kStart.ns;
        const std::int64_t span = is_future ? 400 * 24 * kHour : history.end().ns - kStart.ns;
        return TimePoint{from + static_cast<std::int64_t>(history.random()() % static_cast<std::uint64_t>(span))};
    };
    all[1].without = some_keys();
    all[2].as_of = some_time();
    all[3].offline = true;
    all[4].without = some_keys();
    all[4].as_of = some_time();
    all[4].offline = history.chance(50);
    return all;
}

std::uint64_t compare_history(World& world, std::uint64_t seed, const Size& size, int samples) {
    CAPTURE(seed, size.backups, size.rotations);
    INFO("replay with SIGNET_PLAN_SEED=" << seed);
    History history(world, seed, size);
    world.tell(history.random());
    CatalogueOptions options;
    options.remember = false;
    options.headers_only = history.chance(50);
    const Catalogue catalogue = Catalogue::load(*history.repository, *world.keyrings, options);
    CHECK(catalogue.findings().empty());
    std::uint64_t decisions = 0;
    for (const ModelQuestion& question : questions(history)) {
        CAPTURE(question.without.size(), question.as_of, question.offline);
        Comparison comparison(history, world, catalogue, question);
        comparison.run(samples);
        decisions += comparison.decisions;
    }
    return decisions;
}

/// Sizes from the smallest to `largest`, by seed.
Size size_of(std::uint64_t seed, const Size& largest) {
    std::mt19937_64 random(seed);
    const auto up_to = [&](int limit) { return 1 + static_cast<int>(random() % static_cast<std::uint64_t>(limit)); };
    if (seed % 10 == 0) return largest;
    return {up_to(largest.backups / 4), up_to(largest.rotations)};
}

std::optional<std::uint64_t> wanted_seed() {
    const char* text = std::getenv("SIGNET_PLAN_SEED");
    return text == nullptr ? std::nullopt : std::optional<std::uint64_t>(std::strtoull(text, nullptr, 10));
}

void compare_until(World& world, const Size& largest, int samples, std::uint64_t enough) {
    std::uint64_t decisions = 0;
    std::uint64_t histories = 0;
    if (const auto seed = wanted_seed()) {
        decisions = compare_history(world, *seed, size_of(*seed, largest), samples);
        WARN("history " << *seed << ": " << decisions << " decisions compared");
        return;
    }
    while (decisions < enough || histories < 10) {
        ++histories;
        decisions += compare_history(world, histories, size_of(histories, largest), samples);
    }
    WARN(decisions << " decisions in " << histories << " histories compared");
}

}  // namespace

TEST_CASE("plans are those of a brute-force model: ten thousand decisions [R93]", "[restore][plan][oracle]") {
    World world(16);
    compare_until(world, {80, 40}, 3, 10'000);
}

TEST_CASE(
    "plans are those of a brute-force model: more than a hundred thousand decisions, 1,000 backups, 100 rotations",
    "[.slow][restore][plan][oracle]") {
    World world(48);
    compare_until(world, {1000, 100}, 6, 150'000);
}
