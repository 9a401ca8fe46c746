#include "format/escrow.h"

#include "format/limits.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

constexpr crypto::ScryptCost kCheap{10, 1, 1};

Thumbprint sample_thumbprint() { return Thumbprint::of(sample_protector().public_key()); }

SecretBytes secret_text(std::string_view text) { return SecretBytes(as_bytes(text)); }

EscrowSecret sample_escrow(bool with_seed = true) {
    EscrowSecret secret;
    secret.name = "escrow";
    secret.pkcs8 = sample_protector().to_pkcs8();
    if (with_seed) secret.officer_seed = sample_secret("officer seed");
    return secret;
}

Bytes sealed(const EscrowSecret& secret) {
    return seal_escrow(sample_repository(), sample_thumbprint(), secret, secret_text("correct horse"), kCheap);
}

EscrowSecret open(const Bytes& object, std::string_view passphrase = "correct horse") {
    return open_escrow(object, sample_repository(), secret_text(passphrase), "escrow");
}

}  // namespace

TEST_CASE("repository and passphrase give back the escrow protector [R5]", "[format][escrow]") {
    const bool with_seed = GENERATE(true, false);
    const EscrowSecret secret = sample_escrow(with_seed);
    const EscrowSecret opened = open(sealed(secret));
    CHECK(opened.name == "escrow");
    CHECK(opened.pkcs8.equals(secret.pkcs8.reveal()));
    CHECK(opened.officer_seed.equals(secret.officer_seed.reveal()));
}

TEST_CASE("a wrong passphrase is told from damage", "[format][escrow]") {
    const Bytes object = sealed(sample_escrow());
    REQUIRE_THROWS_MATCHES(open(object, "correct house"), Error, has_code(ErrorCode::wrong_passphrase));
    REQUIRE_THROWS_MATCHES(open(object, ""), Error, has_code(ErrorCode::wrong_passphrase));
    Bytes damaged = object;
    damaged.back() = static_cast<std::uint8_t>(damaged.back() ^ 1U);
    REQUIRE_THROWS_MATCHES(open(damaged), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("every changed bit of an escrow object is refused", "[format][escrow]") {
    const Bytes object = sealed(sample_escrow());
    const auto is_refused = [](const Bytes& changed) {
        const auto code = outcome([&] { (void)open(changed); });
        return code == ErrorCode::damaged || code == ErrorCode::unsupported || code == ErrorCode::wrong_passphrase;
    };
    // All bits of the header, and one of each sealed octet: every one of them costs an scrypt.
    for (std::size_t octet = 0; octet < object.size(); ++octet) {
        for (unsigned bit = octet < 110 ? 0 : octet % 8; bit < (octet < 110 ? 8 : octet % 8 + 1); ++bit) {
            Bytes changed = object;
            changed[octet] = static_cast<std::uint8_t>(changed[octet] ^ (1U << bit));
            if (!is_refused(changed)) FAIL("bit " << bit << " of octet " << octet);
        }
    }
    each_truncation(object, [&](const Bytes& cut) {
        if (!is_refused(cut)) FAIL("a truncation to " << cut.size() << " octets");
    });
}

TEST_CASE("an escrow object of another repository is refused", "[format][escrow]") {
    REQUIRE_THROWS_MATCHES(
        open_escrow(sealed(sample_escrow()), sample_id<RepositoryId>("other"), secret_text("correct horse"), "escrow"),
        Error, has_code(ErrorCode::damaged));
}

TEST_CASE("an escrow object holds the private key of its thumbprint", "[format][escrow]") {
    const auto seal_as = [](const Thumbprint& thumbprint, const EscrowSecret& secret) {
        return seal_escrow(sample_repository(), thumbprint, secret, secret_text("correct horse"), kCheap);
    };
    const Thumbprint other{Thumbprint::Kind::sha256, sample_id<Digest>("other")};
    REQUIRE_THROWS_MATCHES(open(seal_as(other, sample_escrow())), Error, has_code(ErrorCode::damaged));
    EscrowSecret no_key = sample_escrow();
    no_key.pkcs8 = SecretBytes(50);
    REQUIRE_THROWS_MATCHES(open(seal_as(sample_thumbprint(), no_key)), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("escrow objects are at most 64 KiB", "[format][escrow]") {
    EscrowSecret secret = sample_escrow();
    secret.pkcs8 = SecretBytes(kMaxEscrow);
    REQUIRE_THROWS_MATCHES(sealed(secret), Error, has_code(ErrorCode::failed));
    REQUIRE_THROWS_MATCHES(open(Bytes(kMaxEscrow + 1)), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("costs of scrypt outside their limits are refused before any work", "[format][escrow][hostile]") {
    Bytes object = sealed(sample_escrow());
    for (const auto& [offset, value] : {std::pair{59, 9}, {59, 21}, {59, 255}, {60, 0}, {60, 33}, {61, 0}, {61, 17}}) {
        Bytes changed = object;
        changed[static_cast<std::size_t>(offset)] = static_cast<std::uint8_t>(value);
        REQUIRE_THROWS_MATCHES(open(changed), Error, has_code(ErrorCode::damaged));
    }
    object[59] = 20;
    object[60] = 9;  // 1.125 GiB
    REQUIRE_THROWS_MATCHES(open(object), Error, has_code(ErrorCode::damaged));
    object[59] = 17;
    object[60] = 8;
    object[61] = 9;  // N * r * p above 2^23, within every other limit
    REQUIRE_THROWS_MATCHES(open(object), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("the header of an escrow object stands where the format says", "[format][escrow]") {
    const Bytes object = sealed(sample_escrow());
    CHECK(to_hex(ByteView(object).first(62)) ==
          "5349474e45544553"
          "0100" +
              sample_repository().hex() + "01" + sample_thumbprint().digest.hex() +
              "0a"
              "01"
              "01");
}
