#include "storage/journal_cache.h"

#include "core/crypto/random.h"
#include "core/file.h"
#include "format/names.h"
#include "tests/support/journal_writer.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/temporary_folder.h"

#include <filesystem>

using namespace signet;
using namespace signet::storage;
using signet::test::JournalWriter;
using signet::test::MemoryStore;

namespace {

constexpr std::size_t kEntries = 40;

/// A repository with one journal, and a cache of it.
struct Bench {
    signet::test::TemporaryFolder folder;
    std::shared_ptr<MemoryStore> store = std::make_shared<MemoryStore>();
    SecretBytes key = crypto::random_secret(32);
    SecretBytes seed = crypto::random_secret(32);
    format::WriterKeys keys{crypto::random_secret(32), crypto::random_secret(32), crypto::random_secret(32)};
    format::RepositoryConfig config;
    std::optional<Repository> repository;
    std::optional<JournalWriter> writer;

    explicit Bench(std::size_t entries = kEntries) {
        config.repository = crypto::random_id<RepositoryId>();
        config.officer = crypto::random_id<IdentityId>();
        Repository::create(*store, config);
        repository = Repository::open(store);
        start_journal();
        append(entries);
    }
    /// A journal of the same identity, from its first entry.
    void start_journal() { writer.emplace(*repository, crypto::SigningKey::from_seed(seed.clone()), keys.clone()); }
    void append(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const auto dek = format::DataKey::generate(config.repository);
            format::BackupPublic fields;
            fields.dek = dek.id();
            fields.commitment = dek.commitment();
            fields.series = writer->series("things");
            fields.slots = {signet::test::hollow_slot(dek, {}, "local:prod/1")};
            (void)writer->append(format::EntryKind::backup, fields, dek, "things", {1});
        }
    }
    JournalCache cache() const { return {folder.path(), config.repository, key}; }
    std::vector<Journal> look() const {
        const JournalCache mine = cache();
        return repository->load_headers(&mine);
    }
    std::string file() const { return folder / ("journal-" + writer->identity().short_hex(16)); }
    std::string name(std::uint64_t sequence) const { return format::journal_name(writer->identity(), sequence); }
};

std::vector<EntryId> ids(const std::vector<Journal>& journals) {
    std::vector<EntryId> all;
    for (const Journal& journal : journals) {
        for (const format::SignedEntry& entry : journal.entries) all.push_back(entry.id);
    }
    return all;
}

}  // namespace

TEST_CASE("headers are what journals are, without bodies", "[storage][cache]") {
    Bench bench;
    const auto whole = bench.repository->load_journals();
    for (const bool from_cache : {false, true}) {
        CAPTURE(from_cache);
        const auto headers = bench.look();
        REQUIRE(headers.size() == 1);
        CHECK_FALSE(headers[0].problem);
        CHECK(ids(headers) == ids(whole));
        for (std::size_t i = 0; i < kEntries; ++i) {
            const format::SignedEntry& left = headers[0].entries[i];
            const format::SignedEntry& right = whole[0].entries[i];
            CHECK_FALSE(left.has_body);
            CHECK(left.object.size() < right.object.size());
            CHECK(left.stored_size() == right.object.size());
            CHECK(left.identity == right.identity);
            CHECK(left.head.sequence == i + 1);
            CHECK(format::backup_public(left).dek == format::backup_public(right).dek);
            REQUIRE(format::open_labels(left, bench.keys.label_key));
            CHECK(format::open_labels(left, bench.keys.label_key)->series == "things");
        }
    }
}

TEST_CASE("what is in the cache is not read again, and what is new is", "[storage][cache]") {
    Bench bench;
    (void)bench.look();
    REQUIRE(std::filesystem::exists(bench.file()));
    const auto reads = [&] {
        const std::uint64_t before = bench.store->operations();
        (void)bench.look();
        return bench.store->operations() - before;
    };
    CHECK(reads() == 3);  // the listing; the newest entry that is known is opened and read
    bench.append(3);
    CHECK(reads() == 3 + 2 * 3);
    CHECK(ids(bench.look()) == ids(bench.repository->load_journals()));
    bench.append(30);
    CHECK(reads() == 3 + 2 * 33);
    CHECK(reads() == 3);
}

TEST_CASE("a short journal is not worth a file", "[storage][cache]") {
    Bench bench(5);
    (void)bench.look();
    CHECK_FALSE(std::filesystem::exists(bench.file()));
}

TEST_CASE("an altered, cut or foreign cache is as good as none", "[storage][cache][hostile]") {
    Bench bench;
    (void)bench.look();
    const Bytes good = read_file(bench.file(), 1'000'000);
    const auto loads = [&](const Bytes& content) {
        replace_file(bench.file(), content, 0600);
        return bench.cache().load(bench.writer->identity()).size();
    };
    CHECK(loads(good) == kEntries);
    SECTION("one bit anywhere") {
        for (std::size_t at = 0; at < good.size(); at += at < 300 ? 1 : 61) {
            CAPTURE(at);
            Bytes altered = good;
            altered[at] ^= static_cast<std::uint8_t>(1U << (at % 8));
            CHECK(loads(altered) == 0);
        }
    }
    SECTION("cut anywhere, or longer") {
        for (std::size_t size = 0; size < good.size(); size += 101) {
            CAPTURE(size);
            CHECK(loads({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}) == 0);
        }
        Bytes longer = good;
        longer.push_back(0);
        CHECK(loads(longer) == 0);
    }
    SECTION("of another host") {
        CHECK(JournalCache(bench.folder.path(), bench.config.repository, crypto::random_secret(32))
                  .load(bench.writer->identity())
                  .empty());
    }
    SECTION("of another repository") {
        CHECK(JournalCache(bench.folder.path(), crypto::random_id<RepositoryId>(), bench.key)
                  .load(bench.writer->identity())
                  .empty());
    }
    SECTION("of another journal") {
        const auto other = crypto::random_id<IdentityId>();
        std::filesystem::copy(bench.file(), bench.folder / ("journal-" + other.short_hex(16)));
        CHECK(bench.cache().load(other).empty());
    }
    // Whatever lies there: the answer is that of the repository.
    CHECK(ids(bench.look()) == ids(bench.repository->load_journals()));
}

TEST_CASE("an old cache saves what it can", "[storage][cache]") {
    Bench bench;
    (void)bench.look();
    const Bytes old = read_file(bench.file(), 1'000'000);
    bench.append(40);
    (void)bench.look();
    replace_file(bench.file(), old, 0600);
    CHECK(ids(bench.look()) == ids(bench.repository->load_journals()));
}

TEST_CASE("a journal that is not the one in the cache is read anew", "[storage][cache][hostile]") {
    Bench bench;
    (void)bench.look();
    REQUIRE(bench.look().front().entries.size() == kEntries);
    SECTION("rolled back") {
        for (std::uint64_t sequence = 31; sequence <= kEntries; ++sequence) bench.store->lose(bench.name(sequence));
        CHECK(bench.look().front().entries.size() == 30);
    }
    SECTION("all of it gone") {
        for (std::uint64_t sequence = 1; sequence <= kEntries; ++sequence) bench.store->lose(bench.name(sequence));
        CHECK(bench.look().empty());
    }
    SECTION("another one by the same identity") {
        const auto before = ids(bench.look());
        for (std::uint64_t sequence = 1; sequence <= kEntries; ++sequence) bench.store->lose(bench.name(sequence));
        bench.start_journal();
        bench.append(kEntries + 5);
        CHECK(ids(bench.look()) == ids(bench.repository->load_journals()));
        CHECK(ids(bench.look()).front() != before.front());
    }
    SECTION("a gap in what is known") {
        bench.store->lose(bench.name(7));
        const auto journals = bench.look();
        CHECK(journals.front().entries.size() == 6);
        REQUIRE(journals.front().problem);
    }
    SECTION("an old entry of another size") {
        bench.store->tamper(bench.name(7), [](Bytes& octets) { octets.pop_back(); });
        const auto journals = bench.look();
        CHECK(journals.front().entries.size() == 6);
        REQUIRE(journals.front().problem);
        CHECK(journals.front().problem->code() == ErrorCode::damaged);
    }
    SECTION("the newest entry altered") {
        bench.store->tamper(bench.name(kEntries), [](Bytes& octets) { octets[200] ^= 1; });
        CHECK(bench.look().front().entries.size() == kEntries - 1);
    }
    SECTION("an entry that does not follow the newest one in the cache") {
        bench.store->plant(bench.name(kEntries + 1), bench.store->get(bench.name(3), 100'000));
        const auto journals = bench.look();
        CHECK(journals.front().entries.size() == kEntries);
        CHECK(journals.front().problem);
    }
}

TEST_CASE("an altered old entry is seen by who reads the journal, not by who looks at the cache",
          "[storage][cache][hostile]") {
    // What the manual and the threat model say of caches; a restore and `check` read the journal.
    Bench bench;
    const auto before = ids(bench.look());
    bench.store->tamper(bench.name(7), [](Bytes& octets) { octets[200] ^= 1; });
    CHECK(ids(bench.look()) == before);
    CHECK(bench.repository->load_headers(nullptr).front().entries.size() == 6);
    CHECK(bench.repository->load_journals().front().entries.size() == 6);
}

TEST_CASE("a cache that cannot be written changes nothing", "[storage][cache]") {
    Bench bench;
    replace_file(bench.folder / "file", {}, 0600);
    const JournalCache nowhere(bench.folder / "file", bench.config.repository, bench.key);
    for (int i = 0; i < 2; ++i)
        CHECK(ids(bench.repository->load_headers(&nowhere)) == ids(bench.repository->load_journals()));
}

TEST_CASE("a store that fails while the cache is compared is not an answer", "[storage][cache]") {
    Bench bench;
    (void)bench.look();
    for (std::uint64_t at = 1; at <= 3; ++at) {
        bench.store->fail_at(at);
        CHECK_THROWS_MATCHES(bench.look(), Error, signet::test::has_code(ErrorCode::io));
    }
}
