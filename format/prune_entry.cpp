#include "format/prune_entry.h"

#include "format/encoding.h"
#include "format/limits.h"
#include "format/sealed_packs.h"

#include <tuple>

namespace signet::format {
namespace {

auto order_of(const CondemnedPacks& item) { return std::tie(item.identity, item.sequence, item.why); }

bool is_same_entry(const CondemnedPacks& left, const CondemnedPacks& right) {
    return left.identity == right.identity && left.sequence == right.sequence;
}

bool overlap(const Bytes& left, const Bytes& right) {
    for (std::size_t i = 0; i < std::min(left.size(), right.size()); ++i) {
        if ((left[i] & right[i]) != 0) return true;
    }
    return false;
}

template <class AnyId>
void encode_ids(ByteWriter& writer, const std::vector<AnyId>& ids) {
    writer.varint(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        invariant(i == 0 || ids[i - 1] < ids[i], "ids ascend");
        writer.id(ids[i]);
    }
}

template <class AnyId>
std::vector<AnyId> decode_ids(ByteReader& reader) {
    std::vector<AnyId> ids(read_count(reader, UINT32_MAX, AnyId::kSize));
    for (std::size_t i = 0; i < ids.size(); ++i) {
        ids[i] = reader.id<AnyId>();
        if (i > 0 && !(ids[i - 1] < ids[i])) reader.fail("ids do not ascend");
    }
    return ids;
}

void encode_objects(ByteWriter& writer, const CondemnedObjects& objects) {
    writer.varint(objects.packs.size());
    for (std::size_t i = 0; i < objects.packs.size(); ++i) {
        const CondemnedPacks& item = objects.packs[i];
        invariant(i == 0 || order_of(objects.packs[i - 1]) < order_of(item), "condemned packs ascend");
        writer.id(item.identity);
        writer.varint(item.sequence);
        writer.id(item.dek);
        writer.u8(static_cast<std::uint8_t>(item.why));
        write_bitmap(writer, item.bitmap);
    }
    encode_ids(writer, objects.loose);
    encode_ids(writer, objects.indexes);
    encode_ids(writer, objects.deks);
}

CondemnedObjects decode_objects(ByteReader& reader, bool are_spared) {
    CondemnedObjects objects;
    objects.packs.resize(read_count(reader, UINT32_MAX, IdentityId::kSize + 1 + DekId::kSize + 3));
    for (std::size_t i = 0; i < objects.packs.size(); ++i) {
        CondemnedPacks& item = objects.packs[i];
        item.identity = reader.id<IdentityId>();
        item.sequence = reader.varint(kMaxSequence);
        if (item.sequence == 0) reader.fail("impossible sequence number");
        item.dek = reader.id<DekId>();
        const std::uint8_t why = reader.u8();
        if (are_spared ? why != 0 : why != 1 && why != 2) reader.fail("unknown reason");
        item.why = static_cast<CondemnedFor>(why);
        item.bitmap = read_bitmap(reader);
        if (i == 0) continue;
        const CondemnedPacks& before = objects.packs[i - 1];
        if (!(order_of(before) < order_of(item))) reader.fail("condemned packs do not ascend");
        if (is_same_entry(before, item) && overlap(before.bitmap, item.bitmap)) reader.fail("a pack that stands twice");
    }
    objects.loose = decode_ids<PackId>(reader);
    objects.indexes = decode_ids<IndexId>(reader);
    objects.deks = decode_ids<DekId>(reader);
    return objects;
}

}  // namespace

Bytes CondemnationFields::encode() const {
    invariant(!objects.empty(), "a condemnation names something");
    ByteWriter writer;
    encode_objects(writer, objects);
    encode_read_journals(writer, seen, kMaxSeenJournals);
    return writer.take();
}

CondemnationFields CondemnationFields::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    CondemnationFields fields;
    fields.objects = decode_objects(reader, false);
    if (fields.objects.empty()) reader.fail("a condemnation of nothing");
    fields.seen = decode_read_journals(reader, kMaxSeenJournals);
    reader.expect_end();
    return fields;
}

Bytes VerdictFields::encode() const {
    ByteWriter writer;
    writer.id(condemnation);
    encode_objects(writer, spared);
    encode_read_journals(writer, seen, kMaxSeenJournals);
    return writer.take();
}

VerdictFields VerdictFields::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    VerdictFields fields;
    fields.condemnation = reader.id<EntryId>();
    fields.spared = decode_objects(reader, true);
    fields.seen = decode_read_journals(reader, kMaxSeenJournals);
    reader.expect_end();
    return fields;
}

Bytes AcknowledgementFields::encode() const {
    invariant(!obeyed.empty(), "an acknowledgement names a journal");
    ByteWriter writer;
    encode_read_journals(writer, obeyed, kMaxObeyed);
    return writer.take();
}

AcknowledgementFields AcknowledgementFields::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    AcknowledgementFields fields;
    fields.obeyed = decode_read_journals(reader, kMaxObeyed);
    if (fields.obeyed.empty()) reader.fail("an acknowledgement of nothing");
    reader.expect_end();
    return fields;
}

}  // namespace signet::format
