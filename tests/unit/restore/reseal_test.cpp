#include "restore/reseal.h"

#include "core/crypto/random.h"
#include "restore/rewrap.h"
#include "tests/unit/restore/repository_bench.h"

#include <algorithm>
#include <filesystem>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

namespace {

RunOptions at(int day, const std::string& protector) {
    RunOptions options;
    options.time = {(1'700'000'000LL + day * 86'400LL) * kNsPerSecond};
    options.protectors = {protector};
    options.list_size = 4;
    return options;
}

Node tree(std::initializer_list<int> seeds) {
    std::vector<Node> files;
    for (const int seed : seeds)
        files.push_back(file("f" + std::to_string(seed), noise(90'000, static_cast<std::uint64_t>(seed))));
    return root(std::move(files));
}

/// Two backups under "prod", the second of which reaches into the first; "next" is the default now.
struct Eras {
    RepositoryBench bench;
    EntryId first;
    EntryId second;

    Eras() {
        first = bench.back_up(tree({1, 2}), at(1, "prod"));
        second = bench.back_up(tree({1, 2, 3}), at(2, "prod"));
        bench.add_protector("next");
        bench.make_default("next");
    }
};

EntryAppender appender(RepositoryBench& bench) {
    return [&bench](const EntryMaker& make) { bench.officer_says(make); };
}

ResealReport reseal_all(RepositoryBench& bench, const ResealOptions& options = {}) {
    const Catalogue catalogue = bench.catalogue();
    Planner planner(catalogue, *bench.repository, bench.resolver);
    std::vector<const Backup*> backups;
    for (const Backup& backup : catalogue.backups()) backups.push_back(&backup);
    return reseal(*bench.repository, planner, bench.resolver, backups, appender(bench), options);
}

std::set<format::Thumbprint> openers(RepositoryBench& bench, const EntryId& id) {
    const Catalogue catalogue = bench.catalogue();
    Planner planner(catalogue, *bench.repository, bench.resolver);
    std::set<format::Thumbprint> found;
    for (const RunKey* key : planner.keys_of(catalogue.find(id.hex()))) {
        for (const Opener& opener : key->openers) found.insert(opener.thumbprint);
    }
    return found;
}

/// Names of all packs that there are.
std::vector<std::string> all_packs(const RepositoryBench& bench) {
    std::vector<std::string> names;
    for (const auto& [name, content] : bench.store->snapshot()) {
        if (name.starts_with("packs/")) names.push_back(name);
    }
    return names;
}

std::vector<std::string> restored(RepositoryBench& bench, const EntryId& id) {
    const std::string target = bench.folder / ("out-" + id.short_hex(16));
    std::filesystem::remove_all(target);
    const auto open = bench.open(id);
    RestoreRequest request;
    request.target = target;
    const RestoreReport report = restore_files(*open, request);
    CHECK(report.content_errors == 0);
    return listing(target);
}

}  // namespace

TEST_CASE("a backup whose reach is broken is named, and keeps no other from being wrapped or sealed anew",
          "[restore][reseal][rewrap][hostile]") {
    Eras eras;
    RunOptions options = at(3, "prod");
    options.change = [](format::BackupPublic& fields, format::BackupBody&) {
        REQUIRE_FALSE(fields.reach.empty());
        fields.reach.front().dek = crypto::random_id<DekId>();
    };
    (void)eras.bench.back_up(tree({1, 2, 4}), options);
    const format::Thumbprint next = eras.bench.keyrings.own().default_link("local", "local")->thumbprint;
    SECTION("rewrapped") {
        const Catalogue catalogue = eras.bench.catalogue();
        Planner planner(catalogue, *eras.bench.repository, eras.bench.resolver);
        std::vector<const Backup*> backups;
        for (const Backup& backup : catalogue.backups()) backups.push_back(&backup);
        const RewrapReport report = rewrap(*eras.bench.repository, planner, eras.bench.resolver, backups);
        REQUIRE(report.broken.size() == 1);
        CHECK(report.broken.front().code() == ErrorCode::damaged);
        CHECK((report.failures.empty() && report.rewrapped == 2));
    }
    SECTION("resealed") {
        const ResealReport report = reseal_all(eras.bench);
        REQUIRE(report.failures.size() == 1);
        CHECK(report.failures.front().code() == ErrorCode::damaged);
        CHECK(report.touched == 2);
    }
    CHECK(openers(eras.bench, eras.first).contains(next));
    CHECK(openers(eras.bench, eras.second).contains(next));
}

TEST_CASE("a resealed backup needs nothing but today's protector, and comes back as it was [R98]",
          "[restore][reseal]") {
    Eras eras;
    RepositoryBench& bench = eras.bench;
    const auto before_first = restored(bench, eras.first);
    const auto before_second = restored(bench, eras.second);
    const std::vector<std::string> old_packs = bench.packs();

    const ResealReport report = reseal_all(bench);
    CHECK(report.touched == 2);
    CHECK(report.left == 2);
    CHECK(report.made == 1);
    CHECK(report.bodies == 2);
    CHECK(report.packs == old_packs.size());
    CHECK(report.failures.empty());
    CHECK(openers(bench, eras.first) == std::set{bench.thumbprint("next")});
    CHECK(openers(bench, eras.second) == std::set{bench.thumbprint("next")});

    bench.unlink("prod");
    for (const std::string& pack : old_packs) bench.store->lose(pack);
    CHECK(restored(bench, eras.first) == before_first);
    CHECK(restored(bench, eras.second) == before_second);
}

TEST_CASE("resealing twice does the second time nothing", "[restore][reseal]") {
    Eras eras;
    (void)reseal_all(eras.bench);
    const auto objects = eras.bench.store->snapshot();
    const ResealReport again = reseal_all(eras.bench);
    CHECK(again.touched == 0);
    CHECK(again.entries == 0);
    CHECK(eras.bench.store->snapshot() == objects);
}

TEST_CASE("what was resealed can be resealed again", "[restore][reseal]") {
    Eras eras;
    const auto before = restored(eras.bench, eras.second);
    (void)reseal_all(eras.bench);
    const std::vector<std::string> old_packs = all_packs(eras.bench);
    CHECK(old_packs.size() == 2 * eras.bench.packs().size());
    eras.bench.add_protector("third");
    eras.bench.make_default("third");
    CHECK(reseal_all(eras.bench).failures.empty());
    CHECK(openers(eras.bench, eras.second) == std::set{eras.bench.thumbprint("third")});
    eras.bench.unlink("prod");
    eras.bench.unlink("next");
    for (const std::string& pack : old_packs) eras.bench.store->lose(pack);
    CHECK(restored(eras.bench, eras.second) == before);
}

TEST_CASE("one backup resealed takes the packs along that others share, and their bodies stay", "[restore][reseal]") {
    Eras eras;
    RepositoryBench& bench = eras.bench;
    const auto before = restored(bench, eras.first);
    {
        const Catalogue catalogue = bench.catalogue();
        Planner planner(catalogue, *bench.repository, bench.resolver);
        (void)reseal(*bench.repository, planner, bench.resolver, {&catalogue.find(eras.second.hex())}, appender(bench));
    }
    CHECK(openers(bench, eras.second) == std::set{bench.thumbprint("next")});
    CHECK(openers(bench, eras.first) == std::set{bench.thumbprint("next"), bench.thumbprint("prod")});
    CHECK(restored(bench, eras.first) == before);
}

TEST_CASE("a dry run of a reseal says how much there is, and writes nothing", "[restore][reseal]") {
    Eras eras;
    const auto objects = eras.bench.store->snapshot();
    ResealOptions options;
    options.dry_run = true;
    const ResealReport report = reseal_all(eras.bench, options);
    CHECK(report.packs == eras.bench.packs().size());
    CHECK(report.bodies == 2);
    CHECK(report.octets > 250'000);
    CHECK(eras.bench.store->snapshot() == objects);
}

TEST_CASE("a reseal leaves the data keys that a named protector opens, and no others", "[restore][reseal]") {
    Eras eras;
    RepositoryBench& bench = eras.bench;
    const EntryId third = bench.back_up(tree({9}), at(3, "next"));
    bench.add_protector("third");
    bench.make_default("third");
    ResealOptions options;
    options.opened_by = {bench.thumbprint("prod")};
    CHECK(reseal_all(bench, options).touched == 2);
    CHECK(openers(bench, eras.second) == std::set{bench.thumbprint("third")});
    CHECK(openers(bench, third) == std::set{bench.thumbprint("next")});
    options.opened_by = {bench.thumbprint("third")};
    CHECK_THROWS_MATCHES(reseal_all(bench, options), Error, has_code(ErrorCode::refused));
}

TEST_CASE("a reseal that is stopped between packs goes on where it was", "[restore][reseal]") {
    Eras eras;
    RepositoryBench& bench = eras.bench;
    const auto before = restored(bench, eras.second);
    const std::size_t packs = bench.packs().size();
    ResealOptions options;
    options.piece_octets = 1;  // an entry for each pack
    int left = 4;
    options.stop = [&] { return left-- <= 0; };
    const ResealReport stopped = reseal_all(bench, options);
    CHECK(stopped.stopped);
    CHECK(stopped.entries > 0);
    CHECK(restored(bench, eras.second) == before);
    options.stop = {};
    const ResealReport rest = reseal_all(bench, options);
    CHECK(stopped.packs > 0);
    CHECK(rest.packs + stopped.packs == packs);
    CHECK(openers(bench, eras.second) == std::set{bench.thumbprint("next")});
    CHECK(restored(bench, eras.second) == before);
}

TEST_CASE("a reseal killed at any operation of the store loses no backup and is done when run again",
          "[restore][reseal]") {
    std::uint64_t n = 1;
    for (bool was_killed = true; was_killed; n += 7) {
        Eras eras;
        RepositoryBench& bench = eras.bench;
        const auto before = restored(bench, eras.second);
        ResealOptions options;
        options.piece_octets = 100'000;
        const Catalogue catalogue = bench.catalogue();
        Planner planner(catalogue, *bench.repository, bench.resolver);
        std::vector<const Backup*> backups;
        for (const Backup& backup : catalogue.backups()) backups.push_back(&backup);
        bench.store->fail_at(n);
        try {
            (void)reseal(*bench.repository, planner, bench.resolver, backups, appender(bench), options);
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::io);
        }
        was_killed = bench.store->has_failed();
        bench.store->fail_at(0);
        bench.store->crash();
        INFO("operation " << n);
        REQUIRE(restored(bench, eras.second) == before);
        CHECK(reseal_all(bench, options).failures.empty());
        REQUIRE(openers(bench, eras.second) == std::set{bench.thumbprint("next")});
        REQUIRE(restored(bench, eras.second) == before);
    }
    CHECK(n > 20);
}

TEST_CASE("packs that no index segment describes are resealed as well", "[restore][reseal]") {
    Eras eras;
    RepositoryBench& bench = eras.bench;
    const auto before = restored(bench, eras.second);
    for (const auto& [name, content] : bench.store->snapshot()) {
        if (name.starts_with("indexes/")) bench.store->lose(name);
    }
    std::vector<std::string> warnings;
    ResealOptions options;
    options.warn = [&](const std::string& sentence) { warnings.push_back(sentence); };
    CHECK(reseal_all(bench, options).failures.empty());
    CHECK_FALSE(warnings.empty());
    CHECK(openers(bench, eras.second) == std::set{bench.thumbprint("next")});
    CHECK(restored(bench, eras.second) == before);
}

TEST_CASE("an altered pack is not resealed, the others are, and the report names it [security]", "[restore][reseal]") {
    Eras eras;
    RepositoryBench& bench = eras.bench;
    const std::string victim = bench.packs().front();
    bench.store->tamper(victim, [](Bytes& content) { content[200] ^= 1; });
    const ResealReport report = reseal_all(bench);
    REQUIRE(report.failures.size() == 1);
    CHECK(std::string(report.failures.front().what()).find(victim) != std::string::npos);
    CHECK(report.packs + 1 == bench.packs().size());
    CHECK(openers(bench, eras.second) == std::set{bench.thumbprint("next"), bench.thumbprint("prod")});
}

TEST_CASE("a reseal goes into the journals of predecessors", "[restore][reseal]") {
    Eras eras;
    RepositoryBench& bench = eras.bench;
    bench.use_successor();
    const EntryId third = bench.back_up(tree({1, 3, 4}), at(3, "prod"));
    const auto before = restored(bench, third);
    const std::vector<std::string> old_packs = bench.packs();
    CHECK(reseal_all(bench).made == 2);
    CHECK(openers(bench, third) == std::set{bench.thumbprint("next")});
    for (const std::string& pack : old_packs) bench.store->lose(pack);
    CHECK(restored(bench, third) == before);
}

TEST_CASE("what was sealed anew is planned for from then on, and for the time of its backups",
          "[restore][reseal][plan]") {
    Eras eras;
    RepositoryBench& bench = eras.bench;
    const TimePoint before = Clock::system().now();
    static_cast<void>(reseal_all(bench));
    const Catalogue catalogue = bench.catalogue();
    PlanOptions options;
    SECTION("now") {}
    SECTION("as of a time before: the old packs are not gone back to") { options.as_of = before; }
    Planner planner(catalogue, *bench.repository, bench.resolver, options);
    const Plan plan = planner.plan(catalogue.find(eras.second.hex()));
    CHECK(plan.restorable);
    REQUIRE(plan.required.size() == 1);
    CHECK(plan.required[0].report.thumbprint == bench.thumbprint("next"));
    CHECK(plan.required[0].unproven == 0);
    CHECK(plan.required[0].needed_from == at(2, "prod").time);
    CHECK(plan.required[0].needed_to == at(2, "prod").time);
}
