#include "keyring/key_backup.h"

#include "keyring/state_file.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

/// A vault beside that of a bench.
struct OtherVault {
    TemporaryFolder folder;
    TestClock clock;
    LocalVault vault = LocalVault::create(folder / "vault", secret("other"), kCheap, clock);
};

KeyBackup back_up(Bench& bench, const std::string& name, std::string_view passphrase = "paper") {
    return make_key_backup(bench.vault(), name, secret(passphrase), bench.clock.now(), kCheap);
}

TEST_CASE("a key backup brings back every version as it was, into another vault too [R63, R65]",
          "[keyring][key-backup]") {
    Bench bench;
    const KeyVersion first = bench.vault().create_key("prod", 2048, {.expires = bench.clock.in_days(90)});
    const KeyVersion second = bench.vault().rotate("prod");
    bench.vault().set_enabled("prod/1", false);
    bench.vault().set_tags("prod", {{"team", "db"}});
    bench.vault().set_rotation_policy("prod", {.after_days = 30});
    const KeyBackup backup = back_up(bench, "prod");
    const OpenKeyBackup open = open_key_backup(backup.file, secret("paper"), "file");
    CHECK(open.vault == bench.vault().id());
    CHECK(open.made == bench.clock.now());

    OtherVault other;
    CHECK(other.vault.adopt(open.keys, open.record).size() == 2);
    for (const KeyVersion& key : {first, second}) {
        const auto restored = other.vault.find(key.thumbprint);
        REQUIRE(restored);
        CHECK(restored->reference() == key.reference());
        CHECK(restored->created == key.created);
        CHECK(restored->attributes == bench.vault().get(key.reference()).attributes);
        CHECK(restored->origin == key.origin);
    }
    const Bytes wrapped = second.public_key().wrap(secret("data key").reveal());
    CHECK(other.vault.unwrap(second.thumbprint, wrapped).plaintext.equals(as_bytes("data key")));
    CHECK(other.vault.record("prod").tags == bench.vault().record("prod").tags);
    CHECK(other.vault.record("prod").rotation == bench.vault().record("prod").rotation);
    CHECK(other.vault.backup_state("prod") == KeyBackupState::current);
}

TEST_CASE("a key backup is opened by its own passphrase alone [R65]", "[keyring][key-backup]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    const KeyBackup backup = back_up(bench, "prod");
    REQUIRE_THROWS_MATCHES(open_key_backup(backup.file, secret("sesame"), "file"), Error,
                           has_code(ErrorCode::wrong_passphrase));
    REQUIRE_THROWS_MATCHES(back_up(bench, "prod", ""), Error, has_code(ErrorCode::usage));
    REQUIRE_THROWS_MATCHES(back_up(bench, "other"), Error, has_code(ErrorCode::key_unavailable));
}

TEST_CASE("every flipped bit and truncation of a key backup is damage", "[keyring][key-backup]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    const Bytes good = back_up(bench, "prod").file;
    Bytes bad = good;
    for (std::size_t i = 0; i < good.size(); ++i) {
        bad[i] = static_cast<std::uint8_t>(bad[i] ^ (1U << (i % 8)));
        CAPTURE(i);
        REQUIRE_THROWS_MATCHES(open_key_backup(bad, secret("paper"), "file"), Error, has_code(ErrorCode::damaged));
        bad[i] = good[i];
    }
    for (std::size_t size = 0; size < good.size(); size += 7) {
        REQUIRE_THROWS_MATCHES(open_key_backup(ByteView(good).first(size), secret("paper"), "file"), Error,
                               has_code(ErrorCode::damaged));
    }
}

TEST_CASE("a key backup is bound to its kind of vault, and its public part to its passphrase [R63]",
          "[keyring][key-backup]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    const Bytes file = back_up(bench, "prod").file;
    const Json body = decode_state(file, "signet_key_backup", "file");
    const auto forge = [&](const auto& apply) {
        Json forged = body;
        apply(forged);
        const std::string text = encode_state(forged);
        try {
            static_cast<void>(open_key_backup(as_bytes(text), secret("paper"), "file"));
        } catch (const Error& error) {
            return error.code();
        }
        return ErrorCode::failed;
    };
    CHECK(forge([](Json&) {}) == ErrorCode::failed);
    CHECK(forge([](Json& json) { json["provider"] = "azure"; }) == ErrorCode::unsupported);
    CHECK(forge([](Json& json) { json["unlock"]["kind"] = "escrow"; }) == ErrorCode::unsupported);
    CHECK(forge([](Json& json) { json["name"] = "other"; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["keys"][0]["enabled"] = false; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["made"] = "2027-01-01T00:00:00Z"; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["unlock"]["scrypt_log2_n"] = 63; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["keys"] = Json::array(); }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json.erase("mac"); }) == ErrorCode::damaged);
}

TEST_CASE("deleted versions are not backed up, and a deleted key cannot be", "[keyring][key-backup]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    bench.vault().rotate("prod");
    bench.vault().soft_delete("prod/1");
    CHECK(back_up(bench, "prod").versions.size() == 1);
    bench.vault().soft_delete("prod/2");
    REQUIRE_THROWS_MATCHES(back_up(bench, "prod"), Error, has_code(ErrorCode::refused));
}

TEST_CASE("restoring changes nothing that is there, and brings back what was purged [R63]", "[keyring][key-backup]") {
    Bench bench;
    bench.vault().waive_purge_protection();
    const KeyVersion first = bench.vault().create_key("prod", 2048);
    bench.vault().rotate("prod");
    const OpenKeyBackup open = open_key_backup(back_up(bench, "prod").file, secret("paper"), "file");
    bench.vault().set_enabled("prod/2", false);
    bench.vault().soft_delete("prod/1");
    bench.vault().purge("prod/1");
    const auto added = bench.vault().adopt(open.keys, open.record);
    REQUIRE(added.size() == 1);
    CHECK(added.front().thumbprint == first.thumbprint);
    CHECK_FALSE(bench.vault().get("prod/2").attributes.enabled);
    CHECK(bench.vault().purged().empty());
    CHECK(bench.vault().adopt(open.keys, open.record).empty());
}

TEST_CASE("a version of another key is never replaced by a restore", "[keyring][key-backup]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    const OpenKeyBackup open = open_key_backup(back_up(bench, "prod").file, secret("paper"), "file");
    OtherVault other;
    other.vault.create_key("prod", 2048);
    const auto generation = other.vault.generation();
    REQUIRE_THROWS_MATCHES(other.vault.adopt(open.keys, open.record), Error, has_code(ErrorCode::refused));
    CHECK(other.vault.generation() == generation);
    CHECK(other.vault.list().size() == 1);
}

TEST_CASE("a key backup is current until the key changes [R62, R64]", "[keyring][key-backup]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    const auto state = [&] { return bench.vault().backup_state("prod"); };
    const auto note = [&] { bench.vault().note_key_backup("prod", back_up(bench, "prod").record); };
    CHECK(state() == KeyBackupState::none);
    note();
    CHECK(state() == KeyBackupState::current);
    bench.vault().set_enabled("prod", false);
    CHECK(state() == KeyBackupState::outdated);
    bench.vault().set_enabled("prod", true);
    CHECK(state() == KeyBackupState::current);
    bench.vault().set_tags("prod", {{"team", "db"}});
    CHECK(state() == KeyBackupState::outdated);
    note();
    bench.vault().rotate("prod");
    CHECK(state() == KeyBackupState::outdated);
    note();
    bench.vault().set_rotation_policy("prod", {.after_days = 90});
    CHECK(state() == KeyBackupState::outdated);
    note();
    bench.vault().set_dates("prod", {.expires = bench.clock.in_days(10)});
    CHECK(state() == KeyBackupState::outdated);
}

}  // namespace
}  // namespace signet::keyring::test
