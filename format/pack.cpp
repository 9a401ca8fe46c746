#include "format/pack.h"

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "format/compress.h"
#include "format/encoding.h"

#include <algorithm>

namespace signet::format {
namespace {

constexpr std::string_view kMagic = "SIGNETPK";
constexpr std::string_view kEnd = "PKEN";
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kCommitmentOffset = 80;
constexpr std::size_t kReservedOffset = 112;
constexpr int kDirectoryLevel = 3;

struct HeaderFields {
    RepositoryId repository;
    DekId dek;
    bool reserved_is_zero = false;
};

HeaderFields decode_header(ByteView header, std::string_view what) {
    if (header.size() < kPackHeaderSize) throw_damaged(what, "shorter than a pack's header");
    ByteReader reader(header, what);
    read_magic(reader, kMagic, what);
    read_suite(reader, what);
    (void)reader.u32();  // the pack counter separates keys, and says nothing to readers
    HeaderFields fields;
    fields.repository = reader.id<RepositoryId>();
    fields.dek = reader.id<DekId>();
    const ByteView reserved = header.subspan(kReservedOffset, kPackHeaderSize - kReservedOffset);
    fields.reserved_is_zero = std::all_of(reserved.begin(), reserved.end(), [](std::uint8_t o) { return o == 0; });
    return fields;
}

/// Frame key, directory key and commitment, 32 octets each.
SecretBytes derive_pack_secrets(const DataKey& key, ByteView header) {
    return crypto::hkdf_expand(key.secret().reveal(), {label("signet/pack/v1"), header.first(kCommitmentOffset)},
                               3 * kKeySize);
}

std::uint64_t sum_sealed(const std::vector<FrameRecord>& frames) {
    std::uint64_t sum = 0;
    for (const FrameRecord& frame : frames) sum += frame.sealed_size;
    return sum;
}

using DirectoryAssociated = std::array<std::uint8_t, 14 + kPackHeaderSize>;

DirectoryAssociated directory_associated(const PackKeys& keys) {
    const ByteView name = label("signet/dir/v1");
    DirectoryAssociated associated{};
    std::copy(name.begin(), name.end(), associated.begin());
    const ByteView header = keys.header();
    std::copy(header.begin(), header.end(), associated.begin() + 14);
    return associated;
}

/// Why these sizes cannot be those of a frame; nothing when they can.
const char* frame_size_problem(Codec codec, std::uint64_t sealed_size, std::uint64_t raw_size) {
    if (raw_size == 0 || raw_size > kMaxFrameRaw) return "raw length of a frame";
    if (sealed_size <= crypto::kAeadTagSize) return "sealed length of a frame";
    const std::uint64_t payload = sealed_size - crypto::kAeadTagSize;
    if (codec == Codec::raw && payload != raw_size) return "sealed length of a raw frame";
    if (codec == Codec::zstd && payload >= raw_size) return "compressed frame that is not shorter";
    return nullptr;
}

}  // namespace

void FrameRecord::encode(ByteWriter& writer) const {
    const char* const problem = frame_size_problem(codec, sealed_size, raw_size);
    invariant(problem == nullptr, problem);
    writer.u8(static_cast<std::uint8_t>(kind));
    writer.u8(static_cast<std::uint8_t>(codec));
    writer.varint(sealed_size);
    writer.varint(raw_size);
    writer.varint(chunk_lengths.size());
    std::uint64_t sum = 0;
    for (const std::uint32_t length : chunk_lengths) {
        invariant(length > 0, "a chunk is not empty");
        sum += length;
        writer.varint(length);
    }
    invariant(sum == raw_size, "chunks fill their frame");
}

FrameRecord FrameRecord::decode(ByteReader& reader) {
    FrameRecord record;
    const std::uint8_t kind = reader.u8();
    if (kind != static_cast<std::uint8_t>(FrameKind::data) && kind != static_cast<std::uint8_t>(FrameKind::metadata)) {
        reader.fail("unknown kind of frame");
    }
    record.kind = static_cast<FrameKind>(kind);
    const std::uint8_t codec = reader.u8();
    if (codec > static_cast<std::uint8_t>(Codec::zstd)) reader.fail("unknown codec");
    record.codec = static_cast<Codec>(codec);
    record.sealed_size = static_cast<std::uint32_t>(reader.varint(kMaxFrameRaw + crypto::kAeadTagSize));
    record.raw_size = static_cast<std::uint32_t>(reader.varint(kMaxFrameRaw));
    if (const char* problem = frame_size_problem(record.codec, record.sealed_size, record.raw_size))
        reader.fail(problem);
    const std::size_t count = read_count(reader, record.raw_size, 1);
    record.chunk_lengths.resize(count);
    std::uint64_t rest = record.raw_size;
    for (std::uint32_t& length : record.chunk_lengths) {
        const std::uint64_t value = reader.varint(rest);
        if (value == 0) reader.fail("empty chunk");
        rest -= value;
        length = static_cast<std::uint32_t>(value);
    }
    if (rest != 0) reader.fail("chunks do not fill their frame");
    return record;
}

PackKeys PackKeys::create(const DataKey& key, std::uint32_t counter) {
    ByteWriter writer;
    writer.raw(kMagic);
    writer.u16(1);
    writer.u16(1);
    writer.u32(counter);
    writer.id(key.repository());
    writer.id(key.id());
    writer.id(crypto::random_id<Digest>());
    invariant(writer.size() == kCommitmentOffset, "layout of a pack's header");
    const SecretBytes secrets = derive_pack_secrets(key, writer.view());
    writer.raw(secrets.reveal().subspan(2 * kKeySize));

    PackKeys keys;
    std::copy(writer.view().begin(), writer.view().end(), keys.header_.begin());
    keys.repository_ = key.repository();
    keys.dek_ = key.id();
    keys.frame_key_ = SecretBytes(secrets.reveal().first(kKeySize));
    keys.directory_key_ = SecretBytes(secrets.reveal().subspan(kKeySize, kKeySize));
    return keys;
}

PackKeys PackKeys::open(const DataKey& key, ByteView header, std::string_view what) {
    const HeaderFields fields = decode_header(header, what);
    if (fields.repository != key.repository()) throw_damaged(what, "belongs to another repository");
    if (fields.dek != key.id()) throw_damaged(what, "sealed under another data key");
    if (!fields.reserved_is_zero) throw_damaged(what, "reserved octets are not zero");
    const SecretBytes secrets = derive_pack_secrets(key, header);
    if (!constant_time_equal(secrets.reveal().subspan(2 * kKeySize), header.subspan(kCommitmentOffset, kKeySize))) {
        throw_damaged(what, "the data key is not the one that this pack commits to");
    }
    PackKeys keys;
    std::copy_n(header.begin(), kPackHeaderSize, keys.header_.begin());
    keys.repository_ = fields.repository;
    keys.dek_ = fields.dek;
    keys.frame_key_ = SecretBytes(secrets.reveal().first(kKeySize));
    keys.directory_key_ = SecretBytes(secrets.reveal().subspan(kKeySize, kKeySize));
    return keys;
}

DekId PackKeys::dek_of(ByteView header, std::string_view what) { return decode_header(header, what).dek; }

namespace {

using FrameAssociated = std::array<std::uint8_t, 16 + 2 + 4 + 4 + RepositoryId::kSize + DekId::kSize>;

std::uint8_t* put_u32(std::uint8_t* out, std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) *out++ = static_cast<std::uint8_t>(value >> (8 * i));
    return out;
}

FrameAssociated frame_associated(const FrameCipher::Position& position, const RepositoryId& repository,
                                 const DekId& dek) {
    const ByteView name = label("signet/frame/v1");
    FrameAssociated associated{};
    std::uint8_t* out = std::copy(name.begin(), name.end(), associated.data());
    *out++ = static_cast<std::uint8_t>(position.kind);
    *out++ = static_cast<std::uint8_t>(position.codec);
    out = put_u32(out, position.number);
    out = put_u32(out, position.raw_size);
    out = std::copy(repository.octets.begin(), repository.octets.end(), out);
    std::copy(dek.octets.begin(), dek.octets.end(), out);
    return associated;
}

}  // namespace

FrameCipher::FrameCipher(const PackKeys& keys)
    : repository_(keys.repository()), dek_(keys.dek()), aead_(keys.frame_key().reveal()) {}

void FrameCipher::seal(const Position& position, ByteView payload, MutableByteView sealed) {
    invariant(position.number < kMaxFrames, "at most 65,535 frames in a pack");
    const char* const problem = frame_size_problem(position.codec, sealed.size(), position.raw_size);
    invariant(problem == nullptr, problem);
    aead_.seal(crypto::Nonce::counter(position.number), frame_associated(position, repository_, dek_), payload, sealed);
}

bool FrameCipher::open(const Position& position, ByteView sealed, MutableByteView payload) {
    if (sealed.size() < crypto::kAeadTagSize || payload.size() != sealed.size() - crypto::kAeadTagSize) return false;
    return aead_.open(crypto::Nonce::counter(position.number), frame_associated(position, repository_, dek_), sealed,
                      payload);
}

Bytes seal_pack_end(const PackKeys& keys, const std::vector<FrameRecord>& frames, std::uint64_t frames_size) {
    invariant(!frames.empty() && frames.size() <= kMaxFrames, "1 to 65,535 frames in a pack");
    invariant(sum_sealed(frames) == frames_size, "the directory tells the size of all frames");
    ByteWriter writer;
    writer.varint(frames.size());
    for (const FrameRecord& frame : frames) frame.encode(writer);
    if (writer.size() > kMaxDirectoryRaw) throw Error(ErrorCode::failed, "pack with too many chunks");
    const Bytes compressed = Compressor(kDirectoryLevel).compress(writer.view());

    const std::size_t sealed_size = compressed.size() + crypto::kAeadTagSize;
    const std::uint64_t object_size = kPackHeaderSize + frames_size + sealed_size + kPackTrailerSize;
    if (sealed_size > kMaxDirectorySealed || object_size > kMaxPack) {
        throw Error(ErrorCode::failed, "pack larger than 80 MiB");
    }
    crypto::Aead aead(keys.directory_key().reveal());
    ByteWriter end(aead.seal(crypto::Nonce::counter(0), directory_associated(keys), compressed));
    end.u32(static_cast<std::uint32_t>(sealed_size));
    end.u64(object_size);
    end.raw(kEnd);
    return end.take();
}

std::uint32_t directory_size(ByteView trailer, std::uint64_t object_size, std::string_view what) {
    if (trailer.size() != kPackTrailerSize || object_size < kPackHeaderSize + kPackTrailerSize) {
        throw_damaged(what, "shorter than a pack");
    }
    if (object_size > kMaxPack) throw_damaged(what, "larger than a pack can be");
    ByteReader reader(trailer, what);
    const std::uint32_t size = reader.u32();
    if (reader.u64() != object_size) throw_damaged(what, "another length than it was stored with");
    if (as_text(reader.raw(kEnd.size())) != kEnd) throw_damaged(what, "does not end as a pack does");
    if (size <= crypto::kAeadTagSize || size > kMaxDirectorySealed ||
        size > object_size - kPackHeaderSize - kPackTrailerSize) {
        throw_damaged(what, "impossible size of its directory");
    }
    return size;
}

std::vector<FrameRecord> open_pack_directory(const PackKeys& keys, ByteView end, std::uint64_t object_size,
                                             std::string_view what) {
    if (end.size() < kPackTrailerSize) throw_damaged(what, "shorter than a pack");
    const std::uint32_t size = directory_size(end.last(kPackTrailerSize), object_size, what);
    if (end.size() < size + kPackTrailerSize) throw_damaged(what, "its directory is not there");
    const ByteView sealed = end.subspan(end.size() - kPackTrailerSize - size, size);
    crypto::Aead aead(keys.directory_key().reveal());
    const Bytes compressed = aead.open_bytes(crypto::Nonce::counter(0), directory_associated(keys), sealed, what);
    const Bytes raw = Decompressor().decompress(compressed, kMaxDirectoryRaw, what);

    ByteReader reader(raw, what);
    constexpr std::size_t kSmallestRecord = 6;
    const std::size_t count = read_count(reader, kMaxFrames, kSmallestRecord);
    if (count == 0) reader.fail("no frames");
    std::vector<FrameRecord> frames;
    frames.reserve(count);
    for (std::size_t i = 0; i < count; ++i) frames.push_back(FrameRecord::decode(reader));
    reader.expect_end();
    if (kPackHeaderSize + sum_sealed(frames) + size + kPackTrailerSize != object_size) {
        throw_damaged(what, "its frames do not fill it");
    }
    return frames;
}

}  // namespace signet::format
