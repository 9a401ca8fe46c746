#include "keyring/local_vault.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <set>

#include "core/crypto/identity_key.h"
#include "core/crypto/random.h"
#include "keyring/state_file.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

/// No file may grow beyond `octets` while this lives: writes fail as on a full disk.
class SmallFiles {
public:
    explicit SmallFiles(rlim_t octets) {
        ::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &before_);
        rlimit small = before_;
        small.rlim_cur = octets;
        ::setrlimit(RLIMIT_FSIZE, &small);
    }
    SmallFiles(const SmallFiles&) = delete;
    SmallFiles& operator=(const SmallFiles&) = delete;
    ~SmallFiles() { ::setrlimit(RLIMIT_FSIZE, &before_); }

private:
    rlimit before_{};
};

std::set<std::string> names_in(const std::string& folder) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        names.insert(entry.path().filename().string());
    return names;
}

/// Opens the vault of `bench` from its file alone.
ErrorCode failure_of_unlocking(const Bench& bench, const std::string& passphrase) {
    try {
        LocalVault vault = LocalVault::open(bench.vault_folder, bench.clock);
        vault.unlock(secret(passphrase));
    } catch (const Error& error) {
        return error.code();
    }
    return ErrorCode::failed;
}

TEST_CASE("a vault is a folder of mode 0700 with a file of mode 0600", "[keyring][vault]") {
    Bench bench;
    std::filesystem::create_directory(bench.vault_folder);
    ::chmod(bench.vault_folder.c_str(), 0755);
    static_cast<void>(bench.vault());
    CHECK(mode_of(bench.vault_folder) == 0700);
    CHECK(mode_of(bench.vault_folder + "/vault.json") == 0600);
    bench.vault().create_key("prod", 2048);
    CHECK(mode_of(bench.vault_folder + "/vault.json") == 0600);
    CHECK(mode_of(bench.vault_folder + "/vault.lock") == 0600);
}

TEST_CASE("a vault is not made over another one", "[keyring][vault]") {
    Bench bench;
    static_cast<void>(bench.vault());
    REQUIRE_THROWS_MATCHES(LocalVault::create(bench.vault_folder, secret("other"), kCheap), Error,
                           has_code(ErrorCode::refused));
    CHECK_NOTHROW(LocalVault::open(bench.vault_folder).unlock(secret("sesame")));
}

TEST_CASE("a vault that is not there is a missing key, an empty passphrase a wrong use", "[keyring][vault]") {
    Bench bench;
    REQUIRE_THROWS_MATCHES(LocalVault::open(bench.vault_folder), Error, has_code(ErrorCode::key_unavailable));
    REQUIRE_THROWS_MATCHES(LocalVault::create(bench.vault_folder, secret(""), kCheap), Error,
                           has_code(ErrorCode::usage));
    CHECK_FALSE(LocalVault::exists(bench.vault_folder));
}

TEST_CASE("a wrong passphrase is told from damage", "[keyring][vault]") {
    Bench bench;
    static_cast<void>(bench.vault());
    CHECK(failure_of_unlocking(bench, "Sesame") == ErrorCode::wrong_passphrase);
    CHECK(failure_of_unlocking(bench, "") == ErrorCode::wrong_passphrase);
    std::string file = content_of(bench.vault_folder + "/vault.json");
    file[file.size() / 2] = static_cast<char>(file[file.size() / 2] ^ 1);
    put_content(bench.vault_folder + "/vault.json", file);
    CHECK(failure_of_unlocking(bench, "sesame") == ErrorCode::damaged);
}

TEST_CASE("every flipped bit of vault.json is damage", "[keyring][vault]") {
    Bench bench;
    bench.vault().create_key("prod", 2048, {.not_before = {}, .expires = bench.clock.in_days(90)});
    bench.vault().put_identity("officer", crypto::random_secret(32));
    const std::string path = bench.vault_folder + "/vault.json";
    const std::string good = content_of(path);
    std::string bad = good;
    // Every octet, and in turn every bit: all 8 bits of each would only repeat themselves.
    for (std::size_t i = 0; i < good.size(); ++i) {
        bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
        std::filesystem::remove(path);
        {
            const UniqueFd fd(::creat(path.c_str(), 0600));
            write_full(fd.get(), as_bytes(bad), path);
        }
        CAPTURE(i, good.substr(i > 20 ? i - 20 : 0, 40));
        REQUIRE(failure_of_unlocking(bench, "sesame") == ErrorCode::damaged);
        bad[i] = good[i];
    }
}

TEST_CASE("every truncation of vault.json is damage", "[keyring][vault]") {
    Bench bench;
    static_cast<void>(bench.vault());
    const std::string path = bench.vault_folder + "/vault.json";
    const std::string good = content_of(path);
    for (std::size_t size = 0; size < good.size(); ++size) {
        put_content(path, good.substr(0, size));
        CAPTURE(size);
        REQUIRE_THROWS_MATCHES(LocalVault::open(bench.vault_folder), Error, has_code(ErrorCode::damaged));
    }
    put_content(path, good + "\n");
    REQUIRE_THROWS_MATCHES(LocalVault::open(bench.vault_folder), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("what someone without the passphrase changed is noticed when unlocked", "[keyring][vault]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    bench.vault().create_key("other", 2048);
    bench.vault().set_enabled("prod", false);
    const std::string path = bench.vault_folder + "/vault.json";
    const Json body = decode_state(as_bytes(content_of(path)), "signet_vault", "vault");
    // A forger can make the checksum agree with whatever he writes.
    const auto forge = [&](const auto& apply) {
        Json forged = body;
        apply(forged);
        put_content(path, encode_state(forged));
        return failure_of_unlocking(bench, "sesame");
    };
    CHECK(forge([](Json&) {}) == ErrorCode::failed);
    CHECK(forge([](Json& json) { json["keys"][1]["enabled"] = true; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["keys"][1]["expires"] = "2027-01-01T00:00:00Z"; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["keys"][1]["name"] = "prod2"; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["keys"].erase(1); }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["keys"][0]["sealed"].swap(json["keys"][1]["sealed"]); }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["generation"] = 100; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["mac"] = ""; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["mac"] = 7; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["unlock"].push_back(json["unlock"][0]); }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["unlock"] = Json::array(); }) == ErrorCode::wrong_passphrase);
    CHECK(forge([](Json& json) { json["unlock"][0]["scrypt_log2_n"] = 63; }) == ErrorCode::damaged);
    CHECK(forge([](Json& json) { json["unlock"][0]["salt"] = "%"; }) == ErrorCode::damaged);
}

TEST_CASE("vault.json of any other shape is damage, never a crash", "[keyring][vault]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    bench.vault().put_identity("officer", crypto::random_secret(32));
    const std::string path = bench.vault_folder + "/vault.json";
    const Json body = decode_state(as_bytes(content_of(path)), "signet_vault", "vault");
    const std::vector<Json> wrong = {nullptr, true, -1, 1.5, "x", Json::array({1}), Json::object({{"kind", 1}})};
    const Json flat = body.flatten();
    for (const auto& [pointer, value] : flat.items()) {
        for (const Json& other : wrong) {
            Json changed = body;
            changed[Json::json_pointer(pointer)] = other;
            // Origins are free text, and unlock slots decide who may unlock at all.
            if (changed == body || pointer == "/keys/0/origin" || pointer.starts_with("/unlock")) continue;
            const bool is_other_kind = pointer == "/keys/0/kind" && other == "x";
            put_content(path, encode_state(changed));
            CAPTURE(pointer, other.dump());
            REQUIRE(failure_of_unlocking(bench, "sesame") ==
                    (is_other_kind ? ErrorCode::unsupported : ErrorCode::damaged));
        }
    }
    for (const char* member : {"keys", "unlock", "identities", "vault", "generation", "mac", "signet_vault"}) {
        for (const Json& other : wrong) {
            Json changed = body;
            changed[member] = other;
            put_content(path, encode_state(changed));
            const ErrorCode code = failure_of_unlocking(bench, "sesame");
            CAPTURE(member, other.dump());
            CHECK((code == ErrorCode::damaged || code == ErrorCode::wrong_passphrase));
        }
        Json changed = body;
        changed.erase(member);
        put_content(path, encode_state(changed));
        CHECK(failure_of_unlocking(bench, "sesame") == ErrorCode::damaged);
    }
}

TEST_CASE("a vault that goes back to an older generation is noticed by a process that saw the newer",
          "[keyring][vault]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    const std::string older = content_of(bench.vault_folder + "/vault.json");
    LocalVault locked = LocalVault::open(bench.vault_folder, bench.clock);
    bench.vault().set_enabled("prod", false);
    locked.refresh();
    CHECK(locked.generation() == 3);
    put_content(bench.vault_folder + "/vault.json", older);
    REQUIRE_THROWS_MATCHES(locked.refresh(), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a newer vault is not guessed at", "[keyring][vault]") {
    Bench bench;
    static_cast<void>(bench.vault());
    put_content(bench.vault_folder + "/vault.json", encode_state({{"signet_vault", 2}}));
    REQUIRE_THROWS_MATCHES(LocalVault::open(bench.vault_folder), Error, has_code(ErrorCode::unsupported));
}

TEST_CASE("listing needs no passphrase", "[keyring][vault]") {
    Bench bench;
    const KeyVersion made = bench.vault().create_key("prod", 2048);
    LocalVault vault = LocalVault::open(bench.vault_folder, bench.clock);
    CHECK_FALSE(vault.is_unlocked());
    REQUIRE(vault.list().size() == 1);
    const KeyVersion& key = vault.list().front();
    CHECK(key.name == "prod");
    CHECK(key.version == 1);
    CHECK(key.thumbprint == made.thumbprint);
    CHECK(key.size_bits == 2048);
    CHECK(key.kind == "rsa");
    CHECK(key.origin == "generated");
    CHECK(key.created == bench.clock.now());
    CHECK(key.state(bench.clock.now()) == KeyState::enabled);
    CHECK(format::Thumbprint::of(crypto::RsaPublicKey::from_pem(vault.export_public("prod"), "test")) ==
          made.thumbprint);
    REQUIRE_THROWS_MATCHES(vault.set_enabled("prod", false), Error, has_code(ErrorCode::usage));
    REQUIRE_THROWS_MATCHES(vault.create_key("other", 2048), Error, has_code(ErrorCode::usage));
    REQUIRE_THROWS_MATCHES(vault.export_private(made.thumbprint), Error, has_code(ErrorCode::usage));
}

TEST_CASE("rotation makes a new version and leaves the old ones as they were [R89]", "[keyring][vault]") {
    Bench bench;
    const KeyVersion first = bench.vault().create_key("prod", 2048);
    const Bytes wrapped = first.public_key().wrap(as_bytes("thirty-two octets of a data key."));
    const KeyVersion second = bench.vault().rotate("prod");
    CHECK(second.name == "prod");
    CHECK(second.version == 2);
    CHECK(second.size_bits == 2048);
    CHECK(second.thumbprint != first.thumbprint);
    CHECK(bench.vault().get("prod").version == 2);
    CHECK(bench.vault().get("prod/1").thumbprint == first.thumbprint);
    const auto unwrapped = bench.vault().unwrap(first.thumbprint, wrapped);
    REQUIRE(unwrapped.outcome == Outcome::ok);
    CHECK(unwrapped.plaintext.equals(as_bytes("thirty-two octets of a data key.")));
    REQUIRE_THROWS_MATCHES(bench.vault().rotate("nothing"), Error, has_code(ErrorCode::key_unavailable));
}

TEST_CASE("a name is made once; names and sizes are checked", "[keyring][vault]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    REQUIRE_THROWS_MATCHES(bench.vault().create_key("prod", 2048), Error, has_code(ErrorCode::refused));
    REQUIRE_THROWS_MATCHES(bench.vault().create_key("test", 1024), Error, has_code(ErrorCode::usage));
    for (const char* name : {"", ".", "-x", "a/b", "a#b", "a b", "ä", "a\n"}) {
        CAPTURE(name);
        REQUIRE_THROWS_MATCHES(bench.vault().create_key(name, 2048), Error, has_code(ErrorCode::usage));
    }
    CHECK(is_key_name("prod-2025_q1.a"));
    CHECK_FALSE(is_key_name(std::string(128, 'a')));
    CHECK(bench.vault().list().size() == 1);
}

TEST_CASE("keys are found by name, version and start of the thumbprint", "[keyring][vault]") {
    Bench bench;
    const KeyVersion first = bench.vault().create_key("prod", 2048);
    const KeyVersion second = bench.vault().rotate("prod");
    const KeyVersion other = bench.vault().create_key("prod2", 2048);
    LocalVault& vault = bench.vault();
    CHECK(vault.find("prod")->thumbprint == second.thumbprint);
    CHECK(vault.find("prod/1")->thumbprint == first.thumbprint);
    CHECK(vault.find("prod2")->thumbprint == other.thumbprint);
    CHECK(vault.find(first.thumbprint.text())->version == 1);
    CHECK(vault.find(first.thumbprint.digest.hex().substr(0, 12))->version == 1);
    CHECK(vault.find(first.thumbprint)->version == 1);
    CHECK_FALSE(vault.find("prod/3"));
    CHECK_FALSE(vault.find("pro"));
    CHECK_FALSE(vault.find(""));
    REQUIRE_THROWS_MATCHES(vault.get("nothing"), Error, has_code(ErrorCode::key_unavailable));
}

TEST_CASE("an imported key is the next version of its name, and taken in once", "[keyring][vault]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    const auto key = crypto::RsaPrivateKey::generate(2048);
    const KeyVersion imported = bench.vault().import_key("prod", key, "imported");
    CHECK(imported.version == 2);
    CHECK(imported.origin == "imported");
    CHECK(imported.thumbprint == format::Thumbprint::of(key.public_key()));
    REQUIRE_THROWS_MATCHES(bench.vault().import_key("again", key), Error, has_code(ErrorCode::refused));
    const SecretBytes exported = bench.vault().export_private(imported.thumbprint);
    CHECK(format::Thumbprint::of(crypto::RsaPrivateKey::from_pkcs8(exported.reveal()).public_key()) ==
          imported.thumbprint);
}

TEST_CASE("disabled and deleted keys unwrap nothing; keys outside their dates still do", "[keyring][vault]") {
    Bench bench;
    const KeyVersion key =
        bench.vault().create_key("prod", 2048, {.not_before = {}, .expires = bench.clock.in_days(10)});
    const Bytes wrapped = key.public_key().wrap(as_bytes("secret"));
    const auto outcome = [&] { return bench.vault().unwrap(key.thumbprint, wrapped).outcome; };
    const auto state = [&] { return bench.vault().get("prod").state(bench.clock.now()); };

    CHECK(outcome() == Outcome::ok);
    bench.vault().set_enabled("prod", false);
    CHECK(state() == KeyState::disabled);
    CHECK(outcome() == Outcome::key_disabled);
    CHECK_FALSE(bench.vault().newest_enabled("prod"));
    bench.vault().soft_delete("prod");
    CHECK(state() == KeyState::deleted);
    CHECK(outcome() == Outcome::key_deleted);
    bench.vault().recover("prod");
    CHECK(state() == KeyState::disabled);
    bench.vault().set_enabled("prod", true);
    CHECK(state() == KeyState::enabled);

    bench.clock.add_days(10);
    CHECK(state() == KeyState::expired);
    CHECK(outcome() == Outcome::ok);
    CHECK_FALSE(bench.vault().newest_enabled("prod"));
    bench.vault().set_dates("prod", {.not_before = bench.clock.in_days(1), .expires = {}});
    CHECK(state() == KeyState::not_yet_valid);
    REQUIRE_THROWS_MATCHES(bench.vault().set_dates("prod", {bench.clock.in_days(2), bench.clock.in_days(1)}), Error,
                           has_code(ErrorCode::usage));
}

TEST_CASE("a name stands for all its versions, a version for itself", "[keyring][vault]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    bench.vault().rotate("prod");
    bench.vault().set_enabled("prod/1", false);
    CHECK_FALSE(bench.vault().get("prod/1").attributes.enabled);
    CHECK(bench.vault().get("prod/2").attributes.enabled);
    bench.vault().set_enabled("prod", false);
    CHECK_FALSE(bench.vault().get("prod/2").attributes.enabled);
    bench.vault().set_enabled("prod", true);
    CHECK(bench.vault().get("prod/1").attributes.enabled);
}

TEST_CASE("a foreign or damaged wrapped key is an integrity failure", "[keyring][vault]") {
    Bench bench;
    const KeyVersion key = bench.vault().create_key("prod", 2048);
    Bytes wrapped = key.public_key().wrap(as_bytes("secret"));
    wrapped[100] ^= 1U;
    CHECK(bench.vault().unwrap(key.thumbprint, wrapped).outcome == Outcome::integrity);
    CHECK(bench.vault().unwrap(key.thumbprint, as_bytes("short")).outcome == Outcome::integrity);
    CHECK(bench.vault().unwrap({}, wrapped).outcome == Outcome::not_found);
}

TEST_CASE("a change of passphrase seals the vault key anew and nothing else", "[keyring][vault]") {
    Bench bench;
    const KeyVersion key = bench.vault().create_key("prod", 2048);
    const auto sealed_of = [&] {
        const std::string file = content_of(bench.vault_folder + "/vault.json");
        const auto start = file.find("\"keys\"");
        return file.substr(start, file.find("\"mac\"") - start);
    };
    const std::string before = sealed_of();
    REQUIRE_THROWS_MATCHES(bench.vault().change_passphrase(secret("wrong"), secret("new"), kCheap), Error,
                           has_code(ErrorCode::wrong_passphrase));
    CHECK(failure_of_unlocking(bench, "sesame") == ErrorCode::failed);
    REQUIRE_THROWS_MATCHES(LocalVault::open(bench.vault_folder).change_passphrase(secret("sesame"), secret(""), kCheap),
                           Error, has_code(ErrorCode::usage));

    LocalVault vault = LocalVault::open(bench.vault_folder, bench.clock);
    vault.change_passphrase(secret("sesame"), secret("new"), kCheap);
    CHECK(vault.is_unlocked());
    CHECK(sealed_of() == before);
    CHECK(failure_of_unlocking(bench, "sesame") == ErrorCode::wrong_passphrase);
    LocalVault again = LocalVault::open(bench.vault_folder, bench.clock);
    again.unlock(secret("new"));
    CHECK_NOTHROW(again.export_private(key.thumbprint));
}

TEST_CASE("the same private half is sealed differently each time", "[keyring][vault]") {
    Bench bench;
    TemporaryFolder elsewhere;
    const auto key = crypto::RsaPrivateKey::generate(2048);
    bench.vault().import_key("prod", key);
    LocalVault other = LocalVault::create(elsewhere / "vault", secret("sesame"), kCheap, bench.clock);
    other.import_key("prod", key);
    const auto sealed_of = [](const std::string& file) { return file.substr(file.find("\"sealed\""), 200); };
    CHECK(sealed_of(content_of(bench.vault_folder + "/vault.json")) !=
          sealed_of(content_of(elsewhere / "vault/vault.json")));
}

TEST_CASE("a replacement that cannot be written leaves the old vault", "[keyring][vault]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    const std::string before = content_of(bench.vault_folder + "/vault.json");
    const auto names = names_in(bench.vault_folder);
    for (rlim_t room = 0; room < before.size(); room += 500) {
        const SmallFiles full(room);
        CAPTURE(room);
        REQUIRE_THROWS_MATCHES(bench.vault().set_enabled("prod", false), Error, has_code(ErrorCode::io));
    }
    CHECK(content_of(bench.vault_folder + "/vault.json") == before);
    CHECK(names_in(bench.vault_folder) == names);
    CHECK(bench.vault().get("prod").attributes.enabled);
    CHECK(bench.vault().generation() == 2);
    bench.vault().set_enabled("prod", false);
    CHECK(bench.vault().generation() == 3);
}

TEST_CASE("a process killed while it changes a vault leaves one that opens", "[keyring][vault]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    std::uint64_t generation = bench.vault().generation();
    for (int round = 0; round < 20; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            for (bool enabled = false;; enabled = !enabled) bench.vault().set_enabled("prod", enabled);
        }
        ::usleep(static_cast<useconds_t>(3000 + 1700 * round));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        LocalVault vault = LocalVault::open(bench.vault_folder, bench.clock);
        vault.unlock(secret("sesame"));
        CHECK(vault.list().size() == 1);
        CHECK(vault.generation() >= generation);
        generation = vault.generation();
        // The lock died with its holder.
        vault.set_enabled("prod", true);
    }
}

TEST_CASE("two who change one vault both succeed", "[keyring][vault]") {
    Bench bench;
    bench.vault().create_key("prod", 2048);
    LocalVault other = LocalVault::open(bench.vault_folder, bench.clock);
    other.unlock(secret("sesame"));
    bench.vault().create_key("second", 2048);
    other.set_enabled("prod", false);
    CHECK(other.find("second"));
    CHECK(other.generation() == 4);
    CHECK_FALSE(bench.vault().get("prod").attributes.enabled);
}

TEST_CASE("a vault keeps the seed of an identity", "[keyring][vault]") {
    Bench bench;
    const auto key = crypto::SigningKey::generate();
    CHECK_FALSE(bench.vault().identity_of("officer"));
    CHECK_FALSE(bench.vault().get_identity("officer"));
    bench.vault().put_identity("officer", key.seed());
    bench.vault().put_identity("officer", key.seed());
    LocalVault locked = LocalVault::open(bench.vault_folder, bench.clock);
    CHECK(locked.identity_of("officer") == key.verify_key().identity());
    REQUIRE_THROWS_MATCHES(locked.get_identity("officer"), Error, has_code(ErrorCode::usage));
    CHECK(bench.vault().get_identity("officer")->equals(key.seed().reveal()));
    REQUIRE_THROWS_MATCHES(bench.vault().put_identity("officer", crypto::random_secret(32)), Error,
                           has_code(ErrorCode::refused));
    CHECK(content_of(bench.vault_folder + "/vault.json").find(to_hex(key.seed().reveal())) == std::string::npos);
}

}  // namespace
}  // namespace signet::keyring::test
