#include "keyring/replica.h"

#include "core/crypto/random.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

/// A replica's keyring and vault, beside the bench's own.
struct Elsewhere {
    TemporaryFolder folder;
    ReplicaKeyring replica{folder / "keyring", folder / "vault"};
    LocalVault vault;
    Vaults vaults;

    explicit Elsewhere(Bench& bench)
        : vault(LocalVault::create(replica.vault, secret("sesame"), kCheap, bench.clock)),
          vaults(replica.vault, bench.passphrases, bench.clock) {
        vault.unlock(secret("sesame"));
    }
    Keyring keyring() const { return Keyring::open(replica.folder); }
    /// The newest version of a key of the bench, brought here and linked.
    void take_over(Bench& bench, const std::string& name) {
        const auto key = bench.vault().get(name);
        const auto pkcs8 = bench.vault().export_private(key.thumbprint);
        (void)vault.import_key(name, crypto::RsaPrivateKey::from_pkcs8(pkcs8.reveal()));
        keyring().link(Location::parse("local:" + name), {}, vaults);
    }
};

TEST_CASE("a keyring remembers what a place is", "[keyring][replica]") {
    const Bench bench;
    Keyring keyring = bench.keyring();
    CHECK(keyring.replica_at("/e/repository") == nullptr);
    const auto repository = crypto::random_id<RepositoryId>();
    keyring.note_replica("/e/repository", {repository, {"local", "east"}, std::nullopt});
    const Keyring again = bench.keyring();
    REQUIRE(again.replica_at("/e/repository") != nullptr);
    CHECK(again.replica_at("/e/repository")->repository == repository);
    CHECK(again.replica_at("/e/repository")->region == ProtectorRegion{"local", "east"});
    CHECK(again.replica_at("/e/repository")->is_replica());
    CHECK(again.replica_at("/e/other") == nullptr);
    keyring.note_replica("/e/repository", {repository, {"local", "east"}, bench.clock.now()});
    CHECK(bench.keyring().replica_at("/e/repository")->promoted == bench.clock.now());
    CHECK(keyring.audit().verify().intact());
}

TEST_CASE("four replicas at most [R137]", "[keyring][replica]") {
    Bench bench;
    const Elsewhere elsewhere(bench);
    elsewhere.keyring().set_setting("a", "b");
    Keyring keyring = bench.keyring();
    for (const char* region : {"a", "b", "c", "d"}) keyring.add_replica_keyring(region, elsewhere.replica);
    REQUIRE_THROWS_MATCHES(keyring.add_replica_keyring("e", elsewhere.replica), Error, has_code(ErrorCode::refused));
    CHECK(bench.keyring().replica_keyrings().size() == 4);
    keyring.add_replica_keyring("a", elsewhere.replica);
    keyring.remove_replica_keyring("b");
    keyring.add_replica_keyring("e", elsewhere.replica);
    CHECK(bench.keyring().replica_keyrings().at("e").vault == elsewhere.replica.vault);
    REQUIRE_THROWS_MATCHES(keyring.remove_replica_keyring("b"), Error, has_code(ErrorCode::usage));
}

TEST_CASE("what cannot be the keyring of a replica is refused", "[keyring][replica]") {
    Bench bench;
    Keyring keyring = bench.keyring();
    keyring.set_setting("a", "b");
    CHECK_THROWS_MATCHES(keyring.add_replica_keyring("east", {bench.folder / "nothing", ""}), Error,
                         has_code(ErrorCode::usage));
    CHECK_THROWS_MATCHES(keyring.add_replica_keyring("east", {bench.keyring_folder, ""}), Error,
                         has_code(ErrorCode::usage));
    const Elsewhere elsewhere(bench);
    elsewhere.keyring().set_setting("a", "b");
    CHECK_THROWS_MATCHES(keyring.add_replica_keyring("East", elsewhere.replica), Error, has_code(ErrorCode::usage));
    CHECK(bench.keyring().replica_keyrings().empty());
}

TEST_CASE("a new default waits for the keyrings of replicas, however it comes [R141]", "[keyring][replica]") {
    Bench bench;
    Elsewhere elsewhere(bench);
    const auto first = bench.vault().create_key("prod", 2048).thumbprint;
    Keyring keyring = bench.keyring();
    keyring.link(Location::parse("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    elsewhere.take_over(bench, "prod");
    keyring.add_replica_keyring("east", elsewhere.replica);
    CHECK(keyring.replicas_waiting_for(first, bench.vaults).empty());

    const auto second = bench.vault().rotate("prod").thumbprint;
    CHECK(keyring.replicas_waiting_for(second, bench.vaults).size() == 1);
    const FollowReport held_up = keyring.refresh_followed(bench.vaults);
    CHECK(held_up.changes.empty());
    CHECK(held_up.warnings.size() == 1);
    REQUIRE_THROWS_MATCHES(keyring.link(Location::parse("local:prod/2"), {.role = LinkRole::default_}, bench.vaults),
                           Error, has_code(ErrorCode::refused));
    CHECK(keyring.find(second) == nullptr);
    keyring.link(Location::parse("local:prod/2"), {}, bench.vaults);
    REQUIRE_THROWS_MATCHES(keyring.set_default(second, bench.vaults), Error, has_code(ErrorCode::refused));
    CHECK(keyring.default_link("local", "local")->thumbprint == first);

    elsewhere.take_over(bench, "prod");
    CHECK(keyring.refresh_followed(bench.vaults).changes.size() == 1);
    CHECK(keyring.default_link("local", "local")->thumbprint == second);
}

TEST_CASE("a replica with a key of its own, for which this side wraps too, waits for nothing [R141]",
          "[keyring][replica]") {
    Bench bench;
    Elsewhere elsewhere(bench);
    bench.vault().create_key("prod", 2048);
    const auto east = elsewhere.vault.create_key("east", 2048);
    elsewhere.keyring().link(Location::parse("local:east"), {.role = LinkRole::default_}, elsewhere.vaults);
    Keyring keyring = bench.keyring();
    keyring.add_replica_keyring("east", elsewhere.replica);
    REQUIRE_THROWS_MATCHES(keyring.link(Location::parse("local:prod"), {.role = LinkRole::default_}, bench.vaults),
                           Error, has_code(ErrorCode::refused));
    keyring.link(bench.public_file("east.pem", east.public_key()), {.role = LinkRole::recovery}, bench.vaults);
    keyring.link(Location::parse("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    bench.vault().rotate("prod");
    CHECK(keyring.refresh_followed(bench.vaults).changes.size() == 1);

    // A key that is disabled there opens nothing there.
    elsewhere.vault.set_enabled("east", false);
    bench.vault().rotate("prod");
    CHECK(keyring.refresh_followed(bench.vaults).changes.empty());
    keyring.remove_replica_keyring("east");
    CHECK(keyring.refresh_followed(bench.vaults).changes.size() == 1);
}

}  // namespace
}  // namespace signet::keyring::test
