#include "format/repack_entry.h"

#include "format/limits.h"
#include "format/names.h"
#include "format/officer_entry.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/samples.h"

#include <algorithm>

namespace signet::format {
namespace {

using namespace signet::test;

RepackPublic sample_repack(const DataKey& dek) {
    RepackPublic fields;
    fields.writer = sample_signer().verify_key().identity();
    fields.dek = dek.id();
    fields.commitment = dek.commitment();
    fields.slots = {sample_slot(dek)};
    fields.packs = {{sample_id<PackId>("new pack"), 1000}};
    fields.indexes = {{sample_id<IndexId>("new index"), 300}};
    ReplacedPacks replaced{fields.writer, 1, sample_id<DekId>("old dek"), {}};
    bitmap_set(replaced.bitmap, 9);
    fields.replaced = {replaced};
    fields.bodies = {{2, sample_id<EntryId>("a backup")}, {7, sample_id<EntryId>("another")}};
    return fields;
}

std::vector<SecretBytes> sample_bodies() {
    std::vector<SecretBytes> bodies;
    bodies.emplace_back(sample_body().encode(EntryKind::backup));
    BackupBody other = sample_body();
    other.statistics.files = 99;
    bodies.emplace_back(other.encode(EntryKind::backup));
    return bodies;
}

/// One that stands for two backups alone.
RepackPublic lossy_repack(const DataKey& dek) {
    RepackPublic fields = sample_repack(dek);
    fields.bodies.clear();
    fields.backups = {{sample_id<IdentityId>("writer 1"), 4, sample_id<EntryId>("a backup")},
                      {sample_id<IdentityId>("writer 1"), 9, sample_id<EntryId>("another")}};
    return fields;
}

Bytes encoded(const RepackPublic& fields) {
    ByteWriter writer;
    fields.encode(writer);
    return writer.take();
}

SignedEntry decoded(Bytes object, std::uint64_t sequence = 2) {
    return decode_entry(std::move(object), journal_name(sample_signer("officer").verify_key().identity(), sequence));
}

}  // namespace

TEST_CASE("a repack entry says what it replaces, and opens its bodies with the new data key alone [R98]",
          "[format][repack_entry]") {
    const DataKey dek = sample_dek();
    const SignedEntry entry =
        decoded(make_repack_entry(sample_head(), sample_repack(dek), sample_bodies(), dek, sample_signer("officer")));
    const RepackPublic fields = repack_public(entry);
    CHECK(fields.writer == sample_signer().verify_key().identity());
    CHECK(fields.packs.at(0).id == sample_id<PackId>("new pack"));
    REQUIRE(fields.replaced.size() == 1);
    CHECK(bitmap_has(fields.replaced[0].bitmap, 9));
    CHECK_FALSE(bitmap_has(fields.replaced[0].bitmap, 8));
    CHECK_FALSE(bitmap_has(fields.replaced[0].bitmap, 1000));
    REQUIRE(fields.bodies.size() == 2);
    CHECK(open_resealed_body(entry, 0, dek).statistics.files == sample_body().statistics.files);
    CHECK(open_resealed_body(entry, 1, dek).statistics.files == 99);
    CHECK(open_resealed_octets(entry, 0, dek).equals(sample_body().encode(EntryKind::backup)));
    CHECK_THROWS_MATCHES(open_resealed_body(entry, 0, sample_dek("another")), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("any change of a repack entry is refused [security]", "[format][repack_entry]") {
    const DataKey dek = sample_dek();
    RepackPublic fields = sample_repack(dek);
    fields.bodies.resize(1);
    std::vector<SecretBytes> bodies = sample_bodies();
    bodies.resize(1);
    const Bytes object = make_repack_entry(sample_head(), fields, bodies, dek, sample_signer("officer"));
    require_all_changes_refused(object, [](const Bytes& changed) { (void)decoded(changed); });
}

TEST_CASE("a resealed body moved to another repack entry stays closed", "[format][repack_entry]") {
    const DataKey dek = sample_dek();
    const crypto::SigningKey officer = sample_signer("officer");
    const SignedEntry second =
        decoded(make_repack_entry(sample_head(2), sample_repack(dek), sample_bodies(), dek, officer), 2);
    const Bytes third = make_repack_entry(sample_head(3), sample_repack(dek), sample_bodies(), dek, officer);
    const SignedEntry own = decoded(third, 3);
    Bytes prefix(own.associated().begin(), own.associated().end());
    const SignedEntry moved = decoded(sign_entry(std::move(prefix), second.sealed_part(), officer), 3);
    CHECK_THROWS_MATCHES(open_resealed_body(moved, 0, dek), Error, has_code(ErrorCode::damaged));
    CHECK(open_resealed_body(own, 0, dek).statistics.files == sample_body().statistics.files);
}

TEST_CASE("a lossy repack entry serves the backups that it names and no others", "[format][repack_entry]") {
    const DataKey dek = sample_dek();
    const crypto::SigningKey officer = sample_signer("officer");
    const RepackPublic fields =
        repack_public(decoded(make_repack_entry(sample_head(), lossy_repack(dek), {}, dek, officer)));
    CHECK(fields.is_lossy());
    REQUIRE(fields.backups.size() == 2);
    CHECK(fields.backups[1].backup == sample_id<EntryId>("another"));
    CHECK(fields.serves(sample_id<IdentityId>("writer 1"), 4));
    CHECK(fields.serves(sample_id<IdentityId>("writer 1"), 9));
    CHECK_FALSE(fields.serves(sample_id<IdentityId>("writer 1"), 5));
    CHECK_FALSE(fields.serves(sample_id<IdentityId>("writer 2"), 4));
    const RepackPublic whole = sample_repack(dek);
    CHECK_FALSE(whole.is_lossy());
    CHECK(whole.serves(sample_id<IdentityId>("writer 2"), 4));
    // Where nothing is needed of what it replaces it has no packs.
    RepackPublic empty = lossy_repack(dek);
    empty.packs.clear();
    empty.indexes.clear();
    CHECK(repack_public(decoded(make_repack_entry(sample_head(), empty, {}, dek, officer))).packs.empty());
}

TEST_CASE("a lossy repack entry does nothing else and names backups in order", "[format][repack_entry]") {
    const DataKey dek = sample_dek();
    const auto refused = [](const Bytes& bytes) {
        return outcome([&] { (void)RepackPublic::decode(bytes, "entry"); }) == ErrorCode::damaged;
    };
    constexpr std::size_t kFlags = 32;
    Bytes bytes = encoded(lossy_repack(dek));
    REQUIRE_FALSE(refused(bytes));
    SECTION("opening") { bytes[kFlags] |= 1; }
    SECTION("an unknown flag") { bytes[kFlags] |= 4; }
    SECTION("not lossy, and backups behind it") { bytes[kFlags] = 0; }
    SECTION("the other way round") {
        constexpr std::size_t kItem = 32 + 1 + 32;
        std::swap_ranges(bytes.end() - 2 * kItem, bytes.end() - kItem, bytes.end() - kItem);
    }
    SECTION("for nobody") {
        RepackPublic fields = sample_repack(dek);
        fields.bodies.clear();
        bytes = encoded(fields);
        bytes[kFlags] = 2;
        bytes.push_back(0);
    }
    SECTION("with bodies") {
        bytes = encoded(sample_repack(dek));
        bytes[kFlags] = 2;
        const Bytes served = encoded(lossy_repack(dek));
        bytes.insert(bytes.end(), served.end() - (1 + 2 * 65), served.end());
    }
    CHECK(refused(bytes));
}

TEST_CASE("every changed bit of a lossy repack entry is refused or means something else", "[format][repack_entry]") {
    const Bytes bytes = encoded(lossy_repack(sample_dek()));
    each_bit_flip(bytes, [](const Bytes& changed, std::size_t bit) {
        std::optional<Bytes> again;
        const auto code = outcome([&] { again = encoded(RepackPublic::decode(changed, "entry")); });
        if (again ? *again != changed : code != ErrorCode::damaged && code != ErrorCode::unsupported)
            FAIL("bit " << bit);
    });
}

TEST_CASE("a repack entry without bodies seals nothing, and other kinds are not taken for one",
          "[format][repack_entry]") {
    const DataKey dek = sample_dek();
    RepackPublic fields = sample_repack(dek);
    fields.bodies.clear();
    const SignedEntry entry = decoded(make_repack_entry(sample_head(), fields, {}, dek, sample_signer("officer")));
    CHECK(entry.sealed_part().empty());
    CHECK(repack_public(entry).bodies.empty());
    const NamedObject backup = sample_backup(dek);
    CHECK_THROWS_MATCHES(repack_public(decode_entry(backup.object, backup.name)), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a tombstone says of each backup whether it is forgotten", "[format][officer_entry]") {
    TombstoneFields fields;
    fields.statements.push_back(
        {sample_id<IdentityId>("writer"), 2, sample_id<EntryId>("one"), TombstoneAction::forgotten});
    fields.statements.push_back(
        {sample_id<IdentityId>("writer"), 3, sample_id<EntryId>("two"), TombstoneAction::taken_back});
    const SignedEntry entry =
        decoded(make_plain_entry(EntryKind::tombstone, sample_head(), fields.encode(), sample_signer("officer")));
    const TombstoneFields read = TombstoneFields::decode(entry.public_fields(), "tombstone");
    REQUIRE(read.statements.size() == 2);
    CHECK(read.statements[0].action == TombstoneAction::forgotten);
    CHECK(read.statements[1].backup == sample_id<EntryId>("two"));
    CHECK(read.statements[1].action == TombstoneAction::taken_back);
}

TEST_CASE("a tombstone with more than 65,536 statements is refused before they are read", "[format][officer_entry]") {
    ByteWriter writer;
    writer.varint(kMaxTombstones + 1);
    for (std::size_t i = 0; i <= kMaxTombstones; ++i) {
        writer.id(sample_repository());
        writer.id(sample_repository());
        writer.varint(i + 1);
        writer.id(Digest{});
        writer.u8(1);
    }
    CHECK_THROWS_MATCHES(TombstoneFields::decode(writer.view(), "tombstone"), Error, has_code(ErrorCode::damaged));
}

}  // namespace signet::format
