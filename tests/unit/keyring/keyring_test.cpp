#include "keyring/keyring.h"

#include <fcntl.h>

#include "core/crypto/random.h"
#include "keyring/state_file.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

const RepositoryId kRepository = crypto::random_id<RepositoryId>();
const IdentityId kOfficer = crypto::random_id<IdentityId>();
const IdentityId kWriter = crypto::random_id<IdentityId>();
const Digest kConfig = crypto::random_id<Digest>();

TEST_CASE("a keyring that is not there is empty, and made by its first change", "[keyring]") {
    const Bench bench;
    Keyring keyring = bench.keyring();
    CHECK(keyring.links().empty());
    CHECK(keyring.pins().empty());
    CHECK_FALSE(keyring.writer_if_present());
    CHECK_FALSE(std::filesystem::exists(bench.keyring_folder));
    REQUIRE_THROWS_MATCHES(Keyring::open(bench.keyring_folder, true), Error, has_code(ErrorCode::usage));

    keyring.set_setting("heal-window", "8h");
    CHECK(mode_of(bench.keyring_folder) == 0700);
    CHECK(mode_of(bench.keyring_folder + "/keyring.json") == 0600);
    CHECK(Keyring::open(bench.keyring_folder, true).settings().at("heal-window") == "8h");
    keyring.set_setting("heal-window", std::nullopt);
    CHECK(bench.keyring().settings().empty());
}

TEST_CASE("a keyring's folder that was open to others is closed", "[keyring]") {
    const Bench bench;
    std::filesystem::create_directory(bench.keyring_folder);
    ::chmod(bench.keyring_folder.c_str(), 0755);
    bench.keyring().set_setting("a", "b");
    CHECK(mode_of(bench.keyring_folder) == 0700);
}

TEST_CASE("a repository is pinned to its officer and config", "[keyring]") {
    const Bench bench;
    Keyring keyring = bench.keyring();
    CHECK(keyring.pin(kRepository) == nullptr);
    keyring.pin_repository(kRepository, kOfficer, kConfig);
    keyring.pin_repository(kRepository, kOfficer, kConfig);
    REQUIRE_THROWS_MATCHES(keyring.pin_repository(kRepository, kWriter, kConfig), Error, has_code(ErrorCode::refused));
    REQUIRE_THROWS_MATCHES(keyring.pin_repository(kRepository, kOfficer, Digest{}), Error,
                           has_code(ErrorCode::refused));
    const Keyring again = bench.keyring();
    REQUIRE(again.pin(kRepository) != nullptr);
    CHECK(again.pin(kRepository)->officer == kOfficer);
    CHECK(again.pin(kRepository)->config_hash == kConfig);
    keyring.unpin_repository(kRepository);
    CHECK(bench.keyring().pins().empty());
}

TEST_CASE("of each place it is remembered which repository it held", "[keyring]") {
    const Bench bench;
    Keyring keyring = bench.keyring();
    CHECK(keyring.held_at("/mnt/a") == nullptr);
    keyring.note_location("/mnt/a", kRepository);
    REQUIRE(bench.keyring().held_at("/mnt/a") != nullptr);
    CHECK(*bench.keyring().held_at("/mnt/a") == kRepository);
    CHECK(bench.keyring().held_at("/mnt/b") == nullptr);
    const auto other = crypto::random_id<RepositoryId>();
    keyring.note_location("/mnt/a", other);
    keyring.note_location("/mnt/\xff", kRepository);  // no UTF-8
    CHECK(*bench.keyring().held_at("/mnt/a") == other);
    CHECK(*bench.keyring().held_at("/mnt/\xff") == kRepository);
}

TEST_CASE("of each identity the newest entry seen is remembered", "[keyring]") {
    const Bench bench;
    Keyring keyring = bench.keyring();
    const auto entry = [](std::uint64_t sequence) { return SeenEntry{sequence, crypto::random_id<EntryId>()}; };
    const SeenEntry third = entry(3);
    REQUIRE_THROWS_MATCHES(keyring.note_seen(kRepository, {{kWriter, third}}), Error, has_code(ErrorCode::usage));
    keyring.pin_repository(kRepository, kOfficer, kConfig);
    keyring.note_seen(kRepository, {{kWriter, third}, {kOfficer, entry(1)}});
    keyring.note_seen(kRepository, {{kWriter, entry(2)}});
    CHECK(bench.keyring().pin(kRepository)->seen.at(kWriter) == third);
    CHECK(bench.keyring().pin(kRepository)->seen.size() == 2);

    // Nothing new is not written.
    const std::string before = content_of(bench.keyring_folder + "/keyring.json");
    keyring.note_seen(kRepository, {{kWriter, entry(3)}});
    CHECK(content_of(bench.keyring_folder + "/keyring.json") == before);
}

TEST_CASE("two who change one keyring both succeed", "[keyring]") {
    const Bench bench;
    Keyring one = bench.keyring();
    Keyring two = bench.keyring();
    one.set_setting("a", "1");
    two.set_setting("b", "2");
    one.pin_repository(kRepository, kOfficer, kConfig);
    two.refresh();
    CHECK(two.settings().size() == 2);
    CHECK(two.pin(kRepository) != nullptr);
}

TEST_CASE("label keys of other writers are learnt", "[keyring]") {
    const Bench bench;
    Keyring keyring = bench.keyring();
    const SecretBytes key = crypto::random_secret(32);
    CHECK_FALSE(keyring.label_key(kRepository, kWriter));
    keyring.learn_label_key(kRepository, kWriter, key);
    CHECK(bench.keyring().label_key(kRepository, kWriter)->equals(key.reveal()));
    CHECK_FALSE(bench.keyring().label_key(kRepository, kOfficer));
    REQUIRE_THROWS_MATCHES(keyring.learn_label_key(kRepository, kWriter, secret("short")), Error,
                           has_code(ErrorCode::usage));
}

TEST_CASE("every flipped bit of keyring.json is damage", "[keyring]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    Keyring keyring = bench.keyring();
    keyring.link(Location::parse("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    keyring.pin_repository(kRepository, kOfficer, kConfig);
    keyring.note_seen(kRepository, {{kWriter, {1, crypto::random_id<EntryId>()}}});
    const std::string path = bench.keyring_folder + "/keyring.json";
    const std::string good = content_of(path);
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
        put_content(path, bad);
        CAPTURE(i);
        REQUIRE_THROWS_MATCHES(bench.keyring(), Error, has_code(ErrorCode::damaged));
    }
    put_content(path, "");
    REQUIRE_THROWS_MATCHES(bench.keyring(), Error, has_code(ErrorCode::damaged));
    put_content(path, encode_state({{"signet_keyring", 2}}));
    REQUIRE_THROWS_MATCHES(bench.keyring(), Error, has_code(ErrorCode::unsupported));
}

TEST_CASE("keyring.json of any other shape is damage, never a crash", "[keyring]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    Keyring keyring = bench.keyring();
    keyring.link(Location::parse("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    keyring.pin_repository(kRepository, kOfficer, kConfig);
    keyring.note_seen(kRepository, {{kWriter, {1, crypto::random_id<EntryId>()}}});
    keyring.learn_label_key(kRepository, kWriter, crypto::random_secret(32));
    keyring.note_answer("local:prod/1", "unwrap", Outcome::denied, bench.vaults);
    const std::string path = bench.keyring_folder + "/keyring.json";
    const Json body = decode_state(as_bytes(content_of(path)), "signet_keyring", "keyring");
    CHECK(body["refusals"].size() == 1);
    const std::vector<Json> wrong = {nullptr, true, -1, 1.5, Json::array({1}), Json::object({{"kind", 1}})};
    const Json flat = body.flatten();
    for (const auto& [pointer, value] : flat.items()) {
        const bool is_optional = pointer.ends_with("last_state_time") || pointer.ends_with("last_unwrapped");
        for (const Json& other : wrong) {
            Json changed = body;
            changed[Json::json_pointer(pointer)] = other;
            if (changed == body || (is_optional && other.is_null())) continue;
            put_content(path, encode_state(changed));
            CAPTURE(pointer, other.dump());
            REQUIRE_THROWS_MATCHES(bench.keyring(), Error, has_code(ErrorCode::damaged));
        }
    }
    // Two defaults for one provider and region [R50] [R83].
    Json changed = body;
    changed["links"].push_back(changed["links"][0]);
    put_content(path, encode_state(changed));
    REQUIRE_THROWS_MATCHES(bench.keyring(), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("the writer is made when first needed, and stays", "[keyring][identity]") {
    const Bench bench;
    Keyring keyring = bench.keyring();
    const WriterIdentity made = keyring.writer();
    CHECK(mode_of(bench.keyring_folder) == 0700);
    CHECK(mode_of(bench.keyring_folder + "/writer.key") == 0600);
    CHECK(made.secret.size() == 32);
    CHECK(keyring.writer().identity() == made.identity());
    const auto again = bench.keyring().writer_if_present();
    REQUIRE(again);
    CHECK(again->identity() == made.identity());
    CHECK(again->secret.equals(made.secret.reveal()));
    CHECK(again->key.seed().equals(made.key.seed().reveal()));
    CHECK_FALSE(made.secret.equals(made.key.seed().reveal()));
}

TEST_CASE("a writer that others can read is refused, one that is damaged is damage", "[keyring][identity]") {
    const Bench bench;
    Keyring keyring = bench.keyring();
    static_cast<void>(keyring.writer());
    const std::string path = bench.keyring_folder + "/writer.key";
    for (const mode_t mode : {0640U, 0604U, 0620U, 0666U}) {
        ::chmod(path.c_str(), mode);
        REQUIRE_THROWS_MATCHES(keyring.writer(), Error, has_code(ErrorCode::refused));
    }
    const std::string good = content_of(path);
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 1);
        put_content(path, bad);
        CAPTURE(i);
        // The version's digit alone could be a newer version's.
        const bool is_version = i == std::string_view("signet-writer ").size();
        REQUIRE_THROWS_MATCHES(keyring.writer(), Error,
                               has_code(is_version ? ErrorCode::unsupported : ErrorCode::damaged));
        put_content(path, good.substr(0, i));
        REQUIRE_THROWS_MATCHES(keyring.writer(), Error, has_code(ErrorCode::damaged));
    }
    put_content(path, good + "\n");
    REQUIRE_THROWS_MATCHES(keyring.writer(), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("without a vault the officer is a file of mode 0600", "[keyring][identity]") {
    Bench bench;
    Keyring keyring = bench.keyring();
    CHECK_FALSE(keyring.officer_identity(bench.vaults));
    CHECK_FALSE(keyring.officer_if_present(bench.vaults));
    const auto made = keyring.officer(bench.vaults);
    CHECK(mode_of(bench.keyring_folder + "/officer.key") == 0600);
    CHECK(keyring.officer_identity(bench.vaults) == made.verify_key().identity());
    CHECK(bench.keyring().officer(bench.vaults).verify_key() == made.verify_key());
    CHECK(bench.passphrases.times_asked() == 0);
    // A vault that is made later does not make another officer.
    static_cast<void>(bench.vault());
    CHECK(keyring.officer(bench.vaults).verify_key() == made.verify_key());
}

TEST_CASE("where there is a vault it holds the officer, and who it is needs no passphrase", "[keyring][identity]") {
    Bench bench;
    static_cast<void>(bench.vault());
    Keyring keyring = bench.keyring();
    const auto made = keyring.officer(bench.vaults);
    CHECK(bench.passphrases.times_asked() == 1);
    CHECK_FALSE(std::filesystem::exists(bench.keyring_folder + "/officer.key"));

    PassphraseSource none;
    Vaults locked(bench.vault_folder, none, bench.clock);
    CHECK(keyring.officer_identity(locked) == made.verify_key().identity());
    REQUIRE_THROWS_MATCHES(keyring.officer(locked), Error, has_code(ErrorCode::wrong_passphrase));
}

TEST_CASE("an officer whose vault is out of reach is known by name, and no other is made", "[keyring][identity]") {
    Bench bench;
    static_cast<void>(bench.vault());
    const auto made = bench.keyring().officer(bench.vaults);
    const std::string away = bench.folder / "away";
    std::filesystem::rename(bench.vault_folder, away);

    Keyring keyring = bench.keyring();
    CHECK(keyring.officer_identity(bench.vaults) == made.verify_key().identity());
    CHECK_FALSE(keyring.has_officer(bench.vaults));
    REQUIRE_THROWS_MATCHES(keyring.officer(bench.vaults), Error, has_code(ErrorCode::key_unavailable));
    REQUIRE_THROWS_MATCHES(keyring.officer_if_present(bench.vaults), Error, has_code(ErrorCode::key_unavailable));
    REQUIRE_THROWS_MATCHES(keyring.adopt_officer(crypto::random_secret(32), bench.vaults), Error,
                           has_code(ErrorCode::refused));
    CHECK_FALSE(std::filesystem::exists(bench.keyring_folder + "/officer.key"));

    // Nor in another vault, and the same one is known again wherever it is.
    Vaults other(bench.folder / "other", bench.passphrases, bench.clock);
    other.set_cost(kCheap);
    static_cast<void>(other.make_local());
    REQUIRE_THROWS_MATCHES(keyring.officer(other), Error, has_code(ErrorCode::key_unavailable));
    Vaults moved(away, bench.passphrases, bench.clock);
    CHECK(keyring.officer(moved).verify_key() == made.verify_key());
    // Lost for good: what a repository holds in escrow brings it back.
    keyring.adopt_officer(made.seed(), other);
    CHECK(keyring.officer(other).verify_key() == made.verify_key());
}

TEST_CASE("a keyring of an earlier version that knows a vault makes no officer while that is out of reach",
          "[keyring][identity]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    Keyring keyring = bench.keyring();
    keyring.link(Location::parse("local:prod"), {.role = LinkRole::default_}, bench.vaults);
    const auto made = keyring.officer(bench.vaults);
    const std::string path = bench.keyring_folder + "/keyring.json";
    Json body = decode_state(as_bytes(content_of(path)), "signet_keyring", "keyring");
    CHECK(body["officer"]["identity"] == made.verify_key().identity().hex());
    const bool knows_places = GENERATE(true, false);
    body.erase("officer");
    if (!knows_places) body.erase("vault_places");
    put_content(path, encode_state(body));

    std::filesystem::rename(bench.vault_folder, bench.folder / "away");
    Keyring older = bench.keyring();
    CHECK_FALSE(older.officer_identity(bench.vaults));
    REQUIRE_THROWS_MATCHES(older.officer(bench.vaults), Error, has_code(ErrorCode::key_unavailable));
    REQUIRE_THROWS_MATCHES(older.require_no_hidden_officer(bench.vaults), Error, has_code(ErrorCode::key_unavailable));
    CHECK_FALSE(std::filesystem::exists(bench.keyring_folder + "/officer.key"));

    // Seen once, it is remembered.
    std::filesystem::rename(bench.folder / "away", bench.vault_folder);
    CHECK(older.officer_identity(bench.vaults) == made.verify_key().identity());
    std::filesystem::rename(bench.vault_folder, bench.folder / "away");
    CHECK(bench.keyring().officer_identity(bench.vaults) == made.verify_key().identity());
}

TEST_CASE("a refusal is one of the vault that refused, whichever vault the next command names [R131]", "[keyring]") {
    Bench bench;
    Vaults copy(bench.folder / "copy", bench.passphrases, bench.clock);
    Keyring keyring = bench.keyring();
    keyring.note_answer("local:prod/1", "describe", Outcome::key_disabled, bench.vaults);
    CHECK(keyring.refusal("local:prod/1", copy) == nullptr);
    keyring.note_answer("local:prod/1", "unwrap", Outcome::ok, copy);
    keyring.note_answer("local:prod/1", "test", Outcome::ok, copy);
    REQUIRE(keyring.refusal("local:prod/1", bench.vaults) != nullptr);
    // The same place, written with its folder.
    CHECK(keyring.refusal("local:" + bench.vault_folder + "#prod/1", copy) != nullptr);
    CHECK(keyring.refusal("local:" + bench.vault_folder + "#prod/2", copy) == nullptr);
    keyring.note_answer("local:" + bench.vault_folder + "#prod/1", "describe", Outcome::ok, copy);
    CHECK(bench.keyring().refusal("local:prod/1", bench.vaults) == nullptr);
}

TEST_CASE("a refusal that an earlier version noted holds in every vault until one answers well [R131]", "[keyring]") {
    Bench bench;
    Keyring keyring = bench.keyring();
    keyring.note_answer("local:prod/1", "describe", Outcome::key_disabled, bench.vaults);
    const std::string path = bench.keyring_folder + "/keyring.json";
    Json body = decode_state(as_bytes(content_of(path)), "signet_keyring", "keyring");
    CHECK(body["refusals"][0]["folder"] == bench.vault_folder);
    body["refusals"][0].erase("folder");
    put_content(path, encode_state(body));

    Keyring older = bench.keyring();
    Vaults copy(bench.folder / "copy", bench.passphrases, bench.clock);
    CHECK(older.refusal("local:prod/1", bench.vaults) != nullptr);
    CHECK(older.refusal("local:prod/1", copy) != nullptr);
    // Said again, it is known of which vault it is.
    older.note_answer("local:prod/1", "describe", Outcome::key_disabled, bench.vaults);
    CHECK(older.refusal("local:prod/1", bench.vaults) != nullptr);
    CHECK(older.refusal("local:prod/1", copy) == nullptr);
}

TEST_CASE("an officer is adopted where there is none", "[keyring][identity]") {
    Bench bench;
    Keyring keyring = bench.keyring();
    const auto officer = crypto::SigningKey::generate();
    keyring.adopt_officer(officer.seed(), bench.vaults);
    keyring.adopt_officer(officer.seed(), bench.vaults);
    CHECK(keyring.officer(bench.vaults).verify_key() == officer.verify_key());
    REQUIRE_THROWS_MATCHES(keyring.adopt_officer(crypto::random_secret(32), bench.vaults), Error,
                           has_code(ErrorCode::refused));
}

TEST_CASE("several keyrings: the first gives roles, the others only locations", "[keyring]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    const KeyVersion other = bench.vault().create_key("other", 2048);
    Keyring own = bench.keyring();
    const auto linked = own.link(Location::parse("local:prod"), {.role = LinkRole::default_}, bench.vaults).link;
    Keyring second = Keyring::open(bench.folder / "second", false, bench.clock);
    second.link(Location::parse("local:" + bench.vault_folder + "#prod/1"), {.role = LinkRole::default_}, bench.vaults);
    second.link(Location::parse("local:other"), {.role = LinkRole::recovery}, bench.vaults);
    second.learn_label_key(kRepository, kWriter, crypto::random_secret(32));

    std::vector<Keyring> all;
    all.push_back(bench.keyring());
    all.push_back(Keyring::open(bench.folder / "second", true, bench.clock));
    const KeyringSet set(std::move(all));
    const auto known = set.find(linked.thumbprint);
    REQUIRE(known);
    CHECK(known->role == LinkRole::default_);
    CHECK(known->locations == std::vector<std::string>{"local:prod/1", "local:" + bench.vault_folder + "#prod/1"});
    const auto foreign = set.find(other.thumbprint);
    REQUIRE(foreign);
    CHECK_FALSE(foreign->role);
    CHECK(set.protectors().size() == 2);
    CHECK(set.protectors().front().thumbprint == linked.thumbprint);
    CHECK(set.label_key(kRepository, kWriter));
    CHECK_FALSE(set.find(format::Thumbprint{}));
}

}  // namespace
}  // namespace signet::keyring::test
