// One suite for every store: what storage/store.h promises, whoever keeps the objects.
#include <atomic>
#include <numeric>
#include <thread>

#include "core/error.h"
#include "storage/local_store.h"
#include "storage/open_store.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/temporary_folder.h"

using namespace signet;
using namespace signet::storage;
using signet::test::has_code;
using signet::test::MemoryStore;
using signet::test::TemporaryFolder;

namespace {

/// A fresh, empty local store with its folder.
struct LocalCase {
    TemporaryFolder folder;
    std::shared_ptr<Store> store = LocalStore::create_folder(folder / "repository");
};

struct MemoryCase {
    std::shared_ptr<Store> store = std::make_shared<MemoryStore>();
};

Bytes pattern(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 251);
    return bytes;
}

std::vector<std::string> names_of(const CompleteListing& listing) {
    std::vector<std::string> names;
    for (const ObjectInfo& info : listing) names.push_back(info.name);
    return names;
}

using Names = std::vector<std::string>;

/// Memory that starts on a multiple of kDirectAlignment.
class MarkedBuffer {
public:
    explicit MarkedBuffer(std::size_t capacity) : memory_(capacity + kDirectAlignment, 0xee), capacity_(capacity) {}
    MutableByteView view() {
        const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
        const std::size_t skip = (kDirectAlignment - address % kDirectAlignment) % kDirectAlignment;
        return MutableByteView(memory_).subspan(skip, capacity_);
    }

private:
    Bytes memory_;
    std::size_t capacity_;
};

}  // namespace

TEMPLATE_TEST_CASE("an object comes back as it was put", "[storage][store]", LocalCase, MemoryCase) {
    TestType store_case;
    Store& store = *store_case.store;
    const std::size_t size = GENERATE(as<std::size_t>{}, 0, 1, 4095, 4096, 4097, 1'000'000);
    const Bytes content = pattern(size);
    const Durability durability = GENERATE(Durability::now, Durability::on_flush);
    CHECK(store.put("packs/ab/cd", content, durability));
    CHECK(store.get("packs/ab/cd", size) == content);
    CHECK(store.size("packs/ab/cd") == size);
    CHECK(store.exists("packs/ab/cd"));
    CHECK_NOTHROW(store.flush());
    CHECK(store.get("packs/ab/cd", size) == content);
}

TEMPLATE_TEST_CASE("an object is never replaced", "[storage][store]", LocalCase, MemoryCase) {
    TestType store_case;
    Store& store = *store_case.store;
    CHECK(store.put("journal/a/1", as_bytes("first")));
    CHECK_FALSE(store.put("journal/a/1", as_bytes("second, longer")));
    CHECK(as_text(store.get("journal/a/1", 100)) == "first");
    const auto pending = store.create();
    pending->write(as_bytes("third"));
    CHECK_FALSE(pending->commit("journal/a/1"));
    CHECK(as_text(store.get("journal/a/1", 100)) == "first");
}

TEMPLATE_TEST_CASE("a missing object is told apart from a failure", "[storage][store]", LocalCase, MemoryCase) {
    TestType store_case;
    Store& store = *store_case.store;
    CHECK_FALSE(store.exists("slots/none"));
    CHECK_FALSE(store.size("slots/none"));
    CHECK_FALSE(store.get_if_present("slots/none", 10));
    CHECK(store.open_if_present("slots/none") == nullptr);
    CHECK_THROWS_MATCHES(store.get("slots/none", 10), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(store.open_object("slots/none"), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(store.remove(store.list(""), "slots/none"), Error, has_code(ErrorCode::failed));
    CHECK_NOTHROW(store.prefetch("slots/none"));
}

TEMPLATE_TEST_CASE("an object over its limit is refused", "[storage][store]", LocalCase, MemoryCase) {
    TestType store_case;
    Store& store = *store_case.store;
    CHECK(store.put("indexes/a", pattern(100)));
    CHECK(store.get("indexes/a", 100).size() == 100);
    CHECK_THROWS_MATCHES(store.get("indexes/a", 99), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(store.get_if_present("indexes/a", 0), Error, has_code(ErrorCode::damaged));
}

TEMPLATE_TEST_CASE("ranges inside an object are read, others are damage", "[storage][store]", LocalCase, MemoryCase) {
    TestType store_case;
    Store& store = *store_case.store;
    const Bytes content = pattern(10'000);
    CHECK(store.put("packs/a", content));
    const auto reader = store.open_object("packs/a");
    CHECK(reader->size() == 10'000);
    reader->prefetch(0, 0);
    reader->prefetch(UINT64_MAX, UINT64_MAX);
    for (const auto& [offset, size] :
         {std::pair<std::uint64_t, std::size_t>{0, 10'000}, {1, 4096}, {9'999, 1}, {10'000, 0}, {0, 0}}) {
        Bytes part(size);
        reader->read(offset, part);
        CHECK(std::equal(part.begin(), part.end(), content.begin() + static_cast<std::ptrdiff_t>(offset)));
        store.get_range("packs/a", offset, part);
        CHECK(std::equal(part.begin(), part.end(), content.begin() + static_cast<std::ptrdiff_t>(offset)));
    }
    for (const auto& [offset, size] : {std::pair<std::uint64_t, std::size_t>{0, 10'001},
                                       {10'000, 1},
                                       {9'999, 2},
                                       {UINT64_MAX, 1},
                                       {UINT64_MAX - 5, 10}}) {
        Bytes part(size);
        CHECK_THROWS_MATCHES(reader->read(offset, part), Error, has_code(ErrorCode::damaged));
        CHECK_THROWS_MATCHES(store.get_range("packs/a", offset, part), Error, has_code(ErrorCode::damaged));
    }
}

TEMPLATE_TEST_CASE("a reader serves several threads at once", "[storage][store]", LocalCase, MemoryCase) {
    TestType store_case;
    Store& store = *store_case.store;
    const Bytes content = pattern(100'000);
    CHECK(store.put("packs/a", content));
    const auto reader = store.open_object("packs/a");
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            Bytes part(1000);
            for (std::size_t offset = t; offset + part.size() < content.size(); offset += 997) {
                reader->read(offset, part);
                if (!std::equal(part.begin(), part.end(), content.begin() + static_cast<std::ptrdiff_t>(offset)))
                    ++wrong;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("a pending object is invisible until it is committed", "[storage][store]", LocalCase, MemoryCase) {
    TestType store_case;
    Store& store = *store_case.store;
    {
        const auto pending = store.create();
        pending->write(as_bytes("one "));
        pending->write({});
        pending->write(as_bytes("two"));
        CHECK(store.list("").empty());
        CHECK(pending->commit("packs/ab/x"));
        CHECK(as_text(store.get("packs/ab/x", 100)) == "one two");
    }
    {
        const auto discarded = store.create();
        discarded->write(as_bytes("never"));
    }
    CHECK(names_of(store.list("")) == Names{"packs/ab/x"});
}

TEMPLATE_TEST_CASE("an aligned buffer becomes an object of exactly its length", "[storage][store]", LocalCase,
                   MemoryCase) {
    TestType store_case;
    Store& store = *store_case.store;
    const std::size_t length =
        GENERATE(as<std::size_t>{}, 0, 1, 511, 512, 4095, 4096, 4097, 65'536, 1'000'000, 1'048'576);
    MarkedBuffer buffer(std::size_t{1} << 20U);
    const Bytes content = pattern(length);
    std::copy(content.begin(), content.end(), buffer.view().begin());
    const auto pending = store.create();
    pending->write_aligned(buffer.view(), length);
    CHECK(pending->commit("packs/ab/x"));
    CHECK(store.size("packs/ab/x") == length);
    CHECK(store.get("packs/ab/x", length) == content);
}

TEMPLATE_TEST_CASE("a listing has every object of its prefix, sorted, with its size", "[storage][store]", LocalCase,
                   MemoryCase) {
    TestType store_case;
    Store& store = *store_case.store;
    CHECK(store.list("").empty());
    CHECK(store.list("journal/").empty());
    for (const char* name : {"packs/ff/b", "packs/0a/z", "config.json", "journal/b/0000000002", "journal/b/0000000001",
                             "journal/a/0000000001", "packs/0a/y", "indexes/c", "journal-else"}) {
        CHECK(store.put(name, as_bytes(name), Durability::on_flush));
    }
    CHECK(names_of(store.list("")) == Names{"config.json", "indexes/c", "journal-else", "journal/a/0000000001",
                                            "journal/b/0000000001", "journal/b/0000000002", "packs/0a/y", "packs/0a/z",
                                            "packs/ff/b"});
    CHECK(names_of(store.list("journal/")) ==
          Names{"journal/a/0000000001", "journal/b/0000000001", "journal/b/0000000002"});
    CHECK(names_of(store.list("journal/b/")) == Names{"journal/b/0000000001", "journal/b/0000000002"});
    CHECK(names_of(store.list("journal/b/0000000002")) == Names{"journal/b/0000000002"});
    CHECK(names_of(store.list("packs/0")) == Names{"packs/0a/y", "packs/0a/z"});
    CHECK(store.list("slots/").empty());
    CHECK(store.list("journal/b/0000000001/").empty());
    const CompleteListing all = store.list("");
    for (const ObjectInfo& info : all) CHECK(info.size == info.name.size());
    REQUIRE(all.find("packs/0a/z") != nullptr);
    CHECK(all.find("packs/0a/z")->size == 10);
    CHECK(all.find("packs/0a/zz") == nullptr);
    CHECK(all.find("") == nullptr);
}

TEMPLATE_TEST_CASE("a removed object is gone and its name free", "[storage][store]", LocalCase, MemoryCase) {
    TestType store_case;
    Store& store = *store_case.store;
    CHECK(store.put("packs/a", as_bytes("one")));
    const CompleteListing listing = store.list("packs/");
    CHECK(store.remove(listing, "packs/a"));
    CHECK_FALSE(store.remove(listing, "packs/a"));
    CHECK_FALSE(store.exists("packs/a"));
    CHECK_NOTHROW(store.flush());
    CHECK(store.put("packs/a", as_bytes("two")));
}

TEMPLATE_TEST_CASE("what cannot be a name is refused everywhere", "[storage][store]", LocalCase, MemoryCase) {
    TestType store_case;
    Store& store = *store_case.store;
    const std::string name = GENERATE(as<std::string>{}, "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a",
                                      "a/../b", ".hidden", "a/.hidden", "A", "a b", "a_b", "a\\b", "a:b", "tmp",
                                      "tmp/a", "\xc3\xa4", std::string("a\0b", 3), std::string(241, 'a'));
    CAPTURE(name);
    CHECK_FALSE(is_object_name(name));
    CHECK_THROWS_MATCHES(store.put(name, {}), Error, has_code(ErrorCode::failed));
    CHECK_THROWS_MATCHES(store.get(name, 1), Error, has_code(ErrorCode::failed));
    CHECK_THROWS_MATCHES(store.size(name), Error, has_code(ErrorCode::failed));
    CHECK_THROWS_MATCHES(store.remove(store.list(""), name), Error, has_code(ErrorCode::failed));
    const auto pending = store.create();
    CHECK_THROWS_MATCHES(pending->commit(name), Error, has_code(ErrorCode::failed));
    CHECK(store.list("").empty());
}

TEMPLATE_TEST_CASE("of writers that race for one name exactly one creates it", "[storage][store]", LocalCase,
                   MemoryCase) {
    TestType store_case;
    Store& store = *store_case.store;
    for (int round = 0; round < 20; ++round) {
        const std::string name = "journal/a/" + std::to_string(round);
        std::atomic<int> created{0};
        std::atomic<int> winner{-1};
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                if (store.put(name, as_bytes(std::to_string(t)), t % 2 == 0 ? Durability::now : Durability::on_flush)) {
                    ++created;
                    winner = t;
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
        CHECK(created == 1);
        CHECK(as_text(store.get(name, 10)) == std::to_string(winner));
    }
}

TEST_CASE("a store in memory forgets in a crash what was not flushed, and nothing else", "[storage][support]") {
    MemoryStore store;
    CHECK(store.put("a", {}, Durability::now));
    CHECK(store.put("b", {}, Durability::on_flush));
    store.flush();
    CHECK(store.put("c", {}, Durability::on_flush));
    store.crash();
    CHECK(names_of(store.list("")) == Names{"a", "b"});
}

TEST_CASE("a store in memory fails at each operation in turn and stays whole", "[storage][support]") {
    for (std::uint64_t n = 1;; ++n) {
        MemoryStore store;
        CHECK(store.put("a", as_bytes("old")));
        store.fail_at(n);
        bool done = true;
        try {
            static_cast<void>(store.put("b", as_bytes("new")));
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::io);
            done = false;
        }
        const bool failed = store.has_failed();
        store.fail_at(0);
        CHECK(done == !failed);
        CHECK(store.exists("b") == done);
        CHECK(as_text(store.get("a", 10)) == "old");
        if (done) break;
    }
}
