#include "tests/unit/format/samples.h"

#include "core/crypto/digest.h"
#include "core/file.h"
#include "format/compress.h"
#include "format/names.h"
#include "tests/support/matchers.h"

namespace signet::test {

using namespace format;

Bytes sample_octets(std::string_view name, std::size_t size) {
    const Digest seed = crypto::sha256(as_bytes(name));
    const SecretBytes octets = crypto::hkdf_expand(seed.view(), {as_bytes("sample")}, size);
    return {octets.reveal().begin(), octets.reveal().end()};
}

SecretBytes sample_secret(std::string_view name) { return SecretBytes(ByteView(sample_octets(name, 32))); }

RepositoryId sample_repository() { return sample_id<RepositoryId>("repository"); }

DataKey sample_dek(std::string_view name) {
    return {sample_repository(), sample_id<DekId>(std::string(name) + " id"), sample_secret(name)};
}

crypto::SigningKey sample_signer(std::string_view name) { return crypto::SigningKey::from_seed(sample_secret(name)); }

WriterKeys sample_writer_keys() {
    return WriterKeys::derive(sample_secret("writer secret").reveal(), sample_repository());
}

const crypto::RsaPrivateKey& sample_protector() {
    static const crypto::RsaPrivateKey key = crypto::RsaPrivateKey::from_pem(
        read_file(SIGNET_TEST_DIR "/vectors/format/protector.pem", 64 * 1024), nullptr, "protector.pem");
    return key;
}

Slot sample_slot(const DataKey& dek) {
    const crypto::RsaPublicKey protector = sample_protector().public_key();
    Slot slot;
    slot.repository = dek.repository();
    slot.dek = dek.id();
    slot.thumbprint = Thumbprint::of(protector);
    slot.commitment = dek.commitment();
    slot.location = "local:prod/1";
    slot.wrapped = protector.wrap(wrap_plaintext(dek, slot.thumbprint).reveal());
    return slot;
}

SamplePack sample_pack(const DataKey& dek, std::uint32_t counter) {
    SamplePack pack;
    const std::string compressible(600, 'x');
    pack.raw = {sample_octets("raw frame", 40), {compressible.begin(), compressible.end()}, sample_octets("tree", 30)};
    const PackKeys keys = PackKeys::create(dek, counter);
    FrameCipher cipher(keys);
    pack.object.assign(keys.header().begin(), keys.header().end());
    for (std::size_t i = 0; i < pack.raw.size(); ++i) {
        FrameRecord record;
        record.kind = i == 2 ? FrameKind::metadata : FrameKind::data;
        record.codec = i == 1 ? Codec::zstd : Codec::raw;
        record.raw_size = static_cast<std::uint32_t>(pack.raw[i].size());
        record.chunk_lengths = {record.raw_size - 10, 10};
        const Bytes payload = i == 1 ? Compressor().compress(pack.raw[i]) : pack.raw[i];
        Bytes sealed(payload.size() + crypto::kAeadTagSize);
        record.sealed_size = static_cast<std::uint32_t>(sealed.size());
        cipher.seal({static_cast<std::uint32_t>(i), record.kind, record.codec, record.raw_size}, payload, sealed);
        pack.object.insert(pack.object.end(), sealed.begin(), sealed.end());
        pack.frames.push_back(record);
    }
    const Bytes end = seal_pack_end(keys, pack.frames, pack.object.size() - kPackHeaderSize);
    pack.object.insert(pack.object.end(), end.begin(), end.end());
    return pack;
}

std::vector<Bytes> open_whole_pack(const DataKey& dek, ByteView object) {
    const PackKeys keys = PackKeys::open(dek, object.first(std::min(object.size(), kPackHeaderSize)), "pack");
    const auto frames = open_pack_directory(keys, object, object.size(), "pack");
    FrameCipher cipher(keys);
    Decompressor decompressor;
    std::vector<Bytes> result;
    std::size_t offset = kPackHeaderSize;
    for (std::uint32_t i = 0; i < frames.size(); ++i) {
        const FrameRecord& frame = frames[i];
        Bytes payload(frame.sealed_size - crypto::kAeadTagSize);
        if (!cipher.open({i, frame.kind, frame.codec, frame.raw_size}, object.subspan(offset, frame.sealed_size),
                         payload)) {
            throw Error(ErrorCode::damaged, "frame does not authenticate");
        }
        offset += frame.sealed_size;
        Bytes raw(frame.raw_size);
        if (frame.codec == Codec::raw) {
            raw = payload;
        } else if (!decompressor.decompress(payload, raw)) {
            throw Error(ErrorCode::damaged, "frame does not decompress");
        }
        result.push_back(std::move(raw));
    }
    return result;
}

EntryHead sample_head(std::uint64_t sequence) {
    EntryHead head;
    head.repository = sample_repository();
    head.config_hash = sample_id<Digest>("config");
    head.sequence = sequence;
    if (sequence > 1) head.previous = sample_id<EntryId>("previous");
    head.time.ns = 1'700'000'000'000'000'001;
    head.audit_head = sample_id<Digest>("audit");
    head.policy = sample_id<EntryId>("policy");
    return head;
}

BackupPublic sample_public(const DataKey& dek) {
    BackupPublic fields;
    fields.run = sample_id<RunId>("run");
    fields.series = sample_id<SeriesId>("series");
    fields.has_errors = true;
    fields.time.ns = 10;
    fields.started.ns = -20;
    fields.finished.ns = 30;
    fields.dek = dek.id();
    fields.commitment = dek.commitment();
    fields.slots = {sample_slot(dek)};
    fields.packs = {{sample_id<PackId>("pack 1"), 1000}, {sample_id<PackId>("pack 2"), kMaxPack}};
    fields.indexes = {{sample_id<IndexId>("index"), 300}};
    Reach reach;
    reach.sequence = 1;
    reach.dek = sample_id<DekId>("earlier dek");
    reach.set(9);
    Reach older = reach;
    older.journal = 2;
    fields.predecessors = {sample_id<IdentityId>("predecessor 1"), sample_id<IdentityId>("predecessor 2")};
    fields.reach = {reach, older};
    return fields;
}

Labels sample_labels() {
    return {"db1", "root", "nightly", {"/srv", "/caf\xe9"}, {"monthly", "release"}, {"pg_dump", "-Fc"}, "signet 0.1.0"};
}

BackupBody sample_body() {
    BackupBody body;
    body.keys = sample_writer_keys();
    body.root.type = EntryType::directory;
    body.root.mode = 0755;
    body.root.content.size = 100;
    body.root.content.references = {{sample_id<ChunkId>("root"), 100, 100}};
    body.owners = {{0, "root"}, {1000, "ann"}};
    body.groups = {{0, "root"}};
    body.statistics = {1, 2, 3, 4, 5, 6, 7};
    body.problems = {{"/srv/\xff", 13, "cannot read"}};
    return body;
}

NamedObject sample_backup(const DataKey& dek, std::uint64_t sequence) {
    const crypto::SigningKey signer = sample_signer();
    return {journal_name(signer.verify_key().identity(), sequence),
            make_backup_entry(EntryKind::backup, sample_head(sequence), sample_public(dek), sample_labels(),
                              sample_body(), dek, signer)};
}

Bytes from_hex_text(std::string_view hex) {
    Bytes bytes(hex.size() / 2);
    if (!from_hex(hex, bytes)) throw Error(ErrorCode::failed, "not hexadecimal: " + std::string(hex));
    return bytes;
}

std::optional<ErrorCode> outcome(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.code();
    }
    return std::nullopt;
}

void each_bit_flip(const Bytes& object, const std::function<void(const Bytes&, std::size_t)>& visit) {
    Bytes changed = object;
    for (std::size_t bit = 0; bit < object.size() * 8; ++bit) {
        changed[bit / 8] = static_cast<std::uint8_t>(object[bit / 8] ^ (1U << (bit % 8)));
        visit(changed, bit);
        changed[bit / 8] = object[bit / 8];
    }
}

void each_truncation(const Bytes& object, const std::function<void(const Bytes&)>& visit) {
    for (std::size_t size = 0; size < object.size(); ++size) {
        visit(Bytes(object.begin(), object.begin() + static_cast<std::ptrdiff_t>(size)));
    }
}

void require_all_changes_refused(const Bytes& object, const std::function<void(const Bytes&)>& open) {
    const auto is_refused = [&](const Bytes& changed) {
        const auto code = outcome([&] { open(changed); });
        return code == ErrorCode::damaged || code == ErrorCode::unsupported;
    };
    each_bit_flip(object, [&](const Bytes& changed, std::size_t bit) {
        if (!is_refused(changed)) FAIL("a change of bit " << bit << " is not refused");
    });
    each_truncation(object, [&](const Bytes& cut) {
        if (!is_refused(cut)) FAIL("a truncation to " << cut.size() << " octets is not refused");
    });
    Bytes longer = object;
    longer.push_back(0);
    if (!is_refused(longer)) FAIL("an octet more is not refused");
}

}  // namespace signet::test
