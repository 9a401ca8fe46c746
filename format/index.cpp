#include "format/index.h"

#include "core/crypto/aead.h"
#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "format/compress.h"
#include "format/encoding.h"

namespace signet::format {
namespace {

constexpr std::string_view kMagic = "SIGNETIX";
constexpr std::size_t kHeaderSize = 92;
constexpr int kIndexLevel = 3;

crypto::Aead index_cipher(const SecretBytes& index_key, ByteView header) {
    const SecretBytes key =
        crypto::hkdf_expand(index_key.reveal(), {label("signet/index/v1"), header}, crypto::kAeadKeySize);
    return crypto::Aead(key.reveal());
}

std::size_t count_chunks(const IndexedPack& pack) {
    std::size_t count = 0;
    for (const FrameRecord& frame : pack.frames) count += frame.chunk_lengths.size();
    return count;
}

/// Whether frames of these sizes, a header, a directory and a trailer fit in an object of this size.
bool frames_fit(const IndexedPack& pack) {
    std::uint64_t size = kPackHeaderSize + kPackTrailerSize;
    for (const FrameRecord& frame : pack.frames) size += frame.sealed_size;
    return size < pack.size;
}

Bytes encode_segment(const IndexSegment& segment) {
    ByteWriter writer;
    writer.id(segment.dek);
    writer.varint(segment.packs.size());
    for (const IndexedPack& pack : segment.packs) {
        invariant(!pack.frames.empty() && pack.frames.size() <= kMaxFrames, "1 to 65,535 frames in a pack");
        invariant(pack.chunks.size() == count_chunks(pack), "an id for each chunk of a pack");
        invariant(frames_fit(pack) && pack.size <= kMaxPack, "frames fit in their pack");
        writer.id(pack.id);
        writer.varint(pack.size);
        writer.varint(pack.frames.size());
        for (const FrameRecord& frame : pack.frames) frame.encode(writer);
    }
    for (const IndexedPack& pack : segment.packs) {
        for (const ChunkId& chunk : pack.chunks) writer.id(chunk);
    }
    return writer.take();
}

IndexedPack decode_pack(ByteReader& reader) {
    IndexedPack pack;
    pack.id = reader.id<PackId>();
    pack.size = reader.varint(kMaxPack);
    constexpr std::size_t kSmallestRecord = 6;
    const std::size_t count = read_count(reader, kMaxFrames, kSmallestRecord);
    if (count == 0) reader.fail("pack without frames");
    pack.frames.reserve(count);
    for (std::size_t i = 0; i < count; ++i) pack.frames.push_back(FrameRecord::decode(reader));
    if (!frames_fit(pack)) reader.fail("frames do not fit in their pack");
    return pack;
}

IndexSegment decode_segment(ByteView raw, std::string_view what) {
    ByteReader reader(raw, what);
    IndexSegment segment;
    segment.dek = reader.id<DekId>();
    constexpr std::size_t kSmallestPack = PackId::kSize + 1 + 1 + 6;
    const std::size_t count = read_count(reader, UINT32_MAX, kSmallestPack);
    segment.packs.reserve(count);
    std::uint64_t chunks = 0;
    for (std::size_t i = 0; i < count; ++i) {
        segment.packs.push_back(decode_pack(reader));
        chunks += count_chunks(segment.packs.back());
    }
    if (reader.remaining() % ChunkId::kSize != 0 || reader.remaining() / ChunkId::kSize != chunks) {
        reader.fail("not one id for each chunk");
    }
    for (IndexedPack& pack : segment.packs) {
        pack.chunks.resize(count_chunks(pack));
        for (ChunkId& chunk : pack.chunks) chunk = reader.id<ChunkId>();
    }
    return segment;
}

}  // namespace

Bytes IndexSegment::seal(const RepositoryId& repository, const IdentityId& writer_identity,
                         const SecretBytes& index_key) const {
    const Bytes raw = encode_segment(*this);
    if (raw.size() > kMaxIndexRaw) throw Error(ErrorCode::failed, "index segment larger than 64 MiB");
    ByteWriter header;
    header.raw(kMagic);
    header.u16(1);
    header.u16(1);
    header.id(repository);
    header.id(writer_identity);
    header.id(crypto::random_id<Digest>());
    invariant(header.size() == kHeaderSize, "layout of an index segment's header");

    const Bytes compressed = Compressor(kIndexLevel).compress(raw);
    Bytes object = header.take();
    object.resize(kHeaderSize + compressed.size() + crypto::kAeadTagSize);
    if (object.size() > kMaxIndexObject) throw Error(ErrorCode::failed, "index segment larger than 64 MiB");
    const MutableByteView whole(object);
    index_cipher(index_key, whole.first(kHeaderSize))
        .seal(crypto::Nonce::counter(0), whole.first(kHeaderSize), compressed, whole.subspan(kHeaderSize));
    return object;
}

IndexSegment IndexSegment::open(ByteView object, const RepositoryId& repository, const IdentityId& writer_identity,
                                const SecretBytes& index_key, std::string_view what) {
    if (object.size() > kMaxIndexObject) throw_damaged(what, "larger than an index segment can be");
    ByteReader reader(object, what);
    read_magic(reader, kMagic, what);
    read_suite(reader, what);
    if (reader.id<RepositoryId>() != repository) throw_damaged(what, "belongs to another repository");
    if (reader.id<IdentityId>() != writer_identity) throw_damaged(what, "made by another writer");
    (void)reader.id<Digest>();  // the salt
    if (reader.remaining() <= crypto::kAeadTagSize) throw_damaged(what, "truncated");

    const ByteView header = object.first(kHeaderSize);
    const Bytes compressed = index_cipher(index_key, header)
                                 .open_bytes(crypto::Nonce::counter(0), header, object.subspan(kHeaderSize), what);
    const Bytes raw = Decompressor().decompress(compressed, kMaxIndexRaw, what);
    return decode_segment(raw, what);
}

}  // namespace signet::format
