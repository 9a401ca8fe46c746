#include "format/log_epoch.h"

#include "format/encoding.h"
#include "format/limits.h"
#include "format/names.h"
#include "format/sealed_part.h"

#include <algorithm>

namespace signet::format {
namespace {

std::string name_of(const SignedEntry& entry) { return journal_name(entry.identity, entry.head.sequence); }

bool is_right(const LogSource& source) {
    if (source.family == LogFamily::postgres) return is_segment_size(source.segment_size) && source.sequence.empty();
    return source.system == 0 && source.segment_size == 0;
}

void encode_source(ByteWriter& writer, const LogSource& source) {
    invariant(is_right(source), "PostgreSQL's logs have a segment size, and others may have a sequence");
    writer.u8(static_cast<std::uint8_t>(source.family));
    writer.u64(source.system);
    writer.u32(source.segment_size);
    write_text(writer, source.sequence, "a sequence");
}

LogSource decode_source(ByteReader& reader) {
    LogSource source;
    const std::uint8_t family = reader.u8();
    if (family != static_cast<std::uint8_t>(LogFamily::generic) &&
        family != static_cast<std::uint8_t>(LogFamily::postgres)) {
        reader.fail("unknown family of logs");
    }
    source.family = static_cast<LogFamily>(family);
    source.system = reader.u64();
    source.segment_size = reader.u32();
    source.sequence = read_text(reader, kMaxName);
    if (!is_right(source)) reader.fail("what is logged contradicts itself");
    if (source.sequence.empty()) return source;
    try {
        (void)LogSequence::parse(source.sequence);
    } catch (const Error&) {
        reader.fail("not a sequence of names");
    }
    return source;
}

void encode_closed(ByteWriter& writer, const std::vector<ClosedEpoch>& closed) {
    invariant(closed.size() <= kMaxClosedEpochs, "an entry closes at most 1,024 epochs");
    writer.varint(closed.size());
    for (const ClosedEpoch& one : closed) {
        invariant((one.logs == 0) == one.last.is_zero(), "an epoch with logs has a last one");
        writer.id(one.epoch);
        writer.varint(one.logs);
        writer.id(one.last);
    }
}

std::vector<ClosedEpoch> decode_closed(ByteReader& reader) {
    std::vector<ClosedEpoch> closed(read_count(reader, kMaxClosedEpochs, DekId::kSize + 1 + LogId::kSize));
    for (std::size_t i = 0; i < closed.size(); ++i) {
        closed[i].epoch = reader.id<DekId>();
        closed[i].logs = reader.varint(kMaxLogsInEpoch);
        closed[i].last = reader.id<LogId>();
        if (i > 0 && closed[i - 1].epoch >= closed[i].epoch) reader.fail("closed epochs do not ascend");
        if ((closed[i].logs == 0) != closed[i].last.is_zero()) reader.fail("the last log of a closed epoch");
    }
    return closed;
}

}  // namespace

void LogEpochPublic::encode(ByteWriter& writer) const {
    writer.id(series);
    encode_source(writer, source);
    encode_key(writer);
    encode_predecessors(writer, predecessors);
    encode_closed(writer, closed);
}

LogEpochPublic LogEpochPublic::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    LogEpochPublic fields;
    fields.series = reader.id<SeriesId>();
    fields.source = decode_source(reader);
    fields.decode_key(reader, what);
    fields.predecessors = decode_predecessors(reader);
    fields.closed = decode_closed(reader);
    reader.expect_end();
    return fields;
}

LogEpochPublic log_epoch_public(const SignedEntry& entry) {
    const std::string what = name_of(entry);
    if (entry.kind != EntryKind::log_epoch) throw_damaged(what, "not a log epoch");
    LogEpochPublic fields = LogEpochPublic::decode(entry.public_fields(), what);
    if (fields.slots.front().repository != entry.head.repository) throw_damaged(what, "slot of another repository");
    const auto& predecessors = fields.predecessors;
    if (std::find(predecessors.begin(), predecessors.end(), entry.identity) != predecessors.end()) {
        throw_damaged(what, "names its own signer as a predecessor");
    }
    const auto is_itself = [&](const ClosedEpoch& one) { return one.epoch == fields.dek; };
    if (std::any_of(fields.closed.begin(), fields.closed.end(), is_itself)) throw_damaged(what, "closes itself");
    return fields;
}

Bytes make_log_epoch_entry(EntryHead head, const LogEpochPublic& fields, const Labels& labels, const WriterKeys& keys,
                           const DataKey& dek, const crypto::SigningKey& key) {
    invariant(fields.dek == dek.id() && fields.commitment == dek.commitment(), "the entry names its data key");
    invariant(head.repository == dek.repository(), "the data key was made for this repository");
    head.signer = key.verify_key();
    ByteWriter public_part;
    head.encode(public_part);
    fields.encode(public_part);
    BackupBody body;
    body.keys = keys.clone();
    return make_entry_of_halves(EntryKind::log_epoch, head, public_part.view(), keys.label_key, labels.encode(),
                                body.encode(EntryKind::partial), dek, key);
}

WriterKeys open_epoch_keys(const SignedEntry& entry, const DataKey& dek) {
    invariant(entry.has_body, "an entry that is opened has its body");
    const std::string what = name_of(entry);
    const LogEpochPublic fields = log_epoch_public(entry);
    if (dek.repository() != entry.head.repository || dek.id() != fields.dek || dek.commitment() != fields.commitment) {
        throw_damaged(what, "sealed under another data key");
    }
    ByteReader reader(entry.sealed_part(), what);
    (void)Half::decode(reader);
    const Half half = Half::decode(reader);
    reader.expect_end();
    return BackupBody::decode(open_body_half(half, entry, dek, what).reveal(), EntryKind::partial, what).keys;
}

}  // namespace signet::format
