#include "core/crypto/key_transport.h"

#include "tests/support/matchers.h"

using namespace signet;
using namespace signet::crypto;

namespace {

bool opens(const RsaPrivateKey& recipient, const Bytes& ciphertext, const SecretBytes& expected) {
    const auto opened = unwrap_transported(recipient, ciphertext);
    return opened && opened->equals(expected.reveal());
}

}  // namespace

TEST_CASE("a transported key is opened by its recipient alone [R61, R132]", "[core][key-transport]") {
    const RsaPrivateKey recipient = RsaPrivateKey::generate(2048);
    const SecretBytes pkcs8 = RsaPrivateKey::generate(2048).to_pkcs8();
    const Bytes ciphertext = wrap_for_transport(recipient.public_key(), pkcs8);
    CHECK(opens(recipient, ciphertext, pkcs8));
    CHECK_FALSE(unwrap_transported(RsaPrivateKey::generate(2048), ciphertext));
    CHECK_FALSE(unwrap_transported(RsaPrivateKey::generate(3072), ciphertext));
    CHECK(wrap_for_transport(recipient.public_key(), pkcs8) != ciphertext);
}

TEST_CASE("every altered or cut transported key is refused", "[core][key-transport]") {
    const RsaPrivateKey recipient = RsaPrivateKey::generate(2048);
    const SecretBytes pkcs8 = RsaPrivateKey::generate(2048).to_pkcs8();
    const Bytes good = wrap_for_transport(recipient.public_key(), pkcs8);
    Bytes bad = good;
    for (std::size_t i = 0; i < good.size(); i += 13) {
        bad[i] = static_cast<std::uint8_t>(bad[i] ^ (1U << (i % 8)));
        CAPTURE(i);
        CHECK_FALSE(unwrap_transported(recipient, bad));
        bad[i] = good[i];
    }
    for (const std::size_t size : {std::size_t{0}, std::size_t{255}, std::size_t{256}, std::size_t{264},
                                   std::size_t{272}, good.size() - 8, good.size() - 1}) {
        CAPTURE(size);
        CHECK_FALSE(unwrap_transported(recipient, ByteView(good).first(size)));
    }
    CHECK_FALSE(unwrap_transported(recipient, Bytes(256 + 17 * 1024)));
}

TEST_CASE("whatever the size, what was wrapped comes out", "[core][key-transport]") {
    const RsaPrivateKey recipient = RsaPrivateKey::generate(2048);
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{8}, std::size_t{9}, std::size_t{1217}, std::size_t{1218}}) {
        SecretBytes secret(size);
        secret.mutable_view()[0] = 7;
        CAPTURE(size);
        CHECK(opens(recipient, wrap_for_transport(recipient.public_key(), secret), secret));
    }
}
