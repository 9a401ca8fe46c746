#include "core/crypto/rsa_numbers.h"

#include <catch2/catch.hpp>

namespace signet::crypto::test {
namespace {

TEST_CASE("the numbers of a private key are its own, without leading zeros", "[core][crypto]") {
    const RsaPrivateKey key = RsaPrivateKey::generate(2048);
    const RsaNumbers numbers = numbers_of(key);
    const RsaPublicKey rebuilt = RsaPublicKey::from_numbers(numbers.modulus.reveal(), numbers.public_exponent.reveal());
    CHECK(rebuilt.spki() == key.public_key().spki());
    CHECK(numbers.modulus.size() == 256);
    CHECK(numbers.prime_1.size() == 128);
    CHECK(numbers.prime_2.size() == 128);
    for (const SecretBytes* number :
         {&numbers.modulus, &numbers.public_exponent, &numbers.private_exponent, &numbers.prime_1, &numbers.prime_2,
          &numbers.exponent_1, &numbers.exponent_2, &numbers.coefficient}) {
        REQUIRE_FALSE(number->empty());
        CHECK(number->reveal().front() != 0);
        CHECK(number->size() <= 256);
    }
    CHECK_FALSE(numbers.prime_1.equals(numbers.prime_2.reveal()));
    CHECK_FALSE(numbers.private_exponent.equals(numbers.modulus.reveal()));
}

}  // namespace
}  // namespace signet::crypto::test
