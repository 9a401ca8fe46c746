#include "storage/repository.h"

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "format/officer_entry.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

using namespace signet;
using namespace signet::storage;
using signet::test::has_code;
using signet::test::MemoryStore;

namespace {

/// A repository in memory, and an identity that writes plain entries into it.
struct Bench {
    std::shared_ptr<MemoryStore> store = std::make_shared<MemoryStore>();
    crypto::SigningKey key = crypto::SigningKey::generate();
    format::RepositoryConfig config;
    std::optional<Repository> repository;

    Bench() {
        config.repository = crypto::random_id<RepositoryId>();
        config.officer = identity();
        Repository::create(*store, config);
        repository = Repository::open(store);
    }
    IdentityId identity() const { return key.verify_key().identity(); }
    Bytes entry(std::uint64_t sequence, const EntryId& previous, std::uint64_t number = 1) const {
        format::EntryHead head;
        head.repository = config.repository;
        head.config_hash = repository->config_hash();
        head.sequence = sequence;
        head.previous = previous;
        format::PolicyFields fields;
        fields.number = number;
        return format::make_plain_entry(format::EntryKind::policy, head, fields.encode(), key);
    }
    static EntryId id_of(const Bytes& object) { return EntryId::from(crypto::sha256(object).view()); }
    /// returns  the objects
    std::vector<Bytes> append(std::size_t count) const {
        std::vector<Bytes> objects;
        for (std::uint64_t sequence = 1; sequence <= count; ++sequence) {
            objects.push_back(entry(sequence, objects.empty() ? EntryId{} : id_of(objects.back())));
            REQUIRE(repository->append_entry(identity(), sequence, objects.back()));
        }
        return objects;
    }
    std::string name(std::uint64_t sequence) const { return format::journal_name(identity(), sequence); }
    format::Slot slot() const {
        format::Slot slot;
        slot.repository = config.repository;
        slot.dek = crypto::random_id<DekId>();
        slot.thumbprint = {format::Thumbprint::Kind::sha256, crypto::random_id<Digest>()};
        slot.commitment = crypto::random_id<Digest>();
        slot.location = "local:prod/1";
        slot.wrapped = Bytes(256, 7);
        return slot;
    }
};

}  // namespace

TEST_CASE("a repository is made once", "[storage][repository]") {
    Bench bench;
    CHECK(bench.repository->config().repository == bench.config.repository);
    CHECK_THROWS_MATCHES(Repository::create(*bench.store, bench.config), Error, has_code(ErrorCode::refused));
}

TEST_CASE("a store without config.json is no repository", "[storage][repository]") {
    CHECK_THROWS_MATCHES(Repository::open(std::make_shared<MemoryStore>()), Error, has_code(ErrorCode::no_repository));
}

TEST_CASE("a journal is read in order, several entries at a time", "[storage][repository]") {
    Bench bench;
    const auto objects = bench.append(60);
    const auto journals = bench.repository->load_journals();
    REQUIRE(journals.size() == 1);
    CHECK(journals[0].identity == bench.identity());
    CHECK_FALSE(journals[0].problem);
    REQUIRE(journals[0].entries.size() == objects.size());
    for (std::size_t i = 0; i < objects.size(); ++i) CHECK(journals[0].entries[i].id == Bench::id_of(objects[i]));
    CHECK(bench.repository->load_journal(bench.identity()).entries.size() == 60);
}

TEST_CASE("nobody's journal is empty", "[storage][repository]") {
    Bench bench;
    bench.append(1);
    const Journal journal = bench.repository->load_journal(crypto::random_id<IdentityId>());
    CHECK(journal.entries.empty());
    CHECK_FALSE(journal.problem);
}

TEST_CASE("a sequence number is taken by who comes first", "[storage][repository]") {
    Bench bench;
    CHECK(bench.repository->append_entry(bench.identity(), 1, bench.entry(1, {})));
    CHECK_FALSE(bench.repository->append_entry(bench.identity(), 1, bench.entry(1, {}, 2)));
}

TEST_CASE("an entry that was stored though its acknowledgement was lost is not stored twice", "[storage][repository]") {
    Bench bench;
    const Bytes entry = bench.entry(1, {});
    CHECK(bench.repository->append_entry(bench.identity(), 1, entry));
    CHECK(bench.repository->append_entry(bench.identity(), 1, entry));
}

TEST_CASE("an entry that a listing missed is no gap", "[storage][repository]") {
    Bench bench;
    bench.append(5);
    bench.store->overlook(bench.name(3));
    bench.store->overlook(bench.name(4));
    const Journal journal = bench.repository->load_journal(bench.identity());
    CHECK(journal.entries.size() == 5);
    CHECK_FALSE(journal.problem);
}

TEST_CASE("a journal is believed up to its first damaged entry", "[storage][repository]") {
    Bench bench;
    bench.append(5);
    SECTION("one bit of an entry") {
        bench.store->tamper(bench.name(3), [](Bytes& octets) { octets[100] ^= 1; });
    }
    SECTION("a truncated entry") {
        bench.store->tamper(bench.name(3), [](Bytes& octets) { octets.pop_back(); });
    }
    SECTION("an entry in another one's place") {
        bench.store->plant(bench.name(3), bench.store->get(bench.name(2), 100'000));
    }
    SECTION("a gap") { bench.store->lose(bench.name(3)); }
    SECTION("a fork: signed, in its place, and following another entry") {
        bench.store->plant(bench.name(3), bench.entry(3, crypto::random_id<EntryId>()));
    }
    SECTION("another identity's entry") {
        Bench other;
        other.append(3);
        bench.store->plant(bench.name(3), other.store->get(other.name(3), 100'000));
    }
    const Journal journal = bench.repository->load_journal(bench.identity());
    CHECK(journal.entries.size() == 2);
    REQUIRE(journal.problem);
    CHECK(journal.problem->code() == ErrorCode::damaged);
    CHECK(std::string(journal.problem->what()).find(bench.name(3)) != std::string::npos);
    CHECK_FALSE(journal.unbelieved.empty());
}

TEST_CASE("entries behind damage are stranded: those that were signed for their places", "[storage][repository]") {
    Bench bench;
    bench.append(6);
    bench.store->tamper(bench.name(5), [](Bytes& octets) { octets[100] ^= 1; });
    const auto stranded = [&bench](bool by_headers) {
        std::vector<std::uint64_t> numbers;
        const Journal journal = by_headers ? std::move(bench.repository->load_headers(nullptr).front())
                                           : bench.repository->load_journal(bench.identity());
        CHECK(journal.entries.size() == 1);
        CHECK(journal.unbelieved.size() >= journal.stranded.size());
        for (const format::SignedEntry& entry : journal.stranded) numbers.push_back(entry.head.sequence);
        return numbers;
    };
    SECTION("a damaged one") {
        bench.store->tamper(bench.name(2), [](Bytes& octets) { octets[100] ^= 1; });
        CHECK(stranded(false) == std::vector<std::uint64_t>{3, 4, 6});
        CHECK(stranded(true) == std::vector<std::uint64_t>{3, 4, 6});
    }
    SECTION("a lost one") {
        bench.store->lose(bench.name(2));
        CHECK(stranded(false) == std::vector<std::uint64_t>{3, 4, 6});
    }
    SECTION("a fork") {
        bench.store->plant(bench.name(2), bench.entry(2, crypto::random_id<EntryId>()));
        CHECK(stranded(false) == std::vector<std::uint64_t>{2, 3, 4, 6});
    }
    SECTION("another's place") {
        bench.store->plant(bench.name(2), bench.store->get(bench.name(3), 100'000));
        bench.store->plant(bench.name(4), bench.store->get(bench.name(3), 100'000));
        CHECK(stranded(false) == std::vector<std::uint64_t>{3, 6});
    }
    SECTION("of another repository") {
        bench.store->lose(bench.name(2));
        format::EntryHead head;
        head.repository = crypto::random_id<RepositoryId>();
        head.config_hash = bench.repository->config_hash();
        head.sequence = 4;
        head.previous = crypto::random_id<EntryId>();
        format::PolicyFields fields;
        fields.number = 4;
        bench.store->plant(bench.name(4),
                           format::make_plain_entry(format::EntryKind::policy, head, fields.encode(), bench.key));
        CHECK(stranded(false) == std::vector<std::uint64_t>{3, 6});
    }
}

TEST_CASE("entries of another repository are not believed", "[storage][repository]") {
    Bench bench;
    Bench other;
    const Bytes foreign = other.entry(1, {});
    // The same identity in both: only the repository id tells.
    bench.key = std::move(other.key);
    bench.store->plant(bench.name(1), foreign);
    const Journal journal = bench.repository->load_journal(bench.identity());
    CHECK(journal.entries.empty());
    REQUIRE(journal.problem);
    CHECK(journal.problem->code() == ErrorCode::damaged);
}

TEST_CASE("entries are believed beside the config.json that they were signed for, and beside no other",
          "[storage][repository][hostile]") {
    Bench bench;
    bench.append(1);
    REQUIRE(bench.repository->load_journal(bench.identity()).entries.size() == 1);
    // The same repository and officer, and another provider: what a key may be used with would change.
    format::RepositoryConfig changed = bench.config;
    changed.provider = changed.provider == "aws" ? "gcp" : "aws";
    bench.store->tamper("config.json", [&](Bytes& content) { content = changed.encode(); });
    const Journal journal = Repository::open(bench.store).load_journal(bench.identity());
    CHECK(journal.entries.empty());
    REQUIRE(journal.problem);
    CHECK(journal.problem->code() == ErrorCode::damaged);
}

TEST_CASE("a store that cannot be read says nothing about journals", "[storage][repository]") {
    Bench bench;
    bench.append(8);
    for (std::uint64_t n = 1; n <= 9; ++n) {
        CAPTURE(n);
        bench.store->fail_at(n);
        CHECK_THROWS_MATCHES(bench.repository->load_journals(), Error, has_code(ErrorCode::io));
    }
    bench.store->fail_at(0);
    CHECK(bench.repository->load_journals().size() == 1);
}

TEST_CASE("what is not a journal entry by name is ignored", "[storage][repository]") {
    Bench bench;
    bench.append(2);
    bench.store->plant("journal/notes.txt", {1, 2, 3});
    bench.store->plant("journal/" + bench.identity().hex() + "/1", {1, 2, 3});
    const auto journals = bench.repository->load_journals();
    REQUIRE(journals.size() == 1);
    CHECK_FALSE(journals[0].problem);
}

TEST_CASE("slots are stored, listed and read back", "[storage][repository]") {
    Bench bench;
    const format::Slot slot = bench.slot();
    bench.repository->put_slot(slot);
    bench.repository->put_slot(slot);
    const auto slots = bench.repository->list_slots();
    REQUIRE(slots.size() == 1);
    CHECK(slots.begin()->first == slot.dek);
    const format::Slot read = bench.repository->load_slot(slots.begin()->second);
    CHECK(read.encode() == slot.encode());

    SECTION("a changed slot is damaged") {
        const auto& name = slots.begin()->second;
        bench.store->tamper(format::slot_name(name.thumbprint, name.dek, name.content),
                            [](Bytes& octets) { octets.back() ^= 1; });
        CHECK_THROWS_MATCHES(bench.repository->load_slot(name), Error, has_code(ErrorCode::damaged));
        CHECK_THROWS_MATCHES(bench.repository->put_slot(slot), Error, has_code(ErrorCode::damaged));
    }
    SECTION("a slot under another data key's name is damaged") {
        format::SlotName name = slots.begin()->second;
        const Bytes object = slot.encode();
        name.dek = crypto::random_id<DekId>();
        bench.store->plant(format::slot_name(name.thumbprint, name.dek, name.content), object);
        CHECK_THROWS_MATCHES(bench.repository->load_slot(name), Error, has_code(ErrorCode::damaged));
    }
    SECTION("a slot of another repository is damaged") {
        format::Slot foreign = bench.slot();
        foreign.repository = crypto::random_id<RepositoryId>();
        const Bytes object = foreign.encode();
        const format::SlotName name{foreign.thumbprint, foreign.dek, crypto::sha256(object)};
        bench.store->plant(format::slot_name(name.thumbprint, name.dek, name.content), object);
        CHECK_THROWS_MATCHES(bench.repository->load_slot(name), Error, has_code(ErrorCode::damaged));
    }
}

TEST_CASE("index segments are named by their content", "[storage][repository]") {
    Bench bench;
    const SecretBytes index_key = crypto::random_secret(32);
    format::IndexSegment segment;
    segment.dek = crypto::random_id<DekId>();
    const format::IndexInfo info = bench.repository->put_index(segment, bench.identity(), index_key);
    const Bytes object = bench.repository->load_index_object(info.id);
    CHECK(object.size() == info.size);
    CHECK(format::IndexSegment::open(object, bench.config.repository, bench.identity(), index_key, "index").dek ==
          segment.dek);

    bench.store->tamper(format::index_name(info.id), [](Bytes& octets) { octets[0] ^= 1; });
    CHECK_THROWS_MATCHES(bench.repository->load_index_object(info.id), Error, has_code(ErrorCode::damaged));
    bench.store->lose(format::index_name(info.id));
    CHECK_THROWS_MATCHES(bench.repository->load_index_object(info.id), Error, has_code(ErrorCode::damaged));
}
