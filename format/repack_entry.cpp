#include "format/repack_entry.h"

#include "format/encoding.h"
#include "format/limits.h"
#include "format/names.h"
#include "format/sealed_part.h"

#include <algorithm>
#include <utility>

namespace signet::format {
namespace {

constexpr std::uint8_t kFlagOpening = 1;
constexpr std::uint8_t kFlagLossy = 2;

using Place = std::pair<IdentityId, std::uint64_t>;

Place place_of(const ReplacedPacks& item) { return {item.identity, item.sequence}; }
Place place_of(const ServedBackup& item) { return {item.identity, item.sequence}; }

void encode_backups(ByteWriter& out, const std::vector<ServedBackup>& backups) {
    out.varint(backups.size());
    for (std::size_t i = 0; i < backups.size(); ++i) {
        invariant(i == 0 || place_of(backups[i - 1]) < place_of(backups[i]), "backups ascend by their entries");
        out.id(backups[i].identity);
        out.varint(backups[i].sequence);
        out.id(backups[i].backup);
    }
}

std::vector<ServedBackup> decode_backups(ByteReader& reader) {
    std::vector<ServedBackup> backups(read_count(reader, UINT32_MAX, IdentityId::kSize + 1 + EntryId::kSize));
    if (backups.empty()) reader.fail("a lossy entry that stands for no backup");
    for (std::size_t i = 0; i < backups.size(); ++i) {
        backups[i].identity = reader.id<IdentityId>();
        backups[i].sequence = reader.varint(kMaxSequence);
        if (backups[i].sequence == 0) reader.fail("impossible sequence number");
        if (i > 0 && place_of(backups[i - 1]) >= place_of(backups[i])) reader.fail("backups do not ascend");
        backups[i].backup = reader.id<EntryId>();
    }
    return backups;
}

std::string name_of(const SignedEntry& entry) { return journal_name(entry.identity, entry.head.sequence); }

/// The sealed bodies, one after the other.
std::vector<Half> decode_bodies(const SignedEntry& entry, std::size_t count) {
    ByteReader reader(entry.sealed_part(), name_of(entry));
    std::vector<Half> halves(count);
    for (Half& half : halves) half = Half::decode(reader);
    reader.expect_end();
    return halves;
}

}  // namespace

void RepackPublic::encode(ByteWriter& out) const {
    invariant(is_opening == (replaced.empty() && bodies.empty()), "a repack entry replaces a pack or reseals a body");
    invariant(!is_opening || (packs.empty() && indexes.empty()), "an opening entry has no packs");
    invariant(replaced.empty() || !packs.empty() || is_lossy(), "something stands for what is replaced");
    invariant(!is_lossy() || (!replaced.empty() && bodies.empty()), "a lossy entry replaces packs, and nothing else");
    out.id(writer);
    out.u8(static_cast<std::uint8_t>((is_opening ? kFlagOpening : 0) | (is_lossy() ? kFlagLossy : 0)));
    encode_packs(out);
    encode_read_journals(out, obeyed, kMaxObeyed);
    out.varint(replaced.size());
    for (std::size_t i = 0; i < replaced.size(); ++i) {
        invariant(i == 0 || place_of(replaced[i - 1]) < place_of(replaced[i]),
                  "replaced packs ascend by their entries");
        out.id(replaced[i].identity);
        out.varint(replaced[i].sequence);
        out.id(replaced[i].dek);
        write_bitmap(out, replaced[i].bitmap);
    }
    out.varint(bodies.size());
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        invariant(i == 0 || bodies[i - 1].sequence < bodies[i].sequence, "bodies ascend by sequence number");
        out.varint(bodies[i].sequence);
        out.id(bodies[i].backup);
    }
    if (is_lossy()) encode_backups(out, backups);
}

RepackPublic RepackPublic::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    RepackPublic fields;
    fields.writer = reader.id<IdentityId>();
    const std::uint8_t flags = reader.u8();
    if ((flags & ~unsigned{kFlagOpening | kFlagLossy}) != 0) reader.fail("unknown flags");
    fields.is_opening = (flags & kFlagOpening) != 0;
    fields.decode_packs(reader, what);
    fields.obeyed = decode_read_journals(reader, kMaxObeyed);
    fields.replaced.resize(read_count(reader, UINT32_MAX, IdentityId::kSize + 1 + DekId::kSize + 2));
    for (std::size_t i = 0; i < fields.replaced.size(); ++i) {
        ReplacedPacks& item = fields.replaced[i];
        item.identity = reader.id<IdentityId>();
        item.sequence = reader.varint(kMaxSequence);
        if (item.sequence == 0) reader.fail("impossible sequence number");
        if (i > 0 && place_of(fields.replaced[i - 1]) >= place_of(item)) reader.fail("replaced packs do not ascend");
        item.dek = reader.id<DekId>();
        item.bitmap = read_bitmap(reader);
    }
    fields.bodies.resize(read_count(reader, UINT32_MAX, 1 + EntryId::kSize));
    for (std::size_t i = 0; i < fields.bodies.size(); ++i) {
        fields.bodies[i].sequence = reader.varint(kMaxSequence);
        const std::uint64_t last = i == 0 ? 0 : fields.bodies[i - 1].sequence;
        if (fields.bodies[i].sequence <= last) reader.fail("bodies do not ascend");
        fields.bodies[i].backup = reader.id<EntryId>();
    }
    if ((flags & kFlagLossy) != 0) fields.backups = decode_backups(reader);
    reader.expect_end();
    if (fields.replaced.empty() && fields.bodies.empty() != fields.is_opening)
        reader.fail("a repack entry that repacks nothing");
    if (fields.is_opening && !(fields.replaced.empty() && fields.packs.empty() && fields.indexes.empty()))
        reader.fail("an opening entry with packs");
    if (fields.packs.empty() && !fields.replaced.empty() && !fields.is_lossy())
        reader.fail("no packs in place of those replaced");
    if (fields.is_lossy() && (fields.is_opening || fields.replaced.empty() || !fields.bodies.empty()))
        reader.fail("a lossy entry that does something else than replacing packs");
    return fields;
}

bool RepackPublic::serves(const IdentityId& identity, std::uint64_t sequence) const {
    if (!is_lossy()) return true;
    const Place place{identity, sequence};
    const auto found =
        std::lower_bound(backups.begin(), backups.end(), place,
                         [](const ServedBackup& one, const Place& wanted) { return place_of(one) < wanted; });
    return found != backups.end() && place_of(*found) == place;
}

RepackPublic repack_fields(const SignedEntry& entry) {
    const std::string what = name_of(entry);
    if (entry.kind != EntryKind::repack) throw_damaged(what, "not a repack entry");
    RepackPublic fields = RepackPublic::decode(entry.public_fields(), what);
    if (fields.slots.front().repository != entry.head.repository) throw_damaged(what, "slot of another repository");
    if (fields.bodies.empty() != entry.sealed_part().empty())
        throw_damaged(what, "a sealed part without bodies, or the other way round");
    return fields;
}

RepackPublic repack_public(const SignedEntry& entry) {
    RepackPublic fields = repack_fields(entry);
    (void)decode_bodies(entry, fields.bodies.size());
    return fields;
}

Bytes make_repack_entry(EntryHead head, const RepackPublic& fields, const std::vector<SecretBytes>& bodies,
                        const DataKey& dek, const crypto::SigningKey& key) {
    invariant(fields.dek == dek.id() && fields.commitment == dek.commitment(), "the entry names its data key");
    invariant(head.repository == dek.repository(), "the data key was made for this repository");
    invariant(bodies.size() == fields.bodies.size(), "every body that is named is there");
    head.signer = key.verify_key();
    ByteWriter public_part;
    head.encode(public_part);
    fields.encode(public_part);
    std::size_t sealed_size = 0;
    for (const SecretBytes& body : bodies) sealed_size += half_size(body.size());
    Bytes prefix = entry_prefix(EntryKind::repack, public_part.view(), sealed_size);
    const IdentityId identity = head.signer.identity();
    const HalfContext context{head.repository, identity, head.sequence};
    ByteWriter sealed;
    for (const SecretBytes& body : bodies) seal_body_half(sealed, context, dek, prefix, body.reveal());
    return sign_entry(std::move(prefix), sealed.view(), key);
}

SecretBytes open_resealed_octets(const SignedEntry& entry, std::size_t number, const DataKey& dek) {
    const std::string what = name_of(entry);
    const RepackPublic fields = repack_public(entry);
    invariant(number < fields.bodies.size(), "a body that the entry has");
    if (dek.repository() != entry.head.repository || dek.id() != fields.dek || dek.commitment() != fields.commitment) {
        throw_damaged(what, "sealed under another data key");
    }
    return open_body_half(decode_bodies(entry, fields.bodies.size())[number], entry, dek, what);
}

BackupBody open_resealed_body(const SignedEntry& entry, std::size_t number, const DataKey& dek) {
    return BackupBody::decode(open_resealed_octets(entry, number, dek).reveal(), EntryKind::backup, name_of(entry));
}

}  // namespace signet::format
