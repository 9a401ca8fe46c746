#include "storage/copy.h"

#include <set>

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "format/backup_entry.h"
#include "format/officer_entry.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

using namespace signet;
using namespace signet::storage;
using signet::test::has_code;
using signet::test::MemoryStore;

namespace {

/// An identity that writes plain entries: what kind they are is nothing to a copy.
struct Signer {
    crypto::SigningKey key = crypto::SigningKey::generate();
    EntryId last;
    std::uint64_t sequence = 0;

    [[nodiscard]] IdentityId identity() const { return key.verify_key().identity(); }
    [[nodiscard]] std::string name(std::uint64_t number) const { return format::journal_name(identity(), number); }
    void append(const Repository& repository, std::uint64_t number = 1) {
        format::EntryHead head;
        head.repository = repository.config().repository;
        head.config_hash = repository.config_hash();
        head.sequence = ++sequence;
        head.previous = last;
        format::PolicyFields fields;
        fields.number = number;
        store(repository, format::make_plain_entry(format::EntryKind::policy, head, fields.encode(), key));
    }
    void forget(const Repository& repository) {
        format::EntryHead head;
        head.repository = repository.config().repository;
        head.config_hash = repository.config_hash();
        head.sequence = ++sequence;
        head.previous = last;
        format::TombstoneFields fields;
        fields.statements = {{identity(), 1, crypto::random_id<EntryId>(), format::TombstoneAction::forgotten}};
        store(repository, format::make_plain_entry(format::EntryKind::tombstone, head, fields.encode(), key));
    }
    /// A backup entry of a writer that has taken the place of another; nobody opens it.
    void succeed(const Repository& repository, const IdentityId& predecessor) {
        format::EntryHead head;
        head.repository = repository.config().repository;
        head.config_hash = repository.config_hash();
        head.signer = key.verify_key();
        head.sequence = ++sequence;
        head.previous = last;
        format::Slot slot;
        slot.repository = head.repository;
        slot.dek = crypto::random_id<DekId>();
        slot.thumbprint = {format::Thumbprint::Kind::sha256, crypto::random_id<Digest>()};
        slot.commitment = crypto::random_id<Digest>();
        slot.wrapped = Bytes(256, 7);
        format::BackupPublic fields;
        fields.dek = slot.dek;
        fields.commitment = slot.commitment;
        fields.slots = {slot};
        fields.predecessors = {predecessor};
        ByteWriter writer;
        head.encode(writer);
        fields.encode(writer);
        const Bytes sealed(100, 9);
        store(repository,
              format::sign_entry(format::entry_prefix(format::EntryKind::backup, writer.view(), sealed.size()), sealed,
                                 key));
    }

private:
    void store(const Repository& repository, const Bytes& object) {
        REQUIRE(repository.append_entry(identity(), sequence, object));
        last = EntryId::from(crypto::sha256(object).view());
    }
};

/// A repository with an officer, a writer, and some objects; and an empty one that is to be its copy.
struct Bench {
    std::shared_ptr<MemoryStore> here = std::make_shared<MemoryStore>();
    std::shared_ptr<MemoryStore> there = std::make_shared<MemoryStore>();
    Signer officer;
    Signer writer;
    std::optional<Repository> source;
    std::optional<Repository> target;
    std::vector<std::string> objects;

    Bench() {
        format::RepositoryConfig config;
        config.repository = crypto::random_id<RepositoryId>();
        config.officer = officer.identity();
        Repository::create(*here, config);
        Repository::create(*there, config);
        source = Repository::open(here);
        target = Repository::open(there);
        officer.append(*source);
        for (std::size_t i = 0; i < 3; ++i) add_pack(std::size_t{1'500'000} * i + 7);
        const Bytes index(700, 3);
        put(format::index_name(IndexId::from(crypto::sha256(index).view())), index);
        const Bytes slot(300, 4);
        put(format::slot_name({format::Thumbprint::Kind::sha256, crypto::random_id<Digest>()},
                              crypto::random_id<DekId>(), crypto::sha256(slot)),
            slot);
        const Bytes escrow(200, 5);
        put(format::escrow_name({format::Thumbprint::Kind::sha256, crypto::random_id<Digest>()},
                                crypto::sha256(escrow)),
            escrow);
        for (int i = 0; i < 5; ++i) writer.append(*source);
    }
    std::string add_pack(std::size_t size) {
        Bytes pack(size);
        for (std::size_t i = 0; i < size; ++i) pack[i] = static_cast<std::uint8_t>(i * 31 + objects.size());
        return put(format::pack_name(PackId::from(crypto::sha256(pack).view())), pack);
    }
    std::string put(const std::string& name, const Bytes& content) {
        REQUIRE(here->put(name, content));
        objects.push_back(name);
        return name;
    }
    CopyReport copy(CopyOptions options = {}) const {
        options.officers = {officer.identity()};
        return copy_repository(*source, &*target, options);
    }
    /// Entries of the writer are there only with everything that they may refer to, and after the officer's.
    void require_whole() const {
        const auto content = there->snapshot();
        const std::vector<Journal> journals = Repository::open(there).load_journals();
        for (const Journal& journal : journals) REQUIRE_FALSE(journal.problem);
        if (!content.contains(writer.name(1))) return;
        REQUIRE(content.contains(officer.name(1)));
        for (const std::string& name : objects) REQUIRE(content.contains(name));
    }
};

}  // namespace

TEST_CASE("what is to be left out is asked for once there is a tombstone, and not brought over", "[storage][copy]") {
    Bench bench;
    CopyOptions options;
    bool is_asked = false;
    options.left_out = [&] {
        is_asked = true;
        return std::set<std::string>{bench.objects.front()};
    };
    SECTION("nobody has said anything") {
        CHECK(bench.copy(options).left_out == 0);
        CHECK_FALSE(is_asked);
        CHECK(bench.there->exists(bench.objects.front()));
    }
    SECTION("an officer has") {
        bench.officer.forget(*bench.source);
        CHECK(bench.copy(options).left_out == 1);
        CHECK_FALSE(bench.there->exists(bench.objects.front()));
        CHECK(bench.there->exists(bench.objects.back()));
    }
    SECTION("an officer has, in the target") {
        CHECK(bench.copy().left_out == 0);
        REQUIRE(bench.there->remove(bench.there->list(""), bench.objects.front()));
        bench.officer.forget(*bench.target);
        CHECK(bench.copy(options).left_out == 1);
        CHECK_FALSE(bench.there->exists(bench.objects.front()));
    }
}

TEST_CASE("a copy has the same octets under the same names", "[storage][copy]") {
    const Bench bench;
    const CopyReport report = bench.copy();
    CHECK(bench.there->snapshot() == bench.here->snapshot());
    CHECK(report.problems.empty());
    CHECK(report.objects == bench.objects.size() + 6);
    CHECK(report.entries == 6);
    CHECK(report.present == 0);
    const CopyReport again = bench.copy();
    CHECK(again.objects == 0);
    CHECK(again.present == report.objects);
}

TEST_CASE("a rehearsal counts the same and writes nothing", "[storage][copy]") {
    const Bench bench;
    const auto before = bench.there->snapshot();
    CopyOptions options;
    options.dry_run = true;
    const CopyReport rehearsal = bench.copy(options);
    CHECK(bench.there->snapshot() == before);
    options.officers = {bench.officer.identity()};
    const CopyReport without = copy_repository(*bench.source, nullptr, options);
    const CopyReport report = bench.copy();
    CHECK(rehearsal.objects == report.objects);
    CHECK(rehearsal.bytes == report.bytes);
    CHECK(without.bytes == report.bytes);
}

TEST_CASE("a copy that fails at any operation, then loses power, leaves a repository and is begun again",
          "[storage][copy][security]") {
    for (std::uint64_t n = 1;; ++n) {
        const Bench bench;
        bench.there->fail_at(n);
        CopyOptions options;
        options.workers = 1;
        try {
            (void)bench.copy(options);
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::io);
        }
        const bool has_failed = bench.there->has_failed();
        bench.there->fail_at(0);
        bench.require_whole();
        bench.there->crash();
        bench.require_whole();
        (void)bench.copy();
        REQUIRE(bench.there->snapshot() == bench.here->snapshot());
        if (!has_failed) break;
        REQUIRE(n < 500);
    }
}

TEST_CASE("no successor's entry is there before its predecessors' are", "[storage][copy][security]") {
    for (std::uint64_t n = 1;; ++n) {
        const Bench bench;
        // Journals are listed by identity: the successor's comes first.
        Signer old;
        Signer fresh;
        if (old.identity() < fresh.identity()) std::swap(old, fresh);
        for (int i = 0; i < 3; ++i) old.append(*bench.source);
        fresh.succeed(*bench.source, old.identity());
        bench.there->fail_at(n);
        CopyOptions options;
        options.workers = 1;
        try {
            (void)bench.copy(options);
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::io);
        }
        const bool has_failed = bench.there->has_failed();
        bench.there->fail_at(0);
        if (bench.there->exists(fresh.name(1))) REQUIRE(bench.there->exists(old.name(3)));
        if (!has_failed) break;
        REQUIRE(n < 500);
    }
}

TEST_CASE("what is stopped is whole, and goes on", "[storage][copy]") {
    const Bench bench;
    int asked = 0;
    CopyOptions options;
    options.workers = 1;
    options.stop = [&] { return ++asked > 3; };
    const CopyReport report = bench.copy(options);
    CHECK(report.stopped);
    CHECK_FALSE(bench.there->exists(bench.writer.name(1)));
    bench.require_whole();
    (void)bench.copy();
    CHECK(bench.there->snapshot() == bench.here->snapshot());
}

TEST_CASE("a damaged object is named and left out, and the rest is copied", "[storage][copy]") {
    Bench bench;
    const std::string& damaged = bench.objects.at(1);
    bench.here->tamper(damaged, [](Bytes& content) { content.back() ^= 1U; });
    const CopyReport report = bench.copy();
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems.front().object == damaged);
    CHECK(report.problems.front().error.code() == ErrorCode::damaged);
    CHECK_FALSE(bench.there->exists(damaged));
    CHECK(bench.there->exists(bench.writer.name(5)));
    bench.here->tamper(damaged, [](Bytes& content) { content.back() ^= 1U; });
    CHECK(bench.copy().objects == 1);
    CHECK(bench.there->snapshot() == bench.here->snapshot());
}

TEST_CASE("an object that is larger than one can be is not read", "[storage][copy][security]") {
    Bench bench;
    const Bytes large(10'000, 1);
    const std::string name =
        bench.put(format::slot_name({format::Thumbprint::Kind::sha256, crypto::random_id<Digest>()},
                                    crypto::random_id<DekId>(), crypto::sha256(large)),
                  large);
    const CopyReport report = bench.copy();
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems.front().object == name);
}

TEST_CASE("of a damaged journal what stands is copied, and what follows is not", "[storage][copy]") {
    Bench bench;
    bench.here->tamper(bench.writer.name(3), [](Bytes& content) { content.back() ^= 1U; });
    const CopyReport report = bench.copy();
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems.front().object == bench.writer.name(3));
    CHECK(report.withheld == 3);
    CHECK(bench.there->exists(bench.writer.name(2)));
    CHECK_FALSE(bench.there->exists(bench.writer.name(3)));
    CHECK_FALSE(bench.there->exists(bench.writer.name(4)));
}

TEST_CASE("when only officers may speak, nobody else's entries are copied", "[storage][copy][security]") {
    const Bench bench;
    CopyOptions options;
    options.officers_only = true;
    const CopyReport report = bench.copy(options);
    CHECK(report.withheld == 5);
    CHECK(bench.there->exists(bench.officer.name(1)));
    CHECK_FALSE(bench.there->exists(bench.writer.name(1)));
    for (const std::string& name : bench.objects) CHECK(bench.there->exists(name));
}

TEST_CASE("a fork is refused before anything is copied", "[storage][copy]") {
    Bench bench;
    (void)bench.copy();
    Signer other{.key = crypto::SigningKey::from_seed(bench.writer.key.seed().clone()),
                 .last = bench.writer.last,
                 .sequence = bench.writer.sequence};
    bench.writer.append(*bench.source, 6);
    other.append(*bench.target, 7);
    bench.add_pack(99);
    const auto before = bench.there->snapshot();
    CHECK_THROWS_MATCHES(bench.copy(), Error, has_code(ErrorCode::damaged));
    CHECK(bench.there->snapshot() == before);
}

TEST_CASE("what the target is ahead by is counted, and copied the other way", "[storage][copy]") {
    Bench bench;
    (void)bench.copy();
    bench.writer.append(*bench.target);
    Signer third;
    third.append(*bench.target);
    CHECK(bench.copy().ahead == 2);
    CopyOptions back;
    back.officers = {bench.officer.identity()};
    CHECK(copy_repository(*bench.target, &*bench.source, back).entries == 2);
    CHECK(bench.there->snapshot() == bench.here->snapshot());
}

TEST_CASE("another repository is no target", "[storage][copy]") {
    const Bench bench;
    const Bench other;
    const auto before = other.there->snapshot();
    CHECK_THROWS_MATCHES(copy_repository(*bench.source, &*other.target, {}), Error, has_code(ErrorCode::refused));
    CHECK(other.there->snapshot() == before);
}

TEST_CASE("an object of another length in the target is named, and stays as it is", "[storage][copy]") {
    const Bench bench;
    (void)bench.copy();
    const std::string& name = bench.objects.at(2);
    bench.there->tamper(name, [](Bytes& content) { content.pop_back(); });
    const auto before = bench.there->snapshot();
    const CopyReport report = bench.copy();
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems.front().object == name);
    CHECK(bench.there->snapshot() == before);
}
