#include "format/tree.h"

#include "format/limits.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/allocation_watch.h"
#include "tests/unit/format/samples.h"

#include <random>

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

Bytes encoded(const Entry& entry) {
    ByteWriter writer;
    entry.encode(writer);
    return writer.take();
}

Entry named(std::string name, EntryType type = EntryType::fifo) {
    Entry entry;
    entry.name = std::move(name);
    entry.type = type;
    return entry;
}

Content content_of(std::uint64_t size) {
    Content content;
    content.size = size;
    content.level = 1;
    content.references = {{sample_id<ChunkId>("list"), 30, size}};
    return size == 0 ? Content{} : content;
}

Entry file_with_holes(std::vector<Extent> extents) {
    Entry entry = named("sparse", EntryType::file);
    std::uint64_t data = 0;
    for (const Extent& extent : extents) data += extent.data;
    entry.content = content_of(data);
    entry.extents = std::move(extents);
    return entry;
}

std::string random_octets(std::mt19937_64& random, std::size_t size) {
    std::string octets(size, '\0');
    for (char& octet : octets) octet = static_cast<char>(random());
    return octets;
}

std::string random_name(std::mt19937_64& random) {
    for (;;) {
        std::string name = random_octets(random, 1 + random() % (random() % 5 == 0 ? 255 : 12));
        if (is_entry_name(name)) return name;
    }
}

void add_type_fields(std::mt19937_64& random, Entry& entry) {
    if (entry.type == EntryType::file || entry.type == EntryType::directory)
        entry.content = content_of(random() % 5000);
    if (entry.type == EntryType::symlink) entry.target = random_name(random) + "/x";
    if (entry.type == EntryType::character || entry.type == EntryType::block) {
        entry.major = static_cast<std::uint32_t>(random());
        entry.minor = static_cast<std::uint32_t>(random());
    }
    if (entry.type == EntryType::file && random() % 3 == 0) {
        const std::uint64_t half = entry.content.size / 2;
        entry.extents = {{random() % 2, half + 1}, {1 + random() % 100, entry.content.size - half}};
        entry.content = content_of(entry.content.size + 1);
    }
}

Entry random_entry(std::mt19937_64& random) {
    Entry entry = named(random_name(random), static_cast<EntryType>(1 + random() % 7));
    entry.mode = static_cast<std::uint32_t>(random() % 010000);
    entry.uid = static_cast<std::uint32_t>(random());
    entry.gid = static_cast<std::uint32_t>(random() % 1000);
    entry.modified = {static_cast<std::int64_t>(random()), static_cast<std::uint32_t>(random() % 1'000'000'000)};
    add_type_fields(random, entry);
    if (random() % 3 == 0) entry.birth_delta_ns = static_cast<std::int64_t>(random());
    if (random() % 3 == 0 && entry.type != EntryType::directory) entry.link = LinkIdentity{random() % 4, random()};
    if (random() % 3 == 0) entry.flags = static_cast<std::uint32_t>(random());
    entry.changed_while_read = random() % 5 == 0;
    for (std::size_t i = random() % 4; i-- > 0;) {
        entry.xattrs.push_back({"user." + std::string(4 - i, 'a'), random_octets(random, random() % 30)});
    }
    return entry;
}

void require_same(const Entry& entry, const Entry& other) {
    const bool same = entry.name == other.name && entry.type == other.type && entry.mode == other.mode &&
                      entry.uid == other.uid && entry.gid == other.gid && entry.modified == other.modified &&
                      entry.content == other.content && entry.target == other.target && entry.major == other.major &&
                      entry.minor == other.minor && entry.birth_delta_ns == other.birth_delta_ns &&
                      entry.link == other.link && entry.extents == other.extents && entry.xattrs == other.xattrs &&
                      entry.flags == other.flags && entry.changed_while_read == other.changed_while_read;
    if (!same) FAIL("another entry: " << to_hex(encoded(entry)) << " and " << to_hex(encoded(other)));
}

Bytes directory_of(const std::vector<Entry>& entries) {
    ByteWriter writer;
    for (const Entry& entry : entries) entry.encode(writer);
    return writer.take();
}

}  // namespace

TEST_CASE("the octets of an entry stand where the format says", "[format][tree]") {
    Entry entry = named("link", EntryType::symlink);
    entry.mode = 0777;
    entry.uid = 1000;
    entry.gid = 5;
    entry.modified = {-1, 999'999'999};
    entry.target = "to";
    entry.birth_delta_ns = 3;
    entry.link = LinkIdentity{0, 128};
    entry.xattrs = {{"user.a", "v"}};
    entry.flags = 16;
    entry.changed_while_read = true;
    CHECK(to_hex(encoded(entry)) ==
          "04"
          "6c696e6b"
          "03"
          "3b"
          "ff03"
          "e807"
          "05"
          "01"
          "ff93ebdc03"
          "02"
          "746f"  //
          "06"
          "00"
          "8001"
          "01"
          "06"
          "757365722e61"
          "01"
          "76"
          "10");
    CHECK(to_hex(encoded(named("f"))) ==
          "0166"
          "04"
          "00"
          "00"
          "00"
          "00"
          "00"
          "00");
    Entry device = named("d", EntryType::block);
    device.major = 8;
    device.minor = 300;
    CHECK(to_hex(encoded(device)) ==
          "0164"
          "07"
          "00"
          "00"
          "00"
          "00"
          "00"
          "00"
          "08"
          "ac02");
    CHECK(to_hex(encoded(file_with_holes({{7, 0}}))) ==
          "06737061727365"
          "01"
          "04"
          "00"
          "00"
          "00"
          "00"
          "00"
          "00"
          "01"
          "07"
          "00");
}

TEST_CASE("random directories come back as they were", "[format][tree][property]") {
    const auto seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 50; ++round) {
        CAPTURE(round);
        std::vector<Entry> entries;
        for (std::size_t i = random() % 30; i-- > 0;) entries.push_back(random_entry(random));
        std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
        const auto same_name = [](const Entry& a, const Entry& b) { return a.name == b.name; };
        entries.erase(std::unique(entries.begin(), entries.end(), same_name), entries.end());
        const auto decoded = decode_directory(directory_of(entries), "directory");
        REQUIRE(decoded.size() == entries.size());
        for (std::size_t i = 0; i < entries.size(); ++i) require_same(decoded[i], entries[i]);
    }
}

TEST_CASE("every changed bit of a directory is refused or means something else", "[format][tree]") {
    const auto seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 20; ++round) {
        const Bytes bytes = encoded(random_entry(random));
        each_bit_flip(bytes, [](const Bytes& changed, std::size_t) {
            std::optional<Bytes> again;
            const auto code = outcome([&] { again = directory_of(decode_directory(changed, "directory")); });
            if (again ? *again != changed : code != ErrorCode::damaged) FAIL(to_hex(changed));
        });
        each_truncation(bytes, [](const Bytes& cut) {
            if (cut.empty()) return;  // an empty directory
            if (outcome([&] { (void)decode_directory(cut, "directory"); }) != ErrorCode::damaged) FAIL(to_hex(cut));
        });
    }
}

TEST_CASE("names that could leave a directory are no names", "[format][tree]") {
    for (const std::string name : {"", ".", "..", "/", "a/b", "/etc/passwd", "../x"}) CHECK_FALSE(is_entry_name(name));
    CHECK_FALSE(is_entry_name(std::string_view("a\0b", 3)));
    CHECK_FALSE(is_entry_name(std::string(256, 'n')));
    for (const std::string name : {"a", "...", ".a", "..a", "a\\b", "\n", "\xff", " "}) CHECK(is_entry_name(name));
    CHECK(is_entry_name(std::string(255, 'n')));
}

TEST_CASE("names ascend as unsigned octets", "[format][tree]") {
    CHECK(decode_directory(directory_of({named("a"), named("a\x01"), named("b"), named("\xff")}), "directory").size() ==
          4);
    for (const auto& names : {std::pair{"b", "a"}, std::pair{"a", "a"}, std::pair{"\xff", "a"}, std::pair{"ab", "a"}}) {
        const Bytes bytes = directory_of({named(names.first), named(names.second)});
        REQUIRE_THROWS_MATCHES(decode_directory(bytes, "directory"), Error, has_code(ErrorCode::damaged));
    }
}

TEST_CASE("only the root is without a name", "[format][tree]") {
    const Bytes root = encoded(named("", EntryType::directory));
    ByteReader reader(root, "root");
    CHECK(Entry::decode(reader, true).type == EntryType::directory);
    REQUIRE_THROWS_MATCHES(decode_directory(root, "directory"), Error, has_code(ErrorCode::damaged));
    for (const Entry& entry : {named("r", EntryType::directory), named("", EntryType::fifo)}) {
        const Bytes bytes = encoded(entry);
        ByteReader other(bytes, "root");
        REQUIRE_THROWS_MATCHES(Entry::decode(other, true), Error, has_code(ErrorCode::damaged));
    }
}

TEST_CASE("what the format cannot hold is refused and leaves the directory as it was", "[format][tree]") {
    std::vector<Entry> bad;
    bad.push_back(named("a/b"));
    bad.push_back(named(std::string(256, 'n')));
    bad.push_back(named("link", EntryType::symlink));  // without a target
    bad.push_back(named("x"));
    for (int i = 0; i < 1025; ++i) bad.back().xattrs.push_back({"user." + std::to_string(10'000 + i), ""});
    bad.push_back(named("x"));
    bad.back().xattrs.push_back({"user.a", std::string(65'537, 'v')});
    bad.push_back(named("x"));
    for (int i = 0; i < 64; ++i)
        bad.back().xattrs.push_back({"user." + std::to_string(100 + i), std::string(65'536, 'v')});
    std::vector<Extent> extents(kMaxExtents + 1, {1, 1});
    bad.push_back(file_with_holes(extents));
    for (const Entry& entry : bad) {
        ByteWriter writer;
        named("before").encode(writer);
        const Bytes before(writer.view().begin(), writer.view().end());
        REQUIRE_THROWS_MATCHES(entry.encode(writer), Error, has_code(ErrorCode::failed));
        CHECK(writer.bytes() == before);
    }
    bad[0] = file_with_holes(std::vector<Extent>(kMaxExtents, {1, 1}));
    CHECK(decode_directory(encoded(bad[0]), "directory").at(0).extents.size() == kMaxExtents);
}

TEST_CASE("an entry of more than 4 MiB is refused", "[format][tree]") {
    Entry entry = named("x");
    for (int i = 0; i < 60; ++i) entry.xattrs.push_back({"user." + std::to_string(100 + i), std::string(65'536, 'v')});
    const Bytes fits = encoded(entry);
    CHECK(decode_directory(fits, "directory").at(0).xattrs.size() == 60);
    // By hand, as the writer would not: 70 attributes of 64 KiB.
    ByteWriter writer;
    writer.raw(ByteView(encoded(named("x"))).first(2));
    writer.u8(4);
    writer.varint(8);
    for (int i = 0; i < 5; ++i) writer.varint(0);
    writer.varint(70);
    for (int i = 0; i < 70; ++i) {
        writer.blob("user." + std::to_string(100 + i));
        writer.blob(std::string(65'536, 'v'));
    }
    REQUIRE_THROWS_MATCHES(decode_directory(writer.view(), "directory"), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a file's size counts its holes", "[format][tree]") {
    CHECK(file_with_holes({{4096, 10}, {90, 0}}).logical_size() == 4196);
    CHECK(file_with_holes({}).logical_size() == 0);
    Entry whole = named("w", EntryType::file);
    whole.content = content_of(77);
    CHECK(whole.logical_size() == 77);
    // One stretch without a hole is the content alone.
    Entry redundant = whole;
    redundant.extents = {{0, 77}};
    CHECK(encoded(redundant) == encoded(whole));
}

TEST_CASE("hostile lengths in an entry allocate nothing", "[format][tree][hostile]") {
    const std::string kStart =
        "0161"
        "01"
        "0c"
        "00"
        "00"
        "00"
        "00"
        "00"
        "05"
        "00"
        "01";
    const std::string kId(32, '0');
    const std::string hex = GENERATE_COPY(as<std::string>{}, kStart + kId + "808004",  // 65,536 stretches
                                          "0161"
                                          "04"
                                          "08"
                                          "00"
                                          "00"
                                          "00"
                                          "00"
                                          "00"
                                          "8008",  // 1,024 attributes
                                          "0161"
                                          "03"
                                          "00"
                                          "00"
                                          "00"
                                          "00"
                                          "00"
                                          "00"
                                          "ffff03",  // 65,535 octets of target
                                          "0161"
                                          "01"
                                          "00"
                                          "00"
                                          "00"
                                          "00"
                                          "00"
                                          "00"
                                          "ffffffffffffffff7f"
                                          "04"
                                          "808004");
    const Bytes bytes = from_hex_text(hex);
    const AllocationWatch watch;
    REQUIRE_THROWS_MATCHES(decode_directory(bytes, "directory"), Error, has_code(ErrorCode::damaged));
    CHECK(watch.largest() < 64 * 1024);
}
