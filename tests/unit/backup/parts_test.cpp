#include "backup/buffer_pool.h"
#include "backup/chunk_table.h"
#include "backup/content_lists.h"
#include "backup/walk.h"
#include "core/bounded_queue.h"
#include "core/crypto/random.h"
#include "core/pattern.h"
#include "tests/support/matchers.h"

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace signet;
using namespace signet::backup;
using signet::test::has_code;

TEST_CASE("of many threads that claim a chunk exactly one must store it", "[backup]") {
    ChunkTable table;
    std::vector<ChunkId> ids(20'000);
    for (auto& id : ids) id = crypto::random_id<ChunkId>();
    std::atomic<int> to_store{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&] {
            for (const auto& id : ids) to_store += table.claim(id) == ChunkTable::kUnknown ? 1 : 0;
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(to_store == 20'000);
    CHECK(table.size() == 20'000);
    for (const auto& id : ids) CHECK(table.find(id) == ChunkTable::kThisRun);
}

TEST_CASE("the first pack told of a chunk stays", "[backup]") {
    ChunkTable table;
    const auto id = crypto::random_id<ChunkId>();
    CHECK(table.find(id) == ChunkTable::kUnknown);
    table.add(id, 3);
    table.add(id, 4);
    CHECK(table.find(id) == 3);
    CHECK(table.claim(id) == 3);
}

namespace {

/// The references below a content, read back from its lists.
std::vector<format::Reference> unfold(const format::Content& content, const std::map<ChunkId, Bytes>& lists) {
    auto references = content.references;
    for (unsigned level = content.level; level-- > 0;) {
        std::vector<format::Reference> below;
        for (const auto& list : references) {
            const auto& chunk = lists.at(list.id);
            CHECK(chunk.size() == list.length);
            const auto part = format::decode_list(chunk, level, list.span, "a list");
            below.insert(below.end(), part.begin(), part.end());
        }
        references = std::move(below);
    }
    return references;
}

}  // namespace

TEST_CASE("a content of any length is found again below its lists, and an entry holds eight references at most",
          "[backup]") {
    for (const std::size_t count : {0UL, 1UL, 8UL, 9UL, 32UL, 1024UL, 1025UL, 5'000UL, 300'000UL}) {
        CAPTURE(count);
        std::map<ChunkId, Bytes> lists;
        ContentLists folding([&](ByteView chunk) {
            const auto id = crypto::random_id<ChunkId>();
            lists.emplace(id, Bytes(chunk.begin(), chunk.end()));
            return id;
        });
        std::vector<format::Reference> references(count);
        std::uint64_t size = 0;
        for (auto& reference : references) {
            reference = {crypto::random_id<ChunkId>(), 16'384, 16'384};
            size += reference.span;
            folding.add(reference);
        }
        const auto content = folding.finish(size);
        CHECK(content.references.size() <= 8);
        CHECK((content.level == 0) == (count <= 8));
        CHECK(unfold(content, lists) == references);
    }
}

TEST_CASE("a cancelled pool wakes and refuses those who wait", "[backup]") {
    BufferPool pool(1, 4096);
    auto held = pool.take();
    std::thread waiting([&] { CHECK_FALSE(pool.take()); });
    pool.cancel();
    waiting.join();
    held.release();
}

TEST_CASE("a full queue holds its weight and no more", "[core]") {
    BoundedQueue<int> queue(10);
    int value = 1;
    REQUIRE(queue.try_push(value, 25));  // heavier than the capacity, but alone
    CHECK_FALSE(queue.try_push(value, 1));
    CHECK(queue.pop() == 1);
    REQUIRE(queue.try_push(value, 6));
    CHECK_FALSE(queue.try_push(value, 5));
    queue.close();
    CHECK(queue.pop() == 1);
    CHECK_FALSE(queue.pop().has_value());
}

TEST_CASE("paths become absolute without asking the file system", "[backup]") {
    CHECK(absolute_path("a/../b/./c//", "/w") == "/w/b/c");
    CHECK(absolute_path("/", "/w") == "/");
    CHECK(absolute_path("..", "/w") == "/");
    CHECK(absolute_path("/../..", "/w") == "/");
}

TEST_CASE("patterns follow restic's rules", "[core][pattern]") {
    const auto matches = [](std::string_view pattern, std::string_view path) {
        return Pattern(pattern, false).matches(path);
    };
    CHECK(matches("*.c", "/home/anna/a.c"));
    CHECK_FALSE(matches("*.c", "/home/anna/a.cc"));
    CHECK(matches("foo", "/a/foo/b/c"));  // below a folder that matches
    CHECK(matches("foo/bar", "/x/foo/bar/y"));
    CHECK_FALSE(matches("foo/bar", "/x/foo/y/bar"));
    CHECK(matches("foo/**/bar", "/x/foo/y/z/bar"));
    CHECK(matches("foo/**/bar", "/x/foo/bar"));
    CHECK(matches("/home/*/tmp", "/home/anna/tmp/x"));
    CHECK_FALSE(matches("/home/*/tmp", "/srv/home/anna/tmp"));
    CHECK(matches("[a-c]x", "/bx"));
    CHECK(matches("[^a-c]x", "/dx"));
    CHECK_FALSE(matches("[^a-c]x", "/ax"));
    CHECK(matches("a\\*b", "/a*b"));
    CHECK_FALSE(matches("a\\*b", "/axb"));
    CHECK(matches("foo/", "/foo"));
    CHECK(matches("?", "/x"));
    CHECK_FALSE(matches("*", "/"));
    CHECK(Pattern("*.JPG", true).matches("/a/b.jpg"));
    CHECK_THROWS_MATCHES(Pattern("[a", false), Error, has_code(ErrorCode::usage));
    CHECK_THROWS_MATCHES(Pattern("", false), Error, has_code(ErrorCode::usage));
}

namespace {

using Words = std::vector<std::string>;

/// What a pattern says, tried in every way: a `**` stands for any number of folders, and what follows the pattern is
/// free.
bool matches_somehow(const Words& pattern, std::size_t at, const Words& path, std::size_t part) {
    if (at == pattern.size()) return true;
    if (pattern[at] == "**") {
        for (std::size_t skip = part; skip <= path.size(); ++skip) {
            if (matches_somehow(pattern, at + 1, path, skip)) return true;
        }
        return false;
    }
    return part < path.size() && match_component(pattern[at], path[part], false) &&
           matches_somehow(pattern, at + 1, path, part + 1);
}

}  // namespace

TEST_CASE("patterns with any number of ** match what trying every way matches", "[core][pattern]") {
    const std::uint64_t seed = std::random_device{}();
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    const auto words = [&random](const Words& choice, std::size_t most) {
        Words chosen(1 + random() % most);
        for (std::string& word : chosen) word = choice[random() % choice.size()];
        return chosen;
    };
    const auto joined = [](const Words& parts) {
        std::string text;
        for (const std::string& part : parts) text += (text.empty() ? "" : "/") + part;
        return text;
    };
    for (int i = 0; i < 20'000; ++i) {
        const Words pattern = words({"a", "b", "*", "**", "**", "a*"}, 6);
        const Words path = words({"a", "b", "ab"}, 8);
        bool expected = false;
        for (std::size_t start = 0; start < path.size(); ++start)
            expected = expected || matches_somehow(pattern, 0, path, start);
        INFO(joined(pattern) << " and " << joined(path));
        REQUIRE(Pattern("/" + joined(pattern), false).matches("/" + joined(path)) ==
                matches_somehow(pattern, 0, path, 0));
        REQUIRE(Pattern(joined(pattern), false).matches("/" + joined(path)) == expected);
    }
}

TEST_CASE("many ** take no longer than their number says", "[core][pattern][hostile]") {
    std::string pattern = "/";
    std::string path;
    for (int i = 0; i < 200; ++i) pattern += "**/a*/";
    for (int i = 0; i < 5'000; ++i) path += "/ab";
    CHECK(Pattern(pattern, false).matches(path));
    CHECK_FALSE(Pattern(pattern + "c", false).matches(path));
    CHECK_FALSE(Pattern(pattern.substr(1) + "c", false).matches(path));
}

TEST_CASE("a negated pattern takes back what earlier ones matched", "[core][pattern]") {
    PatternList list;
    list.add("*.log", false);
    list.add("!keep.log", false);
    CHECK(list.matches("/a/x.log"));
    CHECK_FALSE(list.matches("/a/keep.log"));
    CHECK_FALSE(list.matches("/a/x.txt"));
}

TEST_CASE("an anchored pattern tells which folders lead to it", "[core][pattern]") {
    const Pattern pattern("/a/b/*.c", false);
    CHECK(pattern.may_match_below("/a"));
    CHECK(pattern.may_match_below("/a/b"));
    CHECK_FALSE(pattern.may_match_below("/x"));
    CHECK(Pattern("*.c", false).may_match_below("/x"));
}
