#include "core/crypto/rsa.h"

#include "core/crypto/random.h"
#include "tests/support/matchers.h"
#include "tests/support/vectors.h"

using namespace signet;
using namespace signet::crypto;
using signet::test::has_code;
using signet::test::load_json_vectors;
using signet::test::load_vector;
using signet::test::unhex;

namespace {

Bytes key_file(const std::string& name) { return load_vector("keys/" + name); }

RsaPublicKey public_from(const std::string& name) {
    const Bytes pem = key_file(name);
    return RsaPublicKey::from_pem(as_text(pem), name);
}

RsaPrivateKey private_from(const std::string& name, const char* passphrase = nullptr) {
    const Bytes content = key_file(name);
    const SecretBytes secret(as_bytes(passphrase != nullptr ? passphrase : ""));
    const SecretBytes* given = passphrase != nullptr ? &secret : nullptr;
    if (name.ends_with(".p12")) return RsaPrivateKey::from_pkcs12(content, given, name);
    if (name.ends_with(".der")) return RsaPrivateKey::from_der(content, given, name);
    return RsaPrivateKey::from_pem(content, given, name);
}

constexpr const char* kPassphrase = "correct horse";
/// sha256sum of `openssl pkey -in plain.pem -pubout -outform DER`.
constexpr const char* kFixtureDigest = "440a9c2c3594bb9de18e0ff7854fb4b548ba7ef6d0798faf6bef61e3a732cf31";

}  // namespace

TEST_CASE("the key of RFC 7638 has its known thumbprint", "[core][rsa][vectors]") {
    // RFC 7638 section 3.1, n and e as SubjectPublicKeyInfo; the digest was computed with hashlib over 294 octets.
    const Bytes spki = load_vector("published/rfc7638_spki.der");
    REQUIRE(spki.size() == 294);
    const RsaPublicKey key = RsaPublicKey::from_spki(spki);
    CHECK(key.spki() == spki);
    CHECK(key.bits() == 2048);
    CHECK(key.spki_digest().hex() == "ad32320cf6c596d884b05381ba573aba8ddd5749b4de8f4a23a79f9a89ddaeb2");
    CHECK(RsaPublicKey::from_pem(key.to_pem(), "itself").spki() == spki);
}

TEST_CASE("RSA-OAEP-256 decides an independent implementation's cases as that does", "[core][rsa][vectors]") {
    const int bits = GENERATE(2048, 3072, 4096);
    const auto vectors = load_json_vectors("negatives/rsa_oaep_" + std::to_string(bits) + ".json");
    const RsaPrivateKey key = RsaPrivateKey::from_pkcs8(unhex(vectors["private_key_pkcs8"]));
    CHECK(key.public_key().bits() == bits);
    for (const auto& item : vectors["cases"]) {
        CAPTURE(item["id"].get<int>(), item["comment"].get<std::string>());
        const auto opened = key.unwrap(unhex(item["ciphertext"]));
        // Signet's label is empty: a valid message under another label is not one of Signet's.
        const bool valid = item["valid"].get<bool>() && item["label"].get<std::string>().empty();
        CHECK(opened.has_value() == valid);
        if (valid && opened) CHECK(opened->equals(unhex(item["plaintext"])));
    }
}

TEST_CASE("what the openssl command wrapped with OAEP and SHA-256 is unwrapped", "[core][rsa]") {
    const RsaPrivateKey key = private_from("plain.pem");
    const auto opened = key.unwrap(key_file("oaep256.bin"));
    REQUIRE(opened);
    CHECK(opened->equals(Bytes(32, 'A')));
    // The same with SHA-1 for both hashes is none of ours.
    CHECK_FALSE(key.unwrap(key_file("oaep_sha1.bin")));
}

TEST_CASE("a wrapped key comes back at every size, and differently wrapped each time", "[core][rsa]") {
    const RsaPrivateKey key = private_from("plain.pem");
    const RsaPublicKey public_key = key.public_key();
    const std::size_t size = GENERATE(as<std::size_t>{}, 0, 1, 32, 190);
    const SecretBytes secret = random_secret(size);
    const Bytes wrapped = public_key.wrap(secret.reveal());
    CHECK(wrapped.size() == 256);
    CHECK(public_key.wrap(secret.reveal()) != wrapped);
    const auto opened = key.unwrap(wrapped);
    REQUIRE(opened);
    CHECK(opened->equals(secret.reveal()));
}

TEST_CASE("flipped bits, other lengths and other keys do not unwrap", "[core][rsa]") {
    const RsaPrivateKey key = private_from("plain.pem");
    Bytes wrapped = key.public_key().wrap(Bytes(32, 1));
    for (std::size_t bit = 0; bit < wrapped.size() * 8; bit += 37) {
        Bytes altered = wrapped;
        altered[bit / 8] = static_cast<std::uint8_t>(altered[bit / 8] ^ (1U << (bit % 8)));
        CHECK_FALSE(key.unwrap(altered));
    }
    CHECK_FALSE(key.unwrap(ByteView(wrapped).first(255)));
    CHECK_FALSE(key.unwrap({}));
    CHECK_FALSE(RsaPrivateKey::generate(2048).unwrap(wrapped));
    wrapped.push_back(0);
    CHECK_FALSE(key.unwrap(wrapped));
}

TEST_CASE("a private key is read from every shape of file that openssl writes", "[core][rsa]") {
    const auto* name = GENERATE("plain.pem", "pkcs1.pem", "pkcs1.der", "pkcs8.der");
    CAPTURE(name);
    CHECK(private_from(name).public_key().spki_digest().hex() == kFixtureDigest);
    // A passphrase that is not needed does no harm.
    CHECK(private_from(name, "unused").public_key().spki_digest().hex() == kFixtureDigest);
}

TEST_CASE("an encrypted private key opens with its passphrase alone", "[core][rsa]") {
    const auto* name = GENERATE("pbkdf2.pem", "scrypt.pem", "scrypt.der", "bundle.p12", "legacy.p12");
    CAPTURE(name);
    CHECK(private_from(name, kPassphrase).public_key().spki_digest().hex() == kFixtureDigest);
    CHECK_THROWS_MATCHES(private_from(name, "correct house"), Error, has_code(ErrorCode::wrong_passphrase));
    CHECK_THROWS_MATCHES(private_from(name, ""), Error, has_code(ErrorCode::wrong_passphrase));
    CHECK_THROWS_MATCHES(private_from(name), Error, has_code(ErrorCode::usage));
}

TEST_CASE("the PEM encryption of old is not supported, and says so", "[core][rsa]") {
    CHECK_THROWS_MATCHES(private_from("legacy.pem", kPassphrase), Error, has_code(ErrorCode::unsupported));
}

TEST_CASE("a public key is read from every shape of file that openssl writes", "[core][rsa]") {
    const auto* name = GENERATE("public.pem", "public_pkcs1.pem", "cert.pem");
    CAPTURE(name);
    CHECK(public_from(name).spki_digest().hex() == kFixtureDigest);
}

TEST_CASE("keys of other kinds, sizes and exponents are refused", "[core][rsa]") {
    const auto* name = GENERATE("rsa1024", "rsa_e3", "ec", "pss");
    CAPTURE(name);
    CHECK_THROWS_MATCHES(private_from(std::string(name) + ".pem"), Error, has_code(ErrorCode::refused));
    CHECK_THROWS_MATCHES(public_from(std::string(name) + ".pub.pem"), Error, has_code(ErrorCode::refused));
}

TEST_CASE("a private key is not taken for a public one", "[core][rsa]") {
    CHECK_THROWS_MATCHES(public_from("plain.pem"), Error, has_code(ErrorCode::refused));
    CHECK_THROWS_MATCHES(private_from("public.pem"), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("what is no key is damaged", "[core][rsa]") {
    const Bytes text(as_bytes("hello\n").begin(), as_bytes("hello\n").end());
    CHECK_THROWS_MATCHES(RsaPublicKey::from_spki(text), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(RsaPublicKey::from_pem("", "nothing"), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(RsaPrivateKey::from_pkcs8(text), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(RsaPrivateKey::from_pem(text, nullptr, "text"), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(RsaPrivateKey::from_der(text, nullptr, "text"), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(RsaPrivateKey::from_pkcs12(text, nullptr, "text"), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(RsaPublicKey::from_spki(Bytes(100'000)), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("every truncation and any extension of a public key is refused", "[core][rsa]") {
    Bytes spki = public_from("public.pem").spki();
    for (std::size_t size = 0; size < spki.size(); ++size) {
        CHECK_THROWS_AS(RsaPublicKey::from_spki(ByteView(spki).first(size)), Error);
    }
    spki.push_back(0);
    CHECK_THROWS_MATCHES(RsaPublicKey::from_spki(spki), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a private key whose halves do not fit is damaged", "[core][rsa]") {
    // The modulus alone; or the private exponent and a prime together. With either of these two alone OpenSSL computes
    // by the other one, and the key works.
    Bytes der = key_file("pkcs8.der");
    const auto offsets = GENERATE(std::vector<std::size_t>{100}, std::vector<std::size_t>{400, 700});
    for (const std::size_t offset : offsets) der[offset] ^= 0x10U;
    CHECK_THROWS_MATCHES(RsaPrivateKey::from_pkcs8(der), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a generated key has the size asked for and survives PKCS#8", "[core][rsa]") {
    const int bits = GENERATE(2048, 3072);
    const RsaPrivateKey key = RsaPrivateKey::generate(bits);
    CHECK(key.public_key().bits() == bits);
    const SecretBytes der = key.to_pkcs8();
    const RsaPrivateKey again = RsaPrivateKey::from_pkcs8(der.reveal());
    CHECK(again.public_key().spki() == key.public_key().spki());
    const auto opened = again.unwrap(key.public_key().wrap(Bytes(32, 5)));
    REQUIRE(opened);
    CHECK(opened->equals(Bytes(32, 5)));
}

TEST_CASE("keys of 4096 bits are made as well", "[core][rsa][.slow]") {
    CHECK(RsaPrivateKey::generate(4096).public_key().bits() == 4096);
}

TEST_CASE("other sizes than 2048, 3072 and 4096 are not made", "[core][rsa]") {
    const int bits = GENERATE(0, -1, 1024, 2047, 2560, 8192);
    CHECK_THROWS_MATCHES(RsaPrivateKey::generate(bits), Error, has_code(ErrorCode::usage));
}
