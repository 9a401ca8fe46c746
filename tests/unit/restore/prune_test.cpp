// What is condemned, spared and deleted, step by step. That nothing is ever lost by it is prune_model_test.cpp's.
#include "restore/prune.h"

#include "restore/checker.h"
#include "restore/pruner.h"
#include "restore/reseal.h"
#include "tests/unit/restore/repository_bench.h"

#include <algorithm>
#include <optional>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;
using signet::test::has_code;

namespace {

Node tree(int seed) { return root({file("f", noise(90'000, static_cast<std::uint64_t>(seed)))}); }

RunOptions at(int day, const std::string& series = "things") {
    RunOptions options;
    options.time = {(1'700'000'000LL + day * 86'400LL) * kNsPerSecond};
    options.series = series;
    return options;
}

/// The repository, looked at once.
struct Look {
    explicit Look(RepositoryBench& bench)
        : listing(bench.store->list("")),
          catalogue(bench.catalogue()),
          holdings(*bench.repository, catalogue, listing) {}
    storage::CompleteListing listing;
    Catalogue catalogue;
    Holdings holdings;

    [[nodiscard]] const storage::Condemnation& open() const {
        const auto all = catalogue.condemnations().all();
        const auto found = std::find_if(all.begin(), all.end(), [](const auto* one) { return one->is_open(); });
        REQUIRE(found != all.end());
        return **found;
    }
};

void forget(RepositoryBench& bench, const EntryId& id,
            format::TombstoneAction action = format::TombstoneAction::forgotten) {
    const Catalogue catalogue = bench.catalogue();
    const Backup& backup = catalogue.find(id.hex(), true);
    format::TombstoneFields fields;
    fields.statements = {{backup.writer, backup.sequence, id, action}};
    bench.officer_says([&](const format::EntryHead& head, const crypto::SigningKey& officer) {
        return format::make_plain_entry(format::EntryKind::tombstone, head, fields.encode(), officer);
    });
}

void say(RepositoryBench& bench, format::EntryKind kind, const Bytes& fields) {
    bench.officer_says([&](const format::EntryHead& head, const crypto::SigningKey& officer) {
        return format::make_plain_entry(kind, head, fields, officer);
    });
}

/// Condemns all that is proposed. returns  how many condemnations
std::size_t condemn(RepositoryBench& bench) {
    const Look look(bench);
    const auto proposals = propose(look.holdings);
    for (const Proposal& one : proposals) say(bench, format::EntryKind::condemnation, one.fields.encode());
    return proposals.size();
}

/// What a backup obeys: everything that the officer has said so far.
RunOptions obeying(RepositoryBench& bench, RunOptions options) {
    const format::ReadJournals read = bench.catalogue().officers_read();
    options.change = [read](format::BackupPublic& fields, format::BackupBody&) { fields.obeyed = read; };
    return options;
}

/// Two backups that share nothing, of which the first is forgotten.
struct Forgotten {
    RepositoryBench bench;
    EntryId first = bench.back_up(tree(1), at(1));
    std::vector<std::string> theirs = bench.packs();  ///< of the first

    Forgotten() {
        bench.back_up(tree(2), at(2));
        forget(bench, first);
    }
};

std::set<std::string> names(const std::vector<Doomed>& objects) {
    std::set<std::string> names;
    for (const Doomed& object : objects) names.insert(object.name);
    return names;
}

}  // namespace

TEST_CASE("nothing is proposed while every pack is needed", "[restore][prune]") {
    RepositoryBench bench;
    bench.back_up(tree(1), at(1));
    bench.back_up(tree(2), at(2));
    CHECK(propose(Look(bench).holdings).empty());
}

TEST_CASE("what only a forgotten backup needs is condemned, with its data key, and nothing else", "[restore][prune]") {
    Forgotten world;
    RepositoryBench& bench = world.bench;
    const Look look(bench);
    const auto proposals = propose(look.holdings);
    REQUIRE(proposals.size() == 1);
    CHECK(proposals.front().owner == bench.writer());
    CHECK(proposals.front().unneeded == world.theirs.size());
    CHECK(proposals.front().fields.objects.deks.size() == 1);
    CHECK(proposals.front().fields.objects.loose.empty());
    CHECK(departing(look.holdings, look.catalogue.condemnations()).empty());
}

TEST_CASE("a verdict waits for the writer, and nothing goes before it", "[restore][prune]") {
    Forgotten world;
    RepositoryBench& bench = world.bench;
    REQUIRE(condemn(bench) == 1);
    CHECK(condemn(bench) == 0);  // once is enough
    CHECK(waited_for(Look(bench).holdings, Look(bench).open()) == std::vector{bench.writer()});
    SECTION("until its next backup obeys") {
        bench.back_up(tree(3), at(3));
        CHECK_FALSE(waited_for(Look(bench).holdings, Look(bench).open()).empty());
        bench.back_up(tree(4), obeying(bench, at(4)));
    }
    SECTION("until it is closed") { bench.trust(bench.writer(), 2); }
    const Look look(bench);
    REQUIRE(waited_for(look.holdings, look.open()).empty());
    CHECK(departing(look.holdings, look.catalogue.condemnations()).empty());
    const auto verdict = judge(look.holdings, look.open());
    CHECK(verdict.spared.empty());
    say(bench, format::EntryKind::verdict, verdict.encode());
    const Look after(bench);
    const Departing gone = departing(after.holdings, after.catalogue.condemnations());
    CHECK(names(gone.packs) == std::set<std::string>(world.theirs.begin(), world.theirs.end()));
    CHECK(gone.indexes.size() == 1);
    CHECK(gone.slots.size() == 1);
    CHECK(let_go_names(after.catalogue).contains(world.theirs.front()));
}

TEST_CASE("what was judged is not judged again", "[restore][prune]") {
    Forgotten world;
    RepositoryBench& bench = world.bench;
    const auto prune = [&bench] {
        PruneSetup setup{.repository = *bench.repository,
                         .keyrings = bench.keyrings,
                         .clock = Clock::system(),
                         .append = [&](format::EntryKind kind, const Bytes& fields) { say(bench, kind, fields); }};
        setup.grace_ns = setup.unknown_grace_ns = INT64_MIN / 2;
        Pruner pruner(std::move(setup));
        pruner.look();
        pruner.judge_and_delete();
        pruner.condemn();
        return pruner.finish();
    };
    CHECK(prune().condemned.size() == 1);
    CHECK(prune().verdicts == 0);  // the writer has not read of it
    bench.back_up(tree(3), obeying(bench, at(3)));
    const PruneReport judged = prune();
    CHECK(judged.verdicts == 1);
    CHECK_FALSE(judged.departing.packs.empty());
    CHECK(judged.deletion.stay.empty());
    const PruneReport again = prune();
    CHECK(again.verdicts == 0);
    CHECK(again.condemned.empty());
    CHECK(again.open.empty());
}

TEST_CASE("a backup that was taken back too late keeps no prune from working", "[restore][prune]") {
    Forgotten world;
    RepositoryBench& bench = world.bench;
    REQUIRE(condemn(bench) == 1);
    bench.back_up(tree(3), obeying(bench, at(3)));
    say(bench, format::EntryKind::verdict, judge(Look(bench).holdings, Look(bench).open()).encode());
    for (const std::string& name : world.theirs) bench.store->lose(name);
    // As by an undelete that was killed before it could say that it was too late.
    forget(bench, world.first, format::TombstoneAction::taken_back);
    CHECK(bench.catalogue().backups().size() == 3);
    CHECK_NOTHROW(require_nothing_lacking(Look(bench).holdings));
    const Catalogue catalogue = bench.catalogue();
    Planner planner(catalogue, *bench.repository, bench.resolver);
    Checker checker(*bench.repository, bench.keyrings, planner, bench.resolver, {1, nullptr, {}});
    checker.check_objects();
    std::set<std::string> named;
    for (const Finding& finding : checker.report().findings) named.insert(finding.object);
    CHECK(named == std::set<std::string>(world.theirs.begin(), world.theirs.end()));
    // What is lost and was never let go stops it as ever.
    bench.store->lose(bench.packs().back());
    CHECK_THROWS_MATCHES(require_nothing_lacking(Look(bench).holdings), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a writer that is trusted again after a verdict keeps everything until it has read", "[restore][prune]") {
    Forgotten world;
    RepositoryBench& bench = world.bench;
    condemn(bench);
    bench.trust(bench.writer(), 2);
    const Look look(bench);
    say(bench, format::EntryKind::verdict, judge(look.holdings, look.open()).encode());
    bench.trust(bench.writer());
    const Look after(bench);
    CHECK(departing(after.holdings, after.catalogue.condemnations()).empty());
}

TEST_CASE("a verdict spares what is needed after all", "[restore][prune]") {
    Forgotten world;
    RepositoryBench& bench = world.bench;
    condemn(bench);
    std::optional<EntryId> user;
    SECTION("because forgetting was taken back") { forget(bench, world.first, format::TombstoneAction::taken_back); }
    SECTION("because a backup that was under way refers to it") { user = bench.back_up(tree(1), at(3)); }
    bench.back_up(tree(5), obeying(bench, at(5)));
    const Look look(bench);
    REQUIRE(waited_for(look.holdings, look.open()).empty());
    const auto verdict = judge(look.holdings, look.open());
    REQUIRE(verdict.spared.packs.size() == 1);
    say(bench, format::EntryKind::verdict, verdict.encode());
    const Look after(bench);
    const Departing gone = departing(after.holdings, after.catalogue.condemnations());
    CHECK(gone.packs.empty());
    CHECK(gone.indexes.empty());
    CHECK(gone.slots.empty());
    CHECK(after.catalogue.condemnations().of_pack(bench.writer(), 1, 0) == storage::Standing::free);
    // And can be condemned again.
    forget(bench, world.first);
    if (user) forget(bench, *user);
    CHECK(condemn(bench) == 1);
}

TEST_CASE("what was taken back after a verdict was made stays where it is", "[restore][prune]") {
    Forgotten world;
    RepositoryBench& bench = world.bench;
    condemn(bench);
    bench.back_up(tree(3), obeying(bench, at(3)));
    const Look look(bench);
    const auto verdict = judge(look.holdings, look.open());
    forget(bench, world.first, format::TombstoneAction::taken_back);
    say(bench, format::EntryKind::verdict, verdict.encode());
    const Look after(bench);
    CHECK(departing(after.holdings, after.catalogue.condemnations()).packs.empty());
    CHECK(after.catalogue.is_let_go(after.catalogue.find(world.first.hex())));
}

TEST_CASE("what an interrupted run stored stays until a later run of its series", "[restore][prune]") {
    RepositoryBench bench;
    bench.back_up(tree(1), at(1));
    RunOptions partial = at(2);
    partial.partial = true;
    bench.back_up(tree(2), partial);
    CHECK(propose(Look(bench).holdings).empty());
    bench.back_up(tree(3), at(3, "another"));
    CHECK(propose(Look(bench).holdings).empty());
    bench.back_up(tree(4), at(4));
    CHECK(propose(Look(bench).holdings).size() == 1);
}

TEST_CASE("packs of a run that may go on stay, although others stand for them", "[restore][prune]") {
    RepositoryBench bench;
    RunOptions interrupted = at(1);
    interrupted.partial = true;
    bench.back_up(tree(1), interrupted);
    bench.back_up(tree(1), at(2, "other"));  // refers to what the first has stored
    bench.add_protector("next");
    bench.make_default("next");
    {
        const Catalogue catalogue = bench.catalogue();
        Planner planner(catalogue, *bench.repository, bench.resolver);
        const EntryAppender append = [&bench](const EntryMaker& make) { bench.officer_says(make); };
        REQUIRE(reseal(*bench.repository, planner, bench.resolver, {&catalogue.latest()}, append, {}).failures.empty());
    }
    const auto condemned_of_first = [&bench] {
        const Look look(bench);
        std::size_t count = 0;
        for (const Proposal& proposal : propose(look.holdings)) {
            for (const format::CondemnedPacks& item : proposal.fields.objects.packs)
                if (item.identity == bench.writer() && item.sequence == 1) ++count;
        }
        return count;
    };
    CHECK(condemned_of_first() == 0);
    bench.back_up(tree(2), at(3));  // a later run of its series
    CHECK(condemned_of_first() == 1);
}

TEST_CASE("packs and index segments in no entry go, but for those of a run that may go on", "[restore][prune]") {
    RepositoryBench bench;
    bench.back_up(tree(1), at(1));
    // What a run has stored before it was killed: its entry is missing.
    bench.back_up(tree(2), at(2));
    const auto journal = bench.repository->load_journal(bench.writer());
    const auto dek = format::backup_public(journal.entries.back()).dek;
    bench.store->lose(format::journal_name(bench.writer(), 2));
    const auto proposals = propose(Look(bench).holdings);
    REQUIRE(proposals.size() == 2);
    CHECK(proposals.front().owner == std::nullopt);
    CHECK(proposals.front().fields.objects.deks == std::vector{dek});
    CHECK(proposals.front().loose > 0);
    CHECK(proposals.back().owner == bench.writer());  // its index segment says whose it is
    CHECK(proposals.back().fields.objects.indexes.size() == 1);
    SECTION("a run of the writer may go on") {
        RunOptions partial = at(3);
        partial.partial = true;
        bench.back_up(tree(3), partial);
        CHECK(propose(Look(bench).holdings).size() == 1);
    }
    SECTION("it was named meanwhile") {
        condemn(bench);
        bench.store->plant(format::journal_name(bench.writer(), 2), journal.entries.back().object);
        const Look look(bench);
        for (const storage::Condemnation* one : look.catalogue.condemnations().all()) {
            const auto verdict = judge(look.holdings, *one);
            CHECK(verdict.spared.loose == one->fields.objects.loose);
            CHECK(verdict.spared.indexes == one->fields.objects.indexes);
            CHECK(verdict.spared.deks == one->fields.objects.deks);
        }
    }
}

TEST_CASE("nothing is judged while a journal that counts is not whole", "[restore][prune]") {
    RepositoryBench bench;
    bench.back_up(tree(1), at(1));
    bench.back_up(tree(2), at(2));
    bench.store->lose(format::journal_name(bench.writer(), 1));
    const auto listing = bench.store->list("");
    const Catalogue catalogue = bench.catalogue();
    CHECK_THROWS_MATCHES(Holdings(*bench.repository, catalogue, listing), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("whom no officer has judged keeps what its backups name; who was refused keeps its own", "[restore][prune]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree(1), at(1));
    const auto wanted = bench.catalogue().find(first.hex()).fields->packs;
    const IdentityId writer = bench.writer();
    forget(bench, first);
    bench.use_stranger();
    RunOptions options = at(2);
    options.change = [&](format::BackupPublic& fields, format::BackupBody&) {
        fields.predecessors = {writer};
        format::Reach reach{1, 1, {}, {}};
        reach.dek = format::backup_public(bench.repository->load_journal(writer).entries.front()).dek;
        for (std::size_t i = 0; i < wanted.size(); ++i) reach.set(i);
        fields.reach = {reach};
    };
    bench.back_up(tree(2), options);
    CHECK(propose(Look(bench).holdings).empty());
    bench.trust(bench.writer(), 0);
    const auto proposals = propose(Look(bench).holdings);
    REQUIRE(proposals.size() == 1);
    CHECK(proposals.front().owner == writer);
}
