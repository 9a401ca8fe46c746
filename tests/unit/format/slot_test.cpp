#include "format/slot.h"

#include "core/crypto/digest.h"
#include "format/limits.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/allocation_watch.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

/// Decodes and opens a slot as a local vault does. returns  nothing when it is refused
std::optional<DataKey> open_slot(const Bytes& object) {
    std::optional<DataKey> key;
    (void)outcome([&] {
        const Slot slot = Slot::decode(object, "slot");
        const auto plaintext = sample_protector().unwrap(slot.wrapped);
        if (plaintext) key = accept_unwrapped(slot, *plaintext);
    });
    return key;
}

}  // namespace

TEST_CASE("a slot holds a wrapped DEK and its protector's thumbprint [R10][R81]", "[format][slot]") {
    const DataKey dek = sample_dek();
    const Bytes object = sample_slot(dek).encode();
    const Slot slot = Slot::decode(object, "slot");
    CHECK(slot.thumbprint == Thumbprint::of(sample_protector().public_key()));
    CHECK(slot.dek == dek.id());
    CHECK(slot.location == "local:prod/1");
    CHECK(slot.encode() == object);
    const auto key = open_slot(object);
    REQUIRE(key.has_value());
    CHECK(key->secret().equals(dek.secret().reveal()));
    CHECK(key->commitment() == dek.commitment());
    CHECK(key->id() == dek.id());
    CHECK(key->repository() == dek.repository());
}

TEST_CASE("the octets of a slot stand where the format says", "[format][slot]") {
    Slot slot;
    slot.algorithm = WrapAlgorithm::kms_context;
    slot.repository = sample_id<RepositoryId>("r");
    slot.dek = sample_id<DekId>("d");
    slot.thumbprint = {Thumbprint::Kind::kms, sample_id<Digest>("t")};
    slot.commitment = sample_id<Digest>("c");
    slot.location = "hint";
    slot.wrapped = {1, 2, 3};
    CHECK(to_hex(slot.encode()) ==
          "5349474e4554534c"
          "0100"
          "0400" +
              slot.repository.hex() + slot.dek.hex() + "02" + slot.thumbprint.digest.hex() + slot.commitment.hex() +
              "04"
              "68696e74"
              "03"
              "010203");
}

TEST_CASE("what a vault wraps names its repository, DEK and protector", "[format][slot]") {
    const DataKey dek = sample_dek();
    const Thumbprint thumbprint{Thumbprint::Kind::sha256, sample_id<Digest>("t")};
    const SecretBytes plaintext = wrap_plaintext(dek, thumbprint);
    ByteWriter context;
    context.raw(std::string_view("signet/wrap/v1", 15));
    context.id(dek.repository());
    context.id(dek.id());
    thumbprint.encode(context);
    REQUIRE(plaintext.size() == 64);
    CHECK(dek.secret().equals(plaintext.reveal().first(32)));
    CHECK(as_text(crypto::sha256(context.view()).view()) == as_text(plaintext.reveal().subspan(32)));
}

TEST_CASE("what a key manager wraps names its repository and DEK", "[format][slot]") {
    const DataKey dek = sample_dek();
    const Thumbprint thumbprint{Thumbprint::Kind::kms, sample_id<Digest>("t")};
    const SecretBytes plaintext = wrap_plaintext(dek, thumbprint);
    ByteWriter context;
    context.raw(std::string_view("signet/wrap-kms/v1", 19));
    context.id(dek.repository());
    context.id(dek.id());
    REQUIRE(plaintext.size() == 64);
    CHECK(as_text(crypto::sha256(context.view()).view()) == as_text(plaintext.reveal().subspan(32)));
    // Another key of the manager wraps the same octets.
    const Thumbprint other{Thumbprint::Kind::kms, sample_id<Digest>("other")};
    CHECK(wrap_plaintext(dek, other).equals(plaintext.reveal()));
    CHECK(algorithm_for(other) == WrapAlgorithm::kms_context);
    CHECK(algorithm_for({Thumbprint::Kind::sha256, other.digest}) == WrapAlgorithm::rsa_oaep_256);
    CHECK(WrapBinding{dek.repository(), dek.id()}.text() ==
          "signet:repository=" + dek.repository().hex() + ",signet:dek=" + dek.id().hex());
}

TEST_CASE("every changed bit of a slot is refused, or touches only its hint", "[format][slot]") {
    const DataKey dek = sample_dek();
    const Slot original = sample_slot(dek);
    each_bit_flip(original.encode(), [&](const Bytes& changed, std::size_t bit) {
        const auto key = open_slot(changed);
        if (!key) return;
        // Found by its name, which is the digest of the object; nothing that opens it differs.
        const Slot slot = Slot::decode(changed, "slot");
        const bool harmless = key->secret().equals(dek.secret().reveal()) && slot.encode() == changed &&
                              (slot.location != original.location || slot.algorithm != original.algorithm);
        if (!harmless) FAIL("bit " << bit);
    });
    each_truncation(original.encode(), [&](const Bytes& cut) {
        if (open_slot(cut)) FAIL("a truncation to " << cut.size() << " octets is not refused");
    });
}

TEST_CASE("a wrapped key is refused in the place of another", "[format][slot]") {
    const DataKey dek = sample_dek();
    const DataKey other = sample_dek("other dek");
    const Slot slot = sample_slot(dek);
    const auto accept = [&](const SecretBytes& plaintext) { (void)accept_unwrapped(slot, plaintext); };
    CHECK_NOTHROW(accept(wrap_plaintext(dek, slot.thumbprint)));
    REQUIRE_THROWS_MATCHES(accept(wrap_plaintext(other, slot.thumbprint)), Error, has_code(ErrorCode::damaged));
    const Thumbprint another{Thumbprint::Kind::kms, slot.thumbprint.digest};
    REQUIRE_THROWS_MATCHES(accept(wrap_plaintext(dek, another)), Error, has_code(ErrorCode::damaged));
    const DataKey elsewhere(sample_id<RepositoryId>("elsewhere"), dek.id(), dek.secret().clone());
    REQUIRE_THROWS_MATCHES(accept(wrap_plaintext(elsewhere, slot.thumbprint)), Error, has_code(ErrorCode::damaged));
    REQUIRE_THROWS_MATCHES(accept(dek.secret()), Error, has_code(ErrorCode::damaged));
    REQUIRE_THROWS_MATCHES(accept(SecretBytes()), Error, has_code(ErrorCode::damaged));
    // The right context beside another DEK: only the commitment tells.
    const DataKey impostor(dek.repository(), dek.id(), sample_secret("impostor"));
    REQUIRE_THROWS_MATCHES(accept(wrap_plaintext(impostor, slot.thumbprint)), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("hostile lengths in a slot allocate nothing", "[format][slot][hostile]") {
    Bytes object = sample_slot(sample_dek()).encode();
    object.resize(109);
    ByteWriter writer(object);
    writer.varint(UINT64_MAX);
    const AllocationWatch watch;
    REQUIRE_THROWS_MATCHES(Slot::decode(writer.view(), "slot"), Error, has_code(ErrorCode::damaged));
    CHECK(watch.largest() < 64 * 1024);
}
