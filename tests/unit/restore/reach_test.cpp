#include "restore/reach.h"

#include "core/crypto/random.h"
#include "restore/reseal.h"
#include "tests/unit/restore/repository_bench.h"

#include <algorithm>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

namespace {

Node tree(int seed) { return root({file("f", noise(90'000, static_cast<std::uint64_t>(seed)))}); }

RunOptions at(int day) {
    RunOptions options;
    options.time = {(1'700'000'000LL + day * 86'400LL) * kNsPerSecond};
    return options;
}

/// A repack entry about the bench's writer's first backup, whose one pack is new and none that can be opened.
struct Statement {
    format::DataKey key;
    format::RepackPublic fields;

    explicit Statement(RepositoryBench& bench) : key(format::DataKey::generate(bench.repository->config().repository)) {
        const Catalogue catalogue = bench.catalogue();
        const Backup& backup = catalogue.backups().front();
        fields.writer = backup.writer;
        fields.dek = key.id();
        fields.commitment = key.commitment();
        fields.slots = {bench.resolver.wrap_any_role(key, bench.thumbprint("prod"))};
        fields.packs = {{crypto::random_id<PackId>(), 1000}};
        format::ReplacedPacks replaced{backup.writer, backup.sequence, backup.fields->dek, {}};
        format::bitmap_set(replaced.bitmap, 0);
        fields.replaced = {replaced};
    }

    [[nodiscard]] Bytes sign(const format::EntryHead& head, const crypto::SigningKey& signer) const {
        return format::make_repack_entry(head, fields, {}, key, signer);
    }
};

PackId first_pack_needed(const Catalogue& catalogue) {
    const auto reached = catalogue.reached_by(catalogue.backups().front());
    for (const ReachedEntry& entry : reached) {
        if (entry.entry->kind == format::EntryKind::repack) return entry.listed->packs.front().id;
    }
    return reached.front().listed->packs.front().id;
}

void say(RepositoryBench& bench, const Statement& statement) {
    bench.officer_says([&](const format::EntryHead& head, const crypto::SigningKey& officer) {
        return statement.sign(head, officer);
    });
}

void say(RepositoryBench& bench, const EntryId& id, format::TombstoneAction action) {
    IdentityId writer;
    std::uint64_t sequence = 0;
    const Catalogue catalogue = bench.catalogue();
    for (const auto& [place, run] : catalogue.runs()) {
        if (run.entry->id == id) std::tie(writer, sequence) = place;
    }
    format::TombstoneFields fields;
    fields.statements = {{writer, sequence, id, action}};
    bench.officer_says([&](const format::EntryHead& head, const crypto::SigningKey& officer) {
        return format::make_plain_entry(format::EntryKind::tombstone, head, fields.encode(), officer);
    });
}

}  // namespace

TEST_CASE("of two repack entries about one pack the later counts", "[restore][reach]") {
    RepositoryBench bench;
    bench.back_up(tree(1), at(1));
    const Statement first(bench);
    const Statement second(bench);
    say(bench, first);
    CHECK(first_pack_needed(bench.catalogue()) == first.fields.packs.front().id);
    say(bench, second);
    CHECK(first_pack_needed(bench.catalogue()) == second.fields.packs.front().id);
    CHECK(bench.catalogue().repacks().entries().size() == 2);
}

TEST_CASE("a repack entry by who is no officer has no effect [security]", "[restore][reach]") {
    RepositoryBench bench;
    bench.back_up(tree(1), at(1));
    const PackId before = first_pack_needed(bench.catalogue());
    const Statement statement(bench);
    const auto stranger = crypto::SigningKey::generate();
    format::EntryHead head;
    head.repository = bench.repository->config().repository;
    head.config_hash = bench.repository->config_hash();
    head.signer = stranger.verify_key();
    head.sequence = 1;
    head.time = Clock::system().now();
    REQUIRE(bench.repository->append_entry(stranger.verify_key().identity(), 1, statement.sign(head, stranger)));
    const Catalogue catalogue = bench.catalogue();
    CHECK(first_pack_needed(catalogue) == before);
    CHECK(catalogue.repacks().entries().empty());
}

TEST_CASE("a repack entry that contradicts what it names is reported and has no effect [security]",
          "[restore][reach]") {
    RepositoryBench bench;
    bench.back_up(tree(1), at(1));
    const PackId before = first_pack_needed(bench.catalogue());
    Statement statement(bench);
    SECTION("another data key") { statement.fields.replaced[0].dek = crypto::random_id<DekId>(); }
    SECTION("more packs") { format::bitmap_set(statement.fields.replaced[0].bitmap, 77); }
    SECTION("of another writer") { statement.fields.writer = crypto::random_id<IdentityId>(); }
    SECTION("an entry without packs") {
        statement.fields.replaced[0].identity = bench.repository->config().officer;
        statement.fields.replaced[0].sequence = 1;
    }
    say(bench, statement);
    const Catalogue catalogue = bench.catalogue();
    CHECK(first_pack_needed(catalogue) == before);
    CHECK(catalogue.repacks().entries().empty());
    REQUIRE(catalogue.findings().size() == 1);
    CHECK(catalogue.findings().front().error.code() == ErrorCode::damaged);
}

TEST_CASE("a lossy repack entry stands for the backups that it names alone", "[restore][reach]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree(1), at(1));
    bench.back_up(tree(1), at(2));
    const PackId old = first_pack_needed(bench.catalogue());
    Statement lossy(bench);
    {
        const Catalogue catalogue = bench.catalogue();
        const Backup& served = catalogue.find(first.hex());
        lossy.fields.backups = {{served.writer, served.sequence, served.id}};
    }
    say(bench, lossy);
    const auto needs = [&](const EntryId& id, const PackId& pack) {
        const Catalogue catalogue = bench.catalogue();
        const auto reached = catalogue.reached_by(catalogue.find(id.hex()));
        return std::any_of(reached.begin(), reached.end(), [&](const ReachedEntry& one) {
            for (std::size_t i = 0; i < one.listed->packs.size(); ++i) {
                if (one.has(i) && one.listed->packs[i].id == pack) return true;
            }
            return false;
        });
    };
    const EntryId second = bench.catalogue().backups().back().id;
    CHECK(needs(first, lossy.fields.packs.front().id));
    CHECK_FALSE(needs(first, old));
    CHECK(needs(second, old));
    CHECK_FALSE(needs(second, lossy.fields.packs.front().id));
    CHECK(bench.catalogue().replaced().empty());  // nobody is told that others stand for it
    // Later ones about all: for the backup that is named the lossy one goes before them.
    const Statement whole(bench);
    say(bench, whole);
    CHECK(needs(first, lossy.fields.packs.front().id));
    CHECK(needs(second, whole.fields.packs.front().id));
}

TEST_CASE("a lossy repack entry that gives another id for a backup is reported and has no effect [security]",
          "[restore][reach]") {
    RepositoryBench bench;
    bench.back_up(tree(1), at(1));
    const PackId before = first_pack_needed(bench.catalogue());
    Statement lossy(bench);
    const Catalogue known = bench.catalogue();
    const Backup& backup = known.backups().front();
    SECTION("another id") { lossy.fields.backups = {{backup.writer, backup.sequence, crypto::random_id<EntryId>()}}; }
    SECTION("no backup") {
        const IdentityId officer = bench.repository->config().officer;
        lossy.fields.backups = {{officer, 1, bench.repository->load_journal(officer).entries.front().id}};
    }
    say(bench, lossy);
    const Catalogue catalogue = bench.catalogue();
    CHECK(first_pack_needed(catalogue) == before);
    CHECK(catalogue.repacks().entries().empty());
    CHECK(catalogue.findings().size() == 1);
}

TEST_CASE("a backup needs the packs that it borrows, and is damaged where they cannot be lent", "[restore][reach]") {
    RepositoryBench bench;
    bench.back_up(tree(1), at(1));
    Statement lender(bench);
    say(bench, lender);
    const IdentityId officer = bench.repository->config().officer;
    format::Borrowed item{officer, bench.repository->load_journal(officer).entries.size(), lender.key.id(), {}};
    item.set(0);
    bool is_whole = false;
    SECTION("as it is") { is_whole = true; }
    SECTION("another data key") { item.dek = crypto::random_id<DekId>(); }
    SECTION("more packs") { item.set(9); }
    SECTION("an entry that is not there") { item.sequence = 99; }
    SECTION("an entry of another kind") { item.sequence = 1; }
    RunOptions options = at(2);
    options.change = [&](format::BackupPublic& fields, format::BackupBody&) { fields.borrowed = {item}; };
    const EntryId id = bench.back_up(tree(2), options);
    const Catalogue catalogue = bench.catalogue();
    const Backup& backup = catalogue.find(id.hex());
    CHECK(backup.trusted);
    CHECK(catalogue.is_whole(backup) == is_whole);
    if (!is_whole) return;
    const auto reached = catalogue.reached_by(backup);
    CHECK(std::any_of(reached.begin(), reached.end(),
                      [&](const ReachedEntry& one) { return one.listed->dek == lender.key.id(); }));
}

TEST_CASE("who borrows from somebody who is no officer is not trusted [security]", "[restore][reach]") {
    RepositoryBench bench;
    bench.back_up(tree(1), at(1));
    const auto stranger = crypto::SigningKey::generate();
    const Statement statement(bench);
    format::EntryHead head;
    head.repository = bench.repository->config().repository;
    head.config_hash = bench.repository->config_hash();
    head.signer = stranger.verify_key();
    head.sequence = 1;
    head.time = Clock::system().now();
    REQUIRE(bench.repository->append_entry(stranger.verify_key().identity(), 1, statement.sign(head, stranger)));
    RunOptions options = at(2);
    options.change = [&](format::BackupPublic& fields, format::BackupBody&) {
        format::Borrowed item{stranger.verify_key().identity(), 1, statement.key.id(), {}};
        item.set(0);
        fields.borrowed = {item};
    };
    const EntryId id = bench.back_up(tree(2), options);
    const Catalogue catalogue = bench.catalogue();
    CHECK_FALSE(catalogue.find(id.hex()).trusted);
    CHECK_THROWS_MATCHES(catalogue.require_trusted(catalogue.find(id.hex())), Error, has_code(ErrorCode::refused));
}

TEST_CASE("what a repack entry says of an entry that is not there has no effect, the rest has", "[restore][reach]") {
    RepositoryBench bench;
    bench.back_up(tree(1), at(1));
    Statement statement(bench);
    format::ReplacedPacks later = statement.fields.replaced[0];
    later.sequence = 99;
    statement.fields.replaced.push_back(later);
    say(bench, statement);
    const Catalogue catalogue = bench.catalogue();
    CHECK(catalogue.findings().empty());
    CHECK(first_pack_needed(catalogue) == statement.fields.packs.front().id);
}

TEST_CASE("a forgotten backup is not listed, not the latest, and refused by its id, until it is taken back",
          "[restore][reach]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree(1), at(1));
    const EntryId second = bench.back_up(tree(2), at(2));
    say(bench, second, format::TombstoneAction::forgotten);
    {
        const Catalogue catalogue = bench.catalogue();
        CHECK(catalogue.backups().size() == 1);
        CHECK(catalogue.latest().id == first);
        CHECK(catalogue.forgotten().size() == 1);
        CHECK_THROWS_MATCHES(catalogue.resolve(second.hex()), Error, has_code(ErrorCode::refused));
        CHECK(catalogue.find_forgotten(second.hex()).id == second);
        CHECK_THROWS_MATCHES(catalogue.find_forgotten(first.hex()), Error, has_code(ErrorCode::usage));
    }
    say(bench, second, format::TombstoneAction::taken_back);
    CHECK(bench.catalogue().latest().id == second);
}

TEST_CASE("a tombstone that gives another id for its place says nothing", "[restore][reach]") {
    RepositoryBench bench;
    const EntryId only = bench.back_up(tree(1), at(1));
    const Catalogue before = bench.catalogue();
    format::TombstoneFields fields;
    fields.statements = {{before.backups().front().writer, before.backups().front().sequence,
                          crypto::random_id<EntryId>(), format::TombstoneAction::forgotten}};
    bench.officer_says([&](const format::EntryHead& head, const crypto::SigningKey& officer) {
        return format::make_plain_entry(format::EntryKind::tombstone, head, fields.encode(), officer);
    });
    CHECK(bench.catalogue().latest().id == only);
}
