#include "format/entry.h"

#include "core/crypto/digest.h"
#include "format/limits.h"
#include "format/names.h"
#include "format/officer_entry.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/allocation_watch.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

const crypto::SigningKey& officer() {
    static const crypto::SigningKey key = sample_signer("officer");
    return key;
}

std::string officer_name(std::uint64_t sequence) { return journal_name(officer().verify_key().identity(), sequence); }

Bytes trust_entry(std::uint64_t sequence = 2) {
    const TrustFields fields{{{sample_id<IdentityId>("writer"), Role::writer, 1, UINT64_MAX}}};
    return make_plain_entry(EntryKind::trust, sample_head(sequence), fields.encode(), officer());
}

/// Signs again after `offset` was overwritten.
Bytes resigned(Bytes object, std::size_t offset, ByteView octets) {
    object.resize(object.size() - 64);
    std::copy(octets.begin(), octets.end(), object.begin() + static_cast<std::ptrdiff_t>(offset));
    ByteWriter message;
    message.raw(std::string_view("signet/entry/v1", 16));
    message.id(crypto::sha256(object));
    const crypto::Signature signature = officer().sign(message.view());
    object.insert(object.end(), signature.begin(), signature.end());
    return object;
}

Bytes resigned(Bytes object, std::size_t offset, std::uint8_t octet) {
    return resigned(std::move(object), offset, ByteView(&octet, 1));
}

}  // namespace

TEST_CASE("a signed entry proves its head, its identity and its id", "[format][entry]") {
    const Bytes object = trust_entry();
    const SignedEntry entry = decode_entry(object, officer_name(2));
    CHECK(entry.kind == EntryKind::trust);
    CHECK(entry.id == EntryId::from(crypto::sha256(object).view()));
    CHECK(entry.identity == officer().verify_key().identity());
    const EntryHead head = sample_head();
    CHECK(entry.head.repository == head.repository);
    CHECK(entry.head.config_hash == head.config_hash);
    CHECK(entry.head.signer == officer().verify_key());
    CHECK(entry.head.sequence == 2);
    CHECK(entry.head.previous == head.previous);
    CHECK(entry.head.time == head.time);
    CHECK(entry.head.audit_head == head.audit_head);
    CHECK(entry.head.policy == head.policy);
    CHECK(entry.sealed_part().empty());
    CHECK(TrustFields::decode(entry.public_fields(), "trust").statements.size() == 1);
}

TEST_CASE("the octets of an entry's envelope stand where the format says", "[format][entry]") {
    const Bytes object = trust_entry();
    const EntryHead head = sample_head();
    ByteWriter expected;
    expected.raw("SIGNETJE");
    expected.raw(
        from_hex_text("0100"
                      "03"
                      "01"));
    expected.u32(192 + 50);
    expected.u32(0);
    expected.id(head.repository);
    expected.id(head.config_hash);
    expected.raw(officer().verify_key().octets);
    expected.u64(2);
    expected.id(head.previous);
    expected.i64(head.time.ns);
    expected.id(head.audit_head);
    expected.id(head.policy);
    REQUIRE(object.size() == expected.size() + 50 + 64);
    CHECK(to_hex(ByteView(object).first(expected.size())) == to_hex(expected.view()));
    CHECK(Bytes(object.end() - 64, object.end()) != Bytes(64));
}

TEST_CASE("every changed bit of an entry is damage", "[format][entry]") {
    const Bytes object = trust_entry();
    each_bit_flip(object, [](const Bytes& changed, std::size_t bit) {
        if (outcome([&] { (void)decode_entry(changed, officer_name(2)); }) != ErrorCode::damaged) FAIL("bit " << bit);
    });
    require_all_changes_refused(object, [](const Bytes& changed) { (void)decode_entry(changed, officer_name(2)); });
}

TEST_CASE("only a signed entry can be of a newer version or kind", "[format][entry]") {
    const Bytes object = trust_entry();
    Bytes unsigned_change = object;
    unsigned_change[8] = 2;
    REQUIRE_THROWS_MATCHES(decode_entry(unsigned_change, officer_name(2)), Error, has_code(ErrorCode::damaged));
    REQUIRE_THROWS_MATCHES(decode_entry(resigned(object, 8, 2), officer_name(2)), Error,
                           has_code(ErrorCode::unsupported));
    for (const std::uint8_t kind : std::initializer_list<std::uint8_t>{0, 13, 31, 255}) {
        REQUIRE_THROWS_MATCHES(decode_entry(resigned(object, 10, kind), officer_name(2)), Error,
                               has_code(ErrorCode::unsupported));
    }
    REQUIRE_THROWS_MATCHES(decode_entry(resigned(object, 11, 2), officer_name(2)), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("an entry stands under its own name alone", "[format][entry]") {
    const Bytes object = trust_entry();
    const IdentityId other = sample_signer("other").verify_key().identity();
    for (const std::string& name : {officer_name(1), officer_name(3), journal_name(other, 2), std::string("journal/x"),
                                    std::string("config.json")}) {
        REQUIRE_THROWS_MATCHES(decode_entry(object, name), Error, has_code(ErrorCode::damaged));
    }
}

TEST_CASE("the first entry alone has no previous one", "[format][entry]") {
    const Bytes first = trust_entry(1);
    CHECK(decode_entry(first, officer_name(1)).head.previous.is_zero());
    constexpr std::size_t kSequence = 20 + 16 + 32 + 32;
    constexpr std::size_t kPrevious = kSequence + 8;
    const Bytes with_previous = resigned(first, kPrevious, 1);
    REQUIRE_THROWS_MATCHES(decode_entry(with_previous, officer_name(1)), Error, has_code(ErrorCode::damaged));
    const Bytes without_previous = resigned(trust_entry(2), kPrevious, Bytes(32));
    REQUIRE_THROWS_MATCHES(decode_entry(without_previous, officer_name(2)), Error, has_code(ErrorCode::damaged));
    const Bytes zero = resigned(first, kSequence, 0);
    REQUIRE_THROWS_MATCHES(decode_entry(zero, officer_name(1)), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("the largest sequence number has ten digits", "[format][entry]") {
    CHECK(decode_entry(trust_entry(kMaxSequence), officer_name(kMaxSequence)).head.sequence == kMaxSequence);
    ByteWriter sequence;
    sequence.u64(kMaxSequence + 1);
    const Bytes beyond = resigned(trust_entry(kMaxSequence), 20 + 16 + 32 + 32, sequence.view());
    REQUIRE_THROWS_MATCHES(decode_entry(beyond, officer_name(kMaxSequence)), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a head has a sequence number from 1 to 9,999,999,999, whatever its object is called", "[format][entry]") {
    const Bytes object = trust_entry(2);
    const auto decode = [&](std::uint64_t number) {
        Bytes head(object.begin() + 20, object.begin() + 20 + 192);
        ByteWriter sequence;
        sequence.u64(number);
        std::copy(sequence.view().begin(), sequence.view().end(), head.begin() + 16 + 32 + 32);
        ByteReader reader(head, "head");
        return EntryHead::decode(reader).sequence;
    };
    CHECK(decode(2) == 2);
    CHECK(decode(kMaxSequence) == kMaxSequence);
    for (const std::uint64_t number : {std::uint64_t{0}, kMaxSequence + 1, UINT64_MAX})
        REQUIRE_THROWS_MATCHES(decode(number), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a part of more than 16 MiB is refused on both sides", "[format][entry]") {
    REQUIRE_THROWS_MATCHES(entry_prefix(EntryKind::trust, Bytes(kMaxEntryPart + 1), 0), Error,
                           has_code(ErrorCode::failed));
    REQUIRE_THROWS_MATCHES(entry_prefix(EntryKind::trust, Bytes(200), kMaxEntryPart + 1), Error,
                           has_code(ErrorCode::failed));
    // Right in all else, and signed.
    Bytes object = trust_entry();
    object.insert(object.end() - 64, kMaxEntryPart, std::uint8_t{0});
    ByteWriter size;
    size.u32(static_cast<std::uint32_t>(object.size() - 20 - 64));
    object = resigned(std::move(object), 12, size.view());
    REQUIRE_THROWS_MATCHES(decode_entry(std::move(object), officer_name(2)), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("hostile lengths in an envelope allocate nothing", "[format][entry][hostile]") {
    const std::string hex =
        GENERATE(as<std::string>{}, "ffffffff00000000", "f2000000ffffffff", "ffffff00ffffff00", "00000000f2000000");
    const Bytes lengths = from_hex_text(hex);
    Bytes object = trust_entry();
    std::copy(lengths.begin(), lengths.end(), object.begin() + 12);
    const std::string name = officer_name(2);
    const AllocationWatch watch;
    REQUIRE_THROWS_MATCHES(decode_entry(std::move(object), name), Error, has_code(ErrorCode::damaged));
    CHECK(watch.largest() < 64 * 1024);
}
