// The life of a key in the local vault: deletion, recovery, purge, tags and rotation.
#include "keyring/local_vault.h"
#include "keyring/state_file.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

std::string vault_file(const Bench& bench) { return bench.vault_folder + "/vault.json"; }

Json body_of(const Bench& bench) {
    return decode_state(as_bytes(content_of(vault_file(bench))), "signet_vault", "vault");
}

/// A vault without purge protection.
LocalVault& unprotected(Bench& bench) {
    bench.vault().waive_purge_protection();
    return bench.vault();
}

TEST_CASE("a deleted key opens nothing, keeps its date, and comes back as it was [R67, R112]", "[keyring][life]") {
    Bench bench;
    const KeyVersion key = bench.vault().create_key("prod", 2048);
    bench.vault().set_enabled("prod", false);
    const Bytes wrapped = key.public_key().wrap(secret("data key").reveal());
    bench.vault().soft_delete("prod");
    const KeyVersion deleted = bench.vault().get("prod");
    CHECK(deleted.state(bench.clock.now()) == KeyState::deleted);
    CHECK(deleted.attributes.deleted == bench.clock.now());
    CHECK(deleted.attributes.purge_date() == bench.clock.in_days(90));
    CHECK(bench.vault().unwrap(key.thumbprint, wrapped).outcome == Outcome::key_deleted);
    bench.clock.add_days(89);
    bench.vault().recover("prod");
    CHECK(bench.vault().get("prod").state(bench.clock.now()) == KeyState::disabled);
    bench.vault().set_enabled("prod", true);
    CHECK(bench.vault().unwrap(key.thumbprint, wrapped).outcome == Outcome::ok);
    REQUIRE_THROWS_MATCHES(bench.vault().recover("prod"), Error, has_code(ErrorCode::refused));
}

TEST_CASE("a second deletion does not move the date of the first [R67]", "[keyring][life]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    bench.vault().soft_delete("prod", {.days = 30});
    const auto before = bench.vault().get("prod").attributes;
    bench.clock.add_days(3);
    bench.vault().soft_delete("prod", {.days = 7});
    CHECK(bench.vault().get("prod").attributes == before);
}

TEST_CASE("a retention is 7 to 90 days [R67]", "[keyring][life]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    for (const std::uint32_t days : {0U, 6U, 91U, UINT32_MAX}) {
        REQUIRE_THROWS_MATCHES(bench.vault().soft_delete("prod", {.days = days}), Error, has_code(ErrorCode::usage));
    }
    CHECK_FALSE(bench.vault().get("prod").attributes.deleted);
}

TEST_CASE("a key past its retention is gone at the next change of the vault [R67]", "[keyring][life]") {
    Bench bench;
    const KeyVersion old = bench.vault().create_key("prod", 2048);
    bench.vault().rotate("prod");
    bench.vault().soft_delete("prod/1", {.days = 7});
    const std::string sealed = body_of(bench)["keys"][0]["sealed"];
    bench.clock.add_days(7);
    bench.vault().set_tags("prod", {{"team", "db"}});
    CHECK(content_of(vault_file(bench)).find(sealed) == std::string::npos);
    CHECK_FALSE(bench.vault().find(old.thumbprint));
    REQUIRE(bench.vault().purged().size() == 1);
    CHECK(bench.vault().purged().front().reference() == "prod/1");
    CHECK(bench.vault().purged().front().thumbprint == old.thumbprint);
    REQUIRE_THROWS_MATCHES(bench.vault().recover("prod/1"), Error, has_code(ErrorCode::key_unavailable));
}

TEST_CASE("recover comes too late once the retention has ended, and the key is then really gone [R67]",
          "[keyring][life]") {
    Bench bench;
    const KeyVersion key = bench.vault().create_key("prod", 2048);
    bench.vault().soft_delete("prod", {.days = 7});
    bench.clock.add_days(8);
    REQUIRE_THROWS_MATCHES(bench.vault().recover("prod"), Error, has_code(ErrorCode::key_unavailable));
    CHECK_FALSE(bench.vault().find(key.thumbprint));
    CHECK(bench.vault().purged().size() == 1);
}

TEST_CASE("the number of a purged version is never used again [R67]", "[keyring][life]") {
    Bench bench;
    LocalVault& vault = unprotected(bench);
    vault.create_key("prod", 2048);
    vault.rotate("prod");
    vault.soft_delete("prod/2");
    vault.purge("prod/2");
    CHECK(vault.rotate("prod").version == 3);
    vault.soft_delete("prod");
    CHECK(vault.purge("prod").size() == 2);
    CHECK(vault.create_key("prod", 2048).version == 4);
}

TEST_CASE("only a deleted key is purged [R68]", "[keyring][life]") {
    Bench bench;
    LocalVault& vault = unprotected(bench);
    vault.create_key("prod", 2048);
    vault.rotate("prod");
    REQUIRE_THROWS_MATCHES(vault.purge("prod"), Error, has_code(ErrorCode::refused));
    vault.soft_delete("prod/1");
    // The name stands for both versions, and one is not deleted.
    REQUIRE_THROWS_MATCHES(vault.purge("prod"), Error, has_code(ErrorCode::refused));
    CHECK(vault.list().size() == 2);
    CHECK(vault.purge("prod/1").size() == 1);
    CHECK(vault.list().size() == 1);
}

TEST_CASE("purge protection holds a deleted key until its retention ends [R57, R66]", "[keyring][life]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    CHECK(bench.vault().purge_protection());
    bench.vault().soft_delete("prod", {.days = 7});
    bench.clock.add_days(6);
    REQUIRE_THROWS_MATCHES(bench.vault().purge("prod"), Error, has_code(ErrorCode::refused));
    CHECK(bench.vault().find("prod"));
    bench.clock.add_days(1);
    CHECK(bench.vault().purge("prod").size() == 1);
    CHECK(bench.vault().list().empty());
    CHECK(bench.vault().purged().size() == 1);
}

TEST_CASE("purge protection cannot be switched off once a vault has held a key [R57]", "[keyring][life]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    REQUIRE_THROWS_MATCHES(bench.vault().waive_purge_protection(), Error, has_code(ErrorCode::refused));
    bench.vault().soft_delete("prod", {.days = 7});
    bench.clock.add_days(7);
    REQUIRE_THROWS_MATCHES(bench.vault().waive_purge_protection(), Error, has_code(ErrorCode::refused));
    CHECK(bench.vault().list().empty());
    CHECK(bench.vault().purge_protection());
}

TEST_CASE("a forger can neither delete, nor hasten a purge, nor switch protection off [R25]", "[keyring][life]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    bench.vault().set_tags("prod", {{"team", "db"}});
    bench.vault().soft_delete("prod");
    const Json body = body_of(bench);
    const auto forge = [&](const auto& apply) {
        Json forged = body;
        apply(forged);
        put_content(vault_file(bench), encode_state(forged));
        LocalVault vault = LocalVault::open(bench.vault_folder, bench.clock);
        try {
            vault.unlock(secret("sesame"));
        } catch (const Error& error) {
            return error.code();
        }
        return ErrorCode::failed;
    };
    CHECK(forge([](Json&) {}) == ErrorCode::failed);
    CHECK(forge([](Json& json) { json["keys"][0]["purge_at"] = "2026-03-15T00:00:00Z"; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["purge_protection"] = false; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["records"][0]["tags"]["team"] = "web"; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json.erase("records"); }) == ErrorCode::damaged);
}

TEST_CASE("new members of another shape are damage, never a crash", "[keyring][life]") {
    Bench bench;
    LocalVault& vault = unprotected(bench);
    vault.create_key("gone", 2048);
    vault.soft_delete("gone");
    vault.purge("gone");
    vault.create_key("prod", 2048);
    vault.set_tags("prod", {{"team", "db"}});
    vault.set_rotation_policy("prod", {.after_days = 90, .before_expiry_days = 30});
    vault.note_key_backup("prod", {bench.clock.now(), {}});
    vault.soft_delete("prod");
    const Json body = body_of(bench);
    const std::vector<Json> wrong = {nullptr, true, -1, 1.5, "\n", Json::array({1}), Json::object({{"kind", 1}})};
    const Json flat = body.flatten();
    for (const auto& [pointer, value] : flat.items()) {
        const bool is_new = pointer.starts_with("/records") || pointer.starts_with("/purged") ||
                            pointer.starts_with("/purge_protection") || pointer.ends_with("purge_at");
        if (!is_new) continue;
        for (const Json& other : wrong) {
            Json changed = body;
            changed[Json::json_pointer(pointer)] = other;
            if (changed == body) continue;
            put_content(vault_file(bench), encode_state(changed));
            CAPTURE(pointer, other.dump());
            REQUIRE_THROWS_MATCHES(LocalVault::open(bench.vault_folder).unlock(secret("sesame")), Error,
                                   has_code(ErrorCode::damaged));
        }
    }
}

TEST_CASE("a vault of the first form opens, and what it deleted stays 90 days [R67]", "[keyring][life]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    // The first form knew neither records nor purge dates: nothing of them stands in a vault that does not use them.
    const Json body = body_of(bench);
    CHECK(body.size() == 7);
    CHECK(body["keys"][0].size() == 14);
    KeyAttributes attributes;
    attributes.deleted = bench.clock.now();
    CHECK(attributes.purge_date() == bench.clock.in_days(90));
}

TEST_CASE("tags are kept with a name, and are text of bounded length", "[keyring][life]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    bench.vault().set_tags("prod", {{"team", "db"}, {"cost", "42"}});
    bench.vault().rotate("prod");
    bench.vault().set_tags("prod", {{"cost", std::nullopt}});
    CHECK(bench.vault().record("prod").tags == std::map<std::string, std::string>{{"team", "db"}});
    bench.vault().set_tags("prod", {{"team", std::nullopt}});
    CHECK_FALSE(body_of(bench).contains("records"));
    const auto refuses = [&](const std::string& name, const std::string& value) {
        REQUIRE_THROWS_MATCHES(bench.vault().set_tags("prod", {{name, value}}), Error, has_code(ErrorCode::usage));
    };
    refuses("", "x");
    refuses(std::string(129, 'x'), "x");
    refuses("x", std::string(257, 'x'));
    refuses("x", "two\nlines");
    refuses("x", "\xff");
    std::map<std::string, std::optional<std::string>> many;
    for (int i = 0; i < 51; ++i) many[std::to_string(i)] = "x";
    REQUIRE_THROWS_MATCHES(bench.vault().set_tags("prod", many), Error, has_code(ErrorCode::usage));
    REQUIRE_THROWS_MATCHES(bench.vault().set_tags("other", {{"a", "b"}}), Error, has_code(ErrorCode::key_unavailable));
}

TEST_CASE("a rotation policy says when the newest version is due [R88]", "[keyring][life]") {
    Bench bench;
    bench.vault().create_key("a", 2048);
    bench.vault().create_key("b", 2048, {.expires = bench.clock.in_days(365)});
    bench.vault().create_key("c", 2048);
    bench.vault().set_rotation_policy("a", {.after_days = 90});
    bench.vault().set_rotation_policy("b", {.before_expiry_days = 30});
    bench.vault().set_rotation_policy("c", {.before_expiry_days = 30});
    const auto due = [&] {
        std::string names;
        for (const KeyVersion& key : bench.vault().due_for_rotation()) names += key.reference() + " ";
        return names;
    };
    CHECK(due().empty());
    bench.clock.add_days(90);
    CHECK(due() == "a/1 ");
    bench.vault().set_enabled("a", false);
    CHECK(due().empty());
    bench.vault().set_enabled("a", true);
    bench.vault().rotate("a");
    CHECK(due().empty());
    bench.clock.add_days(245);
    CHECK(due() == "a/2 b/1 ");
    bench.vault().set_rotation_policy("a", {});
    bench.vault().soft_delete("b");
    CHECK(due().empty());
    for (const std::uint32_t days : {0U, 6U, 3651U}) {
        REQUIRE_THROWS_MATCHES(bench.vault().set_rotation_policy("a", {.after_days = days}), Error,
                               has_code(ErrorCode::usage));
    }
}

TEST_CASE("a deleted key is not rotated, and its name is not free", "[keyring][life]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    bench.vault().soft_delete("prod");
    REQUIRE_THROWS_MATCHES(bench.vault().rotate("prod"), Error, has_code(ErrorCode::refused));
    REQUIRE_THROWS_MATCHES(bench.vault().create_key("prod", 2048), Error, has_code(ErrorCode::refused));
}

TEST_CASE("a key exchange key is no protector", "[keyring][life]") {
    Bench bench;
    const KeyVersion key = bench.vault().create_key("kek", 2048, {}, KeyUse::exchange);
    CHECK(bench.vault().get("kek").use == KeyUse::exchange);
    CHECK_FALSE(bench.vault().newest_enabled("kek"));
    CHECK(bench.vault().unwrap(key.thumbprint, key.public_key().wrap(secret("x").reveal())).outcome == Outcome::misuse);
    const auto described = bench.vaults.at(Location::parse("local:kek")).describe(Location::parse("local:kek"));
    CHECK(described.outcome == Outcome::misuse);
    CHECK(bench.vault().rotate("kek").use == KeyUse::exchange);
}

}  // namespace
}  // namespace signet::keyring::test
