// Frames, contents and trees are read as they were written, or refused.
#include "core/crypto/random.h"
#include "restore/tree_walk.h"
#include "tests/unit/restore/repository_bench.h"

#include <thread>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

namespace {

format::Entry entry_at(OpenBackup& backup, const std::string& path) {
    ChunkReader chunks = backup.chunk_reader();
    return find_entry(chunks, backup.root(), path);
}

std::string text_of(const Bytes& octets) { return std::string(as_text(octets)); }

std::string read_whole(OpenBackup& backup, const std::string& path) {
    const format::Entry entry = entry_at(backup, path);
    ChunkReader chunks = backup.chunk_reader();
    return text_of(ContentReader(chunks, entry.content, format::ChunkKind::data).read_all(100'000'000));
}

/// Notes what a walk meets, in order.
struct Notes final : TreeVisitor {
    std::vector<std::string> lines;
    bool goes_on = false;
    bool enter(std::string_view path, format::Entry&, bool selected) override {
        lines.push_back((selected ? "enter " : "cross ") + std::string(path));
        return true;
    }
    void leave(std::string_view path, bool complete) override {
        lines.push_back((complete ? "leave " : "break ") + std::string(path));
    }
    void visit(std::string_view path, format::Entry&) override { lines.push_back("visit " + std::string(path)); }
    void pass(std::string_view path, const format::Entry&) override { lines.push_back("pass " + std::string(path)); }
    bool broken(std::string_view, const Error&) override { return goes_on; }
};

std::vector<std::string> walk(OpenBackup& backup, const PathFilter& filter = {}) {
    Notes notes;
    ChunkReader chunks = backup.chunk_reader();
    walk_tree(chunks, backup.root(), filter, notes);
    return notes.lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a content is read through any level of lists", "[restore][content]") {
    RepositoryBench bench;
    RunOptions options;
    options.chunk_size = GENERATE(64U, 1000U, 5000U);
    options.list_size = GENERATE(0U, 4U, 100U);
    const std::string data = noise(options.list_size == 4 ? 12'000 : 50'000, 3);
    if (options.list_size == 4 && options.chunk_size == 64) options.chunk_size = 128;
    bench.back_up(root({file("f", data)}), options);
    const auto backup = bench.open();
    const format::Entry entry = entry_at(*backup, "/f");
    CAPTURE(options.chunk_size, options.list_size, entry.content.level);
    CHECK((read_whole(*backup, "/f") == data));

    ChunkReader chunks = backup->chunk_reader();
    ContentReader reader(chunks, entry.content, format::ChunkKind::data);
    for (const std::size_t offset : {0UL, 1UL, 127UL, 128UL, 4999UL, data.size() - 1, data.size()}) {
        for (const std::size_t size : {0UL, 1UL, 300UL, 6000UL}) {
            const std::size_t count = std::min(size, data.size() - offset);
            Bytes out(count);
            reader.read(offset, out);
            REQUIRE((text_of(out) == data.substr(offset, count)));
        }
    }
    Bytes beyond(2);
    CHECK_THROWS_MATCHES(reader.read(data.size() - 1, beyond), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a chunk of another length than its reference says is refused", "[restore][content][hostile]") {
    RepositoryBench bench;
    bench.back_up(root({file("f", noise(3'000, 1))}));
    const auto backup = bench.open();
    const format::Reference reference = entry_at(*backup, "/f").content.references.front();
    ChunkReader chunks = backup->chunk_reader();
    CHECK(chunks.read(format::ChunkKind::data, reference.id, 3'000).octets.size() == 3'000);
    for (const std::uint32_t length : {0U, 2'999U, 3'001U, UINT32_MAX}) {
        CHECK_THROWS_MATCHES(chunks.read(format::ChunkKind::data, reference.id, length), Error,
                             has_code(ErrorCode::damaged));
    }
}

TEST_CASE("an index segment about another data key than its entry's is not used", "[restore][hostile]") {
    RepositoryBench bench;
    RunOptions options;
    const bool is_honest = GENERATE(true, false);
    options.change_index = [&](format::IndexSegment& segment) {
        if (!is_honest) segment.dek = crypto::random_id<DekId>();
    };
    bench.back_up(root({file("f", noise(3'000, 1))}), options);
    std::vector<std::string> warnings;
    OpenOptions opening;
    opening.warn = [&](const std::string& text) { warnings.push_back(text); };
    const auto backup = bench.open({}, opening);
    CHECK(warnings.empty() == is_honest);
    CHECK((read_whole(*backup, "/f") == noise(3'000, 1)));  // by its packs' own directories
}

TEST_CASE("a content larger than its limit is refused before it is read", "[restore][content]") {
    RepositoryBench bench;
    bench.back_up(root({file("f", noise(10'000, 1))}));
    const auto backup = bench.open();
    const format::Entry entry = entry_at(*backup, "/f");
    ChunkReader chunks = backup->chunk_reader();
    ContentReader reader(chunks, entry.content, format::ChunkKind::data);
    CHECK_THROWS_MATCHES(reader.read_all(9'999), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("many threads that want one frame cost one decoding", "[restore][frame]") {
    RepositoryBench bench;
    RunOptions options;
    options.frame_size = 1024 * 1024;
    bench.back_up(root({file("f", noise(1'000'000, 1))}), options);
    const auto backup = bench.open();
    const format::Entry entry = entry_at(*backup, "/f");
    const std::uint64_t before = backup->frames().decoded();
    std::vector<std::jthread> threads;
    std::atomic<int> wrong{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            ChunkReader chunks = backup->chunk_reader();
            if (ContentReader(chunks, entry.content, format::ChunkKind::data).read_all(1'000'000).size() != 1'000'000)
                ++wrong;
        });
    }
    threads.clear();
    CHECK(wrong == 0);
    CHECK(backup->frames().decoded() - before == 1);
}

TEST_CASE("the cache of frames is bounded, and frames in use outlive it", "[restore][frame]") {
    RepositoryBench bench;
    bench.back_up(root({file("f", noise(600'000, 1))}));
    OpenOptions options;
    options.frames.cache_octets = 64 * 1024;
    options.frames.open_packs = 1;
    const auto backup = bench.open({}, options);
    std::vector<FrameReader::Frame> held;
    for (std::uint32_t i = 0; i < backup->table().frame_count(); ++i) held.push_back(backup->frames().get(i));
    const std::uint64_t once = backup->frames().decoded();
    CHECK(once == backup->table().frame_count());
    for (std::uint32_t i = 0; i < backup->table().frame_count(); ++i) {
        const auto again = backup->frames().get(i);
        CHECK(as_text(again->octets()) == as_text(held[i]->octets()));
    }
    CHECK(backup->frames().decoded() > once);
}

TEST_CASE("every bit of a pack that is read matters", "[restore][frame]") {
    RepositoryBench bench;
    bench.back_up(root({file("f", noise(3000, 1))}));
    const std::string pack = bench.packs().front();
    const std::size_t size = *bench.store->size(pack);
    // The directory at the end is not read by a restore; check reads it.
    const std::size_t offset = GENERATE(0U, 9U, 11U, 13U, 20U, 40U, 50U, 90U, 120U, 128U, 140U, 1500U);
    CAPTURE(offset, size);
    bench.store->tamper(pack, [&](Bytes& octets) { octets[offset] ^= 0x10; });
    try {
        const auto backup = bench.open();
        static_cast<void>(read_whole(*backup, "/f"));
        FAIL("a changed pack was read");
    } catch (const Error& error) {
        CHECK((error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported));
        CHECK(std::string(error.what()).find(pack) != std::string::npos);
    }
}

TEST_CASE("a pack of another size than its backup says is refused", "[restore][frame]") {
    RepositoryBench bench;
    bench.back_up(root({file("f", noise(3000, 1))}));
    bench.store->tamper(bench.packs().front(), [](Bytes& octets) { octets.push_back(0); });
    const auto backup = bench.open();
    CHECK_THROWS_MATCHES(read_whole(*backup, "/f"), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("packs of two runs swapped for each other are refused", "[restore][frame]") {
    RepositoryBench bench;
    bench.back_up(root({file("f", noise(3000, 1))}));
    bench.back_up(root({file("f", noise(3000, 2))}));
    const auto packs = bench.packs();
    REQUIRE(packs.size() == 2);
    const Bytes first = bench.store->get(packs[0], 1'000'000);
    const Bytes second = bench.store->get(packs[1], 1'000'000);
    bench.store->plant(packs[0], second);
    bench.store->plant(packs[1], first);
    const auto backup = bench.open();
    CHECK_THROWS_MATCHES(read_whole(*backup, "/f"), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a tree is walked in stored order", "[restore][tree]") {
    RepositoryBench bench;
    RunOptions options;
    options.chunk_size = GENERATE(3U, 50U, 4096U);
    bench.back_up(root({folder("a", {file("x"), folder("y", {file("z")})}), file("b"), folder("c"), link_to("d", "b")}),
                  options);
    const auto backup = bench.open();
    CHECK(walk(*backup) == Lines{"enter /", "enter /a", "visit /a/x", "enter /a/y", "visit /a/y/z", "leave /a/y",
                                 "leave /a", "visit /b", "enter /c", "leave /c", "visit /d", "leave /"});
}

TEST_CASE("a filter prunes what it does not want, and crosses what is on the way", "[restore][tree]") {
    RepositoryBench bench;
    bench.back_up(root({folder("a", {file("x"), folder("y", {file("z")})}), file("b"), folder("c", {file("w")})}));
    const auto backup = bench.open();
    PathFilter filter;
    filter.everything = false;
    filter.selected = [](std::string_view path, bool) { return path == "/a/y" || path.starts_with("/a/y/"); };
    filter.may_select_below = [](std::string_view path) { return path == "/" || path.starts_with("/a"); };
    CHECK(walk(*backup, filter) == Lines{"cross /", "cross /a", "pass /a/x", "enter /a/y", "visit /a/y/z", "leave /a/y",
                                         "leave /a", "pass /b", "pass /c", "leave /"});
}

TEST_CASE("a folder of many entries is read in pieces", "[restore][tree]") {
    RepositoryBench bench;
    Node all = folder("all");
    for (int i = 0; i < 3000; ++i) {
        std::string name = std::to_string(i);
        all.with(file(std::string(5 - name.size(), '0') + name, name));
    }
    RunOptions options;
    options.chunk_size = 777;
    options.list_size = 20;
    bench.back_up(root({all}), options);
    const auto backup = bench.open();
    CHECK(walk(*backup).size() == 3004);
    ChunkReader chunks = backup->chunk_reader();
    const format::Entry found = find_entry(chunks, backup->root(), "/all/02999");
    CHECK(found.content.size == 4);
    CHECK_THROWS_MATCHES(find_entry(chunks, backup->root(), "/all/03000"), Error, has_code(ErrorCode::usage));
    CHECK_THROWS_MATCHES(find_entry(chunks, backup->root(), "/all/02999/x"), Error, has_code(ErrorCode::usage));
}

TEST_CASE("a folder that gave back its memory goes on where it was", "[restore][tree]") {
    RepositoryBench bench;
    Node all = folder("all");
    for (int i = 100; i < 400; ++i) all.with(file(std::to_string(i)));
    RunOptions options;
    options.chunk_size = 100;
    bench.back_up(root({all}), options);
    const auto backup = bench.open();
    ChunkReader chunks = backup->chunk_reader();
    DirectoryReader reader(chunks, entry_at(*backup, "/all").content, "/all");
    format::Entry entry;
    for (int i = 100; i < 400; ++i) {
        if (i % 7 == 0) reader.suspend();
        REQUIRE(reader.next(entry));
        REQUIRE(entry.name == std::to_string(i));
    }
    reader.suspend();
    CHECK_FALSE(reader.next(entry));
}

TEST_CASE("a tree deeper than 4,096 folders is refused", "[restore][tree][bombs]") {
    RepositoryBench bench;
    const int depth = GENERATE(4095, 4097);
    Node deep = folder("d");
    for (int i = 1; i < depth; ++i) {
        Node above = folder("d");
        above.with(std::move(deep));
        deep = std::move(above);
    }
    RunOptions options;
    options.frame_size = 1024 * 1024;
    options.pack_size = 16 * 1024 * 1024;
    bench.back_up(root({deep}), options);
    const auto backup = bench.open();
    if (depth == 4095) {
        CHECK(walk(*backup).size() == 2 * 4096);
    } else {
        CHECK_THROWS_MATCHES(walk(*backup), Error, has_code(ErrorCode::damaged));
    }
}

TEST_CASE("folders that are not canonical are refused", "[restore][tree][hostile]") {
    RepositoryBench bench;
    const std::vector<Node> children = GENERATE(values<std::vector<Node>>({{file("b"), file("a")},
                                                                           {file("a"), file("a")},
                                                                           {file("a"), link_to("a", "/etc")},
                                                                           {file("..")},
                                                                           {file(".")},
                                                                           {file("a/b")},
                                                                           {file("/etc")},
                                                                           {file("")},
                                                                           {file(std::string("a\0b", 3))},
                                                                           {file(std::string(256, 'n'))}}));
    bench.back_up(root({folder("f", children)}));
    const auto backup = bench.open();
    CHECK_THROWS_MATCHES(walk(*backup), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("octets that are no folder are refused", "[restore][tree][hostile]") {
    RepositoryBench bench;
    Node bad = folder("f");
    bad.raw_content =
        GENERATE(std::string(1, '\0'), std::string("garbage"), noise(5000, 9), std::string("\x01x\x01", 3));
    bench.back_up(root({bad, file("g-after")}));
    const auto backup = bench.open();
    Notes notes;
    ChunkReader chunks = backup->chunk_reader();
    CHECK_THROWS_MATCHES(walk_tree(chunks, backup->root(), {}, notes), Error, has_code(ErrorCode::damaged));
    Notes tolerant;
    tolerant.goes_on = true;
    walk_tree(chunks, backup->root(), {}, tolerant);
    CHECK(tolerant.lines.back() == "leave /");
    CHECK(std::find(tolerant.lines.begin(), tolerant.lines.end(), "visit /g-after") != tolerant.lines.end());
    CHECK(std::find(tolerant.lines.begin(), tolerant.lines.end(), "break /f") != tolerant.lines.end());
}

TEST_CASE("a walk ends when it is interrupted", "[restore][tree]") {
    RepositoryBench bench;
    bench.back_up(root({file("a")}));
    const auto backup = bench.open();
    Notes notes;
    ChunkReader chunks = backup->chunk_reader();
    const std::atomic<bool> interrupted{true};
    CHECK_THROWS_MATCHES(walk_tree(chunks, backup->root(), {}, notes, &interrupted), Error,
                         has_code(ErrorCode::interrupted));
}
