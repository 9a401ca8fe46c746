#include "core/crypto/scrypt.h"

#include "tests/support/matchers.h"
#include "tests/support/vectors.h"

using namespace signet;
using namespace signet::crypto;
using signet::test::has_code;

TEST_CASE("scrypt meets RFC 7914", "[core][scrypt][vectors]") {
    const auto vectors = signet::test::load_json_vectors("published/scrypt.json");
    for (const auto& item : vectors["cases"]) {
        const std::string passphrase = item["passphrase"];
        const std::string salt = item["salt"];
        const ScryptCost cost{item["log2_n"], item["r"], item["p"]};
        const Bytes expected = signet::test::unhex(item["key"]);
        CHECK(scrypt(as_bytes(passphrase), as_bytes(salt), cost, expected.size()).equals(expected));
    }
}

TEST_CASE("a cost outside its limits is refused before any memory is taken", "[core][scrypt]") {
    const ScryptCost cost = GENERATE(ScryptCost{9, 8, 1}, ScryptCost{21, 8, 1}, ScryptCost{255, 8, 1},
                                     ScryptCost{16, 0, 1}, ScryptCost{16, 33, 1}, ScryptCost{16, 8, 0},
                                     ScryptCost{16, 8, 17}, ScryptCost{20, 9, 1}, ScryptCost{19, 32, 1});
    CAPTURE(int{cost.log2_n}, int{cost.r}, int{cost.p});
    CHECK_THROWS_MATCHES(scrypt(as_bytes("p"), as_bytes("s"), cost, 32), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("another passphrase, salt or cost makes another key, and an empty passphrase makes one", "[core][scrypt]") {
    const ScryptCost cost{10, 8, 1};
    const SecretBytes key = scrypt(as_bytes("passphrase"), as_bytes("salt"), cost, 32);
    CHECK(scrypt(as_bytes("passphrase"), as_bytes("salt"), cost, 32).equals(key.reveal()));
    CHECK_FALSE(scrypt(as_bytes("passphrasf"), as_bytes("salt"), cost, 32).equals(key.reveal()));
    CHECK_FALSE(scrypt(as_bytes("passphrase"), as_bytes("salu"), cost, 32).equals(key.reveal()));
    CHECK_FALSE(scrypt(as_bytes("passphrase"), as_bytes("salt"), {11, 8, 1}, 32).equals(key.reveal()));
    CHECK(scrypt({}, as_bytes("salt"), cost, 32).size() == 32);
}
