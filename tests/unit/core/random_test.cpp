#include "core/crypto/random.h"

#include <algorithm>
#include <set>

#include "tests/support/matchers.h"

using namespace signet;

TEST_CASE("random ids do not repeat", "[core][random]") {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) CHECK(seen.insert(crypto::random_id<DekId>().hex()).second);
}

TEST_CASE("random octets fill all that was asked for", "[core][random]") {
    Bytes bytes(3'000'000);
    crypto::random_fill(bytes);
    CHECK(std::any_of(bytes.end() - 32, bytes.end(), [](std::uint8_t octet) { return octet != 0; }));
    const SecretBytes secret = crypto::random_secret(32);
    CHECK(secret.size() == 32);
    CHECK_FALSE(secret.equals(Bytes(32)));
}
