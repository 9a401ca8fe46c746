#include "format/tree.h"

#include "format/encoding.h"
#include "format/limits.h"

namespace signet::format {
namespace {

// Bits of an entry's optional fields.
constexpr std::uint64_t kHasBirth = 1U << 0U;
constexpr std::uint64_t kHasLink = 1U << 1U;
constexpr std::uint64_t kHasHoles = 1U << 2U;
constexpr std::uint64_t kHasXattrs = 1U << 3U;
constexpr std::uint64_t kHasFlags = 1U << 4U;
constexpr std::uint64_t kHasChanged = 1U << 5U;
constexpr std::uint64_t kAllFields = 0x3f;

constexpr std::uint32_t kMaxMode = 07777;
constexpr std::uint32_t kNsPerS = 1'000'000'000;

bool has_content(EntryType type) { return type == EntryType::file || type == EntryType::directory; }
bool is_device(EntryType type) { return type == EntryType::character || type == EntryType::block; }

/// One stretch without a hole before it says what the content says alone.
bool has_holes(const Entry& entry) {
    return !entry.extents.empty() && (entry.extents.size() > 1 || entry.extents[0].hole > 0);
}

[[noreturn]] void refuse(const Entry& entry, std::string_view why) {
    throw Error(ErrorCode::failed, "cannot store \"" + entry.name + "\": " + std::string(why));
}

/// What a file system can hold and the format cannot.
void check_storable(const Entry& entry) {
    if (!entry.name.empty() && !is_entry_name(entry.name)) refuse(entry, "not a name that can be stored");
    if (entry.type == EntryType::symlink &&
        (entry.target.empty() || entry.target.size() > kMaxTarget || entry.target.find('\0') != std::string::npos)) {
        refuse(entry, "the link's target cannot be stored");
    }
    if (entry.extents.size() > kMaxExtents) refuse(entry, "more than 65,536 stretches between holes");
    if (entry.xattrs.size() > kMaxXattrs) refuse(entry, "more than 1,024 extended attributes");
    for (const Xattr& xattr : entry.xattrs) {
        if (xattr.name.empty() || xattr.name.size() > kMaxName || xattr.value.size() > kMaxXattrValue) {
            refuse(entry, "an extended attribute is too large");
        }
    }
}

void check_consistent(const Entry& entry) {
    invariant(entry.mode <= kMaxMode, "mode is permission bits alone");
    invariant(entry.modified.nanoseconds < kNsPerS, "nanoseconds below 10^9");
    invariant(!entry.link || entry.type != EntryType::directory, "directories have no link identity");
    invariant(entry.extents.empty() || entry.type == EntryType::file, "only files have holes");
    for (std::size_t i = 1; i < entry.xattrs.size(); ++i) {
        invariant(entry.xattrs[i - 1].name < entry.xattrs[i].name, "extended attributes ascend by name");
    }
    std::uint64_t data = 0;
    for (std::size_t i = 0; i < entry.extents.size(); ++i) {
        if (i > 0 && entry.extents[i].hole == 0) refuse(entry, "a hole of no length");
        if (i + 1 < entry.extents.size() && entry.extents[i].data == 0) refuse(entry, "a stretch of no length");
        data += entry.extents[i].data;
    }
    if (!entry.extents.empty() && data != entry.content.size) refuse(entry, "its stretches do not hold its content");
}

std::uint64_t fields_of(const Entry& entry) {
    return (entry.birth_delta_ns ? kHasBirth : 0) | (entry.link ? kHasLink : 0) | (has_holes(entry) ? kHasHoles : 0) |
           (entry.xattrs.empty() ? 0 : kHasXattrs) | (entry.flags ? kHasFlags : 0) |
           (entry.changed_while_read ? kHasChanged : 0);
}

void encode_type_fields(const Entry& entry, ByteWriter& writer) {
    if (has_content(entry.type)) entry.content.encode(writer);
    if (entry.type == EntryType::symlink) writer.blob(entry.target);
    if (is_device(entry.type)) {
        writer.varint(entry.major);
        writer.varint(entry.minor);
    }
}

void encode_optional_fields(const Entry& entry, ByteWriter& writer) {
    if (entry.birth_delta_ns) writer.signed_varint(*entry.birth_delta_ns);
    if (entry.link) {
        writer.varint(entry.link->file_system);
        writer.varint(entry.link->inode);
    }
    if (has_holes(entry)) {
        writer.varint(entry.extents.size());
        for (const Extent& extent : entry.extents) {
            writer.varint(extent.hole);
            writer.varint(extent.data);
        }
    }
    if (!entry.xattrs.empty()) {
        writer.varint(entry.xattrs.size());
        for (const Xattr& xattr : entry.xattrs) {
            writer.blob(xattr.name);
            writer.blob(xattr.value);
        }
    }
    if (entry.flags) writer.varint(*entry.flags);
}

std::uint32_t read_u32(ByteReader& reader) { return static_cast<std::uint32_t>(reader.varint(UINT32_MAX)); }

void decode_name(Entry& entry, ByteReader& reader, bool is_root) {
    entry.name = std::string(as_text(reader.blob(kMaxName)));
    if (is_root ? !entry.name.empty() : !is_entry_name(entry.name)) reader.fail("not a name");
}

void decode_type_fields(Entry& entry, ByteReader& reader) {
    if (has_content(entry.type)) entry.content = Content::decode(reader);
    if (entry.type == EntryType::symlink) {
        entry.target = std::string(as_text(reader.blob(kMaxTarget)));
        if (entry.target.empty() || entry.target.find('\0') != std::string::npos) reader.fail("not a link's target");
    }
    if (is_device(entry.type)) {
        entry.major = read_u32(reader);
        entry.minor = read_u32(reader);
    }
}

void decode_extents(Entry& entry, ByteReader& reader) {
    const std::size_t count = read_count(reader, kMaxExtents, 2);
    if (count == 0) reader.fail("no stretches");
    entry.extents.resize(count);
    std::uint64_t data = 0;
    std::uint64_t room = kMaxFileSize;
    for (std::size_t i = 0; i < count; ++i) {
        Extent& extent = entry.extents[i];
        extent.hole = reader.varint(room);
        room -= extent.hole;
        extent.data = reader.varint(room);
        room -= extent.data;
        data += extent.data;
        if (i > 0 && extent.hole == 0) reader.fail("empty hole");
        if (i + 1 < count && extent.data == 0) reader.fail("empty stretch");
    }
    if (count == 1 && entry.extents[0].hole == 0) reader.fail("no hole");
    if (data != entry.content.size) reader.fail("stretches do not hold the content");
}

void decode_xattrs(Entry& entry, ByteReader& reader) {
    const std::size_t count = read_count(reader, kMaxXattrs, 3);
    if (count == 0) reader.fail("no extended attributes");
    entry.xattrs.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        Xattr& xattr = entry.xattrs[i];
        xattr.name = std::string(as_text(reader.blob(kMaxName)));
        if (xattr.name.empty() || xattr.name.find('\0') != std::string::npos) {
            reader.fail("not a name of an extended attribute");
        }
        if (i > 0 && entry.xattrs[i - 1].name >= xattr.name) reader.fail("extended attributes do not ascend");
        xattr.value = std::string(as_text(reader.blob(kMaxXattrValue)));
    }
}

void decode_optional_fields(Entry& entry, std::uint64_t fields, ByteReader& reader) {
    if ((fields & kHasBirth) != 0) entry.birth_delta_ns = reader.signed_varint();
    if ((fields & kHasLink) != 0) {
        const std::uint64_t file_system = reader.varint();
        entry.link = LinkIdentity{file_system, reader.varint()};
    }
    if ((fields & kHasHoles) != 0) decode_extents(entry, reader);
    if ((fields & kHasXattrs) != 0) decode_xattrs(entry, reader);
    if ((fields & kHasFlags) != 0) entry.flags = read_u32(reader);
    entry.changed_while_read = (fields & kHasChanged) != 0;
}

}  // namespace

bool is_entry_name(std::string_view name) {
    if (name.empty() || name.size() > kMaxName || name == "." || name == "..") return false;
    return name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

std::uint64_t Entry::logical_size() const {
    if (extents.empty()) return content.size;
    std::uint64_t size = 0;
    for (const Extent& extent : extents) size += extent.hole + extent.data;
    return size;
}

void Entry::encode(ByteWriter& writer) const {
    check_storable(*this);
    check_consistent(*this);
    const std::size_t start = writer.size();
    writer.blob(name);
    writer.u8(static_cast<std::uint8_t>(type));
    writer.varint(fields_of(*this));
    writer.varint(mode);
    writer.varint(uid);
    writer.varint(gid);
    writer.signed_varint(modified.seconds);
    writer.varint(modified.nanoseconds);
    encode_type_fields(*this, writer);
    encode_optional_fields(*this, writer);
    if (writer.size() - start > kMaxTreeEntry) {
        // The caller may go on without this one.
        writer.bytes().resize(start);
        refuse(*this, "its metadata are larger than 4 MiB");
    }
}

Entry Entry::decode(ByteReader& reader, bool is_root) {
    const std::size_t start = reader.position();
    Entry entry;
    decode_name(entry, reader, is_root);
    const std::uint8_t type = reader.u8();
    if (type < static_cast<std::uint8_t>(EntryType::file) || type > static_cast<std::uint8_t>(EntryType::block)) {
        reader.fail("unknown type");
    }
    entry.type = static_cast<EntryType>(type);
    if (is_root && entry.type != EntryType::directory) reader.fail("the root is not a directory");
    const std::uint64_t fields = reader.varint(kAllFields);
    if ((fields & kHasLink) != 0 && entry.type == EntryType::directory) reader.fail("directory with a link identity");
    if ((fields & kHasHoles) != 0 && entry.type != EntryType::file) reader.fail("holes in what is not a file");
    entry.mode = static_cast<std::uint32_t>(reader.varint(kMaxMode));
    entry.uid = read_u32(reader);
    entry.gid = read_u32(reader);
    entry.modified.seconds = reader.signed_varint();
    entry.modified.nanoseconds = static_cast<std::uint32_t>(reader.varint(kNsPerS - 1));
    decode_type_fields(entry, reader);
    decode_optional_fields(entry, fields, reader);
    if (reader.position() - start > kMaxTreeEntry) reader.fail("entry larger than 4 MiB");
    return entry;
}

std::vector<Entry> decode_directory(ByteView content, std::string_view what) {
    ByteReader reader(content, what);
    std::vector<Entry> entries;
    while (!reader.at_end()) {
        Entry entry = Entry::decode(reader);
        if (!entries.empty() && entries.back().name >= entry.name) reader.fail("names do not ascend");
        entries.push_back(std::move(entry));
    }
    return entries;
}

}  // namespace signet::format
