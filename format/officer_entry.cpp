#include "format/officer_entry.h"

#include "format/backup_entry.h"
#include "format/encoding.h"
#include "format/limits.h"
#include "format/names.h"
#include "format/sealed_part.h"

namespace signet::format {
namespace {

std::pair<IdentityId, std::uint64_t> place_of(const TombstoneStatement& statement) {
    return {statement.writer, statement.sequence};
}

}  // namespace

Bytes TrustFields::encode() const {
    invariant(!statements.empty() && statements.size() <= kMaxStatements, "1 to 1,000 statements");
    ByteWriter writer;
    writer.varint(statements.size());
    for (const TrustStatement& statement : statements) {
        writer.id(statement.identity);
        writer.u8(static_cast<std::uint8_t>(statement.role));
        writer.u64(statement.first_sequence);
        writer.u64(statement.last_sequence);
    }
    return writer.take();
}

TrustFields TrustFields::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    TrustFields fields;
    const std::size_t count = read_count(reader, kMaxStatements, IdentityId::kSize + 1 + 8 + 8);
    if (count == 0) reader.fail("no statements");
    fields.statements.resize(count);
    for (TrustStatement& statement : fields.statements) {
        statement.identity = reader.id<IdentityId>();
        const std::uint8_t role = reader.u8();
        if (role != static_cast<std::uint8_t>(Role::writer) && role != static_cast<std::uint8_t>(Role::officer)) {
            reader.fail("unknown role");
        }
        statement.role = static_cast<Role>(role);
        statement.first_sequence = reader.u64();
        statement.last_sequence = reader.u64();
    }
    reader.expect_end();
    return fields;
}

Bytes PolicyFields::encode() const {
    invariant(number >= 1, "policies count from 1");
    invariant(values.size() <= kMaxPolicyValues, "at most 256 values in a policy");
    ByteWriter writer;
    writer.u64(number);
    writer.varint(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        invariant(i == 0 || values[i - 1].first < values[i].first, "a policy's names ascend");
        write_text(writer, values[i].first, "the name of a policy's value");
        write_text(writer, values[i].second, "a policy's value");
    }
    return writer.take();
}

PolicyFields PolicyFields::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    PolicyFields fields;
    fields.number = reader.u64();
    if (fields.number == 0) reader.fail("policy without a number");
    fields.values.resize(read_count(reader, kMaxPolicyValues, 2));
    for (std::size_t i = 0; i < fields.values.size(); ++i) {
        fields.values[i].first = read_text(reader);
        if (i > 0 && fields.values[i - 1].first >= fields.values[i].first) reader.fail("names do not ascend");
        fields.values[i].second = read_text(reader);
    }
    reader.expect_end();
    return fields;
}

Bytes RemarkFields::encode() const {
    ByteWriter out;
    out.id(backup);
    out.id(writer);
    return out.take();
}

RemarkFields RemarkFields::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    RemarkFields fields;
    fields.backup = reader.id<EntryId>();
    fields.writer = reader.id<IdentityId>();
    reader.expect_end();
    return fields;
}

Bytes TombstoneFields::encode() const {
    invariant(!statements.empty() && statements.size() <= kMaxTombstones, "1 to 65,536 statements");
    ByteWriter writer;
    writer.varint(statements.size());
    for (std::size_t i = 0; i < statements.size(); ++i) {
        const TombstoneStatement& statement = statements[i];
        invariant(i == 0 || place_of(statements[i - 1]) < place_of(statement), "statements ascend by their places");
        writer.id(statement.writer);
        writer.varint(statement.sequence);
        writer.id(statement.backup);
        writer.u8(static_cast<std::uint8_t>(statement.action));
    }
    return writer.take();
}

TombstoneFields TombstoneFields::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    TombstoneFields fields;
    const std::size_t count = read_count(reader, kMaxTombstones, IdentityId::kSize + 1 + EntryId::kSize + 1);
    if (count == 0) reader.fail("no statements");
    fields.statements.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        TombstoneStatement& statement = fields.statements[i];
        statement.writer = reader.id<IdentityId>();
        statement.sequence = reader.varint(kMaxSequence);
        if (statement.sequence == 0) reader.fail("impossible sequence number");
        if (i > 0 && place_of(fields.statements[i - 1]) >= place_of(statement)) reader.fail("statements do not ascend");
        statement.backup = reader.id<EntryId>();
        const std::uint8_t action = reader.u8();
        if (action != static_cast<std::uint8_t>(TombstoneAction::forgotten) &&
            action != static_cast<std::uint8_t>(TombstoneAction::taken_back)) {
            reader.fail("unknown action");
        }
        statement.action = static_cast<TombstoneAction>(action);
    }
    reader.expect_end();
    return fields;
}

Bytes make_plain_entry(EntryKind kind, EntryHead head, ByteView fields, const crypto::SigningKey& key) {
    invariant(kind != EntryKind::backup && kind != EntryKind::partial && kind != EntryKind::remark &&
                  kind != EntryKind::repack,
              "an entry without a sealed part");
    head.signer = key.verify_key();
    ByteWriter public_part;
    head.encode(public_part);
    public_part.raw(fields);
    return sign_entry(entry_prefix(kind, public_part.view(), 0), {}, key);
}

Bytes make_remark_entry(EntryHead head, const RemarkFields& fields, const std::vector<std::string>& tags,
                        const SecretBytes& label_key, const crypto::SigningKey& key) {
    head.signer = key.verify_key();
    ByteWriter public_part;
    head.encode(public_part);
    public_part.raw(fields.encode());
    ByteWriter plaintext;
    encode_tags(plaintext, tags);
    Bytes prefix = entry_prefix(EntryKind::remark, public_part.view(), half_size(plaintext.size()));
    const IdentityId identity = head.signer.identity();
    ByteWriter sealed;
    seal_labels_half(sealed, {head.repository, identity, head.sequence}, label_key, prefix, plaintext.view());
    return sign_entry(std::move(prefix), sealed.view(), key);
}

std::optional<std::vector<std::string>> open_remark(const SignedEntry& entry, const SecretBytes& label_key) {
    invariant(entry.kind == EntryKind::remark, "a remark");
    const std::string what = journal_name(entry.identity, entry.head.sequence);
    ByteReader sealed(entry.sealed_part(), what);
    const Half half = Half::decode(sealed);
    sealed.expect_end();
    const auto plaintext = open_labels_half(half, entry, label_key);
    if (!plaintext) return std::nullopt;
    ByteReader reader(plaintext->reveal(), what);
    std::vector<std::string> tags = decode_tags(reader);
    reader.expect_end();
    return tags;
}

}  // namespace signet::format
