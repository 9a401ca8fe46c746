// Mending: what is lost comes back where anything is left of it, and nothing becomes less restorable.
#include "restore/healer.h"
#include "format/hashed_name.h"
#include "format/names.h"
#include "restore/checker.h"
#include "restore/content_check.h"
#include "restore/shred.h"
#include "storage/quarantine.h"
#include "tests/unit/restore/repository_bench.h"

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

namespace {

std::optional<std::string> put_aside(storage::Store& store, const std::string& name) {
    return storage::set_aside(store, name, *format::parse_hashed_name(name));
}

/// Files of one frame each, so that a damaged frame touches one of them.
RunOptions in_small_frames() {
    RunOptions options;
    options.chunk_size = 2048;
    options.frame_size = 2048;
    return options;
}

std::vector<Node> files(int first, int count) {
    std::vector<Node> nodes;
    for (int i = first; i < first + count; ++i)
        nodes.push_back(
            file(std::string("f") + static_cast<char>('a' + i), noise(1500, static_cast<std::uint64_t>(i))));
    return nodes;
}

struct Patient : RepositoryBench {
    std::vector<std::string> said;

    std::vector<Mended> heal(const std::set<PackId>& packs, bool dry_run = false) {
        const Catalogue all = catalogue();
        Planner planner(all, *repository, resolver);
        HealOptions options;
        options.dry_run = dry_run;
        options.protectors = {thumbprint("prod")};
        Healer healer(*repository, planner, resolver, options);
        return healer.restore_packs(packs, [&](const EntryMaker& make) { officer_says(make); });
    }
    std::vector<Mended> rebuild(const std::set<IndexId>& indexes) {
        const Catalogue all = catalogue();
        Planner planner(all, *repository, resolver);
        return Healer(*repository, planner, resolver, {}).rebuild_indexes(indexes);
    }
    CheckReport check(bool read_data = false) {
        const Catalogue all = catalogue();
        Planner planner(all, *repository, resolver);
        Checker checker(*repository, keyrings, planner, resolver, {1, nullptr, {}});
        checker.check_objects();
        if (read_data) checker.check_content();
        return checker.report();
    }
    /// Paths that can be read of a backup, and those that cannot.
    std::pair<std::size_t, std::size_t> readable(const EntryId& id, bool salvage = false) {
        OpenOptions options;
        options.salvage = salvage;
        options.warn = [this](const std::string& sentence) { said.push_back(sentence); };
        const auto backup = open(id, options);
        std::set<ChunkId> known;
        ContentCheck check(*backup, known, nullptr);
        std::set<std::string> broken;
        check.run([&](const std::string& path, const Error& error) {
            broken.insert(path);
            said.push_back(path + ": " + error.what());
        });
        return {check.chunks(), broken.size()};
    }
    /// Every pack that an entry of the writer lists.
    std::set<PackId> packs_of(std::size_t backup) {
        const auto journal = repository->load_journal(writer());
        std::set<PackId> ids;
        for (const auto& pack : format::backup_public(journal.entries.at(backup)).packs) ids.insert(pack.id);
        return ids;
    }
    std::set<IndexId> indexes_of(std::size_t backup) {
        const auto journal = repository->load_journal(writer());
        std::set<IndexId> ids;
        for (const auto& index : format::backup_public(journal.entries.at(backup)).indexes) ids.insert(index.id);
        return ids;
    }
    void set_aside(const PackId& id) { REQUIRE(put_aside(*store, format::pack_name(id))); }
};

}  // namespace

TEST_CASE("a lost index segment is made again once, and readers use it without a word", "[restore][repair]") {
    Patient bench;
    RunOptions options = in_small_frames();
    options.list_size = 4;  // some metadata chunks are lists
    Node tree = root(files(0, 10));
    tree.with(file("large", noise(60'000, 77)));
    const EntryId id = bench.back_up(tree, options);
    const std::set<IndexId> lost = bench.indexes_of(0);
    const auto before = bench.readable(id);
    const bool is_flipped = GENERATE(false, true);
    for (const IndexId& index : lost) {
        if (is_flipped)
            bench.store->tamper(format::index_name(index), [](Bytes& octets) { octets[40] ^= 1; });
        else
            bench.store->lose(format::index_name(index));
    }
    REQUIRE(bench.check().findings.size() == lost.size());
    bench.said.clear();
    REQUIRE(bench.readable(id) == before);
    CHECK_FALSE(bench.said.empty());

    for (const Mended& one : bench.rebuild(lost)) CHECK(one.is_mended);
    bench.said.clear();
    CHECK(bench.readable(id) == before);
    for (const std::string& sentence : bench.said) CHECK_THAT(sentence, !Catch::Contains("reading them to find out"));
    if (is_flipped) {
        for (const IndexId& index : lost) CHECK(put_aside(*bench.store, format::index_name(index)));
    }
    CHECK(bench.check(true).findings.empty());
}

TEST_CASE("what somebody plants as a rebuilt index segment is passed over", "[restore][repair][hostile]") {
    Patient bench;
    const EntryId id = bench.back_up(root(files(0, 5)), in_small_frames());
    const IndexId lost = *bench.indexes_of(0).begin();
    const Bytes genuine = bench.store->get(format::index_name(lost), format::kMaxIndexObject);
    bench.store->lose(format::index_name(lost));
    // Noise, and a segment of another writer's key, under names that are right.
    for (const std::size_t size : {std::size_t{10}, genuine.size()}) {
        Bytes noise_octets(size, 7);
        if (size == genuine.size()) {
            noise_octets = genuine;
            noise_octets.back() ^= 1;
        }
        bench.store->plant(format::rebuilt_index_name(lost, crypto::sha256(noise_octets)), noise_octets);
    }
    CHECK(bench.readable(id).second == 0);
    for (const Mended& one : bench.rebuild({lost})) CHECK(one.is_mended);
    CHECK(bench.readable(id).second == 0);
}

TEST_CASE("a pack that is set aside is as readable as before, frame by frame", "[restore][repair]") {
    Patient bench;
    const EntryId id = bench.back_up(root(files(0, 12)), in_small_frames());
    const std::set<PackId> packs = bench.packs_of(0);
    REQUIRE(packs.size() == 1);
    const std::string name = format::pack_name(*packs.begin());
    const bool is_cut = GENERATE(false, true);
    bench.store->tamper(name, [&](Bytes& octets) {
        if (is_cut)
            octets.resize(octets.size() - 2000);
        else
            octets[format::kPackHeaderSize + 3000] ^= 1;
    });
    const auto before = bench.readable(id);
    CHECK(before.second > 0);
    const auto salvaged_before = bench.readable(id, true);
    bench.set_aside(*packs.begin());
    CHECK_FALSE(bench.store->exists(name));
    const auto after = bench.readable(id);
    CHECK(after.first >= before.first);
    CHECK(after.second <= before.second);
    if (!is_cut) CHECK(after.first > 0);  // else the root folder, which comes last, is gone
    const auto salvaged_after = bench.readable(id, true);
    CHECK(salvaged_after.first >= salvaged_before.first);
    CHECK(salvaged_after.second <= salvaged_before.second);
    const auto findings = bench.check(true).findings;
    for (const Finding& finding : findings) UNSCOPED_INFO(finding.object << ": " << finding.message);
    REQUIRE(findings.size() == 1);
    CHECK(findings.front().object == name);
    CHECK(findings.front().backups == std::set<std::string>{id.short_hex(8)});
    CHECK(findings.front().files.at(id.short_hex(8)).size() == after.second);
}

TEST_CASE("older backups are whole again when what a pack held was stored again", "[restore][repair]") {
    Patient bench;
    const EntryId first = bench.back_up(root(files(0, 12)), in_small_frames());
    const EntryId second = bench.back_up(root(files(0, 15)), in_small_frames());
    const std::set<PackId> lost = bench.packs_of(0);
    const bool is_partly_left = GENERATE(false, true);
    for (const PackId& id : lost) {
        if (is_partly_left) {
            bench.store->tamper(format::pack_name(id), [](Bytes& octets) { octets[200] ^= 1; });
            bench.set_aside(id);
        } else {
            bench.store->lose(format::pack_name(id));
        }
    }
    const auto objects = bench.store->snapshot().size();
    for (const Mended& one : bench.heal(lost)) {
        CHECK_FALSE(one.is_mended);
        CHECK(one.missing > 0);
    }
    CHECK(bench.store->snapshot().size() == objects);  // nothing is stored in vain

    // The next backup of the same source stores everything again; its folders are as they were.
    RunOptions anew = in_small_frames();
    anew.reuse = false;
    bench.back_up(root(files(0, 12)), anew);
    for (const Mended& one : bench.heal(lost, true)) CHECK(one.is_mended);
    for (const Mended& one : bench.heal(lost)) CHECK(one.is_mended);
    bench.said.clear();
    CHECK(bench.readable(first).second == 0);
    for (const std::string& sentence : bench.said) UNSCOPED_INFO(sentence);
    CHECK(bench.readable(second).second == 0);
    CHECK(bench.check(true).findings.empty());
}

TEST_CASE("a pack of which one chunk is nowhere else stays as it is, and salvage takes what can be had",
          "[restore][repair]") {
    Patient bench;
    const EntryId first = bench.back_up(root(files(0, 12)), in_small_frames());
    const std::set<PackId> lost = bench.packs_of(0);
    for (const PackId& id : lost) bench.store->lose(format::pack_name(id));
    RunOptions anew = in_small_frames();
    anew.reuse = false;
    // Two files are no more; the root folder of the first backup is one chunk, and is lost with its pack.
    bench.back_up(root(files(0, 10)), anew);
    for (const Mended& one : bench.heal(lost)) {
        CHECK_FALSE(one.is_mended);
        CHECK(one.missing == 3);
    }
    CHECK(bench.readable(first).second > 0);
    // Where the folder is found, so are ten of its twelve files.
    const EntryId again = bench.back_up(root(files(0, 12)), [] {
        RunOptions options = in_small_frames();
        options.reuse = false;
        return options;
    }());
    const std::set<PackId> third = bench.packs_of(2);
    for (const Mended& one : bench.heal(lost)) CHECK(one.is_mended);
    CHECK(bench.readable(first).second == 0);
    for (const PackId& id : third) bench.store->lose(format::pack_name(id));
    const auto salvaged = bench.readable(again, true);
    CHECK(salvaged.second == 0);
    CHECK(bench.readable(again).second > 0);
}

TEST_CASE("setting aside can be stopped at any moment, and nothing is lost", "[restore][repair]") {
    const bool is_power_cut = GENERATE(false, true);
    for (std::uint64_t step = 1;; ++step) {
        Patient bench;
        const EntryId id = bench.back_up(root(files(0, 3)), in_small_frames());
        const PackId pack = *bench.packs_of(0).begin();
        const std::string name = format::pack_name(pack);
        bench.store->tamper(name, [](Bytes& octets) { octets[140] ^= 1; });
        const auto before = bench.readable(id);
        const Bytes content = bench.store->get(name, format::kMaxPack);
        bench.store->fail_at(step);
        bool has_ended = false;
        try {
            (void)put_aside(*bench.store, name);
            has_ended = !bench.store->has_failed();
        } catch (const Error&) {
        }
        bench.store->fail_at(0);
        if (is_power_cut) bench.store->crash();
        const bool is_in_place = bench.store->exists(name);
        const auto aside = storage::quarantined(*bench.store, name);
        CHECK((is_in_place || !aside.empty()));
        for (const auto& copy : aside) CHECK(bench.store->get(copy.name, format::kMaxPack) == content);
        CHECK(bench.readable(id) == before);
        (void)put_aside(*bench.store, name);
        CHECK_FALSE(bench.store->exists(name));
        CHECK(bench.readable(id) == before);
        if (has_ended) break;
    }
}

TEST_CASE("what reads as its name says is never set aside", "[restore][repair]") {
    Patient bench;
    bench.back_up(root(files(0, 3)), in_small_frames());
    for (const PackId& id : bench.packs_of(0)) {
        CHECK_FALSE(put_aside(*bench.store, format::pack_name(id)));
        CHECK(bench.store->exists(format::pack_name(id)));
    }
    CHECK_FALSE(put_aside(*bench.store, format::pack_name({})));
}

TEST_CASE("the packs of a sample are opened, and a chunk that is not its index's is noticed", "[restore][check]") {
    Patient bench;
    bench.back_up(root(files(0, 12)), in_small_frames());
    RunOptions more = in_small_frames();
    more.pack_size = 4096;
    bench.back_up(root(files(0, 30)), more);
    const auto check = [&](const PackSample& sample) {
        const Catalogue all = bench.catalogue();
        Planner planner(all, *bench.repository, bench.resolver);
        Checker checker(*bench.repository, bench.keyrings, planner, bench.resolver, {1, nullptr, sample});
        checker.check_objects();
        checker.check_sample();
        return checker.report();
    };
    const CheckReport everything = check({});
    CHECK(everything.findings.empty());
    CHECK(everything.packs > 5);
    std::uint64_t packs = 0;
    std::uint64_t chunks = 0;
    for (std::uint64_t part = 1; part <= 4; ++part) {
        const CheckReport report = check(PackSample::of_parts(part, 4));
        packs += report.packs;
        chunks += report.chunks;
    }
    CHECK(packs == everything.packs);
    CHECK(chunks == everything.chunks);
    // Damage is found by that part alone that reads the pack.
    const PackId victim = *bench.packs_of(1).begin();
    bench.store->tamper(format::pack_name(victim), [](Bytes& octets) { octets[150] ^= 1; });
    std::size_t found = 0;
    for (std::uint64_t part = 1; part <= 4; ++part) found += check(PackSample::of_parts(part, 4)).findings.size();
    CHECK(found == 1);
}

TEST_CASE("what was set aside of a forgotten backup is shredded with it", "[restore][repair]") {
    Patient bench;
    const EntryId first = bench.back_up(root(files(0, 3)), in_small_frames());
    bench.back_up(root(files(5, 3)), in_small_frames());
    const PackId pack = *bench.packs_of(0).begin();
    const IndexId index = *bench.indexes_of(0).begin();
    bench.store->lose(format::index_name(index));
    REQUIRE(bench.rebuild({index}).front().is_mended);
    bench.store->tamper(format::pack_name(pack), [](Bytes& octets) { octets[140] ^= 1; });
    bench.set_aside(pack);
    const Catalogue all = bench.catalogue();
    const Shredding shredding = foresee_shredding(all, *bench.repository, {first});
    std::set<std::string> doomed;
    for (const auto* list : {&shredding.packs, &shredding.indexes}) {
        for (const Doomed& one : *list) doomed.insert(one.name);
    }
    for (const std::string folder : {"quarantine/", "rebuilt/"}) {
        const auto listing = bench.store->list(folder);
        REQUIRE(listing.size() == 1);
        CHECK(doomed.contains(listing.objects().front().name));
    }
    CHECK(doomed.size() == 2);
}
