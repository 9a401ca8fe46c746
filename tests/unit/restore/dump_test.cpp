#include "restore/dump.h"

#include "core/file.h"
#include "restore/tree_walk.h"
#include "tests/unit/restore/repository_bench.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>
#include <clocale>
#include <filesystem>
#include <map>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;
namespace fs = std::filesystem;

namespace {

DumpReport dump_to(RepositoryBench& bench, OpenBackup& backup, const std::string& path, bool plain = false,
                   int jobs = 0) {
    UniqueFd fd(::open((bench.folder / "dump").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
    DumpRequest request;
    request.path = path;
    request.fd = fd.get();
    request.plain = plain;
    request.jobs = jobs;
    return dump(backup, request);
}

struct TarEntry {
    std::string type, link, content, xattr, acl, owner;
    std::int64_t size = 0;
    std::size_t sparse_parts = 0;
    long nanoseconds = 0;
};

/// What libarchive reads back.
std::map<std::string, TarEntry> read_tar(const std::string& path) {
    REQUIRE(::setlocale(LC_CTYPE, "C.UTF-8") != nullptr);
    std::map<std::string, TarEntry> entries;
    archive* reader = ::archive_read_new();
    ::archive_read_support_format_tar(reader);
    REQUIRE(::archive_read_open_filename(reader, path.c_str(), 10240) == ARCHIVE_OK);
    archive_entry* entry = nullptr;
    while (::archive_read_next_header(reader, &entry) == ARCHIVE_OK) {
        TarEntry one;
        const auto type = ::archive_entry_filetype(entry);
        one.type = type == AE_IFREG ? "file" : type == AE_IFDIR ? "folder" : type == AE_IFLNK ? "link" : "other";
        if (const char* link = ::archive_entry_hardlink(entry)) {
            one.type = "hard link";
            one.link = link;
        }
        if (const char* link = ::archive_entry_symlink(entry)) one.link = link;
        one.size = ::archive_entry_size(entry);
        one.nanoseconds = ::archive_entry_mtime_nsec(entry);
        one.owner = std::to_string(::archive_entry_uid(entry));
        one.sparse_parts = static_cast<std::size_t>(::archive_entry_sparse_count(entry));
        ::archive_entry_xattr_reset(entry);
        const char* name = nullptr;
        const void* value = nullptr;
        std::size_t size = 0;
        if (::archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
            one.xattr = std::string(name) + "=" + std::string(static_cast<const char*>(value), size);
        }
        if (char* acl = ::archive_entry_acl_to_text(entry, nullptr, ARCHIVE_ENTRY_ACL_TYPE_ACCESS)) {
            one.acl = acl;
            std::free(acl);  // NOLINT: libarchive's own
        }
        const void* block = nullptr;
        la_int64_t offset = 0;
        while (::archive_read_data_block(reader, &block, &size, &offset) == ARCHIVE_OK) {
            one.content.resize(static_cast<std::size_t>(offset), '\0');
            one.content.append(static_cast<const char*>(block), size);
        }
        if (one.type == "file") one.content.resize(static_cast<std::size_t>(one.size), '\0');
        entries[::archive_entry_pathname(entry)] = one;
    }
    ::archive_read_free(reader);
    ::setlocale(LC_CTYPE, "C");
    return entries;
}

}  // namespace

TEST_CASE("a file is dumped as it is", "[restore][dump]") {
    RepositoryBench bench;
    RunOptions options;
    options.chunk_size = 100'000;
    options.frame_size = 1024 * 1024;
    options.pack_size = 2 * 1024 * 1024;
    const std::string large = noise(9'000'000, 3);
    bench.back_up(
        root({folder("d", {file("empty"), file("holes", "data").extents({{5000, 2}, {100'000, 2}, {70'000, 0}}),
                           file("large", large), link_to("link", "large")})}),
        options);
    const auto backup = bench.open();
    const int jobs = GENERATE(1, 3);
    CHECK(dump_to(bench, *backup, "/d/large", false, jobs).bytes == large.size());
    CHECK((content_of(bench.folder / "dump") == large));
    dump_to(bench, *backup, "/d/empty");
    CHECK(content_of(bench.folder / "dump").empty());
    dump_to(bench, *backup, "/d/holes");
    CHECK((content_of(bench.folder / "dump") ==
           std::string(5000, '\0') + "da" + std::string(100'000, '\0') + "ta" + std::string(70'000, '\0')));
    CHECK_THROWS_MATCHES(dump_to(bench, *backup, "/d/link"), Error, has_code(ErrorCode::usage));
    CHECK_THROWS_MATCHES(dump_to(bench, *backup, "/d/nothing"), Error, has_code(ErrorCode::usage));
}

TEST_CASE("a stream backup is dumped without naming its file", "[restore][dump]") {
    RepositoryBench bench;
    RunOptions options;
    options.change = [](format::BackupPublic& fields, format::BackupBody&) {
        fields.kind = format::BackupKind::stream;
    };
    bench.back_up(root({file("stdin", "the stream")}), options);
    const auto backup = bench.open();
    CHECK_FALSE(dump_to(bench, *backup, "/").is_tar);
    CHECK(content_of(bench.folder / "dump") == "the stream");
}

TEST_CASE("nothing unverified is released", "[restore][dump][damage]") {
    RepositoryBench bench;
    RunOptions options;
    options.chunk_size = 1000;
    options.frame_size = 10'000;
    const std::string data = noise(6'000'000, 3);
    bench.back_up(root({file("f", data)}), options);
    const auto backup = bench.open();
    // The frame that holds the octet in the middle.
    ChunkReader chunks = backup->chunk_reader();
    const format::Entry entry = find_entry(chunks, backup->root(), "/f");
    const format::Reference& middle = entry.content.references[3000];
    const FramePlace place = backup->table().frame(chunks.locate(middle.id, middle.length).frame);
    bench.store->tamper(format::pack_name(backup->table().pack(place.pack).id),
                        [&](Bytes& octets) { octets[place.offset] ^= 1; });
    CHECK_THROWS_MATCHES(dump_to(bench, *backup, "/f", false, GENERATE(1, 4)), Error, has_code(ErrorCode::damaged));
    const std::string released = content_of(bench.folder / "dump");
    CHECK(released.size() <= 3'000'000);
    CHECK((released == data.substr(0, released.size())));
}

TEST_CASE("a folder is dumped as a tar that others read", "[restore][dump][tar]") {
    RepositoryBench bench;
    const std::string long_name(200, 'n');
    const std::string acl(
        "\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\x01\0\0\0\x04\0\x04\0\xff\xff\xff\xff"
        "\x10\0\x04\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff",
        44);
    bench.back_up(root({folder(
        "d", {file("acl", "x").mode(0640).xattr("system.posix_acl_access", acl), file("empty"),
              file("hard1", "linked").linked(3), file("hard2", "linked").linked(3),
              file("holes", noise(1000, 1)).extents({{50'000, 500}, {60'000, 500}, {40'000, 0}}),
              link_to("link", "acl"), folder(long_name, {file(long_name, noise(20'000, 2)).owner(4242, 1)}),
              special("socket", format::EntryType::socket), file("t\xc3\xa4xt", "umlaut").xattr("user.a", "value")})}));
    const auto backup = bench.open();
    const bool plain = GENERATE(false, true);
    const DumpReport report = dump_to(bench, *backup, "/d", plain);
    CHECK(report.is_tar);
    CHECK(report.skipped == 1);
    const auto entries = read_tar(bench.folder / "dump");
    CHECK(entries.size() == 9);
    CHECK(entries.at("hard1").content == "linked");
    CHECK(entries.at("hard2").type == "hard link");
    CHECK(entries.at("hard2").link == "hard1");
    CHECK(entries.at("link").link == "acl");
    CHECK(entries.at("empty").size == 0);
    CHECK(entries.at("empty").nanoseconds == 123'456'789);
    CHECK(entries.at(long_name + "/").type == "folder");
    CHECK((entries.at(long_name + "/" + long_name).content == noise(20'000, 2)));
    CHECK(entries.at(long_name + "/" + long_name).owner == (plain ? "0" : "4242"));
    const std::string data = noise(1000, 1);
    CHECK((entries.at("holes").content == std::string(50'000, '\0') + data.substr(0, 500) + std::string(60'000, '\0') +
                                              data.substr(500) + std::string(40'000, '\0')));
    CHECK(fs::file_size(bench.folder / "dump") < 150'000);
    CHECK(entries.at("t\xc3\xa4xt").content == "umlaut");
    CHECK(entries.at("t\xc3\xa4xt").xattr == (plain ? "" : "user.a=value"));
    CHECK((entries.at("acl").acl.find("user:1:r--") != std::string::npos ||
           entries.at("acl").acl.find("user::1:r--") != std::string::npos ||
           entries.at("acl").acl.find(":1") != std::string::npos) == !plain);
}

TEST_CASE("a tar that could not be finished has no end", "[restore][dump][tar][damage]") {
    RepositoryBench bench;
    bench.back_up(root({file("a", noise(3000, 1)), file("b", noise(30'000, 2))}));
    const auto backup = bench.open();
    for (std::uint32_t i = 0; i < backup->table().frame_count(); ++i) {
        const FramePlace& place = backup->table().frame(i);
        if (place.kind != format::FrameKind::data || i == 0) continue;
        bench.store->tamper(format::pack_name(backup->table().pack(place.pack).id),
                            [&](Bytes& octets) { octets[place.offset] ^= 1; });
    }
    CHECK_THROWS_MATCHES(dump_to(bench, *backup, "/"), Error, has_code(ErrorCode::damaged));
    const std::string octets = content_of(bench.folder / "dump");
    const std::string end(1024, '\0');
    CHECK((octets.size() < 1024 || octets.substr(octets.size() - 1024) != end));
}

TEST_CASE("a reader that goes away ends the dump", "[restore][dump]") {
    RepositoryBench bench;
    bench.back_up(root({file("a", noise(300'000, 1))}));
    const auto backup = bench.open();
    DumpRequest request;
    request.path = GENERATE(std::string("/a"), std::string("/"));
    const UniqueFd full(::open("/dev/full", O_WRONLY));
    request.fd = full.get();
    CHECK_THROWS_MATCHES(dump(*backup, request), Error, has_code(ErrorCode::io));
}
