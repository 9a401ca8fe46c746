#include "restore/shred.h"

#include "core/crypto/random.h"
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

void say(RepositoryBench& bench, const EntryId& id, format::TombstoneAction action) {
    const Catalogue catalogue = bench.catalogue();
    const Backup& backup = catalogue.find(id.hex(), true);
    format::TombstoneFields fields;
    fields.statements = {{backup.writer, backup.sequence, id, action}};
    bench.officer_says([&](const format::EntryHead& head, const crypto::SigningKey& officer) {
        return format::make_plain_entry(format::EntryKind::tombstone, head, fields.encode(), officer);
    });
}

void forget(RepositoryBench& bench, const EntryId& id) { say(bench, id, format::TombstoneAction::forgotten); }

std::set<std::string> names(const std::vector<Doomed>& objects) {
    std::set<std::string> names;
    for (const Doomed& object : objects) names.insert(object.name);
    return names;
}

/// A stranger's backup that says that it needs the packs of another.
EntryId covet(RepositoryBench& bench, const EntryId& other) {
    const Catalogue catalogue = bench.catalogue();
    const std::vector<format::PackInfo> wanted = catalogue.find(other.hex(), true).fields->packs;
    bench.use_stranger();
    RunOptions options = at(9);
    options.change = [&](format::BackupPublic& fields, format::BackupBody&) {
        fields.packs.insert(fields.packs.end(), wanted.begin(), wanted.end());
    };
    return bench.back_up(tree(9), options);
}

}  // namespace

TEST_CASE("what still counts is not shredded, whoever names it", "[restore][shred]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree(1), at(1));
    bench.back_up(tree(2), at(2));
    const auto plan = [&] { return plan_shredding(bench.catalogue(), *bench.repository, {first}); };
    CHECK_THROWS_MATCHES(plan(), Error, has_code(ErrorCode::refused));
    CHECK_FALSE(foresee_shredding(bench.catalogue(), *bench.repository, {first}).packs.empty());
    forget(bench, first);
    CHECK_FALSE(plan().packs.empty());
    say(bench, first, format::TombstoneAction::taken_back);
    CHECK_THROWS_MATCHES(plan(), Error, has_code(ErrorCode::refused));
}

TEST_CASE("a stranger's backup keeps nothing of others, and is named", "[restore][shred][hostile]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree(1), at(1));
    forget(bench, first);
    const Shredding before = plan_shredding(bench.catalogue(), *bench.repository, {first});
    CHECK(before.strangers.empty());
    const EntryId stranger = covet(bench, first);
    const Catalogue catalogue = bench.catalogue();
    const Shredding after = plan_shredding(catalogue, *bench.repository, {first});
    CHECK(names(after.packs) == names(before.packs));
    CHECK(names(after.slots) == names(before.slots));
    CHECK(after.strangers == std::set<std::string>{stranger.short_hex(8)});
    CHECK(broken_by(catalogue, after).empty());
}

TEST_CASE("a stranger's broken journal stops no shredding, a trusted one's does", "[restore][shred][hostile]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree(1), at(1));
    bench.back_up(tree(2), at(2));
    forget(bench, first);
    const IdentityId trusted = bench.writer();
    bench.use_stranger();
    bench.back_up(tree(3), at(3));
    bench.store->tamper(format::journal_name(bench.writer(), 1), [](Bytes& octets) { octets.back() ^= 1; });
    const Catalogue with_strange_damage = bench.catalogue();
    REQUIRE(with_strange_damage.findings().size() == 1);
    CHECK_FALSE(plan_shredding(with_strange_damage, *bench.repository, {first}).packs.empty());
    bench.store->tamper(format::journal_name(trusted, 2), [](Bytes& octets) { octets.back() ^= 1; });
    CHECK_THROWS_MATCHES(plan_shredding(bench.catalogue(), *bench.repository, {first}), Error,
                         has_code(ErrorCode::damaged));
}

TEST_CASE("shredding a stranger's backup takes nothing that is another writer's", "[restore][shred][hostile]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree(1), at(1));
    const IdentityId honest = bench.writer();
    const Catalogue before = bench.catalogue();
    const format::BackupPublic& fields = *before.find(first.hex()).fields;
    forget(bench, first);
    bench.use_stranger();
    RunOptions options = at(2);
    options.change = [&](format::BackupPublic& own, format::BackupBody&) {
        own.predecessors = {honest};
        format::Reach reach{1, 1, fields.dek, {}};
        reach.set(0);
        own.reach = {reach};
    };
    const EntryId foreign = bench.back_up(tree(2), options);
    forget(bench, foreign);
    const Shredding shredding = plan_shredding(bench.catalogue(), *bench.repository, {foreign});
    CHECK_FALSE(names(shredding.packs).contains(format::pack_name(fields.packs.front().id)));
    CHECK(std::find(shredding.deks.begin(), shredding.deks.end(), fields.dek) == shredding.deks.end());
}

TEST_CASE("a copy leaves out what only forgotten backups need, in whichever place that was said",
          "[restore][shred][copy]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree(1), at(1));
    bench.back_up(tree(2), at(2));
    const Catalogue before = bench.catalogue();
    CHECK(only_forgotten_need(before, *bench.repository, nullptr).empty());
    forget(bench, first);
    const Catalogue after = bench.catalogue();
    Shredding shredding = plan_shredding(after, *bench.repository, {first});
    std::set<std::string> expected = names(shredding.packs);
    expected.merge(names(shredding.indexes));
    expected.merge(names(shredding.slots));
    REQUIRE_FALSE(expected.empty());
    CHECK(only_forgotten_need(after, *bench.repository, nullptr) == expected);
    // The source has not heard of it.
    CHECK(only_forgotten_need(before, *bench.repository, &after) == expected);
    say(bench, first, format::TombstoneAction::taken_back);
    const Catalogue again = bench.catalogue();
    // Here it is forgotten, and there taken back since.
    CHECK(only_forgotten_need(after, *bench.repository, &again).empty());
}
