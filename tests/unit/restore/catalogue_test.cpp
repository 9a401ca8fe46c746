#include "restore/catalogue.h"

#include "core/crypto/digest.h"
#include "restore/latest.h"
#include "tests/unit/restore/repository_bench.h"

#include <chrono>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

namespace {

TimePoint day(int number) { return {(1'700'000'000LL + number * 86'400LL) * kNsPerSecond}; }

RunOptions at(int number, const std::string& series = "things") {
    RunOptions options;
    options.time = day(number);
    options.series = series;
    return options;
}

Node tree(const std::string& text) { return root({file("f", text)}); }

std::string journal_object(const RepositoryBench& bench, std::uint64_t sequence) {
    return format::journal_name(bench.keyrings.own().writer_if_present()->identity(), sequence);
}

bool mentions(const std::vector<std::string>& lines, const std::string& text) {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("backups are listed by time, with the names of one's own", "[restore][catalogue]") {
    RepositoryBench bench;
    const EntryId second = bench.back_up(tree("2"), at(2));
    const EntryId first = bench.back_up(tree("1"), at(1));
    const Catalogue catalogue = bench.catalogue();
    REQUIRE(catalogue.backups().size() == 2);
    CHECK(catalogue.backups()[0].id == first);
    CHECK(catalogue.backups()[1].id == second);
    REQUIRE(catalogue.backups()[0].labels);
    CHECK(catalogue.backups()[0].labels->series == "things");
    CHECK(catalogue.backups()[0].trusted);
    CHECK(catalogue.findings().empty());
}

TEST_CASE("partial entries are no backups", "[restore][catalogue]") {
    RepositoryBench bench;
    RunOptions partial = at(1);
    partial.partial = true;
    bench.back_up(tree("1"), partial);
    const EntryId backup = bench.back_up(tree("2"), at(2));
    const Catalogue catalogue = bench.catalogue();
    REQUIRE(catalogue.backups().size() == 1);
    CHECK(catalogue.backups()[0].id == backup);
    CHECK(catalogue.runs().size() == 2);
}

TEST_CASE("the newest backup up to a moment is found", "[restore][catalogue]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree("1"), at(1));
    const EntryId second = bench.back_up(tree("2"), at(2));
    const EntryId other = bench.back_up(tree("3"), at(3, "others"));
    const Catalogue catalogue = bench.catalogue();
    CHECK(catalogue.latest().id == other);
    BackupFilter filter;
    filter.series = "things";
    CHECK(catalogue.latest(filter).id == second);
    filter.at = day(2);
    CHECK(catalogue.latest(filter).id == second);
    filter.at = {day(2).ns - 1};
    CHECK(catalogue.latest(filter).id == first);
    filter.at = day(0);
    CHECK_THROWS_MATCHES(catalogue.latest(filter), Error, has_code(ErrorCode::usage));

    BackupFilter by_id;
    by_id.series = catalogue.find(other.hex()).fields->series.hex().substr(0, 12);
    CHECK(catalogue.latest(by_id).id == other);
    CHECK(catalogue.select(by_id).size() == 1);
}

TEST_CASE("host, path and tags choose backups", "[restore][catalogue]") {
    RepositoryBench bench;
    RunOptions tagged = at(1);
    tagged.tags = {"a", "b"};
    const EntryId first = bench.back_up(tree("1"), tagged);
    bench.back_up(tree("2"), at(2));
    const Catalogue catalogue = bench.catalogue();
    BackupFilter filter;
    filter.tags = {"b"};
    CHECK(catalogue.latest(filter).id == first);
    filter.tags = {"b", "c"};
    CHECK(catalogue.select(filter).empty());
    filter.tags.clear();
    filter.host = "host";
    filter.paths = {"/data"};
    CHECK(catalogue.select(filter).size() == 2);
    filter.paths = {"/other"};
    CHECK(catalogue.select(filter).empty());
}

TEST_CASE("a backup is named by the start of its id", "[restore][catalogue]") {
    RepositoryBench bench;
    const EntryId id = bench.back_up(tree("1"));
    bench.back_up(tree("2"), at(2));
    const Catalogue catalogue = bench.catalogue();
    CHECK(catalogue.resolve(id.hex().substr(0, 8)).id == id);
    CHECK(catalogue.resolve(id.hex()).id == id);
    CHECK_THROWS_MATCHES(catalogue.resolve("abc"), Error, has_code(ErrorCode::usage));
    CHECK_THROWS_MATCHES(catalogue.resolve("zzzz"), Error, has_code(ErrorCode::usage));
    CHECK_THROWS_MATCHES(catalogue.resolve(std::string(64, 'f')), Error, has_code(ErrorCode::usage));
}

TEST_CASE("a reference to a backup may name a folder in it", "[restore][catalogue]") {
    CHECK(BackupReference::parse("latest").path == "/");
    CHECK(BackupReference::parse("latest:/a//b/").path == "/a/b");
    CHECK(BackupReference::parse("12ab:/").backup == "12ab");
    for (const char* bad : {"", "newest", "12ab:a", "12ab:/a/../b", "12ab:/./b", "12AB"}) {
        CAPTURE(bad);
        CHECK_THROWS_MATCHES(BackupReference::parse(bad), Error, has_code(ErrorCode::usage));
    }
}

TEST_CASE("latest does not skip a damaged newer manifest in silence", "[restore][catalogue][trust]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree("1"), at(1));
    const EntryId second = bench.back_up(tree("2"), at(2));
    SECTION("one bit of it") {
        bench.store->tamper(journal_object(bench, 2), [](Bytes& octets) { octets[octets.size() / 2] ^= 1; });
    }
    SECTION("lost, with a later one there") {
        bench.back_up(tree("3"), at(3));
        bench.store->lose(journal_object(bench, 2));
    }
    const Catalogue catalogue = bench.catalogue();
    CHECK_THROWS_MATCHES(catalogue.resolve("latest"), Error, has_code(ErrorCode::damaged));
    CHECK(catalogue.resolve(first.hex()).id == first);
    CHECK_THROWS_MATCHES(catalogue.resolve(second.hex()), Error, has_code(ErrorCode::damaged));
    CHECK_FALSE(bench.notices.empty());
}

TEST_CASE("whatever moment is asked for, a damaged manifest is not passed over", "[restore][catalogue][trust]") {
    RepositoryBench bench;
    bench.back_up(tree("1"), at(1));
    bench.back_up(tree("2"), at(2));
    bench.store->tamper(journal_object(bench, 2), [](Bytes& octets) { octets[octets.size() / 2] ^= 1; });
    const Catalogue catalogue = bench.catalogue();
    BackupFilter filter;
    filter.at = GENERATE(day(0), day(1), day(3), TimePoint{INT64_MAX});
    CHECK_THROWS_MATCHES(catalogue.latest(filter), Error, has_code(ErrorCode::damaged));
    // What it stood for was not there before its journal had come that far.
    BackupFilter then;
    then.as_of = {catalogue.backups().front().committed.ns - 1};
    CHECK_THROWS_MATCHES(catalogue.latest(then), Error, has_code(ErrorCode::usage));
    then.as_of = catalogue.backups().front().committed;
    CHECK_THROWS_MATCHES(catalogue.latest(then), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("an entry that is damaged before its writer's first trusted one hides those after it, and is not passed over",
          "[restore][catalogue][trust]") {
    RepositoryBench bench;
    bench.back_up(tree("1"), at(1));
    bench.back_up(tree("2"), at(2));
    const EntryId third = bench.back_up(tree("3"), at(3));
    const IdentityId first_writer = bench.writer();
    bench.use_stranger();
    bench.trust(bench.writer());
    const EntryId older = bench.back_up(tree("4"), at(0));
    bench.officer_says([&](const format::EntryHead& head, const crypto::SigningKey& key) {
        const format::TrustFields fields{{{first_writer, format::Role::writer, 3, UINT64_MAX}}};
        return format::make_plain_entry(format::EntryKind::trust, head, fields.encode(), key);
    });
    CHECK(bench.catalogue().latest().id == third);
    bench.store->tamper(format::journal_name(first_writer, 1), [](Bytes& octets) { octets.back() ^= 1; });
    const Catalogue catalogue = bench.catalogue();
    CHECK_THROWS_MATCHES(catalogue.latest(), Error, has_code(ErrorCode::damaged));
    REQUIRE(catalogue.findings().size() == 1);
    CHECK(catalogue.findings().front().trusted);
    CHECK(catalogue.resolve(older.hex()).id == older);
}

TEST_CASE("an entry that is signed and is none ends its journal", "[restore][catalogue][hostile]") {
    RepositoryBench bench;
    const EntryId id = bench.back_up(tree("1"), at(1));
    bench.officer_says([](const format::EntryHead& head, const crypto::SigningKey& key) {
        format::EntryHead mine = head;
        mine.signer = key.verify_key();
        ByteWriter fields;
        mine.encode(fields);
        fields.varint(0);  // no statements
        return format::sign_entry(format::entry_prefix(format::EntryKind::tombstone, fields.view(), 0), {}, key);
    });
    const IdentityId officer = bench.repository->config().officer;
    const storage::Journal journal = bench.repository->load_journal(officer);
    REQUIRE(journal.problem);
    CHECK(journal.unbelieved == std::vector<std::uint64_t>{journal.entries.size() + 1});
    const Catalogue catalogue = bench.catalogue();
    REQUIRE(catalogue.doubt());
    CHECK_THROWS_MATCHES(catalogue.resolve(id.hex()), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("nobody makes a backup of another writer's series", "[restore][catalogue][hostile]") {
    RepositoryBench bench;
    const EntryId mine = bench.back_up(tree("1"), at(1));
    const SeriesId series = bench.catalogue().latest().fields->series;
    bench.use_stranger();
    bench.trust(bench.writer());
    const EntryId theirs = bench.back_up(tree("2"), at(2, "theirs"));
    const bool is_known = GENERATE(false, true);
    if (is_known) static_cast<void>(bench.open(theirs));
    RunOptions options = at(3);  // of a series of the same name
    options.change = [&](format::BackupPublic& fields, format::BackupBody&) { fields.series = series; };
    const EntryId forged = bench.back_up(tree("3"), options);
    const Catalogue catalogue = bench.catalogue();
    BackupFilter filter;
    filter.series = "things";
    // And spoils nothing for who has it.
    CHECK(catalogue.latest(filter).id == mine);
    if (is_known) {
        CHECK(mentions(bench.notices, "not that of the series' name"));
        Planner planner(catalogue, *bench.repository, bench.resolver);
        CHECK_THROWS_MATCHES(planner.plan(catalogue.find(forged.hex())), Error, has_code(ErrorCode::damaged));
        CHECK(planner.outlook(catalogue.find(forged.hex())) == Outlook::damaged);
    }
    CHECK_THROWS_MATCHES(bench.open(forged), Error, has_code(ErrorCode::damaged));
    CHECK(bench.open(mine)->backup().id == mine);
}

TEST_CASE("latest does not skip an untrusted newer manifest in silence", "[restore][catalogue][trust]") {
    RepositoryBench bench;
    const EntryId mine = bench.back_up(tree("1"), at(1));
    bench.use_stranger();
    const EntryId foreign = bench.back_up(tree("2"), at(2));
    const Catalogue catalogue = bench.catalogue();
    CHECK_THROWS_MATCHES(catalogue.resolve("latest"), Error, has_code(ErrorCode::refused));
    CHECK_THROWS_MATCHES(catalogue.resolve(foreign.hex()), Error, has_code(ErrorCode::refused));
    CHECK(catalogue.resolve(mine.hex()).id == mine);
    CHECK(catalogue.find(foreign.hex()).id == foreign);
    CHECK_FALSE(catalogue.find(foreign.hex()).trusted);
    CHECK(mentions(bench.notices, "not trusted"));

    BackupFilter before;
    before.at = day(1);
    CHECK(catalogue.latest(before).id == mine);
    BackupFilter series;
    series.series = "things";
    CHECK(catalogue.latest(series).id == mine);
}

TEST_CASE("who only looks is told what a restore of the newest would be refused for", "[restore][catalogue][trust]") {
    RepositoryBench bench;
    CHECK_FALSE(refusal_of_latest(bench.catalogue(), {}));  // none at all is not refused
    bench.back_up(tree("1"), at(1));
    bench.back_up(tree("2"), at(2));
    CHECK_FALSE(refusal_of_latest(bench.catalogue(), {}));
    ErrorCode expected = ErrorCode::damaged;
    SECTION("a damaged entry that may be newer") {
        bench.store->tamper(journal_object(bench, 2), [](Bytes& octets) { octets.back() ^= 1; });
    }
    SECTION("a newer backup by a writer who is not trusted") {
        bench.use_stranger();
        bench.back_up(tree("3"), at(3));
        expected = ErrorCode::refused;
    }
    const Catalogue catalogue = bench.catalogue();
    const auto refusal = refusal_of_latest(catalogue, {});
    REQUIRE(refusal);
    CHECK(refusal->code() == expected);
    CHECK_THROWS_MATCHES(catalogue.latest(), Error, has_code(expected));
}

TEST_CASE("a broken officer's journal stops every backup, however it is named", "[restore][catalogue][trust]") {
    RepositoryBench bench;
    const EntryId id = bench.back_up(tree("1"), at(1));
    const IdentityId officer = bench.repository->config().officer;
    bench.trust(IdentityId::from(crypto::sha256(as_bytes("somebody")).view()));
    if (GENERATE(false, true)) static_cast<void>(bench.catalogue(true));
    const std::string broken = format::journal_name(officer, 2);
    SECTION("altered") {
        bench.store->tamper(broken, [](Bytes& octets) { octets.back() ^= 1; });
    }
    SECTION("emptied") {
        bench.store->tamper(broken, [](Bytes& octets) { octets.clear(); });
    }
    const Catalogue catalogue = bench.catalogue();
    REQUIRE(catalogue.doubt());
    CHECK(std::string(catalogue.doubt()->what()).find(broken) != std::string::npos);
    CHECK(mentions(bench.notices, broken));
    CHECK_THROWS_MATCHES(catalogue.resolve(id.hex()), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(catalogue.latest(), Error, has_code(ErrorCode::damaged));
    BackupFilter before;
    before.at = day(1);
    CHECK_THROWS_MATCHES(catalogue.latest(before), Error, has_code(ErrorCode::damaged));
    Planner planner(catalogue, *bench.repository, bench.resolver);
    CHECK_FALSE(planner.restorable(catalogue.find(id.hex())));
    CHECK_THROWS_MATCHES(planner.plan(catalogue.find(id.hex())), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(planner.plan(BackupFilter{}), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(OpenBackup::open(*bench.repository, planner, bench.resolver, catalogue.find(id.hex())), Error,
                         has_code(ErrorCode::damaged));
}

TEST_CASE("a first contact pins the repository and shows the officer", "[restore][catalogue][pins]") {
    RepositoryBench bench;
    bench.back_up(tree("1"), at(1));
    const RepositoryId id = bench.repository->config().repository;
    CHECK(bench.keyrings.own().pin(id) == nullptr);
    static_cast<void>(bench.catalogue(true));
    CHECK(mentions(bench.notices, bench.repository->config().officer.hex()));
    const keyring::RepositoryPin* pin = bench.keyrings.own().pin(id);
    REQUIRE(pin != nullptr);
    CHECK(pin->officer == bench.repository->config().officer);
    CHECK(pin->seen.size() == 2);
    static_cast<void>(bench.catalogue(true));
    CHECK_FALSE(mentions(bench.notices, "first contact"));
}

TEST_CASE("a repository with another officer than was pinned is refused", "[restore][catalogue][pins]") {
    RepositoryBench bench;
    bench.back_up(tree("1"));
    static_cast<void>(bench.catalogue(true));
    format::RepositoryConfig config = bench.repository->config();
    config.officer = IdentityId::from(crypto::sha256(as_bytes("somebody")).view());
    bench.store->plant(format::kConfigName, config.encode());
    bench.repository = storage::Repository::open(bench.store);
    CHECK_THROWS_MATCHES(bench.catalogue(), Error, has_code(ErrorCode::refused));
}

TEST_CASE("a repository that was rolled back is noticed, entry by entry", "[restore][catalogue][pins]") {
    RepositoryBench bench;
    bench.back_up(tree("1"), at(1));
    bench.back_up(tree("2"), at(2));
    static_cast<void>(bench.catalogue(true));
    const std::string lost = journal_object(bench, 2);
    SECTION("the newest entry is gone") { bench.store->lose(lost); }
    SECTION("the whole journal is gone") {
        bench.store->lose(lost);
        bench.store->lose(journal_object(bench, 1));
    }
    try {
        static_cast<void>(bench.catalogue());
        FAIL("a rollback went unnoticed");
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::damaged);
        CHECK(std::string(error.what()).find(lost) != std::string::npos);
    }
    CatalogueOptions tolerant;
    tolerant.remember = false;
    tolerant.tolerate_rollback = true;
    std::vector<std::string> notices;
    tolerant.notice = [&](const std::string& sentence) { notices.push_back(sentence); };
    static_cast<void>(Catalogue::load(*bench.repository, bench.keyrings, tolerant));
    CHECK(mentions(notices, lost));
}

TEST_CASE("one of several places may be behind, all of them may not", "[restore][catalogue][pins]") {
    RepositoryBench bench;
    bench.back_up(tree("1"), at(1));
    bench.trust(IdentityId::from(crypto::sha256(as_bytes("somebody")).view()));
    static_cast<void>(bench.catalogue(true));
    CatalogueOptions options;
    options.remember = false;
    options.may_be_behind = true;
    const Catalogue ahead = Catalogue::load(*bench.repository, bench.keyrings, options);
    bench.store->lose(format::journal_name(bench.repository->config().officer, 2));
    const Catalogue behind = Catalogue::load(*bench.repository, bench.keyrings, options);
    CHECK_FALSE(behind.doubt());
    CHECK_NOTHROW(require_seen(bench.keyrings, {&behind, &ahead}));
    CHECK_THROWS_MATCHES(require_seen(bench.keyrings, {&behind}), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(bench.catalogue(), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("an entry that was seen and is damaged now is damage, not a rollback", "[restore][catalogue][pins]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree("1"), at(1));
    bench.back_up(tree("2"), at(2));
    static_cast<void>(bench.catalogue(true));
    bench.store->tamper(journal_object(bench, 2), [](Bytes& octets) { octets.back() ^= 1; });
    const Catalogue catalogue = bench.catalogue();
    CHECK(catalogue.resolve(first.hex()).id == first);
    CHECK_THROWS_MATCHES(catalogue.latest(), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("tags are those of the latest remark", "[restore][catalogue]") {
    RepositoryBench bench;
    RunOptions options = at(1);
    options.tags = {"old"};
    const EntryId id = bench.back_up(tree("1"), options);
    CHECK(bench.catalogue().find(id.hex()).tags == std::vector<std::string>{"old"});
    bench.tag(id, {"new"});
    bench.tag(id, {"newer", "newest"});
    CHECK(bench.catalogue().find(id.hex()).tags == std::vector<std::string>{"newer", "newest"});
}

TEST_CASE("names of another writer are not known before a body was opened", "[restore][catalogue]") {
    RepositoryBench bench;
    bench.use_stranger();
    const EntryId id = bench.back_up(tree("1"));
    bench.trust(bench.catalogue().find(id.hex()).writer);
    CHECK_FALSE(bench.catalogue().find(id.hex()).labels);
    static_cast<void>(bench.open(id));
    CHECK(bench.catalogue().find(id.hex()).labels);
}

TEST_CASE("a store that cannot be listed is no empty repository", "[restore][catalogue]") {
    RepositoryBench bench;
    bench.back_up(tree("1"));
    bench.store->fail_at(1);
    CHECK_THROWS_MATCHES(bench.catalogue(), Error, has_code(ErrorCode::io));
}

TEST_CASE("a thousand backups are listed and planned in a moment", "[.slow][restore][catalogue]") {
    RepositoryBench bench;
    for (int i = 0; i < 1000; ++i) bench.back_up(tree(std::to_string(i % 50)), at(i));
    const auto start = std::chrono::steady_clock::now();
    const auto since = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
    const Catalogue catalogue = bench.catalogue();
    const double loaded = since();
    Planner planner(catalogue, *bench.repository, bench.resolver);
    const Plan plan = planner.plan(BackupFilter{});
    WARN("loaded in " << loaded << " s, planned in " << since() - loaded << " s");
    CHECK(catalogue.backups().size() == 1000);
    CHECK(plan.restorable);
}

TEST_CASE("who knows the names of a writer knows those of its successor", "[restore][catalogue]") {
    RepositoryBench bench;
    bench.back_up(tree("1"), at(1));
    bench.use_successor();
    bench.back_up(tree("2"), at(2));
    // The keyring has the key of the first writer alone.
    const Catalogue catalogue = bench.catalogue();
    REQUIRE(catalogue.backups().size() == 2);
    for (const Backup& backup : catalogue.backups()) {
        REQUIRE(backup.labels);
        CHECK(backup.series() == "things");
        CHECK(backup.trusted);
    }
    BackupFilter filter;
    filter.series = "things";
    CHECK(catalogue.select(filter).size() == 2);
    // One line, one series.
    CHECK(catalogue.latest(filter).time() == day(2));
}

TEST_CASE("who claims a predecessor learns and hides no names", "[restore][catalogue][hostile]") {
    RepositoryBench bench;
    bench.back_up(tree("1"), at(1));
    const IdentityId honest = bench.writer();
    bench.use_stranger();
    RunOptions options = at(2);
    options.change = [&](format::BackupPublic& fields, format::BackupBody&) { fields.predecessors = {honest}; };
    bench.back_up(tree("2"), options);
    const Catalogue catalogue = bench.catalogue();
    CHECK(catalogue.backups()[0].labels);
    CHECK_FALSE(catalogue.backups()[1].labels);
    CHECK(catalogue.label_key(bench.writer()) == nullptr);
}

TEST_CASE("while officers cannot be read, every writer that a backup reaches is to be vouched for",
          "[restore][catalogue][hostile]") {
    RepositoryBench bench;
    const Node shared = file("f", noise(20'000, 1));
    bench.back_up(root({shared}), at(1));
    const IdentityId former = bench.writer();
    bench.use_successor();
    const EntryId second = bench.back_up(root({shared, file("g", "new")}), at(2));
    REQUIRE_FALSE(bench.catalogue().find(second.hex()).fields->reach.empty());
    bench.store->tamper(format::journal_name(bench.repository->config().officer, 1),
                        [](Bytes& content) { content[content.size() / 2] ^= 1; });
    const auto trusted_with = [&](std::set<IdentityId> vouched) {
        CatalogueOptions options;
        options.remember = false;
        options.beyond_damage = true;
        options.vouched = std::move(vouched);
        const Catalogue catalogue = Catalogue::load(*bench.repository, bench.keyrings, options);
        try {
            catalogue.require_trusted(catalogue.resolve(second.hex()));
        } catch (const Error& error) {
            CHECK((error.code() == ErrorCode::refused || error.code() == ErrorCode::damaged));
            return false;
        }
        return true;
    };
    CHECK_FALSE(trusted_with({}));
    CHECK_FALSE(trusted_with({former}));
    CHECK_FALSE(trusted_with({bench.writer()}));
    CHECK(trusted_with({former, bench.writer()}));
}
