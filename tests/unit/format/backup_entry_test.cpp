#include "format/backup_entry.h"

#include "format/limits.h"
#include "format/names.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/allocation_watch.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

/// The sample's, with packs of two repack entries besides.
BackupPublic borrowing(const DataKey& dek) {
    BackupPublic fields = sample_public(dek);
    Borrowed one{sample_id<IdentityId>("officer"), 3, sample_id<DekId>("lossy"), {}};
    one.set(0);
    one.set(10);
    Borrowed other = one;
    other.sequence = 5;
    fields.borrowed = {one, other};
    return fields;
}

SignedEntry decode(const NamedObject& entry) { return decode_entry(entry.object, entry.name); }

Bytes encoded(const BackupPublic& fields) {
    ByteWriter writer;
    fields.encode(writer);
    return writer.take();
}

/// An entry with these public fields, whatever they are.
SignedEntry entry_with(const BackupPublic& fields, const DataKey& dek, std::uint64_t sequence = 2) {
    const crypto::SigningKey signer = sample_signer();
    const Bytes object = make_backup_entry(EntryKind::backup, sample_head(sequence), fields, sample_labels(),
                                           sample_body(), dek, signer);
    return decode_entry(object, journal_name(signer.verify_key().identity(), sequence));
}

}  // namespace

TEST_CASE("a backup's public part tells without a key what a plan needs [R81][R121]", "[format][backup_entry]") {
    const DataKey dek = sample_dek();
    const SignedEntry entry = decode(sample_backup(dek));
    const BackupPublic fields = backup_public(entry);
    const BackupPublic expected = sample_public(dek);
    CHECK(fields.run == expected.run);
    CHECK(fields.series == expected.series);
    CHECK(fields.kind == BackupKind::files);
    CHECK(fields.has_errors);
    CHECK(fields.time == expected.time);
    CHECK(fields.started == expected.started);
    CHECK(fields.finished == expected.finished);
    CHECK(fields.dek == dek.id());
    CHECK(fields.commitment == dek.commitment());
    REQUIRE(fields.slots.size() == 1);
    CHECK(fields.slots[0].thumbprint == Thumbprint::of(sample_protector().public_key()));
    const auto unwrapped = sample_protector().unwrap(fields.slots[0].wrapped);
    REQUIRE(unwrapped.has_value());
    CHECK(accept_unwrapped(fields.slots[0], *unwrapped).commitment() == dek.commitment());
    REQUIRE(fields.packs.size() == 2);
    CHECK(fields.packs[1].id == expected.packs[1].id);
    CHECK(fields.packs[1].size == kMaxPack);
    REQUIRE(fields.indexes.size() == 1);
    CHECK(fields.predecessors == expected.predecessors);
    REQUIRE(fields.reach.size() == 2);
    CHECK(fields.reach[0].journal == 0);
    CHECK(fields.reach[0].sequence == 1);
    CHECK(fields.writer_of(fields.reach[0], entry.identity) == entry.identity);
    CHECK(fields.writer_of(fields.reach[1], entry.identity) == expected.predecessors[1]);
    CHECK(fields.reach[0].has(9));
    CHECK_FALSE(fields.reach[0].has(8));
    CHECK_FALSE(fields.reach[0].has(1000));
}

TEST_CASE("names open with the label key alone and the body with the DEK alone", "[format][backup_entry]") {
    const DataKey dek = sample_dek();
    const SignedEntry entry = decode(sample_backup(dek));
    const auto labels = open_labels(entry, sample_writer_keys().label_key);
    REQUIRE(labels.has_value());
    const Labels expected = sample_labels();
    CHECK(labels->host == expected.host);
    CHECK(labels->user == expected.user);
    CHECK(labels->series == expected.series);
    CHECK(labels->paths == expected.paths);
    CHECK(labels->tags == expected.tags);
    CHECK(labels->command == expected.command);
    CHECK(labels->program == expected.program);
    CHECK_FALSE(open_labels(entry, sample_secret("another label key")).has_value());

    const BackupBody body = open_body(entry, dek);
    CHECK(body.keys.id_key.equals(sample_writer_keys().id_key.reveal()));
    CHECK(body.keys.index_key.equals(sample_writer_keys().index_key.reveal()));
    CHECK(body.keys.label_key.equals(sample_writer_keys().label_key.reveal()));
    CHECK(body.root.content == sample_body().root.content);
    CHECK(body.owners == sample_body().owners);
    CHECK(body.groups == sample_body().groups);
    CHECK(body.statistics.files == 1);
    CHECK(body.statistics.errors == 7);
    REQUIRE(body.problems.size() == 1);
    CHECK(body.problems[0].path == "/srv/\xff");
    CHECK(body.problems[0].error_number == 13);
}

TEST_CASE("a body opens under its own DEK alone", "[format][backup_entry]") {
    const DataKey dek = sample_dek();
    const SignedEntry entry = decode(sample_backup(dek));
    const DataKey other = sample_dek("other");
    const DataKey impostor(dek.repository(), dek.id(), sample_secret("impostor"));
    REQUIRE_THROWS_MATCHES(open_body(entry, other), Error, has_code(ErrorCode::damaged));
    REQUIRE_THROWS_MATCHES(open_body(entry, impostor), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("every changed bit of a backup entry is damage", "[format][backup_entry]") {
    const NamedObject backup = sample_backup(sample_dek());
    require_all_changes_refused(backup.object, [&](const Bytes& changed) { (void)decode_entry(changed, backup.name); });
}

TEST_CASE("every changed bit of the sealed part keeps it closed, signature or not", "[format][backup_entry]") {
    const DataKey dek = sample_dek();
    const SignedEntry entry = decode(sample_backup(dek));
    const SecretBytes label_key = sample_writer_keys().label_key.clone();
    const Bytes original = entry.object;
    const std::size_t start = 20 + entry.public_size;
    for (std::size_t bit = 20 * 8; bit < (original.size() - 64) * 8; bit += bit < start * 8 ? 61 : 1) {
        SignedEntry changed = entry;
        changed.object[bit / 8] = static_cast<std::uint8_t>(original[bit / 8] ^ (1U << (bit % 8)));
        bool labels_open = false;
        bool body_opens = false;
        (void)outcome([&] { labels_open = open_labels(changed, label_key).has_value(); });
        (void)outcome([&] { body_opens = open_body(changed, dek).keys.id_key.size() == 32; });
        // A bit of one half leaves the other as it was; a bit of the public part closes both.
        if (labels_open && body_opens) FAIL("bit " << bit);
        if (bit < start * 8 && (labels_open || body_opens)) FAIL("bit " << bit << " of the public part");
    }
}

TEST_CASE("a partial entry carries the writer's keys and no tree", "[format][backup_entry]") {
    const DataKey dek = sample_dek();
    const crypto::SigningKey signer = sample_signer();
    BackupPublic fields = sample_public(dek);
    fields.reach.clear();
    const Bytes object =
        make_backup_entry(EntryKind::partial, sample_head(1), fields, sample_labels(), sample_body(), dek, signer);
    const SignedEntry entry = decode_entry(object, journal_name(signer.verify_key().identity(), 1));
    CHECK(entry.kind == EntryKind::partial);
    const BackupBody body = open_body(entry, dek);
    CHECK(body.keys.id_key.equals(sample_writer_keys().id_key.reveal()));
    CHECK(body.root.content.size == 0);
    CHECK(body.owners.empty());
}

TEST_CASE("a backup names the packs that it borrows, and one that borrows none is written as ever",
          "[format][backup_entry]") {
    const DataKey dek = sample_dek();
    const BackupPublic fields = backup_public(entry_with(borrowing(dek), dek));
    REQUIRE(fields.borrowed.size() == 2);
    CHECK(fields.borrowed[1].identity == sample_id<IdentityId>("officer"));
    CHECK(fields.borrowed[1].sequence == 5);
    CHECK(fields.borrowed[1].dek == sample_id<DekId>("lossy"));
    CHECK((fields.borrowed[0].has(0) && fields.borrowed[0].has(10) && !fields.borrowed[0].has(1)));
    CHECK(fields.has_errors);
    CHECK(fields.reach.size() == 2);
    CHECK(backup_public(entry_with(sample_public(dek), dek)).borrowed.empty());
}

TEST_CASE("what is borrowed ascends, is there where a flag says so, and in no partial entry",
          "[format][backup_entry]") {
    const DataKey dek = sample_dek();
    const crypto::SigningKey signer = sample_signer();
    const Bytes partial = make_backup_entry(EntryKind::partial, sample_head(2), borrowing(dek), sample_labels(),
                                            sample_body(), dek, signer);
    CHECK_THROWS_MATCHES(backup_public(decode_entry(partial, journal_name(signer.verify_key().identity(), 2))), Error,
                         has_code(ErrorCode::damaged));
    constexpr std::size_t kFlags = 16 + 16 + 1;
    Bytes without = encoded(sample_public(dek));
    without[kFlags] |= 2;
    CHECK(outcome([&] { (void)BackupPublic::decode(without, "entry"); }) == ErrorCode::damaged);
    without.push_back(0);
    CHECK(outcome([&] { (void)BackupPublic::decode(without, "entry"); }) == ErrorCode::damaged);
    Bytes swapped = encoded(borrowing(dek));
    REQUIRE(BackupPublic::decode(swapped, "entry").borrowed.size() == 2);
    constexpr std::size_t kItem = 32 + 1 + 16 + 3;
    std::swap_ranges(swapped.end() - 2 * kItem, swapped.end() - kItem, swapped.end() - kItem);
    CHECK(outcome([&] { (void)BackupPublic::decode(swapped, "entry"); }) == ErrorCode::damaged);
}

TEST_CASE("public fields that do not fit together are refused", "[format][backup_entry]") {
    const DataKey dek = sample_dek();
    BackupPublic fields = sample_public(dek);
    fields.reach[0].sequence = 2;
    REQUIRE_THROWS_MATCHES(backup_public(entry_with(fields, dek)), Error, has_code(ErrorCode::damaged));
    CHECK(backup_public(entry_with(fields, dek, 3)).reach[0].sequence == 2);
    fields = sample_public(dek);
    fields.slots[0].repository = sample_id<RepositoryId>("elsewhere");
    REQUIRE_THROWS_MATCHES(backup_public(entry_with(fields, dek)), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("an entry of another kind is no backup", "[format][backup_entry]") {
    SignedEntry entry = decode(sample_backup(sample_dek()));
    entry.kind = EntryKind::remark;
    REQUIRE_THROWS_MATCHES(backup_public(entry), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("every changed bit of public fields is refused or means something else", "[format][backup_entry]") {
    const Bytes bytes = encoded(GENERATE(false, true) ? borrowing(sample_dek()) : sample_public(sample_dek()));
    each_bit_flip(bytes, [](const Bytes& changed, std::size_t bit) {
        std::optional<Bytes> again;
        const auto code = outcome([&] { again = encoded(BackupPublic::decode(changed, "entry")); });
        if (again ? *again != changed : code != ErrorCode::damaged && code != ErrorCode::unsupported)
            FAIL("bit " << bit);
    });
    each_truncation(bytes, [](const Bytes& cut) {
        if (outcome([&] { (void)BackupPublic::decode(cut, "entry"); }) != ErrorCode::damaged) FAIL(cut.size());
    });
}

TEST_CASE("an entry holds 64 slots", "[format][backup_entry]") {
    const DataKey dek = sample_dek();
    BackupPublic fields = sample_public(dek);
    fields.slots.assign(kMaxSlotsInEntry, fields.slots[0]);
    CHECK(backup_public(entry_with(fields, dek)).slots.size() == kMaxSlotsInEntry);
}

TEST_CASE("labels and bodies have one spelling", "[format][backup_entry]") {
    const Bytes labels = sample_labels().encode();
    const auto check_labels = [](const Bytes& changed) {
        std::optional<Bytes> again;
        const auto code = outcome([&] { again = Labels::decode(changed, "labels").encode(); });
        if (again ? *again != changed : code != ErrorCode::damaged) FAIL(to_hex(changed));
    };
    each_bit_flip(labels, [&](const Bytes& changed, std::size_t) { check_labels(changed); });
    each_truncation(labels, check_labels);
    const Bytes body = sample_body().encode(EntryKind::backup);
    const auto check_body = [](const Bytes& changed) {
        std::optional<Bytes> again;
        const auto code =
            outcome([&] { again = BackupBody::decode(changed, EntryKind::backup, "body").encode(EntryKind::backup); });
        if (again ? *again != changed : code != ErrorCode::damaged) FAIL(to_hex(changed));
    };
    each_bit_flip(body, [&](const Bytes& changed, std::size_t) { check_body(changed); });
    each_truncation(body, check_body);
}

TEST_CASE("names in another encoding do not stop a backup; tags must be UTF-8", "[format][backup_entry]") {
    Labels labels = sample_labels();
    labels.host = "h\xe9te";
    CHECK(Labels::decode(labels.encode(), "labels").host == "h\xef\xbf\xbdte");
    labels.tags = {"\xff"};
    REQUIRE_THROWS_MATCHES(labels.encode(), Error, has_code(ErrorCode::usage));
    labels = sample_labels();
    labels.series = "\xff";
    REQUIRE_THROWS_MATCHES(labels.encode(), Error, has_code(ErrorCode::usage));
    BackupBody body = sample_body();
    body.owners = {{5, "an\xe9"}};
    const Bytes bytes = body.encode(EntryKind::backup);
    CHECK(BackupBody::decode(bytes, EntryKind::backup, "body").owners[0].second == "an\xef\xbf\xbd");
}

TEST_CASE("a body lists the first 1,000 problems", "[format][backup_entry]") {
    BackupBody body = sample_body();
    body.problems.assign(1500, {"/x", 5, "cannot read"});
    const Bytes bytes = body.encode(EntryKind::backup);
    CHECK(BackupBody::decode(bytes, EntryKind::backup, "body").problems.size() == 1000);
}

TEST_CASE("hostile counts in public fields allocate nothing", "[format][backup_entry][hostile]") {
    BackupPublic fields = sample_public(sample_dek());
    fields.packs.clear();
    fields.indexes.clear();
    fields.predecessors.clear();
    fields.reach.clear();
    const Bytes base = encoded(fields);
    const std::size_t list = GENERATE(as<std::size_t>{}, 4, 3, 2, 1);  // packs, indexes, predecessors, reach
    ByteWriter writer(Bytes(base.begin(), base.end() - static_cast<std::ptrdiff_t>(list)));
    writer.varint(UINT32_MAX);
    writer.raw(Bytes(200, 1));
    const AllocationWatch watch;
    REQUIRE_THROWS_MATCHES(BackupPublic::decode(writer.view(), "entry"), Error, has_code(ErrorCode::damaged));
    CHECK(watch.largest() < 64 * 1024);
}
