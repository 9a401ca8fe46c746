#include "keyring/resolver.h"

#include <atomic>
#include <thread>

#include "core/crypto/random.h"
#include "keyring/vault_place.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

using format::DataKey;
using format::Slot;

const RepositoryId kRepository = crypto::random_id<RepositoryId>();

Location at(const std::string& text) { return Location::parse(text); }

bool same_key(const DataKey& left, const DataKey& right) {
    return left.id() == right.id() && left.secret().equals(right.secret().reveal());
}

/// A vault with "prod" (the default), "old" (linked), and a public half "safe" (recovery).
struct Linked : Bench {
    format::Thumbprint prod, old, safe;
    crypto::RsaPrivateKey safe_key = crypto::RsaPrivateKey::generate(2048);

    Linked() {
        prod = vault().create_key("prod", 2048).thumbprint;
        old = vault().create_key("old", 2048).thumbprint;
        safe = format::Thumbprint::of(safe_key.public_key());
        Keyring keyring = this->keyring();
        keyring.link(at("local:prod/1"), {.role = LinkRole::default_}, vaults);
        keyring.link(at("local:old/1"), {}, vaults);
        keyring.link(public_file("safe.pem", safe_key.public_key()), {.role = LinkRole::recovery}, vaults);
    }
    /// A slot of `key` under a protector, whatever its role.
    Slot slot_under(const DataKey& key, const format::Thumbprint& thumbprint) {
        return Resolving(*this).resolver.wrap_any_role(key, thumbprint);
    }
};

TEST_CASE("only the default and the recovery links wrap [R86]", "[keyring][resolver]") {
    Linked bench;
    Resolving with(bench);
    CHECK(with.resolver.wrapping_protectors() == std::vector<format::Thumbprint>{bench.prod, bench.safe});
    const DataKey key = DataKey::generate(kRepository);
    const auto slots = with.resolver.wrap_for_backup(key, with.resolver.wrapping_protectors());
    REQUIRE(slots.size() == 2);
    CHECK(slots[0].thumbprint == bench.prod);
    CHECK(slots[0].location == "local:prod/1");
    CHECK(slots[0].repository == kRepository);
    CHECK(slots[0].dek == key.id());
    CHECK(slots[0].commitment == key.commitment());
    CHECK(slots[1].thumbprint == bench.safe);
    CHECK(same_key(format::accept_unwrapped(slots[1], *bench.safe_key.unwrap(slots[1].wrapped)), key));
    CHECK(same_key(with.resolver.unwrap(slots[0]), key));
    CHECK_NOTHROW(Slot::decode(slots[0].encode(), "slot"));
    REQUIRE_THROWS_MATCHES(with.resolver.wrap(key, bench.old), Error, has_code(ErrorCode::refused));
    REQUIRE_THROWS_MATCHES(with.resolver.wrap(key, {}), Error, has_code(ErrorCode::key_unavailable));
}

TEST_CASE("without a default there is nothing to wrap with, and the hint has the command [R51] [R53]",
          "[keyring][resolver]") {
    Linked bench;
    Resolving with(bench);
    try {
        static_cast<void>(with.resolver.wrapping_protectors("local", "eu-west"));
        FAIL("found one");
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::key_unavailable);
        CHECK(error.hint() == "signet keyring link LOCATION --default --region eu-west");
    }
}

TEST_CASE("linked protectors unwrap when their thumbprint is asked for [R87] [R126]", "[keyring][resolver]") {
    Linked bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = bench.slot_under(key, bench.old);
    Resolving with(bench);
    CHECK(same_key(with.resolver.unwrap(slot), key));
    CHECK(with.warnings.empty());
}

TEST_CASE("after a rotation old data keys open and new ones need the new version [R89] [R91] [R92]",
          "[keyring][resolver]") {
    Bench bench;
    const auto first = bench.vault().create_key("prod", 2048).thumbprint;
    bench.keyring().link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    const DataKey before = DataKey::generate(kRepository);
    Resolving at_first(bench);
    const Slot old_slot = at_first.resolver.wrap_for_backup(before, at_first.resolver.wrapping_protectors()).front();
    bench.vault().rotate("prod");
    bench.keyring().refresh_followed(bench.vaults);
    Resolving with(bench);
    const DataKey after = DataKey::generate(kRepository);
    const Slot new_slot = with.resolver.wrap_for_backup(after, with.resolver.wrapping_protectors()).front();
    CHECK(old_slot.thumbprint == first);
    CHECK(new_slot.thumbprint != first);
    CHECK(new_slot.location == "local:prod/2");
    CHECK(same_key(with.resolver.unwrap(old_slot), before));
    CHECK(same_key(with.resolver.unwrap(new_slot), after));
}

TEST_CASE("status describes and never asks for a passphrase", "[keyring][resolver]") {
    Linked bench;
    PassphraseSource none;
    Vaults locked(bench.vault_folder, none, bench.clock);
    std::vector<Keyring> own;
    own.push_back(bench.keyring());
    KeyringSet keyrings(std::move(own));
    Resolver resolver(keyrings, locked);
    const std::string log = content_of(bench.keyring_folder + "/audit.log");

    const ProtectorReport usable = resolver.status(bench.prod);
    CHECK(usable.status == ProtectorStatus::usable);
    CHECK(usable.can_unwrap);
    CHECK(usable.name == "prod");
    CHECK(usable.role == LinkRole::default_);
    CHECK(usable.locations == std::vector<std::string>{"local:prod/1"});
    CHECK(resolver.status(bench.old).role == LinkRole::linked);
    CHECK(resolver.status(bench.safe).status == ProtectorStatus::wrap_only);
    CHECK_FALSE(resolver.status(bench.safe).can_unwrap);
    const ProtectorReport missing = resolver.status({});
    CHECK(missing.status == ProtectorStatus::missing);
    CHECK_FALSE(missing.role);
    CHECK_FALSE(missing.hint.empty());
    CHECK(content_of(bench.keyring_folder + "/audit.log") == log);
    CHECK(none.times_asked() == 0);
}

TEST_CASE("status says what is wrong and what to do", "[keyring][resolver]") {
    Linked bench;
    Resolving with(bench);
    const auto status = [&] { return with.resolver.status(bench.prod); };
    bench.vault().set_enabled("prod", false);
    CHECK(status().status == ProtectorStatus::disabled);
    CHECK_FALSE(status().can_unwrap);
    CHECK(status().detail == "disabled in local:prod/1");
    CHECK(status().hint == "signet key enable prod/1");
    bench.vault().soft_delete("prod");
    CHECK(status().status == ProtectorStatus::deleted);
    CHECK(status().hint == "signet key recover prod/1");
    bench.vault().recover("prod");
    bench.vault().set_enabled("prod", true);
    CHECK(status().status == ProtectorStatus::usable);

    bench.vault().set_dates("prod", {.not_before = {}, .expires = bench.clock.in_days(-1)});
    CHECK(status().status == ProtectorStatus::expired);
    CHECK(status().can_unwrap);
    CHECK(status().expires == bench.clock.in_days(-1));
    bench.vault().set_dates("prod", {.not_before = bench.clock.in_days(1), .expires = {}});
    CHECK(status().status == ProtectorStatus::not_yet_valid);
    bench.vault().set_dates("prod", {});
    CHECK(status().status == ProtectorStatus::usable);

    break_disk(bench.vault_folder);
    CHECK(status().status == ProtectorStatus::unreachable);
    mend_disk(bench.vault_folder);
    put_content(bench.vault_folder + "/vault.json", "junk");
    CHECK(status().status == ProtectorStatus::denied);
    CHECK_FALSE(status().can_unwrap);
}

TEST_CASE("every outcome has a status, and only an outage is one that heals by itself", "[keyring][resolver]") {
    Bench bench;
    FakeVault& fake = install_fake(bench, "local:/far#prod", crypto::RsaPrivateKey::generate(2048));
    const auto thumbprint = bench.keyring().link(at("local:/far#prod/1"), {}, bench.vaults).link.thumbprint;
    const std::vector<std::pair<Outcome, ProtectorStatus>> expected = {
        {Outcome::ok, ProtectorStatus::usable},
        {Outcome::unavailable, ProtectorStatus::unreachable},
        {Outcome::throttled, ProtectorStatus::unreachable},
        {Outcome::denied, ProtectorStatus::denied},
        {Outcome::key_disabled, ProtectorStatus::disabled},
        {Outcome::key_not_yet_valid, ProtectorStatus::not_yet_valid},
        {Outcome::key_expired, ProtectorStatus::expired},
        {Outcome::key_deleted, ProtectorStatus::deleted},
        {Outcome::not_found, ProtectorStatus::deleted},
        {Outcome::credential_rejected, ProtectorStatus::denied},
        {Outcome::untrusted, ProtectorStatus::denied},
        {Outcome::misuse, ProtectorStatus::denied},
        {Outcome::integrity, ProtectorStatus::denied}};
    for (const auto& [outcome, status] : expected) {
        CAPTURE(text(outcome));
        fake.describes = Outcome::ok;
        CHECK(Resolving(bench).resolver.status(thumbprint).status == ProtectorStatus::usable);
        fake.describes = outcome;
        CHECK(Resolving(bench).resolver.status(thumbprint).status == status);
        CHECK(parse_outcome(text(outcome)) == outcome);
    }
}

TEST_CASE("a missing protector is named with where it was [R123]", "[keyring][resolver]") {
    Linked bench;
    const Slot slot = bench.slot_under(DataKey::generate(kRepository), bench.old);
    bench.keyring().unlink(bench.old);
    Resolving with(bench);
    try {
        static_cast<void>(with.resolver.unwrap(slot));
        FAIL("unwrapped");
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::key_unavailable);
        CHECK(std::string(error.what()).find(bench.old.short_text()) != std::string::npos);
        CHECK(error.hint() == "signet keyring link local:old/1");
    }
    // A location from a repository is not a command.
    Slot forged = slot;
    forged.location = "local:x; rm -rf ~\x1b[2J";
    try {
        static_cast<void>(with.resolver.unwrap(forged));
        FAIL("unwrapped");
    } catch (const Error& error) {
        CHECK(error.hint() == "signet keyring link LOCATION");
        CHECK(std::string(error.what()).find('\x1b') == std::string::npos);
    }
}

TEST_CASE("disabled and deleted protectors open nothing, and no passphrase is asked for them [R25]",
          "[keyring][resolver]") {
    Linked bench;
    const Slot slot = bench.slot_under(DataKey::generate(kRepository), bench.old);
    bench.vault().set_enabled("old", false);
    const int asked = bench.passphrases.times_asked();
    bench.passphrases.forget(bench.vaults.local().object());
    Vaults fresh(bench.vault_folder, bench.passphrases, bench.clock);
    std::vector<Keyring> own;
    own.push_back(bench.keyring());
    KeyringSet keyrings(std::move(own));
    Resolver resolver(keyrings, fresh);
    REQUIRE_THROWS_MATCHES(resolver.unwrap(slot), Error, has_code(ErrorCode::key_unavailable));
    bench.vault().soft_delete("old");
    REQUIRE_THROWS_MATCHES(resolver.unwrap(slot), Error, has_code(ErrorCode::key_unavailable));
    CHECK(bench.passphrases.times_asked() == asked);
}

TEST_CASE("an expired protector unwraps with a warning, said once, and never wraps", "[keyring][resolver]") {
    Linked bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = bench.slot_under(key, bench.prod);
    bench.vault().set_dates("prod", {.not_before = {}, .expires = bench.clock.in_days(1)});
    bench.clock.add_days(1);
    Resolving with(bench);
    CHECK(same_key(with.resolver.unwrap(slot), key));
    CHECK(same_key(with.resolver.unwrap(slot), key));
    CHECK(with.warnings.size() == 1);
    REQUIRE_THROWS_MATCHES(with.resolver.wrap(key, bench.prod), Error, has_code(ErrorCode::key_unavailable));
    bench.vault().set_dates("prod", {.not_before = bench.clock.in_days(1), .expires = {}});
    REQUIRE_THROWS_MATCHES(with.resolver.wrap(key, bench.prod), Error, has_code(ErrorCode::key_unavailable));
}

TEST_CASE("a disabled protector does not wrap, one out of reach does with a warning [R74] [R104]",
          "[keyring][resolver]") {
    Linked bench;
    const DataKey key = DataKey::generate(kRepository);
    Resolving with(bench);
    bench.vault().set_enabled("prod", false);
    REQUIRE_THROWS_MATCHES(with.resolver.wrap(key, bench.prod), Error, has_code(ErrorCode::key_unavailable));
    // Revoke, then pull the plug: that must not look like an outage.
    break_disk(bench.vault_folder);
    REQUIRE_THROWS_MATCHES(with.resolver.wrap(key, bench.prod), Error, has_code(ErrorCode::key_unavailable));
    mend_disk(bench.vault_folder);
    bench.vault().set_enabled("prod", true);
    CHECK_NOTHROW(with.resolver.wrap(key, bench.prod));
    CHECK(with.warnings.empty());
    break_disk(bench.vault_folder);
    const Slot slot = with.resolver.wrap(key, bench.prod);
    CHECK(with.warnings.size() == 1);
    mend_disk(bench.vault_folder);
    CHECK(same_key(with.resolver.unwrap(slot), key));
}

TEST_CASE("a backup asks for no passphrase", "[keyring][resolver]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    bench.keyring().link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    bench.vault().rotate("prod");
    PassphraseSource prompt([](const PassphraseRequest&) -> SecretBytes { throw Error(ErrorCode::failed, "asked"); },
                            PassphraseSource::Manner::prompt);
    Vaults locked(bench.vault_folder, prompt, bench.clock);
    std::vector<Keyring> own;
    own.push_back(bench.keyring());
    KeyringSet keyrings(std::move(own));
    Resolver resolver(keyrings, locked);
    static_cast<void>(keyrings.own().writer());
    CHECK(keyrings.own().refresh_followed(locked).changes.size() == 1);
    const auto protectors = resolver.wrapping_protectors();
    CHECK_FALSE(resolver.unwraps_unattended(protectors.front()));
    CHECK(resolver.wrap_for_backup(DataKey::generate(kRepository), resolver.wrapping_protectors()).size() == 1);
    CHECK(resolver.status(protectors.front()).status == ProtectorStatus::usable);
    CHECK(prompt.times_asked() == 0);
}

TEST_CASE("whether unwrapping needs a person is known beforehand", "[keyring][resolver]") {
    Linked bench;
    Resolving with(bench);
    CHECK(with.resolver.unwraps_unattended(bench.prod));
    CHECK_FALSE(with.resolver.unwraps_unattended(bench.safe));
    CHECK_FALSE(with.resolver.unwraps_unattended({}));
    bench.vault().set_enabled("prod", false);
    CHECK_FALSE(with.resolver.unwraps_unattended(bench.prod));

    PassphraseSource prompt([](const PassphraseRequest&) { return secret("sesame"); },
                            PassphraseSource::Manner::prompt);
    Vaults vaults(bench.vault_folder, prompt, bench.clock);
    Resolver resolver(with.keyrings, vaults);
    CHECK_FALSE(resolver.unwraps_unattended(bench.old));
    // A person who has answered once is not asked again.
    static_cast<void>(vaults.local().unlocked());
    CHECK(resolver.unwraps_unattended(bench.old));
}

TEST_CASE("a wrong passphrase is told as such, and can be given again", "[keyring][resolver]") {
    Linked bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = bench.slot_under(key, bench.prod);
    std::string answer = "wrong";
    PassphraseSource passphrases([&](const PassphraseRequest&) { return secret(answer); },
                                 PassphraseSource::Manner::prompt);
    Vaults vaults(bench.vault_folder, passphrases, bench.clock);
    std::vector<Keyring> own;
    own.push_back(bench.keyring());
    KeyringSet keyrings(std::move(own));
    Resolver resolver(keyrings, vaults);
    REQUIRE_THROWS_MATCHES(resolver.unwrap(slot), Error, has_code(ErrorCode::wrong_passphrase));
    answer = "sesame";
    CHECK(same_key(resolver.unwrap(slot), key));
    CHECK(passphrases.times_asked() == 2);
    const AuditReport report = keyrings.own().audit().verify();
    CHECK(report.intact());
    CHECK(report.uncertain.empty());
}

TEST_CASE("a slot that is not what its protector wrapped is damage", "[keyring][resolver]") {
    Linked bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot good = bench.slot_under(key, bench.prod);
    Resolving with(bench);
    const auto fails = [&](const Slot& slot) {
        CHECK_THROWS_MATCHES(with.resolver.unwrap(slot), Error, has_code(ErrorCode::damaged));
    };
    Slot bad = good;
    bad.wrapped[7] ^= 1U;
    fails(bad);
    bad = good;
    bad.wrapped = bench.slot_under(DataKey::generate(kRepository), bench.prod).wrapped;
    fails(bad);
    bad = good;
    bad.dek = crypto::random_id<DekId>();
    fails(bad);
    bad = good;
    bad.commitment.octets[0] ^= 1U;
    fails(bad);
    bad = good;
    bad.thumbprint = bench.old;
    fails(bad);
    // None of that says anything about the protector.
    CHECK(same_key(with.resolver.unwrap(good), key));
    CHECK(with.keyrings.own().audit().verify().uncertain.empty());
}

TEST_CASE("an altered vault opens nothing", "[keyring][resolver]") {
    Linked bench;
    const Slot slot = bench.slot_under(DataKey::generate(kRepository), bench.prod);
    std::string file = content_of(bench.vault_folder + "/vault.json");
    file[file.size() / 2] = static_cast<char>(file[file.size() / 2] ^ 1);
    put_content(bench.vault_folder + "/vault.json", file);
    Resolving with(bench);
    REQUIRE_THROWS_MATCHES(with.resolver.unwrap(slot), Error, has_code(ErrorCode::damaged));
    REQUIRE_THROWS_MATCHES(with.resolver.wrap(DataKey::generate(kRepository), bench.prod), Error,
                           has_code(ErrorCode::damaged));
}

TEST_CASE("every use of a protector is audited before and after [R145]", "[keyring][resolver]") {
    Linked bench;
    Resolving with(bench);
    const DataKey key = DataKey::generate(kRepository);
    const auto before = with.keyrings.own().audit().verify().lines;
    const Slot slot = with.resolver.wrap(key, bench.prod);
    CHECK(with.keyrings.own().audit().verify().lines == before + 2);
    static_cast<void>(with.resolver.unwrap(slot));
    CHECK(with.keyrings.own().audit().verify().lines == before + 4);
    const std::string log = content_of(bench.keyring_folder + "/audit.log");
    CHECK(log.find("dek " + key.id().hex()) != std::string::npos);
    CHECK(log.find(to_hex(key.secret().reveal())) == std::string::npos);
}

TEST_CASE("a protector that cannot be audited is not used: no log, no unwrap [R9, R145]", "[keyring][resolver]") {
    Linked bench;
    const Slot slot = bench.slot_under(DataKey::generate(kRepository), bench.prod);
    Resolving with(bench);
    std::filesystem::remove(bench.keyring_folder + "/audit.log");
    std::filesystem::create_directory(bench.keyring_folder + "/audit.log");
    const int asked = bench.passphrases.times_asked();
    REQUIRE_THROWS_MATCHES(with.resolver.unwrap(slot), Error, has_code(ErrorCode::io));
    REQUIRE_THROWS_MATCHES(with.resolver.wrap(DataKey::generate(kRepository), bench.prod), Error,
                           has_code(ErrorCode::io));
    CHECK(bench.passphrases.times_asked() == asked);
}

TEST_CASE("several threads use one resolver", "[keyring][resolver]") {
    Linked bench;
    Resolving with(bench);
    std::atomic<int> opened = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int j = 0; j < 5; ++j) {
                const DataKey key = DataKey::generate(kRepository);
                const auto slots = with.resolver.wrap_for_backup(key, with.resolver.wrapping_protectors());
                if (with.resolver.status(bench.prod).can_unwrap && same_key(with.resolver.unwrap(slots.front()), key)) {
                    ++opened;
                }
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(opened == 20);
    CHECK(with.keyrings.own().audit().verify().intact());
}

// Twins.

/// One key in two places: "local:/near#prod" first, "local:/far#prod" its twin.
struct Twins : Bench {
    crypto::RsaPrivateKey key = crypto::RsaPrivateKey::generate(2048);
    FakeVault& near = install_fake(*this, "local:/near#prod", key);
    FakeVault& far = install_fake(*this, "local:/far#prod", key);
    format::Thumbprint thumbprint;

    Twins() {
        Keyring keyring = this->keyring();
        thumbprint = keyring.link(at("local:/near#prod/1"), {.role = LinkRole::default_}, vaults).link.thumbprint;
        keyring.link(at("local:/far#prod/1"), {.twin_of = "prod"}, vaults);
        near.unwrap_calls = far.unwrap_calls = 0;
    }
};

TEST_CASE("an outage is bridged by a twin, and by nothing but an outage [R130]", "[keyring][twin]") {
    Twins bench;
    const DataKey key = DataKey::generate(kRepository);
    Resolving with(bench);
    const Slot slot = with.resolver.wrap(key, bench.thumbprint);
    for (const Outcome outcome : {Outcome::unavailable, Outcome::throttled}) {
        CAPTURE(text(outcome));
        bench.near.describes = outcome;
        CHECK(same_key(with.resolver.unwrap(slot), key));
        CHECK(with.resolver.status(bench.thumbprint).status == ProtectorStatus::usable);
        bench.near.describes = Outcome::ok;
        bench.near.unwraps = outcome;
        CHECK(same_key(with.resolver.unwrap(slot), key));
        bench.near.unwraps = Outcome::ok;
    }
    CHECK(bench.far.unwrap_calls == 4);
    CHECK(same_key(with.resolver.unwrap(slot), key));
    CHECK(bench.far.unwrap_calls == 4);
    bench.near.describes = bench.far.describes = Outcome::unavailable;
    REQUIRE_THROWS_MATCHES(with.resolver.unwrap(slot), Error, has_code(ErrorCode::key_unavailable));
    CHECK(with.resolver.status(bench.thumbprint).status == ProtectorStatus::unreachable);
}

TEST_CASE("a failover is warned about once, and each stands in the audit log with its cause [R130, R145]",
          "[keyring][twin]") {
    Twins bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = Resolving(bench).resolver.wrap(key, bench.thumbprint);
    const bool by_describing = GENERATE(true, false);
    (by_describing ? bench.near.describes : bench.near.unwraps) = Outcome::unavailable;
    Resolving with(bench);
    CHECK(same_key(with.resolver.unwrap(slot), key));
    CHECK(same_key(with.resolver.unwrap(slot), key));
    REQUIRE(with.warnings.size() == 1);
    CHECK(with.warnings.front().find("cannot be reached in local:/near#prod/1; its twin is used: local:/far#prod/1") !=
          std::string::npos);
    std::vector<AuditRecord> failovers;
    with.keyrings.own().audit().read([&](const AuditRecord& record) {
        if (record.operation == "failover") failovers.push_back(record);
    });
    REQUIRE(failovers.size() == 2);
    CHECK(failovers[0].location == "local:/far#prod/1");
    CHECK(failovers[0].thumbprint == bench.thumbprint.text());
    CHECK(failovers[0].object == "dek " + slot.dek.hex());
    CHECK(failovers[0].detail == "from local:/near#prod/1: unavailable (as told)");
}

TEST_CASE("a vault with too many calls is asked again before its twin is, in bounds and once in a run [R130]",
          "[keyring][twin]") {
    Twins bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = Resolving(bench).resolver.wrap(key, bench.thumbprint);
    Resolving patient(bench);
    bench.near.throttles = 4;
    CHECK(same_key(patient.resolver.unwrap(slot), key));
    CHECK(patient.waits.size() == 4);
    CHECK(bench.far.unwrap_calls == 0);
    CHECK(patient.warnings.empty());

    Resolving in_vain(bench);
    bench.near.describes = Outcome::throttled;
    CHECK(same_key(in_vain.resolver.unwrap(slot), key));
    CHECK(same_key(in_vain.resolver.unwrap(slot), key));
    CHECK(bench.far.unwrap_calls == 2);
    REQUIRE(in_vain.waits.size() == 4);
    for (std::size_t i = 0; i < in_vain.waits.size(); ++i) {
        const std::chrono::milliseconds nominal = std::chrono::seconds(1) * (1 << i);
        CHECK(in_vain.waits[i] >= nominal * 3 / 4);
        CHECK(in_vain.waits[i] <= nominal * 5 / 4);
    }

    Resolving away(bench);
    bench.near.describes = Outcome::unavailable;
    CHECK(same_key(away.resolver.unwrap(slot), key));
    CHECK(away.waits.empty());
}

TEST_CASE("what another process saw refused in the meantime counts in one that began before [R131]",
          "[keyring][twin]") {
    Twins bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = Resolving(bench).resolver.wrap(key, bench.thumbprint);
    Resolving began_before(bench);
    CHECK(same_key(began_before.resolver.unwrap(slot), key));
    bench.near.describes = Outcome::key_disabled;
    CHECK(Resolving(bench).resolver.status(bench.thumbprint).status == ProtectorStatus::disabled);

    bench.near.describes = Outcome::unavailable;
    CHECK_THROWS_AS(began_before.resolver.unwrap(slot), Error);
    CHECK_THROWS_AS(began_before.resolver.wrap(key, bench.thumbprint), Error);
    CHECK(began_before.resolver.status(bench.thumbprint).status == ProtectorStatus::disabled);
    CHECK(bench.far.unwrap_calls == 0);
}

TEST_CASE("a login that is refused while describing is remembered, and not tried again unasked [R115] [R131]",
          "[keyring][twin]") {
    Twins bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = Resolving(bench).resolver.wrap(key, bench.thumbprint);
    bench.near.rejects_login = true;
    CHECK(Resolving(bench).resolver.status(bench.thumbprint).status == ProtectorStatus::denied);
    REQUIRE(bench.keyring().refusal("local:/near#prod/1", bench.vaults) != nullptr);
    CHECK(bench.keyring().refusal("local:/near#prod/1", bench.vaults)->outcome == Outcome::credential_rejected);
    CHECK_THROWS_AS(Resolving(bench).resolver.unwrap(slot), Error);
    CHECK_THROWS_AS(Resolving(bench).resolver.wrap(key, bench.thumbprint), Error);
    CHECK(bench.near.logins == 1);

    bench.near.rejects_login = false;
    bench.near.describes = Outcome::unavailable;
    CHECK_THROWS_AS(Resolving(bench).resolver.unwrap(slot), Error);
    // That the key is seen says nothing about the login.
    bench.near.describes = Outcome::ok;
    CHECK(Resolving(bench).resolver.status(bench.thumbprint).status == ProtectorStatus::usable);
    bench.near.describes = Outcome::unavailable;
    CHECK_THROWS_AS(Resolving(bench).resolver.unwrap(slot), Error);
    CHECK(bench.far.unwrap_calls == 0);

    bench.near.describes = Outcome::ok;
    CHECK(bench.keyring().test(bench.thumbprint, bench.vaults).ok());
    CHECK(bench.keyring().refusal("local:/near#prod/1", bench.vaults) == nullptr);
}

TEST_CASE("a person's test logs in to what has refused a login before", "[keyring][twin]") {
    Twins bench;
    bench.near.rejects_login = true;
    CHECK(Resolving(bench).resolver.status(bench.thumbprint).status == ProtectorStatus::denied);
    CHECK_THROWS_AS(bench.keyring().test(bench.thumbprint, bench.vaults), Error);
    CHECK(bench.near.logins == 2);
}

TEST_CASE("a login that a person got wrong while describing ends the command and is not remembered",
          "[keyring][twin]") {
    Twins bench;
    PassphraseSource prompt([](const PassphraseRequest&) { return secret("sesame"); },
                            PassphraseSource::Manner::prompt);
    Vaults vaults(bench.vault_folder, prompt, bench.clock);
    auto fake = std::make_unique<FakeVault>(crypto::RsaPrivateKey::generate(2048), bench.clock);
    fake->rejects_login = true;
    vaults.replace(at("local:/near#prod"), std::move(fake));
    std::vector<Keyring> own;
    own.push_back(bench.keyring());
    KeyringSet keyrings(std::move(own));
    REQUIRE_THROWS_MATCHES(Resolver(keyrings, vaults).status(bench.thumbprint), Error,
                           has_code(ErrorCode::wrong_passphrase));
    CHECK(bench.keyring().refusal("local:/near#prod/1", bench.vaults) == nullptr);
}

TEST_CASE("a refusal is never bypassed through a twin [R131]", "[keyring][twin]") {
    Twins bench;
    const DataKey key = DataKey::generate(kRepository);
    Resolving with(bench);
    const Slot slot = with.resolver.wrap(key, bench.thumbprint);
    for (const Outcome outcome :
         {Outcome::denied, Outcome::key_disabled, Outcome::key_deleted, Outcome::not_found,
          Outcome::credential_rejected, Outcome::untrusted, Outcome::misuse, Outcome::integrity}) {
        CAPTURE(text(outcome));
        bench.near.describes = outcome;
        CHECK_THROWS_AS(with.resolver.unwrap(slot), Error);
        bench.near.describes = Outcome::ok;
        bench.near.unwraps = outcome;
        CHECK_THROWS_AS(with.resolver.unwrap(slot), Error);
        bench.near.unwraps = Outcome::ok;
        CHECK(same_key(with.resolver.unwrap(slot), key));
    }
    CHECK(bench.far.unwrap_calls == 0);
    bench.near.attributes.enabled = false;
    REQUIRE_THROWS_MATCHES(with.resolver.unwrap(slot), Error, has_code(ErrorCode::key_unavailable));
    CHECK(bench.far.unwrap_calls == 0);
}

TEST_CASE("a twin that refuses ends the attempt", "[keyring][twin]") {
    Twins bench;
    Resolving with(bench);
    const Slot slot = with.resolver.wrap(DataKey::generate(kRepository), bench.thumbprint);
    bench.near.describes = Outcome::unavailable;
    bench.far.describes = Outcome::denied;
    REQUIRE_THROWS_MATCHES(with.resolver.unwrap(slot), Error, has_code(ErrorCode::key_unavailable));
    CHECK(with.resolver.status(bench.thumbprint).status == ProtectorStatus::denied);
}

TEST_CASE("an outage after a refusal opens no way to the twin, in any later process [R131]", "[keyring][twin]") {
    Twins bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = Resolving(bench).resolver.wrap(key, bench.thumbprint);
    const bool by_describing = GENERATE(true, false);
    (by_describing ? bench.near.describes : bench.near.unwraps) = Outcome::denied;
    CHECK_THROWS_AS(Resolving(bench).resolver.unwrap(slot), Error);
    REQUIRE(bench.keyring().refusal("local:/near#prod/1", bench.vaults) != nullptr);
    CHECK(bench.keyring().refusal("local:/near#prod/1", bench.vaults)->outcome == Outcome::denied);

    bench.near.describes = Outcome::unavailable;
    REQUIRE_THROWS_MATCHES(Resolving(bench).resolver.unwrap(slot), Error, has_code(ErrorCode::key_unavailable));
    CHECK(Resolving(bench).resolver.status(bench.thumbprint).status == ProtectorStatus::denied);
    bench.near.describes = Outcome::ok;
    if (!by_describing) {
        // Being described proves nothing about being allowed to unwrap.
        CHECK(Resolving(bench).resolver.status(bench.thumbprint).status == ProtectorStatus::usable);
        bench.near.unwraps = Outcome::unavailable;
        REQUIRE_THROWS_MATCHES(Resolving(bench).resolver.unwrap(slot), Error, has_code(ErrorCode::key_unavailable));
    }
    CHECK(bench.far.unwrap_calls == 0);

    bench.near.unwraps = Outcome::ok;
    CHECK(same_key(Resolving(bench).resolver.unwrap(slot), key));
    CHECK(bench.keyring().refusal("local:/near#prod/1", bench.vaults) == nullptr);
    bench.near.describes = Outcome::unavailable;
    CHECK(same_key(Resolving(bench).resolver.unwrap(slot), key));
    CHECK(bench.far.unwrap_calls == 1);
}

TEST_CASE("a private half that is gone is not forgotten because its public half is still seen [R112] [R131]",
          "[keyring][twin]") {
    Twins bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = Resolving(bench).resolver.wrap(key, bench.thumbprint);
    bench.near.unwraps = Outcome::not_found;
    CHECK_THROWS_AS(Resolving(bench).resolver.unwrap(slot), Error);
    CHECK(Resolving(bench).resolver.status(bench.thumbprint).status == ProtectorStatus::usable);
    bench.near.describes = Outcome::unavailable;
    REQUIRE_THROWS_MATCHES(Resolving(bench).resolver.unwrap(slot), Error, has_code(ErrorCode::key_unavailable));
    CHECK(bench.far.unwrap_calls == 0);
}

TEST_CASE("dates stop wrapping also when their vault is out of reach, and never unwrapping [R72] [R73] [R106] [R131]",
          "[keyring][twin]") {
    Twins bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = Resolving(bench).resolver.wrap(key, bench.thumbprint);
    const bool expired = GENERATE(true, false);
    (expired ? bench.near.attributes.expires : bench.near.attributes.not_before) =
        expired ? bench.clock.in_days(-1) : bench.clock.in_days(1);
    CHECK(same_key(Resolving(bench).resolver.unwrap(slot), key));
    CHECK(bench.far.unwrap_calls == 0);
    REQUIRE_THROWS_MATCHES(Resolving(bench).resolver.wrap(key, bench.thumbprint), Error,
                           has_code(ErrorCode::key_unavailable));

    bench.near.describes = Outcome::unavailable;
    REQUIRE_THROWS_MATCHES(Resolving(bench).resolver.wrap(key, bench.thumbprint), Error,
                           has_code(ErrorCode::key_unavailable));
    CHECK(same_key(Resolving(bench).resolver.unwrap(slot), key));
    CHECK(bench.far.unwrap_calls == 1);
    // As access is judged: an outage heals nothing.
    CHECK(Resolving(bench).resolver.status_for_wrapping(bench.thumbprint).status ==
          (expired ? ProtectorStatus::expired : ProtectorStatus::not_yet_valid));
    CHECK(Resolving(bench).resolver.status(bench.thumbprint).status == ProtectorStatus::usable);

    bench.near.describes = Outcome::ok;
    bench.near.attributes = {};
    CHECK_NOTHROW(Resolving(bench).resolver.wrap(key, bench.thumbprint));
    bench.near.describes = Outcome::unavailable;
    CHECK_NOTHROW(Resolving(bench).resolver.wrap(key, bench.thumbprint));
}

TEST_CASE("a passphrase from a file that is refused is remembered, one that was typed is not [R115] [R131]",
          "[keyring][twin]") {
    Linked bench;
    const Slot slot = bench.slot_under(DataKey::generate(kRepository), bench.prod);
    const bool unattended = GENERATE(true, false);
    const auto manner = unattended ? PassphraseSource::Manner::unattended : PassphraseSource::Manner::prompt;
    PassphraseSource wrong([](const PassphraseRequest&) { return secret("another"); }, manner);
    Vaults vaults(bench.vault_folder, wrong, bench.clock);
    std::vector<Keyring> own;
    own.push_back(bench.keyring());
    KeyringSet keyrings(std::move(own));
    Resolver resolver(keyrings, vaults);
    REQUIRE_THROWS_MATCHES(resolver.unwrap(slot), Error, has_code(ErrorCode::wrong_passphrase));
    const Keyring later = bench.keyring();
    const Refusal* known = later.refusal(later.find(bench.prod)->locations.front(), bench.vaults);
    CHECK((known != nullptr) == unattended);
    if (known != nullptr) CHECK(known->outcome == Outcome::credential_rejected);
    CHECK_NOTHROW(Resolving(bench).resolver.unwrap(slot));
    CHECK(bench.keyring().refusal(later.find(bench.prod)->locations.front(), bench.vaults) == nullptr);
}

/// A folder in memory, which is a file system of its own on most machines.
struct OtherFileSystem {
    std::string path = "/dev/shm/signet-unit-XXXXXX";
    OtherFileSystem() {
        if (::mkdtemp(path.data()) == nullptr) path = "/";
    }
    ~OtherFileSystem() {
        std::error_code ignored;
        if (path != "/") std::filesystem::remove_all(path, ignored);
    }
    OtherFileSystem(const OtherFileSystem&) = delete;
    OtherFileSystem& operator=(const OtherFileSystem&) = delete;
};

TEST_CASE(
    "a local vault that was taken away is a refusal, one on a file system that is away is an outage [R104] [R113]",
    "[keyring][resolver]") {
    const OtherFileSystem other;
    Bench bench;
    if (file_system_of(other.path) == file_system_of(bench.folder.path())) {
        WARN("needs a second file system in /dev/shm");
        return;
    }
    const std::string disk = bench.folder / "disk";
    std::filesystem::create_directory_symlink(other.path, disk);
    bench.vault_folder = disk + "/vault";
    Vaults vaults(bench.vault_folder, bench.passphrases, bench.clock);
    const auto prod = bench.vault().create_key("prod", 2048).thumbprint;
    bench.keyring().link(at("local:prod"), {.role = LinkRole::default_}, vaults);
    const auto status = [&] {
        std::vector<Keyring> own;
        own.push_back(bench.keyring());
        KeyringSet keyrings(std::move(own));
        return Resolver(keyrings, vaults).status(prod);
    };
    CHECK(status().status == ProtectorStatus::usable);
    std::filesystem::remove(disk);
    CHECK(status().status == ProtectorStatus::unreachable);
    std::filesystem::create_directory(disk);
    CHECK(status().status == ProtectorStatus::unreachable);
    std::filesystem::remove(disk);
    std::filesystem::create_directory_symlink(other.path, disk);
    CHECK(status().status == ProtectorStatus::usable);
    std::filesystem::rename(bench.vault_folder, disk + "/elsewhere");
    CHECK(status().status == ProtectorStatus::deleted);
    CHECK(status().detail.find("the vault is gone") != std::string::npos);
    std::filesystem::rename(disk + "/elsewhere", bench.vault_folder);
    CHECK(status().status == ProtectorStatus::usable);
}

TEST_CASE(
    "a vault that another keyring saw and that was taken away is a refusal, also to a host that never saw it [R113]",
    "[keyring][resolver]") {
    Bench bench;
    const auto prod = bench.vault().create_key("prod", 2048).thumbprint;
    const std::string fleet = bench.folder / "fleet";
    Keyring::open(fleet, false, bench.clock).link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    const auto status = [&] {
        std::vector<Keyring> others;
        others.push_back(Keyring::open(fleet, true, bench.clock));
        return Resolving(bench, std::move(others)).resolver.status(prod);
    };
    const bool host_saw_it = GENERATE(true, false);
    if (host_saw_it) CHECK(status().status == ProtectorStatus::usable);
    std::filesystem::rename(bench.vault_folder, bench.folder / "elsewhere");
    CHECK(status().status == ProtectorStatus::deleted);
    CHECK(status().detail.find("the vault is gone") != std::string::npos);
}

TEST_CASE("a file system without an id is known by what was mounted [R113]", "[keyring]") {
    constexpr std::string_view kMounts =
        "24 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n"
        "61 24 0:53 / /mnt/vault rw shared:30 master:2 - nfs4 server:/export rw,vers=4.2\n"
        "62 24 0:54 / /mnt/other rw - fuse.sshfs anna@host:/srv rw\n";
    CHECK(mounted_as(kMounts, "0:53") == "nfs4 server:/export");
    CHECK(mounted_as(kMounts, "0:54") == "fuse.sshfs anna@host:/srv");
    CHECK(mounted_as(kMounts, "0:5").empty());
    CHECK(mounted_as("torn 1 0:53", "0:53").empty());
    // Of the machine as it is.
    CHECK_FALSE(file_system_of("/").empty());
}

TEST_CASE(
    "a local vault whose disk fails is an outage, whatever else keeps it from being read is a refusal [R104] [R131]",
    "[keyring][resolver]") {
    Linked bench;
    const std::string file = bench.vault_folder + "/vault.json";
    const auto [target, expected] = GENERATE(table<const char*, ProtectorStatus>({
        {"/proc/self/mem", ProtectorStatus::unreachable},  // reading its start is EIO
        {"vault.json", ProtectorStatus::denied},           // ELOOP
        {"/proc", ProtectorStatus::denied},                // EISDIR
    }));
    CAPTURE(target);
    std::filesystem::remove(file);
    std::filesystem::create_symlink(target, file);
    CHECK(Resolving(bench).resolver.status(bench.prod).status == expected);
}

TEST_CASE("a person lifts a refusal, so that an outage opens the way to the twin again [R131]", "[keyring][twin]") {
    Twins bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = Resolving(bench).resolver.wrap(key, bench.thumbprint);
    bench.near.unwraps = Outcome::denied;
    CHECK_THROWS_AS(Resolving(bench).resolver.unwrap(slot), Error);
    bench.near.describes = bench.near.unwraps = Outcome::unavailable;
    CHECK_THROWS_AS(Resolving(bench).resolver.unwrap(slot), Error);
    CHECK(bench.far.unwrap_calls == 0);

    // Out of reach, so it stays the first: it is asked again when it is back.
    CHECK(bench.keyring().use_twin(bench.thumbprint, "anna", bench.vaults) == "local:/near#prod/1");
    CHECK(bench.keyring().refusal("local:/near#prod/1", bench.vaults) == nullptr);
    CHECK(same_key(Resolving(bench).resolver.unwrap(slot), key));
    const std::string log = content_of(bench.keyring_folder + "/audit.log");
    CHECK(log.find(R"("operation":"use-twin")") != std::string::npos);
    CHECK(log.find("by anna; local:/near#prod/1 says unavailable") != std::string::npos);
}

TEST_CASE("a person goes on with the twin of a location that refuses, and it is asked first [R131]",
          "[keyring][twin]") {
    Twins bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = Resolving(bench).resolver.wrap(key, bench.thumbprint);
    bench.near.describes = bench.near.unwraps = Outcome::not_found;
    CHECK_THROWS_AS(Resolving(bench).resolver.unwrap(slot), Error);
    CHECK(bench.keyring().use_twin(bench.thumbprint, "anna", bench.vaults) == "local:/far#prod/1");
    CHECK(bench.keyring().find(bench.thumbprint)->locations ==
          std::vector<std::string>{"local:/far#prod/1", "local:/near#prod/1"});
    CHECK(same_key(Resolving(bench).resolver.unwrap(slot), key));
    CHECK(Resolving(bench).resolver.status(bench.thumbprint).status == ProtectorStatus::usable);
}

TEST_CASE("without a location that unwraps no refusal is lifted [R131]", "[keyring][twin]") {
    Twins bench;
    const Slot slot = Resolving(bench).resolver.wrap(DataKey::generate(kRepository), bench.thumbprint);
    bench.near.unwraps = Outcome::denied;
    CHECK_THROWS_AS(Resolving(bench).resolver.unwrap(slot), Error);
    bench.near.describes = bench.near.unwraps = Outcome::unavailable;
    bench.far.describes = bench.far.unwraps = Outcome::key_disabled;
    REQUIRE_THROWS_MATCHES(bench.keyring().use_twin(bench.thumbprint, "anna", bench.vaults), Error,
                           has_code(ErrorCode::key_unavailable));
    CHECK(bench.keyring().refusal("local:/near#prod/1", bench.vaults) != nullptr);
    CHECK(bench.keyring().find(bench.thumbprint)->locations.front() == "local:/near#prod/1");
}

TEST_CASE("a refusal of what only another keyring links is kept, and opens no way to its twin [R131]",
          "[keyring][twin]") {
    Twins bench;  // whose keyring is the fleet's
    const std::string fleet = bench.keyring_folder;
    bench.keyring_folder = bench.folder / "host";
    const auto resolve = [&] {
        std::vector<Keyring> others;
        others.push_back(Keyring::open(fleet, true, bench.clock));
        return std::make_unique<Resolving>(bench, std::move(others));
    };
    std::vector<Keyring> alone;
    alone.push_back(Keyring::open(fleet, true, bench.clock));
    KeyringSet at_fleet(std::move(alone));
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = Resolver(at_fleet, bench.vaults).wrap(key, bench.thumbprint);
    const bool by_describing = GENERATE(true, false);
    (by_describing ? bench.near.describes : bench.near.unwraps) = Outcome::denied;
    CHECK_THROWS_AS(resolve()->resolver.unwrap(slot), Error);
    REQUIRE(bench.keyring().refusal("local:/near#prod/1", bench.vaults) != nullptr);
    CHECK(Keyring::open(fleet).refusal("local:/near#prod/1", bench.vaults) == nullptr);
    bench.near.describes = Outcome::unavailable;
    CHECK_THROWS_AS(resolve()->resolver.unwrap(slot), Error);
    CHECK(bench.far.unwrap_calls == 0);
    bench.near.describes = bench.near.unwraps = Outcome::ok;
    CHECK(same_key(resolve()->resolver.unwrap(slot), key));
    CHECK(bench.keyring().refusal("local:/near#prod/1", bench.vaults) == nullptr);
}

TEST_CASE("what another keyring remembers as refused opens no way to a twin [R131]", "[keyring][twin]") {
    Twins bench;
    const DataKey key = DataKey::generate(kRepository);
    const Slot slot = Resolving(bench).resolver.wrap(key, bench.thumbprint);
    bench.near.unwraps = Outcome::denied;
    CHECK_THROWS_AS(Resolving(bench).resolver.unwrap(slot), Error);
    bench.near.describes = Outcome::unavailable;
    std::vector<Keyring> others;
    others.push_back(bench.keyring());
    bench.keyring_folder = bench.folder / "host";
    CHECK_THROWS_AS(Resolving(bench, std::move(others)).resolver.unwrap(slot), Error);
    CHECK(bench.far.unwrap_calls == 0);
}

TEST_CASE("a twin makes no default of a protector whose first location has refused [R131]", "[keyring][twin]") {
    Twins bench;
    const Slot slot = Resolving(bench).resolver.wrap(DataKey::generate(kRepository), bench.thumbprint);
    bench.near.unwraps = Outcome::denied;
    CHECK_THROWS_AS(Resolving(bench).resolver.unwrap(slot), Error);
    bench.near.describes = Outcome::unavailable;
    REQUIRE_THROWS_MATCHES(bench.keyring().set_default(bench.thumbprint, bench.vaults), Error,
                           has_code(ErrorCode::key_unavailable));
    CHECK(bench.far.unwrap_calls == 0);
    bench.near.describes = bench.near.unwraps = Outcome::ok;
    CHECK_NOTHROW(bench.keyring().set_default(bench.thumbprint, bench.vaults));
    // An outage alone is bridged, and says nothing about an earlier refusal.
    bench.keyring().note_access(bench.thumbprint, ProtectorStatus::denied, "as told", kNsPerSecond);
    bench.near.describes = Outcome::unavailable;
    CHECK_NOTHROW(bench.keyring().set_default(bench.thumbprint, bench.vaults));
    CHECK(bench.keyring().find(bench.thumbprint)->lost_since);
}

TEST_CASE("another key under a linked name is not used", "[keyring][resolver]") {
    Linked bench;
    const Slot slot = bench.slot_under(DataKey::generate(kRepository), bench.prod);
    std::filesystem::remove_all(bench.vault_folder);
    LocalVault other = LocalVault::create(bench.vault_folder, secret("sesame"), kCheap, bench.clock);
    other.create_key("prod", 2048);
    Vaults vaults(bench.vault_folder, bench.passphrases, bench.clock);
    std::vector<Keyring> own;
    own.push_back(bench.keyring());
    KeyringSet keyrings(std::move(own));
    Resolver resolver(keyrings, vaults);
    CHECK(resolver.status(bench.prod).status == ProtectorStatus::deleted);
    REQUIRE_THROWS_MATCHES(resolver.unwrap(slot), Error, has_code(ErrorCode::key_unavailable));
    REQUIRE_THROWS_MATCHES(resolver.wrap(DataKey::generate(kRepository), bench.prod), Error,
                           has_code(ErrorCode::key_unavailable));
}

TEST_CASE("another keyring's location unwraps, and its default does not wrap", "[keyring][resolver]") {
    Bench bench;
    const auto prod = bench.vault().create_key("prod", 2048).thumbprint;
    Keyring other = Keyring::open(bench.folder / "other", false, bench.clock);
    other.link(at("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    const DataKey key = DataKey::generate(kRepository);
    std::vector<Keyring> alone;
    alone.push_back(Keyring::open(bench.folder / "other", true, bench.clock));
    KeyringSet others(std::move(alone));
    const Slot slot = Resolver(others, bench.vaults).wrap(key, prod);

    std::vector<Keyring> added;
    added.push_back(Keyring::open(bench.folder / "other", true, bench.clock));
    Resolving with(bench, std::move(added));
    CHECK(same_key(with.resolver.unwrap(slot), key));
    CHECK(with.resolver.status(prod).status == ProtectorStatus::usable);
    REQUIRE_THROWS_MATCHES(with.resolver.wrapping_protectors(), Error, has_code(ErrorCode::key_unavailable));
    REQUIRE_THROWS_MATCHES(with.resolver.wrap(key, prod), Error, has_code(ErrorCode::key_unavailable));
    // The host's own log has the use.
    CHECK(with.keyrings.own().audit().verify().lines == 2);
}

}  // namespace
}  // namespace signet::keyring::test
