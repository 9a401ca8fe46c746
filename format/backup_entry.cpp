#include "format/backup_entry.h"

#include "core/crypto/digest.h"
#include "format/encoding.h"
#include "format/limits.h"
#include "format/log_name.h"
#include "format/names.h"
#include "format/sealed_part.h"

#include <algorithm>
#include <tuple>

namespace signet::format {
namespace {

constexpr std::uint8_t kFlagErrors = 1;
constexpr std::uint8_t kFlagBorrows = 2;
constexpr std::size_t kWriterKeySize = 32;

bool is_backup_kind(EntryKind kind) { return kind == EntryKind::backup || kind == EntryKind::partial; }

void write_list(ByteWriter& writer, const std::vector<std::string>& items) {
    writer.varint(items.size());
    for (const std::string& item : items) writer.blob(item);
}

std::vector<std::string> read_blobs(ByteReader& reader) {
    std::vector<std::string> items(read_count(reader, UINT32_MAX, 1));
    for (std::string& item : items) item = read_blob(reader);
    return items;
}

bool stands_twice(const std::vector<IdentityId>& identities) {
    for (auto each = identities.begin(); each != identities.end(); ++each) {
        if (std::find(identities.begin(), each, *each) != each) return true;
    }
    return false;
}

/// Whether a reach item may follow the one before.
bool ascends(const Reach& before, const Reach& item) {
    return std::tie(before.journal, before.sequence) < std::tie(item.journal, item.sequence);
}

void encode_reach(ByteWriter& writer, const std::vector<Reach>& reach) {
    writer.varint(reach.size());
    Reach last;
    for (const Reach& item : reach) {
        invariant(item.sequence > 0 && ascends(last, item), "reach ascends by journal and sequence number");
        last.journal = item.journal;
        last.sequence = item.sequence;
        writer.varint(item.journal);
        writer.varint(item.sequence);
        writer.id(item.dek);
        write_bitmap(writer, item.bitmap);
    }
}

/// journals  how many predecessors there are
std::vector<Reach> decode_reach(ByteReader& reader, std::size_t journals) {
    std::vector<Reach> reach(read_count(reader, UINT32_MAX, 2 + DekId::kSize + 2));
    Reach last;
    for (Reach& item : reach) {
        item.journal = reader.varint(journals);
        item.sequence = reader.varint(kMaxSequence);
        if (item.sequence == 0 || !ascends(last, item)) reader.fail("reach does not ascend");
        last.journal = item.journal;
        last.sequence = item.sequence;
        item.dek = reader.id<DekId>();
        item.bitmap = read_bitmap(reader);
    }
    return reach;
}

bool ascends(const Borrowed& before, const Borrowed& item) {
    return std::tie(before.identity, before.sequence) < std::tie(item.identity, item.sequence);
}

void encode_borrowed(ByteWriter& writer, const std::vector<Borrowed>& borrowed) {
    writer.varint(borrowed.size());
    for (std::size_t i = 0; i < borrowed.size(); ++i) {
        const Borrowed& item = borrowed[i];
        invariant(item.sequence > 0 && (i == 0 || ascends(borrowed[i - 1], item)), "what is borrowed ascends");
        writer.id(item.identity);
        writer.varint(item.sequence);
        writer.id(item.dek);
        write_bitmap(writer, item.bitmap);
    }
}

std::vector<Borrowed> decode_borrowed(ByteReader& reader) {
    std::vector<Borrowed> borrowed(read_count(reader, UINT32_MAX, IdentityId::kSize + 1 + DekId::kSize + 2));
    if (borrowed.empty()) reader.fail("nothing borrowed, where its flag says so");
    for (std::size_t i = 0; i < borrowed.size(); ++i) {
        Borrowed& item = borrowed[i];
        item.identity = reader.id<IdentityId>();
        item.sequence = reader.varint(kMaxSequence);
        if (item.sequence == 0) reader.fail("impossible sequence number");
        if (i > 0 && !ascends(borrowed[i - 1], item)) reader.fail("what is borrowed does not ascend");
        item.dek = reader.id<DekId>();
        item.bitmap = read_bitmap(reader);
    }
    return borrowed;
}

void encode_base(ByteWriter& writer, const BasePlace& base) {
    invariant(base.timeline != 0 && base.start <= base.stop && is_segment_size(base.segment_size),
              "the place of a base");
    writer.u64(base.system);
    writer.u32(base.timeline);
    writer.u64(base.start);
    writer.u64(base.stop);
    writer.u32(base.segment_size);
}

BasePlace decode_base(ByteReader& reader) {
    BasePlace base;
    base.system = reader.u64();
    base.timeline = reader.u32();
    base.start = reader.u64();
    base.stop = reader.u64();
    base.segment_size = reader.u32();
    if (base.timeline == 0 || base.start > base.stop || !is_segment_size(base.segment_size))
        reader.fail("the place of a base");
    return base;
}

using Names = std::vector<std::pair<std::uint32_t, std::string>>;

void encode_names(ByteWriter& writer, const Names& names) {
    writer.varint(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
        invariant(i == 0 || names[i - 1].first < names[i].first, "names ascend by number");
        writer.varint(names[i].first);
        // Nobody chose these for us: what is not UTF-8 must not stop a backup.
        writer.blob(to_utf8(names[i].second));
    }
}

Names decode_names(ByteReader& reader) {
    Names names(read_count(reader, UINT32_MAX, 2));
    for (std::size_t i = 0; i < names.size(); ++i) {
        names[i].first = static_cast<std::uint32_t>(reader.varint(UINT32_MAX));
        if (i > 0 && names[i - 1].first >= names[i].first) reader.fail("names do not ascend");
        names[i].second = read_text(reader);
    }
    return names;
}

void encode_statistics(ByteWriter& writer, const BackupStatistics& statistics) {
    for (const std::uint64_t value : {statistics.files, statistics.directories, statistics.others, statistics.bytes,
                                      statistics.added_raw, statistics.added_sealed, statistics.errors}) {
        writer.varint(value);
    }
}

BackupStatistics decode_statistics(ByteReader& reader) {
    BackupStatistics statistics;
    for (std::uint64_t* value : {&statistics.files, &statistics.directories, &statistics.others, &statistics.bytes,
                                 &statistics.added_raw, &statistics.added_sealed, &statistics.errors}) {
        *value = reader.varint();
    }
    return statistics;
}

/// The first ones: their whole number stands in the statistics.
void encode_problems(ByteWriter& writer, const std::vector<Problem>& problems) {
    const std::size_t count = std::min(problems.size(), kMaxProblems);
    writer.varint(count);
    for (std::size_t i = 0; i < count; ++i) {
        invariant(problems[i].error_number >= 0, "errno is not negative");
        writer.blob(problems[i].path);
        writer.varint(static_cast<std::uint64_t>(problems[i].error_number));
        writer.blob(to_utf8(problems[i].what));
    }
}

std::vector<Problem> decode_problems(ByteReader& reader) {
    std::vector<Problem> problems(read_count(reader, kMaxProblems, 3));
    for (Problem& problem : problems) {
        problem.path = read_blob(reader);
        problem.error_number = static_cast<int>(reader.varint(INT32_MAX));
        problem.what = read_text(reader);
    }
    return problems;
}

SecretBytes read_key(ByteReader& reader) { return SecretBytes(reader.raw(kWriterKeySize)); }

struct Halves {
    Half labels;
    std::optional<Half> body;
};

Halves decode_halves(const SignedEntry& entry, std::string_view what) {
    invariant(has_labels_and_body(entry.kind), "an entry with names and a body");
    ByteReader reader(entry.sealed_part(), what);
    Halves halves;
    halves.labels = Half::decode(reader);
    if (entry.has_body) halves.body = Half::decode(reader);
    reader.expect_end();
    return halves;
}

std::string name_of(const SignedEntry& entry) { return journal_name(entry.identity, entry.head.sequence); }

}  // namespace

void encode_predecessors(ByteWriter& writer, const std::vector<IdentityId>& predecessors) {
    invariant(predecessors.size() <= kMaxPredecessors && !stands_twice(predecessors), "at most 16 predecessors");
    writer.varint(predecessors.size());
    for (const IdentityId& identity : predecessors) writer.id(identity);
}

std::vector<IdentityId> decode_predecessors(ByteReader& reader) {
    std::vector<IdentityId> predecessors(read_count(reader, kMaxPredecessors, IdentityId::kSize));
    for (IdentityId& identity : predecessors) identity = reader.id<IdentityId>();
    if (stands_twice(predecessors)) reader.fail("a predecessor that stands twice");
    return predecessors;
}

void BackupPublic::encode(ByteWriter& writer) const {
    invariant((kind == BackupKind::base) == base.has_value(), "a base has a place, and nothing else has");
    writer.id(run);
    writer.id(series);
    writer.u8(static_cast<std::uint8_t>(kind));
    writer.u8(static_cast<std::uint8_t>((has_errors ? kFlagErrors : 0) | (borrowed.empty() ? 0 : kFlagBorrows)));
    writer.i64(time.ns);
    writer.i64(started.ns);
    writer.i64(finished.ns);
    encode_packs(writer);
    encode_predecessors(writer, predecessors);
    encode_read_journals(writer, obeyed, kMaxObeyed);
    invariant(reach.empty() || reach.back().journal <= predecessors.size(), "reach names journals of predecessors");
    encode_reach(writer, reach);
    if (!borrowed.empty()) encode_borrowed(writer, borrowed);
    if (base) encode_base(writer, *base);
}

BackupPublic BackupPublic::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    BackupPublic fields;
    fields.run = reader.id<RunId>();
    fields.series = reader.id<SeriesId>();
    const std::uint8_t kind = reader.u8();
    if (kind < static_cast<std::uint8_t>(BackupKind::files) || kind > static_cast<std::uint8_t>(BackupKind::base)) {
        reader.fail("unknown kind of backup");
    }
    fields.kind = static_cast<BackupKind>(kind);
    const std::uint8_t flags = reader.u8();
    if ((flags & ~unsigned{kFlagErrors | kFlagBorrows}) != 0) reader.fail("unknown flags");
    fields.has_errors = (flags & kFlagErrors) != 0;
    fields.time.ns = reader.i64();
    fields.started.ns = reader.i64();
    fields.finished.ns = reader.i64();
    fields.decode_packs(reader, what);
    fields.predecessors = decode_predecessors(reader);
    fields.obeyed = decode_read_journals(reader, kMaxObeyed);
    fields.reach = decode_reach(reader, fields.predecessors.size());
    if ((flags & kFlagBorrows) != 0) fields.borrowed = decode_borrowed(reader);
    if (fields.kind == BackupKind::base) fields.base = decode_base(reader);
    reader.expect_end();
    return fields;
}

BackupPublic backup_public(const SignedEntry& entry) {
    const std::string what = name_of(entry);
    if (!is_backup_kind(entry.kind)) throw_damaged(what, "not a backup");
    BackupPublic fields = BackupPublic::decode(entry.public_fields(), what);
    if (fields.slots.front().repository != entry.head.repository) throw_damaged(what, "slot of another repository");
    const auto& predecessors = fields.predecessors;
    if (std::find(predecessors.begin(), predecessors.end(), entry.identity) != predecessors.end()) {
        throw_damaged(what, "names its own signer as a predecessor");
    }
    if (fields.base && entry.kind != EntryKind::backup) throw_damaged(what, "a partial entry is no base");
    if (!fields.borrowed.empty() && entry.kind != EntryKind::backup)
        throw_damaged(what, "a partial entry that borrows");
    const auto comes_later = [&](const Reach& item) {
        return item.journal == 0 && item.sequence >= entry.head.sequence;
    };
    if (std::any_of(fields.reach.begin(), fields.reach.end(), comes_later)) {
        throw_damaged(what, "reaches entries that do not come before it");
    }
    return fields;
}

void encode_tags(ByteWriter& writer, const std::vector<std::string>& tags) {
    writer.varint(tags.size());
    for (std::size_t i = 0; i < tags.size(); ++i) {
        invariant(i == 0 || tags[i - 1] < tags[i], "tags ascend without duplicates");
        write_text(writer, tags[i], "a tag");
    }
}

std::vector<std::string> decode_tags(ByteReader& reader) {
    std::vector<std::string> tags(read_count(reader, UINT32_MAX, 1));
    for (std::size_t i = 0; i < tags.size(); ++i) {
        tags[i] = read_text(reader);
        if (i > 0 && tags[i - 1] >= tags[i]) reader.fail("tags do not ascend");
    }
    return tags;
}

Bytes Labels::encode() const {
    ByteWriter writer;
    writer.blob(to_utf8(host));
    writer.blob(to_utf8(user));
    write_text(writer, series, "the name of a series");
    write_list(writer, paths);
    encode_tags(writer, tags);
    write_list(writer, command);
    writer.blob(to_utf8(program));
    return writer.take();
}

Labels Labels::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    Labels labels;
    labels.host = read_text(reader);
    labels.user = read_text(reader);
    labels.series = read_text(reader);
    labels.paths = read_blobs(reader);
    labels.tags = decode_tags(reader);
    labels.command = read_blobs(reader);
    labels.program = read_text(reader);
    reader.expect_end();
    return labels;
}

Bytes BackupBody::encode(EntryKind kind) const {
    invariant(is_backup_kind(kind), "a body of a backup or partial entry");
    ByteWriter rest;
    if (kind == EntryKind::backup) {
        invariant(root.name.empty() && root.type == EntryType::directory, "the root is a directory without a name");
        root.encode(rest);
        encode_names(rest, owners);
        encode_names(rest, groups);
        encode_statistics(rest, statistics);
        encode_problems(rest, problems);
    }
    // As large as needed from the start: growing would leave copies of the keys behind.
    Bytes buffer;
    buffer.reserve(3 * kWriterKeySize + rest.size());
    ByteWriter writer(std::move(buffer));
    for (const SecretBytes* key : {&keys.id_key, &keys.index_key, &keys.label_key}) {
        invariant(key->size() == kWriterKeySize, "a writer's key has 32 octets");
        writer.raw(key->reveal());
    }
    writer.raw(rest.view());
    return writer.take();
}

BackupBody BackupBody::decode(ByteView bytes, EntryKind kind, std::string_view what) {
    ByteReader reader(bytes, what);
    BackupBody body;
    body.keys.id_key = read_key(reader);
    body.keys.index_key = read_key(reader);
    body.keys.label_key = read_key(reader);
    if (kind == EntryKind::backup) {
        body.root = Entry::decode(reader, true);
        body.owners = decode_names(reader);
        body.groups = decode_names(reader);
        body.statistics = decode_statistics(reader);
        body.problems = decode_problems(reader);
    }
    reader.expect_end();
    return body;
}

Bytes make_backup_entry(EntryKind kind, EntryHead head, const BackupPublic& fields, const Labels& labels,
                        const BackupBody& body, const DataKey& dek, const crypto::SigningKey& key) {
    invariant(fields.dek == dek.id() && fields.commitment == dek.commitment(), "the entry names its data key");
    invariant(head.repository == dek.repository(), "the data key was made for this repository");
    head.signer = key.verify_key();
    ByteWriter public_part;
    head.encode(public_part);
    fields.encode(public_part);
    return make_entry_of_halves(kind, head, public_part.view(), body.keys.label_key, labels.encode(), body.encode(kind),
                                dek, key);
}

bool has_labels_and_body(EntryKind kind) { return is_backup_kind(kind) || kind == EntryKind::log_epoch; }

void drop_body(SignedEntry& entry) {
    if (!entry.has_body) return;
    const Half labels = decode_halves(entry, name_of(entry)).labels;
    const auto end = static_cast<std::size_t>(labels.sealed.data() + labels.sealed.size() - entry.object.data());
    entry.object.resize(end);
    entry.object.shrink_to_fit();
    entry.has_body = false;
}

std::optional<Labels> open_labels(const SignedEntry& entry, const SecretBytes& label_key) {
    const std::string what = name_of(entry);
    const auto plaintext = open_labels_half(decode_halves(entry, what).labels, entry, label_key);
    if (!plaintext) return std::nullopt;
    return Labels::decode(plaintext->reveal(), what);
}

void check_series(const SignedEntry& entry, const Labels& labels, const SecretBytes& label_key) {
    const std::string what = name_of(entry);
    ByteReader reader(entry.public_fields(), what);
    if (is_backup_kind(entry.kind)) (void)reader.id<RunId>();
    if (series_id(label_key, labels.series) == reader.id<SeriesId>()) return;
    throw_damaged(what, "its series id is not that of the series' name");
}

SecretBytes open_body_octets(const SignedEntry& entry, const DataKey& dek) {
    invariant(entry.has_body, "an entry that is opened has its body");
    const std::string what = name_of(entry);
    const BackupPublic fields = backup_public(entry);
    if (dek.repository() != entry.head.repository || dek.id() != fields.dek || dek.commitment() != fields.commitment) {
        throw_damaged(what, "sealed under another data key");
    }
    return open_body_half(*decode_halves(entry, what).body, entry, dek, what);
}

BackupBody open_body(const SignedEntry& entry, const DataKey& dek) {
    return BackupBody::decode(open_body_octets(entry, dek).reveal(), entry.kind, name_of(entry));
}

}  // namespace signet::format
