#include "format/content.h"

#include "format/encoding.h"
#include "format/limits.h"

namespace signet::format {
namespace {

/// Where references stand: directly in an entry, where one reference of level 0 needs no length, or in a list.
enum class Place { content, list };

bool omits_length(Place place, unsigned level, std::size_t count) {
    return place == Place::content && level == 0 && count == 1;
}

void encode_references(ByteWriter& writer, Place place, unsigned level, const std::vector<Reference>& references) {
    invariant(!references.empty() && references.size() <= kMaxReferences, "1 to 65,536 references");
    writer.varint(references.size());
    if (!omits_length(place, level, references.size())) {
        for (const Reference& reference : references) writer.varint(reference.length);
    }
    if (level > 0) {
        for (const Reference& reference : references) writer.varint(reference.span);
    }
    for (const Reference& reference : references) writer.id(reference.id);
}

std::uint32_t read_chunk_length(ByteReader& reader) {
    const std::uint64_t length = reader.varint(kMaxFrameRaw);
    if (length == 0) reader.fail("empty chunk");
    return static_cast<std::uint32_t>(length);
}

/// `total` is what the references must cover.
std::vector<Reference> decode_references(ByteReader& reader, Place place, unsigned level, std::uint64_t total) {
    const std::size_t count = read_count(reader, kMaxReferences, ChunkId::kSize);
    if (count == 0) reader.fail("no references");
    std::vector<Reference> references(count);
    if (omits_length(place, level, count)) {
        if (total > kMaxFrameRaw) reader.fail("chunk over its limit");
        references[0].length = static_cast<std::uint32_t>(total);
    } else {
        for (Reference& reference : references) reference.length = read_chunk_length(reader);
    }
    std::uint64_t rest = total;
    for (Reference& reference : references) {
        reference.span = level > 0 ? reader.varint() : reference.length;
        if (reference.span == 0) reader.fail("reference to nothing");
        if (reference.span > rest) reader.fail("references cover more than there is");
        rest -= reference.span;
    }
    if (rest != 0) reader.fail("references cover less than there is");
    for (Reference& reference : references) reference.id = reader.id<ChunkId>();
    return references;
}

}  // namespace

void Content::encode(ByteWriter& writer) const {
    writer.varint(size);
    if (size == 0) {
        invariant(references.empty() && level == 0, "nothing has no references");
        return;
    }
    invariant(level <= kMaxContentLevel, "level of a content");
    writer.varint(level);
    encode_references(writer, Place::content, level, references);
}

Content Content::decode(ByteReader& reader) {
    Content content;
    content.size = reader.varint(kMaxFileSize);
    if (content.size == 0) return content;
    content.level = static_cast<unsigned>(reader.varint(kMaxContentLevel));
    content.references = decode_references(reader, Place::content, content.level, content.size);
    return content;
}

Bytes encode_list(unsigned level, const std::vector<Reference>& references) {
    invariant(level < kMaxContentLevel, "level of a list");
    Bytes buffer;
    buffer.reserve(8 + references.size() * (ChunkId::kSize + 4));
    ByteWriter writer(std::move(buffer));
    writer.u8(static_cast<std::uint8_t>(level));
    encode_references(writer, Place::list, level, references);
    invariant(writer.size() <= kMaxFrameRaw, "a list is a chunk");
    return writer.take();
}

std::vector<Reference> decode_list(ByteView chunk, unsigned expected_level, std::uint64_t expected_span,
                                   std::string_view what) {
    if (chunk.size() > kMaxFrameRaw) throw_damaged(what, "list larger than a chunk");
    ByteReader reader(chunk, what);
    if (reader.u8() != expected_level || expected_level >= kMaxContentLevel) reader.fail("list of another level");
    std::vector<Reference> references = decode_references(reader, Place::list, expected_level, expected_span);
    reader.expect_end();
    return references;
}

}  // namespace signet::format
