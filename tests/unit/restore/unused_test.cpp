// Packs that are needed in part are moved to new ones, for the backups that were there; what stays behind is nobody's.
#include "restore/unused.h"

#include "format/names.h"
#include "tests/unit/restore/repository_bench.h"

#include <algorithm>
#include <filesystem>
#include <set>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

namespace {

RunOptions at(int day) {
    RunOptions options;
    options.time = {(1'700'000'000LL + day * 86'400LL) * kNsPerSecond};
    options.list_size = 4;
    options.pack_size = 256 * 1024;
    return options;
}

Node tree(std::initializer_list<int> seeds) {
    std::vector<Node> files;
    for (const int seed : seeds)
        files.push_back(file("f" + std::to_string(seed), noise(50'000, static_cast<std::uint64_t>(seed))));
    return root({folder("d", std::move(files)), file("letter", "dear bob")});
}

/// Two backups: the second keeps one file of four that share the packs of the first, which is forgotten.
struct Wasteful {
    RepositoryBench bench;
    EntryId first;
    EntryId second;

    explicit Wasteful(std::function<void(format::IndexSegment&)> change_index = {}) {
        RunOptions options = at(1);
        options.change_index = std::move(change_index);
        first = bench.back_up(tree({1, 2, 3, 4}), options);
        second = bench.back_up(tree({2}), at(2));
        say_of(first, format::TombstoneAction::forgotten);
    }

    void say_of(const EntryId& id, format::TombstoneAction action) {
        const Catalogue catalogue = bench.catalogue();
        const Backup& backup = catalogue.find(id.hex(), true);
        format::TombstoneFields fields;
        fields.statements = {{backup.writer, backup.sequence, id, action}};
        bench.officer_says([&](const format::EntryHead& head, const crypto::SigningKey& officer) {
            return format::make_plain_entry(format::EntryKind::tombstone, head, fields.encode(), officer);
        });
    }

    UnusedReport repack(UnusedOptions options = {}) {
        const auto listing = bench.store->list("");
        const Catalogue catalogue = bench.catalogue();
        Planner planner(catalogue, *bench.repository, bench.resolver);
        if (options.limit.octets == UINT64_MAX && !options.limit.share) options.limit.octets = 0;
        if (options.protectors.empty()) options.protectors = bench.resolver.wrapping_protectors("local", "local");
        return repack_unused(
            *bench.repository, planner, bench.resolver, listing,
            [&](const EntryMaker& make) { bench.officer_says(make); }, options);
    }

    /// Names of the packs that a backup needs.
    std::set<std::string> needed_by(const EntryId& id) {
        const Catalogue catalogue = bench.catalogue();
        std::set<std::string> names;
        for (const ReachedEntry& one : catalogue.reached_by(catalogue.find(id.hex(), true))) {
            for (std::size_t i = 0; i < one.listed->packs.size(); ++i) {
                if (one.has(i)) names.insert(format::pack_name(one.listed->packs[i].id));
            }
        }
        return names;
    }

    std::uint64_t octets_of(const std::set<std::string>& names) {
        std::uint64_t octets = 0;
        for (const std::string& name : names) octets += bench.store->size(name).value_or(0);
        return octets;
    }

    std::vector<std::string> restored(const EntryId& id) {
        const std::string target = bench.folder / ("out-" + id.short_hex(16));
        std::filesystem::remove_all(target);
        const auto open = bench.open(id);
        RestoreRequest request;
        request.target = target;
        CHECK(restore_files(*open, request).content_errors == 0);
        return listing(target);
    }
};

}  // namespace

TEST_CASE("what is needed of a pack moves, and the pack is needed by nobody then", "[restore][prune][unused]") {
    Wasteful world;
    const auto before = world.restored(world.second);
    const auto old = world.needed_by(world.second);
    const std::uint64_t octets = world.octets_of(old);
    const UnusedReport report = world.repack();
    CHECK(report.failures.empty());
    CHECK(report.backups == 1);
    CHECK(report.repacked > 0);
    CHECK(report.freed() > 100'000);
    CHECK((report.entries == 1 && report.made == 1));
    const auto now = world.needed_by(world.second);
    CHECK(world.octets_of(now) < octets - 100'000);
    CHECK(world.restored(world.second) == before);
    // Without what was left behind, too.
    for (const std::string& name : old) {
        if (!now.contains(name)) world.bench.store->lose(name);
    }
    CHECK(world.restored(world.second) == before);
    // Another time there is nothing to do.
    CHECK(world.repack().repacked == 0);
}

TEST_CASE("a forgotten backup and one that was made meanwhile keep the old packs", "[restore][prune][unused]") {
    Wasteful world;
    const auto theirs = world.needed_by(world.first);
    EntryId meanwhile;
    UnusedOptions options;
    // It has looked its chunks up before anything was repacked.
    options.prepare = [&] { meanwhile = world.bench.back_up(tree({2, 3}), at(3)); };
    CHECK(world.repack(options).repacked > 0);
    CHECK(world.needed_by(world.first) == theirs);
    const auto needed = world.needed_by(meanwhile);
    CHECK(std::any_of(needed.begin(), needed.end(), [&](const std::string& name) { return theirs.contains(name); }));
    CHECK(world.restored(meanwhile).size() == 4);
    world.say_of(world.first, format::TombstoneAction::taken_back);
    CHECK(world.restored(world.first).size() == 6);
}

TEST_CASE("no more is repacked than a limit asks for, what has most waste first", "[restore][prune][unused]") {
    Wasteful world;
    UnusedOptions options;
    options.dry_run = true;
    const UnusedReport all = world.repack(options);
    REQUIRE(all.repacked > 0);
    CHECK((all.unused > 100'000 && all.unused_left < all.unused && all.entries == 0));
    options.limit.octets = all.unused;
    CHECK(world.repack(options).repacked == 0);
    options.limit.octets = UINT64_MAX;
    options.limit.share = 0.99;
    CHECK(world.repack(options).repacked == 0);
    options.limit.share = 0.05;
    CHECK(world.repack(options).repacked > 0);
    options.limit.most = 1;
    CHECK(world.repack(options).repacked == 0);
    CHECK(world.repack(options).unused_left == all.unused);
    // 5 % of all that stays: 5 of 100 where 95 are needed.
    CHECK(options.limit.tolerated(95'000) == 5'000);
}

TEST_CASE("where a protector is missing nothing is stored", "[restore][prune][unused]") {
    Wasteful world;
    world.bench.unlink("prod");
    UnusedOptions options;
    options.protectors = {world.bench.add_protector("other")};
    const auto before = world.bench.store->snapshot();
    CHECK_THROWS_AS(world.repack(options), KeyUnavailable);
    CHECK(world.bench.store->snapshot() == before);
}

TEST_CASE("an altered pack stays, is named, and what others hold moves [security]", "[restore][prune][unused]") {
    Wasteful world;
    const auto needed = world.needed_by(world.second);
    const auto theirs = world.needed_by(world.first);
    for (const std::string& name : needed) {
        if (!theirs.contains(name)) continue;
        // Within the frames of files; its folders can still be read.
        world.bench.store->tamper(name, [](Bytes& content) { content[200] ^= 1; });
    }
    const UnusedReport report = world.repack();
    CHECK_FALSE(report.failures.empty());
    CHECK(report.failures.front().code() == ErrorCode::damaged);
    CHECK_FALSE(world.needed_by(world.second).empty());
    for (const std::string& name : needed) CHECK(world.bench.store->exists(name));
}

TEST_CASE("a pack whose chunks are not what its index says is not repacked", "[restore][prune][unused][hostile]") {
    // What a writer that lies would have others sign for: chunks of one length, each under the other's id.
    const auto swap_chunks = [](format::IndexSegment& segment) {
        for (format::IndexedPack& pack : segment.packs) {
            std::size_t chunk = 0;
            for (const format::FrameRecord& frame : pack.frames) {
                const auto& lengths = frame.chunk_lengths;
                for (std::size_t i = 0; i + 1 < lengths.size() && frame.kind == format::FrameKind::data; i += 2) {
                    if (lengths[i] == lengths[i + 1]) std::swap(pack.chunks[chunk + i], pack.chunks[chunk + i + 1]);
                }
                chunk += lengths.size();
            }
        }
    };
    const bool lies = GENERATE(false, true);
    Wasteful world(lies ? swap_chunks : std::function<void(format::IndexSegment&)>());
    const UnusedReport report = world.repack();
    CHECK(report.failures.empty() != lies);
    CHECK((report.repacked > 0) != lies);
    for (const Error& failure : report.failures) CHECK(failure.code() == ErrorCode::damaged);
}

TEST_CASE("repacking killed at any operation of the store loses nothing and is done when run again",
          "[restore][prune][unused]") {
    Wasteful world;
    const auto before = world.restored(world.second);
    std::uint64_t n = 1;
    // Farther each time: what was begun in vain is read by the next one, too.
    for (; n < 5000; n += 1 + n / 16) {
        world.bench.store->fail_at(n);
        bool has_ended = false;
        try {
            (void)world.repack();
            has_ended = !world.bench.store->has_failed();
        } catch (const Error&) {
        }
        world.bench.store->fail_at(0);
        world.bench.store->crash();
        REQUIRE(world.restored(world.second) == before);
        if (has_ended) break;
    }
    REQUIRE(n < 5000);
    CHECK(world.repack().repacked == 0);
}

TEST_CASE("what was repacked can be sealed anew, and repacked again", "[restore][prune][unused]") {
    Wasteful world;
    (void)world.repack();
    const EntryId third = world.bench.back_up(tree({2, 5, 6}), at(3));
    const EntryId fourth = world.bench.back_up(tree({2, 6}), at(4));
    world.say_of(third, format::TombstoneAction::forgotten);
    const auto before = world.restored(fourth);
    CHECK(world.repack().repacked > 0);
    CHECK(world.restored(fourth) == before);
    CHECK(world.restored(world.second).size() == 3);
}
