#include "format/entry.h"

#include "core/crypto/digest.h"
#include "format/encoding.h"
#include "format/limits.h"
#include "format/names.h"

#include <algorithm>

namespace signet::format {
namespace {

constexpr std::string_view kMagic = "SIGNETJE";
constexpr std::size_t kEnvelopeSize = 20;
constexpr std::size_t kHeadSize = 192;
constexpr std::size_t kSignerOffset = kEnvelopeSize + 16 + 32;
constexpr std::size_t kSignatureSize = 64;
constexpr std::uint8_t kEd25519 = 1;

struct Envelope {
    std::uint16_t version = 0;
    std::uint8_t kind = 0;
    std::uint8_t algorithm = 0;
    std::size_t public_size = 0;
    std::size_t sealed_size = 0;
};

/// Octets 0 to 19. `object` may be cut off anywhere behind the public part.
Envelope decode_lengths(ByteView object, std::string_view name) {
    ByteReader reader(object, name);
    if (as_text(reader.raw(kMagic.size())) != kMagic) throw_damaged(name, "not a journal entry");
    Envelope envelope;
    envelope.version = reader.u16();
    envelope.kind = reader.u8();
    envelope.algorithm = reader.u8();
    envelope.public_size = reader.u32();
    envelope.sealed_size = reader.u32();
    if (envelope.public_size > kMaxEntryPart || envelope.sealed_size > kMaxEntryPart) {
        throw_damaged(name, "a part is larger than 16 MiB");
    }
    if (envelope.public_size < kHeadSize || object.size() < kEnvelopeSize + envelope.public_size) {
        throw_damaged(name, "its length is not what it says");
    }
    return envelope;
}

std::size_t size_of(const Envelope& envelope) {
    return kEnvelopeSize + envelope.public_size + envelope.sealed_size + kSignatureSize;
}

/// The same, with lengths that tile the object.
Envelope decode_envelope(ByteView object, std::string_view name) {
    const Envelope envelope = decode_lengths(object, name);
    if (object.size() != size_of(envelope)) throw_damaged(name, "its length is not what it says");
    return envelope;
}

Bytes signed_message(ByteView before_signature) {
    ByteWriter message;
    message.raw(label("signet/entry/v1"));
    message.id(crypto::sha256(before_signature));
    return message.take();
}

/// The signature is verified before the version and the kind are judged, so that a changed bit is damage and not
/// "made by a newer version"; the signer's key and the signature stand in the same place in every version.
void verify_signature(ByteView object, std::string_view name) {
    crypto::VerifyKey signer;
    crypto::Signature signature{};
    const ByteView key = object.subspan(kSignerOffset, signer.octets.size());
    const ByteView tail = object.last(kSignatureSize);
    std::copy(key.begin(), key.end(), signer.octets.begin());
    std::copy(tail.begin(), tail.end(), signature.begin());
    if (!signer.verify(signed_message(object.first(object.size() - kSignatureSize)), signature)) {
        throw_damaged(name, "its signature does not verify");
    }
}

bool is_known_kind(std::uint8_t kind) {
    return kind >= static_cast<std::uint8_t>(EntryKind::backup) &&
           kind <= static_cast<std::uint8_t>(EntryKind::log_release);
}

void check_version_and_kind(const Envelope& envelope, std::string_view name) {
    if (envelope.version != 1) {
        throw_unsupported(name, "made by another version (" + std::to_string(envelope.version) + ")");
    }
    if (!is_known_kind(envelope.kind)) {
        throw_unsupported(name, "unknown kind of entry " + std::to_string(envelope.kind));
    }
    const auto kind = static_cast<EntryKind>(envelope.kind);
    // Whether a repack entry seals anything depends on its fields.
    if (kind == EntryKind::repack) return;
    const bool seals = kind == EntryKind::backup || kind == EntryKind::partial || kind == EntryKind::remark ||
                       kind == EntryKind::log_epoch;
    if (seals != (envelope.sealed_size > 0)) throw_damaged(name, "a sealed part that its kind does not have");
}

/// Takes the object apart. The name has been judged by the caller.
SignedEntry take_apart(Bytes object, const Envelope& envelope, std::string_view name) {
    SignedEntry entry;
    entry.kind = static_cast<EntryKind>(envelope.kind);
    entry.public_size = envelope.public_size;
    ByteReader reader(ByteView(object).subspan(kEnvelopeSize, envelope.public_size), name);
    entry.head = EntryHead::decode(reader);
    entry.public_rest = kEnvelopeSize + reader.position();
    entry.identity = entry.head.signer.identity();
    entry.object = std::move(object);
    return entry;
}

void check_name(const SignedEntry& entry, const JournalName& expected, std::string_view name) {
    if (entry.identity != expected.identity) throw_damaged(name, "signed by another identity than its name says");
    if (entry.head.sequence != expected.sequence) throw_damaged(name, "its sequence number is not that of its name");
}

}  // namespace

std::size_t SignedEntry::stored_size() const { return size_of(decode_lengths(object, "journal entry")); }

void EntryHead::encode(ByteWriter& writer) const {
    invariant(sequence >= 1 && sequence <= kMaxSequence, "sequence number outside 1 to 9,999,999,999");
    invariant((sequence == 1) == previous.is_zero(), "every entry but the first has a previous one");
    writer.id(repository);
    writer.id(config_hash);
    writer.raw(signer.octets);
    writer.u64(sequence);
    writer.id(previous);
    writer.i64(time.ns);
    writer.id(audit_head);
    writer.id(policy);
}

EntryHead EntryHead::decode(ByteReader& reader) {
    EntryHead head;
    head.repository = reader.id<RepositoryId>();
    head.config_hash = reader.id<Digest>();
    const ByteView signer = reader.raw(head.signer.octets.size());
    std::copy(signer.begin(), signer.end(), head.signer.octets.begin());
    head.sequence = reader.u64();
    if (head.sequence < 1 || head.sequence > kMaxSequence) reader.fail("impossible sequence number");
    head.previous = reader.id<EntryId>();
    if ((head.sequence == 1) != head.previous.is_zero()) reader.fail("impossible previous entry");
    head.time.ns = reader.i64();
    head.audit_head = reader.id<Digest>();
    head.policy = reader.id<EntryId>();
    return head;
}

SignedEntry decode_entry(Bytes object, std::string_view name) {
    const auto expected = parse_journal_name(name);
    if (!expected) throw_damaged(name, "not the name of a journal entry");
    const Envelope envelope = decode_envelope(object, name);
    if (envelope.algorithm != kEd25519) {
        // Another version may sign in another way; this one does not.
        if (envelope.version != 1) check_version_and_kind(envelope, name);
        throw_damaged(name, "unknown signature algorithm");
    }
    verify_signature(object, name);
    check_version_and_kind(envelope, name);

    SignedEntry entry = take_apart(std::move(object), envelope, name);
    check_name(entry, *expected, name);
    entry.id = EntryId::from(crypto::sha256(entry.object).view());
    return entry;
}

SignedEntry resume_entry(Bytes kept, const EntryId& id, std::string_view name) {
    const auto expected = parse_journal_name(name);
    if (!expected) throw_damaged(name, "not the name of a journal entry");
    const Envelope envelope = decode_lengths(kept, name);
    if (kept.size() > size_of(envelope)) throw_damaged(name, "its length is not what it says");
    check_version_and_kind(envelope, name);
    SignedEntry entry = take_apart(std::move(kept), envelope, name);
    check_name(entry, *expected, name);
    entry.has_body = entry.object.size() == size_of(envelope);
    entry.id = id;
    return entry;
}

Bytes entry_prefix(EntryKind kind, ByteView public_part, std::size_t sealed_size) {
    if (public_part.size() > kMaxEntryPart || sealed_size > kMaxEntryPart) {
        throw Error(ErrorCode::failed, "journal entry with a part larger than 16 MiB");
    }
    Bytes buffer;
    buffer.reserve(kEnvelopeSize + public_part.size() + sealed_size + kSignatureSize);
    ByteWriter writer(std::move(buffer));
    writer.raw(kMagic);
    writer.u16(1);
    writer.u8(static_cast<std::uint8_t>(kind));
    writer.u8(kEd25519);
    writer.u32(static_cast<std::uint32_t>(public_part.size()));
    writer.u32(static_cast<std::uint32_t>(sealed_size));
    writer.raw(public_part);
    return writer.take();
}

Bytes sign_entry(Bytes prefix, ByteView sealed, const crypto::SigningKey& key) {
    ByteWriter writer(std::move(prefix));
    writer.raw(sealed);
    writer.raw(key.sign(signed_message(writer.view())));
    (void)decode_envelope(writer.view(), "new journal entry");
    return writer.take();
}

}  // namespace signet::format
