#include "keyring/own_journal.h"

#include "core/crypto/random.h"
#include "keyring/keyring.h"
#include "tests/support/matchers.h"
#include "tests/support/temporary_folder.h"

#include <filesystem>

using namespace signet;
using namespace signet::keyring;
using signet::test::has_code;

namespace {

const RepositoryId kRepository = RepositoryId::from(Bytes(16, 7));
const IdentityId kOfficer = IdentityId::from(Bytes(32, 9));

format::RunId run() { return crypto::random_id<format::RunId>(); }

format::WriterKeys keys() { return format::WriterKeys::derive(SecretBytes(Bytes(32, 3)).reveal(), kRepository); }

/// A keyring that has pinned the repository.
struct Bench {
    signet::test::TemporaryFolder folder;
    Keyring keyring = Keyring::open(folder / "keyring");
    WriterIdentity writer = keyring.writer();
    std::vector<OwnEntry> journal;

    Bench() { keyring.pin_repository(kRepository, kOfficer, {}); }
    void commit(const format::RunId& id) { journal.push_back({journal.size() + 1, id, {}}); }
    void begin(const format::RunId& id) { keyring.begin_run(kRepository, writer.identity(), journal, id); }
    void end(const format::RunId& id) {
        keyring.end_run(kRepository, writer.identity(), id, {journal.size(), crypto::random_id<EntryId>()});
    }
    void require_own() { keyring.require_own(kRepository, writer.identity(), journal); }
};

}  // namespace

TEST_CASE("an entry of a run that was never begun here is another machine's", "[keyring][own_journal]") {
    Bench bench;
    const auto first = run();
    bench.begin(first);
    bench.commit(first);
    bench.end(first);
    CHECK_NOTHROW(bench.require_own());
    bench.commit(run());
    CHECK_THROWS_MATCHES(bench.require_own(), Error, has_code(ErrorCode::refused));
    CHECK_THROWS_MATCHES(bench.begin(run()), Error, has_code(ErrorCode::refused));
    // A person says that it is this machine's.
    bench.keyring.account_for(kRepository, bench.writer.identity(), bench.journal.size());
    CHECK_NOTHROW(bench.begin(run()));
}

TEST_CASE("a run that was killed is no other machine, whenever it was", "[keyring][own_journal]") {
    Bench bench;
    const auto killed = run();
    bench.begin(killed);
    SECTION("before its first entry") {}
    SECTION("after a partial entry") { bench.commit(killed); }
    SECTION("after its commit") {
        bench.commit(killed);
        bench.commit(killed);
    }
    for (int i = 0; i < 3; ++i) {
        const auto next = run();
        bench.begin(next);
        bench.commit(next);
        bench.end(next);
    }
    CHECK_NOTHROW(bench.require_own());
}

TEST_CASE("runs side by side are told apart from another machine's", "[keyring][own_journal]") {
    Bench bench;
    const auto slow = run();
    bench.begin(slow);
    // Another process of this machine.
    Keyring other = Keyring::open(bench.folder / "keyring");
    const auto quick = run();
    other.begin_run(kRepository, bench.writer.identity(), bench.journal, quick);
    const std::vector<OwnEntry> before = bench.journal;
    bench.commit(quick);
    other.end_run(kRepository, bench.writer.identity(), quick, {1, crypto::random_id<EntryId>()});
    // A third that has read the journal before that entry was there must not forget whose it is.
    bench.keyring.begin_run(kRepository, bench.writer.identity(), before, run());
    CHECK_NOTHROW(bench.require_own());
    bench.commit(slow);
    CHECK_NOTHROW(bench.require_own());
    bench.end(slow);
    CHECK_NOTHROW(bench.require_own());
}

TEST_CASE("runs that ended are not remembered for ever", "[keyring][own_journal]") {
    Bench bench;
    for (int i = 0; i < 20; ++i) {
        const auto next = run();
        bench.begin(next);
        bench.commit(next);
        bench.end(next);
    }
    bench.begin(run());
    CHECK(bench.keyring.own_journal(kRepository, bench.writer.identity()).begun.size() == 1);
    OwnJournal own;
    for (int i = 0; i < 5000; ++i) own.begin(run());
    CHECK(own.begun.size() <= 1000);
}

TEST_CASE("a successor uses the keys that it took over, after reopening too", "[keyring][own_journal]") {
    Bench bench;
    const IdentityId lost = crypto::random_id<IdentityId>();
    CHECK_FALSE(bench.keyring.writer_keys(kRepository, bench.writer).id_key.equals(keys().id_key.reveal()));
    bench.keyring.take_over(kRepository, bench.writer.identity(), {lost}, keys());
    const Keyring again = Keyring::open(bench.folder / "keyring");
    CHECK(again.own_journal(kRepository, bench.writer.identity()).predecessors == std::vector{lost});
    const format::WriterKeys taken = again.writer_keys(kRepository, bench.writer);
    CHECK(taken.id_key.equals(keys().id_key.reveal()));
    CHECK(taken.index_key.equals(keys().index_key.reveal()));
    CHECK(taken.label_key.equals(keys().label_key.reveal()));
    // Elsewhere it is a writer like any other.
    const RepositoryId elsewhere = RepositoryId::from(Bytes(16, 8));
    CHECK(again.own_journal(elsewhere, bench.writer.identity()).predecessors.empty());
    CHECK_NOTHROW(again.writer_keys(elsewhere, bench.writer));

    SECTION("a new identity has nothing of it") {
        const WriterIdentity next = bench.keyring.new_writer();
        CHECK(next.identity() != bench.writer.identity());
        CHECK(bench.keyring.writer().identity() == next.identity());
        CHECK(bench.keyring.own_journal(kRepository, next.identity()).predecessors.empty());
        CHECK_FALSE(bench.keyring.writer_keys(kRepository, next).id_key.equals(keys().id_key.reveal()));
        CHECK_FALSE(std::filesystem::exists((bench.folder / "keyring") + "/writer-" + kRepository.hex() + ".key"));
    }
    SECTION("without the file nothing is guessed") {
        std::filesystem::remove((bench.folder / "keyring") + "/writer-" + kRepository.hex() + ".key");
        CHECK_THROWS_MATCHES(again.writer_keys(kRepository, bench.writer), Error, has_code(ErrorCode::damaged));
    }
    SECTION("pinned anew it stays a successor") {
        bench.keyring.repin_repository(kRepository, kOfficer, Digest::from(Bytes(32, 1)));
        CHECK(bench.keyring.pin(kRepository)->config_hash == Digest::from(Bytes(32, 1)));
        CHECK(bench.keyring.own_journal(kRepository, bench.writer.identity()).predecessors.size() == 1);
    }
}
