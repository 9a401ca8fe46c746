// What an officer condemns while nobody runs, and while somebody does: the duties of a writer (docs/format.md section
// 14).
#include "tests/unit/backup/engine_bench.h"

#include "format/prune_entry.h"
#include "storage/condemnations.h"

using namespace signet;
using namespace signet::backup;
using namespace signet::backup::test;

namespace {

/// A host with one backup, whose packs an officer can condemn.
struct CondemnedBench : EngineBench {
    std::uint64_t first = 0;  ///< sequence number of the backup

    CondemnedBench() {
        put("f", EngineBench::noise(70'000, 3));
        let_the_clock_move();
        (void)run();
        first = journal().entries.size();
    }
    format::CondemnedObjects packs_of_first(format::CondemnedFor why) {
        const auto entries = journal().entries;
        const auto fields = format::backup_public(entries[first - 1]);
        format::CondemnedObjects objects;
        objects.packs.push_back({writer(), first, fields.dek, why, {}});
        for (std::size_t i = 0; i < fields.packs.size(); ++i) format::bitmap_set(objects.packs.front().bitmap, i);
        return objects;
    }
    void condemn(format::CondemnedFor why = format::CondemnedFor::unneeded) {
        say(format::EntryKind::condemnation, format::CondemnationFields{packs_of_first(why), {}}.encode());
    }
    EntryId officers_last() {
        const auto officer = repository->config().officer;
        return repository->load_journal(officer).entries.back().id;
    }
    std::uint64_t officers_length() { return repository->load_journal(repository->config().officer).entries.size(); }
    /// Up to where the officer is obeyed by the newest entry.
    std::uint64_t obeyed() {
        const auto entries = journal().entries;
        return format::read_up_to(storage::obeyed_by(entries.back()), repository->config().officer);
    }
    /// A request that does something once its run has begun.
    BackupRequest with_interlude(std::function<void()> interlude) {
        auto again = request();
        again.on_item = [interlude = std::move(interlude), done = std::make_shared<bool>(false)](
                            std::string_view, const std::string&, std::uint64_t) {
            if (!std::exchange(*done, true)) interlude();
        };
        return again;
    }
};

std::size_t backups_in(const storage::Journal& journal) {
    return static_cast<std::size_t>(
        std::count_if(journal.entries.begin(), journal.entries.end(),
                      [](const auto& entry) { return entry.kind == format::EntryKind::backup; }));
}

}  // namespace

TEST_CASE("the first entry of a run has no packs and stands before the first pack", "[backup][prune]") {
    EngineBench bench;
    for (int i = 0; i < 4; ++i)
        bench.put("f" + std::to_string(i), EngineBench::noise(5000, static_cast<std::uint8_t>(i)));
    // Whatever fails: where there is a pack there is an entry that has its data key.
    for (std::uint64_t n = 1; n < 100; ++n) {
        bench.store->fail_at(n);
        try {
            (void)bench.run();
        } catch (const Error&) {
        }
        const bool has_failed = bench.store->has_failed();
        bench.store->fail_at(0);
        std::set<DekId> known;
        for (const auto& entry : bench.journal().entries) known.insert(format::backup_public(entry).dek);
        for (const auto& info : bench.store->list("packs/")) {
            const auto pack = bench.store->get(info.name, 1 << 20);
            CHECK(known.contains(format::PackKeys::dek_of(ByteView(pack).first(format::kPackHeaderSize), info.name)));
        }
        if (!has_failed) break;
    }
    const auto first = format::backup_public(bench.journal().entries.front());
    CHECK(first.packs.empty());
    CHECK(first.reach.empty());
    CHECK(first.obeyed.size() == 1);
}

TEST_CASE("what was condemned before is stored anew", "[backup][prune]") {
    CondemnedBench bench;
    bench.condemn();
    CHECK(bench.run().data_added > 70'000);
    CHECK(bench.last().reach.empty());
    CHECK(bench.obeyed() == bench.officers_length());
}

TEST_CASE("what others stand for, or a verdict spared, is referred to as ever", "[backup][prune]") {
    CondemnedBench bench;
    SECTION("others stand for it") { bench.condemn(format::CondemnedFor::replaced); }
    SECTION("it was spared") {
        bench.condemn();
        bench.say(format::EntryKind::verdict,
                  format::VerdictFields{bench.officers_last(), bench.packs_of_first(format::CondemnedFor::spared), {}}
                      .encode());
    }
    CHECK(bench.run().data_added < 1000);
    CHECK(bench.last().reach.size() == 1);
}

TEST_CASE("what is condemned while a run refers to it is spared for it: it obeys no more than it had read",
          "[backup][prune]") {
    CondemnedBench bench;
    const auto before = bench.officers_length();
    bench.put("g", "new");
    CHECK(bench.run(bench.with_interlude([&] { bench.condemn(); })).backup.has_value());
    CHECK(bench.last().reach.size() == 1);
    CHECK(bench.obeyed() == before);
    // The next one has read it, and refers to it no more.
    bench.put("h", "newer");
    CHECK(bench.run().backup.has_value());
    CHECK(bench.obeyed() == bench.officers_length());
    for (const auto& reach : bench.last().reach) CHECK(reach.sequence != bench.first);
}

TEST_CASE("a run is refused where its writer is bound already, or where it is too late", "[backup][prune]") {
    CondemnedBench bench;
    bench.put("g", "new");
    auto other = bench.request();
    other.series = "another";
    const bool is_bound = GENERATE(true, false);
    const auto before = backups_in(bench.journal());
    const auto interlude = [&] {
        bench.condemn();
        if (is_bound) {
            (void)bench.run(other);
        } else {
            bench.say(format::EntryKind::verdict, format::VerdictFields{bench.officers_last(), {}, {}}.encode());
        }
    };
    CHECK_THROWS_MATCHES(bench.run(bench.with_interlude(interlude)), Error, has_code(ErrorCode::refused));
    CHECK(backups_in(bench.journal()) == before + (is_bound ? 1 : 0));
    CHECK(bench.run().backup.has_value());
    for (const auto& reach : bench.last().reach) CHECK(reach.sequence != bench.first);
}

TEST_CASE("a run that finds nothing to do says that it has read what was condemned, once", "[backup][prune]") {
    CondemnedBench bench;
    bench.put("g", EngineBench::noise(9'000, 4));
    EngineBench::let_the_clock_move();
    auto request = bench.request();
    request.series = "another";
    request.skip_if_unchanged = true;
    (void)bench.run(request);
    // Something that this series does not refer to.
    format::CondemnationFields fields;
    fields.objects.deks = {crypto::random_id<DekId>()};
    bench.say(format::EntryKind::condemnation, fields.encode());
    const auto before = bench.journal().entries.size();
    CHECK(bench.run(request).skipped_unchanged);
    REQUIRE(bench.journal().entries.size() == before + 1);
    CHECK(bench.journal().entries.back().kind == format::EntryKind::acknowledgement);
    CHECK(bench.obeyed() == bench.officers_length());
    CHECK(bench.run(request).skipped_unchanged);
    CHECK(bench.journal().entries.size() == before + 1);
}

TEST_CASE("a run that is trusted no more when it ends commits nothing", "[backup][prune]") {
    CondemnedBench bench;
    bench.put("g", "new");
    const auto before = backups_in(bench.journal());
    const auto interlude = [&] {
        format::TrustFields fields;
        fields.statements.push_back({bench.writer(), format::Role::writer, 1, bench.first});
        bench.say(format::EntryKind::trust, fields.encode());
    };
    CHECK_THROWS_MATCHES(bench.run(bench.with_interlude(interlude)), Error, has_code(ErrorCode::refused));
    CHECK(backups_in(bench.journal()) == before);
}
