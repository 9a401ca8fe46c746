#include "restore/extractor.h"

#include "core/file.h"
#include "tests/unit/restore/repository_bench.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <thread>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;
namespace fs = std::filesystem;

namespace {

struct stat status_of(const std::string& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status;
}

bool is_root() { return ::geteuid() == 0; }

void write(const std::string& path, const std::string& content) { std::ofstream(path, std::ios::binary) << content; }

std::string xattr_of(const std::string& path, const std::string& name) {
    std::string value(4096, '\0');
    const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    value.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    return value;
}

/// Changes one octet of every frame of data in the newest pack but leaves the metadata readable.
void damage_data(RepositoryBench& bench) {
    const auto backup = bench.open();
    for (std::uint32_t i = 0; i < backup->table().frame_count(); ++i) {
        const FramePlace& place = backup->table().frame(i);
        if (place.kind != format::FrameKind::data) continue;
        bench.store->tamper(format::pack_name(backup->table().pack(place.pack).id),
                            [&](Bytes& octets) { octets[place.offset + 3] ^= 1; });
    }
}

/// Makes system calls fail in this thread, and in those that it starts, for good. returns  whether it could be done
bool refuse_calls(std::uint32_t number, std::uint32_t or_number, int why) {
    std::array<sock_filter, 5> filter{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, or_number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(why)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog program{filter.size(), filter.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace

TEST_CASE("what was backed up comes back as it was", "[restore][extractor]") {
    RepositoryBench bench;
    RunOptions options;
    options.chunk_size = GENERATE(300U, 4096U);
    options.list_size = GENERATE(0U, 50U);
    const std::string large = noise(300'000, 7);
    bench.back_up(root({folder("data", {file("a", "hello"), folder("b", {file("c", large)}).mode(0700).modified(-5, 7),
                                        file("d"), link_to("e", "../nowhere"), folder("f").mode(0555)})}),
                  options);
    const RestoreReport report = bench.restore();
    CHECK(report.content_errors == 0);
    CHECK(report.metadata_warnings == 0);
    CHECK(report.files_restored == 3);
    CHECK(report.folders == 3);
    CHECK(report.others == 1);
    CHECK(report.bytes_restored == 300'005);
    CHECK(content_of(bench.target() + "/data/a") == "hello");
    CHECK((content_of(bench.target() + "/data/b/c") == large));
    CHECK(fs::read_symlink(bench.target() + "/data/e") == "../nowhere");
    const struct stat folder_status = status_of(bench.target() + "/data/b");
    CHECK((folder_status.st_mode & 07777) == 0700);
    CHECK(folder_status.st_mtim.tv_sec == -5);
    CHECK(folder_status.st_mtim.tv_nsec == 7);
    CHECK((status_of(bench.target() + "/data/f").st_mode & 07777) == 0555);
    for (const char* name : {"/data", "/data/a", "/data/d", "/data/e"}) {
        CAPTURE(name);
        const struct stat status = status_of(bench.target() + name);
        CHECK(status.st_mtim.tv_sec == 1'600'000'000);
        CHECK(status.st_mtim.tv_nsec == 123'456'789);
    }
}

TEST_CASE("files larger than a task are written by several workers", "[restore][extractor]") {
    RepositoryBench bench;
    RunOptions options;
    options.chunk_size = 50'000;
    options.frame_size = 1024 * 1024;
    options.pack_size = 4 * 1024 * 1024;
    options.list_size = 64;
    const std::string large = noise(20'000'000, 7);
    bench.back_up(root({file("large", large), file("same", large)}), options);
    RestoreRequest request;
    request.jobs = 4;
    request.verify = GENERATE(false, true);
    const RestoreReport report = bench.restore(request);
    CHECK(report.content_errors == 0);
    CHECK(report.files_verified == (request.verify ? 2 : 0));
    CHECK((content_of(bench.target() + "/large") == large));
    CHECK((content_of(bench.target() + "/same") == large));
    CHECK(status_of(bench.target() + "/large").st_mtim.tv_sec == 1'600'000'000);
}

TEST_CASE("every permission bit comes back", "[restore][extractor][metadata]") {
    RepositoryBench bench;
    const std::vector<std::uint32_t> modes{0,    0400, 0444,  0600,  0640,  0644, 0666,
                                           0755, 0777, 01777, 02755, 04755, 06777};
    std::vector<Node> nodes;
    for (const std::uint32_t mode : modes) nodes.push_back(file(std::to_string(10'000 + mode), "x").mode(mode));
    bench.back_up(root(nodes));
    const mode_t before = ::umask(GENERATE(022U, 077U, 0U));
    const RestoreReport report = bench.restore();
    ::umask(before);
    CHECK(report.metadata_warnings == 0);
    for (const std::uint32_t mode : modes) {
        CHECK((status_of(bench.target() + "/" + std::to_string(10'000 + mode)).st_mode & 07777) == mode);
    }
}

TEST_CASE("root gives things their owners, and takes setuid only with them", "[restore][extractor][metadata]") {
    if (!is_root()) return;
    RepositoryBench bench;
    bench.back_up(root({folder("d", {file("f", "x").owner(1234, 2345).mode(04755), link_to("l", "f").owner(1, 2),
                                     special("p", format::EntryType::fifo).owner(3, 4).mode(0640)})
                            .owner(5, 6)}));
    RestoreRequest request;
    SECTION("by default") {
        CHECK(bench.restore(request).metadata_warnings == 0);
        CHECK(status_of(bench.target() + "/d/f").st_uid == 1234);
        CHECK(status_of(bench.target() + "/d/f").st_gid == 2345);
        CHECK((status_of(bench.target() + "/d/f").st_mode & 07777) == 04755);
        CHECK(status_of(bench.target() + "/d/l").st_gid == 2);
        CHECK(status_of(bench.target() + "/d/p").st_uid == 3);
        CHECK((status_of(bench.target() + "/d/p").st_mode & 07777) == 0640);
        CHECK(status_of(bench.target() + "/d").st_uid == 5);
    }
    SECTION("not with --plain") {
        request.plain = true;
        CHECK(bench.restore(request).metadata_warnings == 0);
        CHECK(status_of(bench.target() + "/d/f").st_uid == 0);
        CHECK((status_of(bench.target() + "/d/f").st_mode & 07777) == 0755);
        CHECK(status_of(bench.target() + "/d").st_uid == 0);
    }
}

TEST_CASE("FIFOs, sockets and devices come back for root, and not with --plain", "[restore][extractor][metadata]") {
    if (!is_root()) return;
    RepositoryBench bench;
    bench.back_up(
        root({special("b", format::EntryType::block, 7, 200), special("c", format::EntryType::character, 1, 3),
              special("p", format::EntryType::fifo), special("s", format::EntryType::socket)}));
    RestoreRequest request;
    SECTION("by default") {
        const RestoreReport report = bench.restore(request);
        CHECK(report.content_errors == 0);
        if (report.metadata_warnings > 0 || !report.problems.empty()) return;  // a container may forbid devices
        CHECK(S_ISBLK(status_of(bench.target() + "/b").st_mode));
        CHECK(status_of(bench.target() + "/b").st_rdev == makedev(7, 200));
        CHECK(S_ISCHR(status_of(bench.target() + "/c").st_mode));
        CHECK(S_ISFIFO(status_of(bench.target() + "/p").st_mode));
        CHECK(S_ISSOCK(status_of(bench.target() + "/s").st_mode));
    }
    SECTION("plain") {
        request.plain = true;
        CHECK(bench.restore(request).content_errors == 0);
        CHECK(listing(bench.target()).size() == 1);
        CHECK(S_ISFIFO(status_of(bench.target() + "/p").st_mode));
    }
}

TEST_CASE("extended attributes and ACLs come back", "[restore][extractor][metadata]") {
    RepositoryBench bench;
    // Version 2; user::rw-, user:1:r--, group::r--, mask::r--, other::---.
    const std::string acl(
        "\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff\x02\0\x04\0\x01\0\0\0\x04\0\x04\0\xff\xff\xff\xff"
        "\x10\0\x04\0\xff\xff\xff\xff\x20\0\0\0\xff\xff\xff\xff",
        44);
    bench.back_up(
        root({folder("d", {file("f", "x").mode(0640).xattr("system.posix_acl_access", acl).xattr("user.a", "1")})
                  .xattr("user.b", std::string("2\0three", 7))}));
    if (::setxattr(bench.folder.path().c_str(), "user.probe", "1", 1, 0) != 0) return;  // a file system without them
    RestoreRequest request;
    request.plain = GENERATE(false, true);
    CHECK(bench.restore(request).metadata_warnings == 0);
    CHECK(xattr_of(bench.target() + "/d/f", "user.a") == "1");
    CHECK(xattr_of(bench.target() + "/d/f", "system.posix_acl_access") == acl);
    CHECK((status_of(bench.target() + "/d/f").st_mode & 07777) == 0640);
    CHECK(xattr_of(bench.target() + "/d", "user.b") == std::string("2\0three", 7));
    CHECK(status_of(bench.target() + "/d").st_mtim.tv_sec == 1'600'000'000);
}

TEST_CASE("attributes of the system are root's to restore", "[restore][extractor][metadata]") {
    if (!is_root()) return;
    RepositoryBench bench;
    bench.back_up(root({file("f", "x").xattr("trusted.t", "1")}));
    RestoreRequest request;
    request.plain = GENERATE(false, true);
    CHECK(bench.restore(request).content_errors == 0);
    CHECK(xattr_of(bench.target() + "/f", "trusted.t") == (request.plain ? "" : "1"));
}

TEST_CASE("what the system refuses is counted and the content is there", "[restore][extractor][metadata]") {
    RepositoryBench bench;
    bench.back_up(root({file("f", "x").xattr("nonsense.n", "1")}));
    const RestoreReport report = bench.restore();
    CHECK(report.content_errors == 0);
    CHECK(report.metadata_warnings == 1);
    REQUIRE(bench.warnings.size() == 1);
    CHECK(bench.warnings[0].starts_with("/f: "));
    CHECK(content_of(bench.target() + "/f") == "x");
}

TEST_CASE("file flags are set after everything else", "[restore][extractor][metadata]") {
    if (!is_root()) return;
    RepositoryBench bench;
    Node locked = file("f", "x").linked(9);
    locked.entry.flags = FS_IMMUTABLE_FL;
    Node other = locked;
    other.entry.name = "g";
    Node fixed = folder("d", {file("h", "y")});
    fixed.entry.flags = FS_IMMUTABLE_FL | FS_NODUMP_FL;
    bench.back_up(root({fixed, locked, other}));
    const RestoreReport report = bench.restore();
    const auto flags_of = [&](const std::string& name) {
        int flags = 0;
        const UniqueFd fd(::open((bench.target() + name).c_str(), O_RDONLY));
        REQUIRE(fd);
        if (::ioctl(fd.get(), FS_IOC_GETFLAGS, &flags) != 0) return -1;
        int none = 0;
        REQUIRE(::ioctl(fd.get(), FS_IOC_SETFLAGS, &none) == 0);
        return flags & (FS_IMMUTABLE_FL | FS_NODUMP_FL);
    };
    CHECK(report.content_errors == 0);
    CHECK(report.hard_links == 1);
    if (report.metadata_warnings > 0) return;  // a file system without flags
    CHECK(content_of(bench.target() + "/g") == "x");
    CHECK(content_of(bench.target() + "/d/h") == "y");
    CHECK(flags_of("/f") == FS_IMMUTABLE_FL);
    CHECK(flags_of("/d") == (FS_IMMUTABLE_FL | FS_NODUMP_FL));
}

TEST_CASE("holes of the source come back as holes", "[restore][extractor][sparse]") {
    RepositoryBench bench;
    const std::string data = noise(8192, 5);
    const std::uint64_t mib = 1024 * 1024;
    bench.back_up(root({file("all-hole").extents({{3 * mib, 0}}),
                        file("both-ends", data).extents({{mib, 4096}, {mib, 4096}, {mib, 0}}),
                        file("start", data).extents({{mib, 8192}})}));
    RestoreRequest request;
    request.verify = GENERATE(false, true);
    CHECK(bench.restore(request).content_errors == 0);
    CHECK(status_of(bench.target() + "/all-hole").st_size == 3 * static_cast<off_t>(mib));
    CHECK(status_of(bench.target() + "/all-hole").st_blocks == 0);
    const struct stat both = status_of(bench.target() + "/both-ends");
    CHECK(both.st_size == static_cast<off_t>(3 * mib + 8192));
    CHECK(both.st_blocks <= 32);
    const std::string whole = content_of(bench.target() + "/both-ends");
    CHECK((whole == std::string(mib, '\0') + data.substr(0, 4096) + std::string(mib, '\0') + data.substr(4096) +
                        std::string(mib, '\0')));
    CHECK((content_of(bench.target() + "/start") == std::string(mib, '\0') + data));
}

TEST_CASE("with --sparse runs of zeros become holes", "[restore][extractor][sparse]") {
    RepositoryBench bench;
    const std::string zeros(200'000, '\0');
    const std::string mixed = noise(5000, 1) + zeros + noise(3000, 2) + zeros;
    bench.back_up(root({file("mixed", mixed), file("zeros", zeros)}));
    RestoreRequest request;
    SECTION("without") {
        bench.restore(request);
        CHECK(status_of(bench.target() + "/zeros").st_blocks * 512 >= 200'000);
    }
    SECTION("with") {
        request.sparse = true;
        CHECK(bench.restore(request).content_errors == 0);
        CHECK(status_of(bench.target() + "/zeros").st_blocks == 0);
        CHECK(status_of(bench.target() + "/mixed").st_blocks * 512 <= 32 * 1024);
    }
    CHECK((content_of(bench.target() + "/mixed") == mixed));
    CHECK((content_of(bench.target() + "/zeros") == zeros));
}

TEST_CASE("names of one inode are linked again, across folders", "[restore][extractor][links]") {
    RepositoryBench bench;
    const std::string data = noise(GENERATE(0U, 10U, 30'000U), 1);
    bench.back_up(root({folder("a", {file("one", data).linked(7)}),
                        folder("b", {file("three", data).linked(7), file("two", data).linked(7)}),
                        link_to("c", "x").linked(8), link_to("d", "x").linked(8)}));
    const RestoreReport report = bench.restore();
    CHECK(report.content_errors == 0);
    CHECK(report.hard_links == 3);
    const ino_t inode = status_of(bench.target() + "/a/one").st_ino;
    CHECK(status_of(bench.target() + "/b/two").st_ino == inode);
    CHECK(status_of(bench.target() + "/b/three").st_ino == inode);
    CHECK(status_of(bench.target() + "/c").st_ino == status_of(bench.target() + "/d").st_ino);
    CHECK(status_of(bench.target() + "/a/one").st_nlink == 3);
    CHECK((content_of(bench.target() + "/b/two") == data));
    CHECK(status_of(bench.target() + "/b").st_mtim.tv_sec == 1'600'000'000);
}

TEST_CASE("many links to many inodes, in any order of workers", "[restore][extractor][links]") {
    RepositoryBench bench;
    std::vector<Node> folders;
    for (int f = 10; f < 20; ++f) {
        Node one = folder(std::to_string(f));
        for (int i = 100; i < 160; ++i) {
            one.with(
                file(std::to_string(i), noise(static_cast<std::size_t>(i % 7) * 900, static_cast<std::uint64_t>(i)))
                    .linked(static_cast<std::uint64_t>(i)));
        }
        folders.push_back(one);
    }
    bench.back_up(root(folders));
    RestoreRequest request;
    request.jobs = GENERATE(1, 4);
    const RestoreReport report = bench.restore(request);
    CHECK(report.content_errors == 0);
    CHECK(report.files_restored == 60);
    CHECK(report.hard_links == 540);
    for (int i = 100; i < 160; ++i) {
        REQUIRE(status_of(bench.target() + "/10/" + std::to_string(i)).st_nlink == 10);
    }
}

TEST_CASE("where the target cannot link, further names are copies, with a warning", "[restore][extractor][links]") {
    RepositoryBench bench;
    const std::string large = noise(5'000'000, 3);
    bench.back_up(
        root({file("a", "shared").linked(7), file("b", "shared").linked(7), file("c", "shared").linked(7),
              file("large", large).linked(8), file("large2", large).linked(8),
              special("p", format::EntryType::fifo).linked(9), special("q", format::EntryType::fifo).linked(9)}));
    const int why = GENERATE(EPERM, EMLINK, EOPNOTSUPP, EXDEV);
    CAPTURE(why);
    RestoreReport report;
    RestoreReport again;
    bool is_filtered = false;
    // The filter holds for this thread and those that it starts.
    std::thread([&] {
        is_filtered = refuse_calls(__NR_linkat, __NR_linkat, why);
        report = bench.restore();
        RestoreRequest request;
        request.overwrite = Overwrite::if_changed;
        again = bench.restore(request);
    }).join();
    if (!is_filtered) {
        WARN("skipped: system calls cannot be filtered here");
        return;
    }
    CHECK(report.content_errors == 0);
    CHECK(report.hard_links == 0);
    CHECK(report.files_restored == 5);
    CHECK(report.metadata_warnings >= 4);
    REQUIRE(report.warnings.size() == 4);
    CHECK(report.warnings.front().message.find("copy") != std::string::npos);
    for (const char* name : {"a", "b", "c"}) CHECK(content_of(bench.target() + "/" + name) == "shared");
    CHECK(content_of(bench.target() + "/large2") == large);
    CHECK(S_ISFIFO(status_of(bench.target() + "/q").st_mode));
    CHECK(status_of(bench.target() + "/b").st_nlink == 1);
    CHECK(again.files_unchanged == 5);
    CHECK(again.content_errors == 0);
}

TEST_CASE("a part of an inode's names still shares it", "[restore][extractor][links]") {
    RepositoryBench bench;
    bench.back_up(root({folder("a", {file("one", "x").linked(7)}),
                        folder("b", {file("two", "x").linked(7), file("zwei", "x").linked(7)})}));
    RestoreRequest request;
    request.paths = {"/b"};
    CHECK(bench.restore(request).files_restored == 1);
    CHECK(status_of(bench.target() + "/b/two").st_nlink == 2);
}

TEST_CASE("only what is chosen is restored, with the folders on the way", "[restore][extractor][filter]") {
    RepositoryBench bench;
    bench.back_up(
        root({folder("a", {file("x.txt", "1"), file("y.log", "2"), folder("z", {file("w.txt", "3")})}).mode(0750),
              folder("b", {file("v.txt", "4")}), folder("c")}));
    RestoreRequest request;
    std::set<std::string> expected;
    SECTION("a path") {
        request.paths = {"/a/z"};
        expected = {"/a", "/a/z", "/a/z/w.txt"};
    }
    SECTION("a file and a folder") {
        request.paths = {"/b/", "/a/x.txt"};
        expected = {"/a", "/a/x.txt", "/b", "/b/v.txt"};
    }
    SECTION("a pattern to include") {
        request.includes.add("*.txt", false);
        expected = {"/a", "/a/x.txt", "/a/z", "/a/z/w.txt", "/b", "/b/v.txt"};
    }
    SECTION("a pattern to exclude") {
        request.excludes.add("z", false);
        request.excludes.add("*.log", false);
        expected = {"/a", "/a/x.txt", "/b", "/b/v.txt", "/c"};
    }
    SECTION("a folder of the backup as the root") {
        request.root = "/a";
        expected = {"/x.txt", "/y.log", "/z", "/z/w.txt"};
    }
    SECTION("a folder as the root, and a path in it") {
        request.root = "/a";
        request.paths = {"/z"};
        expected = {"/z", "/z/w.txt"};
    }
    bench.restore(request);
    std::set<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(bench.target())) {
        found.insert(entry.path().string().substr(bench.target().size()));
    }
    CHECK(found == expected);
    if (expected.contains("/a")) CHECK((status_of(bench.target() + "/a").st_mode & 07777) == 0750);
    if (request.root == "/a") CHECK((status_of(bench.target()).st_mode & 07777) == 0750);
}

TEST_CASE("a path that the backup does not have is a mistake", "[restore][extractor][filter]") {
    RepositoryBench bench;
    bench.back_up(root({folder("a", {file("x", "1")})}));
    RestoreRequest request;
    SECTION("as a path") { request.paths = {"/b"}; }
    SECTION("as the root") { request.root = "/b"; }
    SECTION("a file as the root") { request.root = "/a/x"; }
    SECTION("not absolute") { request.paths = {"a"}; }
    CHECK_THROWS_MATCHES(bench.restore(request), Error, has_code(ErrorCode::usage));
    CHECK_FALSE(fs::exists(bench.target()));
}

TEST_CASE("files that are there are overwritten, or not, as asked", "[restore][extractor][overwrite]") {
    RepositoryBench bench;
    bench.back_up(root({file("changed", "new content"), file("missing", "m"), file("same", "unchanged")}));
    bench.restore();
    fs::remove(bench.target() + "/missing");
    write(bench.target() + "/changed", "old");
    const ino_t inode = status_of(bench.target() + "/same").st_ino;
    RestoreRequest request;
    SECTION("always") {
        const RestoreReport report = bench.restore(request);
        CHECK(report.files_restored == 3);
        CHECK(content_of(bench.target() + "/changed") == "new content");
    }
    SECTION("if changed") {
        request.overwrite = Overwrite::if_changed;
        const RestoreReport report = bench.restore(request);
        CHECK(report.files_restored == 2);
        CHECK(report.files_unchanged == 1);
        CHECK(content_of(bench.target() + "/changed") == "new content");
        CHECK(status_of(bench.target() + "/same").st_ino == inode);
    }
    SECTION("never") {
        request.overwrite = Overwrite::never;
        const RestoreReport report = bench.restore(request);
        CHECK(report.files_restored == 1);
        CHECK(report.files_skipped == 2);
        CHECK(content_of(bench.target() + "/changed") == "old");
    }
    CHECK(content_of(bench.target() + "/missing") == "m");
    CHECK(listing(bench.target()).size() == 3);
}

TEST_CASE("a file that only looks unchanged is found by --verify", "[restore][extractor][overwrite][verify]") {
    RepositoryBench bench;
    bench.back_up(root({file("f", "content")}));
    bench.restore();
    write(bench.target() + "/f", "CONTENT");
    const timespec times[2] = {{0, UTIME_OMIT}, {1'600'000'000, 123'456'789}};
    REQUIRE(::utimensat(AT_FDCWD, (bench.target() + "/f").c_str(), times, 0) == 0);
    RestoreRequest request;
    request.overwrite = Overwrite::if_changed;
    SECTION("without") {
        CHECK(bench.restore(request).files_unchanged == 1);
        CHECK(content_of(bench.target() + "/f") == "CONTENT");
    }
    SECTION("with") {
        request.verify = true;
        CHECK(bench.restore(request).files_restored == 1);
        CHECK(content_of(bench.target() + "/f") == "content");
    }
}

TEST_CASE("an unchanged file gets its metadata back", "[restore][extractor][overwrite]") {
    RepositoryBench bench;
    bench.back_up(root({file("f", "content").mode(0640)}));
    bench.restore();
    fs::permissions(bench.target() + "/f", fs::perms::all);
    RestoreRequest request;
    request.overwrite = Overwrite::if_changed;
    CHECK(bench.restore(request).files_unchanged == 1);
    CHECK((status_of(bench.target() + "/f").st_mode & 07777) == 0640);
}

TEST_CASE("somebody else's file of the same size and time is not taken for unchanged",
          "[restore][extractor][overwrite]") {
    RepositoryBench bench;
    bench.back_up(root({file("f", "content").mode(04755).owner(::geteuid(), ::getegid())}));
    fs::create_directories(bench.target());
    const std::string path = bench.target() + "/f";
    write(path, "hostile");
    const timespec times[2] = {{0, UTIME_OMIT}, {1'600'000'000, 123'456'789}};
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
    RestoreRequest request;
    request.overwrite = Overwrite::if_changed;
    SECTION("it has another name") { fs::create_hard_link(path, bench.folder / "other"); }
    SECTION("it has another owner") {
        if (!is_root()) return;
        REQUIRE(::chown(path.c_str(), 1234, ::getegid()) == 0);
    }
    SECTION("it has another group") {
        if (!is_root()) return;
        REQUIRE(::chown(path.c_str(), ::geteuid(), 1234) == 0);
    }
    SECTION("it has another owner than --plain would give") {
        if (!is_root()) return;
        request.plain = true;
        REQUIRE(::chown(path.c_str(), 1234, ::getegid()) == 0);
    }
    CHECK(bench.restore(request).files_restored == 1);
    CHECK(content_of(path) == "content");
    CHECK(status_of(path).st_uid == ::geteuid());
    if (fs::exists(bench.folder / "other")) {
        CHECK(content_of(bench.folder / "other") == "hostile");
        CHECK((status_of(bench.folder / "other").st_mode & S_ISUID) == 0);
    }
    // And the restored one is.
    CHECK(bench.restore(request).files_unchanged == 1);
}

TEST_CASE("overwriting breaks a hard link instead of writing through it", "[restore][extractor][overwrite]") {
    RepositoryBench bench;
    bench.back_up(root({file("f", "new")}));
    fs::create_directories(bench.target());
    write(bench.folder / "outside", "precious");
    fs::create_hard_link(bench.folder / "outside", bench.target() + "/f");
    bench.restore();
    CHECK(content_of(bench.folder / "outside") == "precious");
    CHECK(content_of(bench.target() + "/f") == "new");
}

TEST_CASE("an old file stays when the new one cannot be had", "[restore][extractor][overwrite]") {
    RepositoryBench bench;
    bench.back_up(root({file("f", noise(3000, 1))}));
    fs::create_directories(bench.target());
    write(bench.target() + "/f", "old");
    damage_data(bench);
    RestoreRequest request;
    request.salvage = GENERATE(false, true);
    if (request.salvage) {
        CHECK(bench.restore(request).content_errors == 1);
    } else {
        CHECK_THROWS_MATCHES(bench.restore(request), Error, has_code(ErrorCode::damaged));
    }
    CHECK(content_of(bench.target() + "/f") == "old");
    CHECK(listing(bench.target()).size() == 1);
}

TEST_CASE("things of another type make way, folders that hold something do not", "[restore][extractor][overwrite]") {
    RepositoryBench bench;
    bench.back_up(root({folder("a", {file("x", "1")}), file("b", "2"), link_to("c", "t"), file("d", "3")}));
    fs::create_directories(bench.target() + "/b");
    fs::create_directories(bench.target() + "/d/full");
    write(bench.target() + "/a", "a file");
    write(bench.target() + "/c", "a file");
    RestoreRequest request;
    SECTION("a folder in the way stays, and is reported") {
        const RestoreReport report = bench.restore(request);
        CHECK(report.content_errors == 1);
        CHECK(report.problems[0].path == "/d");
        CHECK(fs::is_directory(bench.target() + "/d/full"));
    }
    SECTION("with --delete it goes") {
        request.delete_extra = true;
        CHECK(bench.restore(request).content_errors == 0);
        CHECK(content_of(bench.target() + "/d") == "3");
    }
    CHECK(content_of(bench.target() + "/a/x") == "1");
    CHECK(content_of(bench.target() + "/b") == "2");
    CHECK(fs::read_symlink(bench.target() + "/c") == "t");
}

TEST_CASE("delete removes what is not in the backup, below the restored root alone", "[restore][extractor][delete]") {
    RepositoryBench bench;
    bench.back_up(root(
        {folder("a", {file("keep", "1"), folder("sub", {file("deep", "2")})}), folder("b", {file("other", "3")})}));
    bench.restore();
    fs::create_directories(bench.target() + "/a/extra/nested/more");
    write(bench.target() + "/a/extra/nested/file", "x");
    write(bench.target() + "/a/sub/zz", "x");
    write(bench.target() + "/b/new", "x");
    fs::create_symlink(bench.folder / "vault", bench.target() + "/a/link");
    write(bench.folder / "beside", "x");
    const auto outside = listing(bench.folder / "vault");
    RestoreRequest request;
    request.delete_extra = true;
    SECTION("everything") {
        CHECK(bench.restore(request).deleted == 4);
        CHECK_FALSE(fs::exists(bench.target() + "/b/new"));
    }
    SECTION("only below a chosen path") {
        request.paths = {"/a"};
        CHECK(bench.restore(request).deleted == 3);
        CHECK(fs::exists(bench.target() + "/b/new"));
    }
    SECTION("what a pattern excludes stays") {
        request.excludes.add("new", false);
        CHECK(bench.restore(request).deleted == 3);
        CHECK(fs::exists(bench.target() + "/b/new"));
    }
    SECTION("a dry run deletes nothing") {
        request.dry_run = true;
        CHECK(bench.restore(request).deleted == 4);
        CHECK(fs::exists(bench.target() + "/a/extra/nested/file"));
        return;
    }
    CHECK_FALSE(fs::exists(bench.target() + "/a/extra"));
    CHECK_FALSE(fs::exists(bench.target() + "/a/sub/zz"));
    CHECK_FALSE(fs::is_symlink(bench.target() + "/a/link"));
    CHECK(content_of(bench.target() + "/a/sub/deep") == "2");
    CHECK(fs::exists(bench.folder / "beside"));
    CHECK(listing(bench.folder / "vault") == outside);
    CHECK(status_of(bench.target() + "/a").st_mtim.tv_sec == 1'600'000'000);
}

TEST_CASE("delete over the whole machine is refused", "[restore][extractor][delete]") {
    RepositoryBench bench;
    bench.back_up(root({file("a", "1")}));
    RestoreRequest request;
    request.target = "/";
    request.delete_extra = true;
    request.dry_run = true;  // so that a bug here deletes nothing
    CHECK_THROWS_MATCHES(bench.restore(request), Error, has_code(ErrorCode::usage));
}

TEST_CASE("nothing is deleted where the backup's folder could not be read", "[restore][extractor][delete][salvage]") {
    RepositoryBench bench;
    Node bad = folder("d");
    bad.raw_content = "garbage";
    bench.back_up(root({bad, file("f", "1")}));
    fs::create_directories(bench.target() + "/d");
    write(bench.target() + "/d/mine", "x");
    write(bench.target() + "/extra", "x");
    RestoreRequest request;
    request.delete_extra = true;
    request.salvage = true;
    const RestoreReport report = bench.restore(request);
    CHECK(report.content_errors == 1);
    CHECK(fs::exists(bench.target() + "/d/mine"));
    CHECK_FALSE(fs::exists(bench.target() + "/extra"));
}

TEST_CASE("a dry run says what would happen and writes nothing", "[restore][extractor][dry-run]") {
    RepositoryBench bench;
    bench.back_up(root({folder("a", {file("new", "1"), file("same", "2")}), file("old", "3")}));
    RestoreRequest request;
    request.dry_run = true;
    SECTION("into nothing") {
        CHECK(bench.restore(request).files_restored == 3);
        CHECK_FALSE(fs::exists(bench.target()));
        CHECK(bench.actions ==
              std::vector<std::string>{"restored /a", "restored /a/new", "restored /a/same", "restored /old"});
    }
    SECTION("over what is there") {
        bench.restore();
        fs::remove(bench.target() + "/a/new");
        write(bench.target() + "/old", "changed");
        const auto before = listing(bench.target());
        request.overwrite = Overwrite::if_changed;
        bench.restore(request);
        CHECK(bench.actions ==
              std::vector<std::string>{"unchanged /a", "restored /a/new", "unchanged /a/same", "updated /old"});
        CHECK(listing(bench.target()) == before);
        request.overwrite = Overwrite::never;
        bench.restore(request);
        CHECK(bench.actions.back() == "skipped /old");
    }
}

TEST_CASE("damaged content ends the restore and leaves no file that looks whole", "[restore][extractor][damage]") {
    RepositoryBench bench;
    RunOptions options;
    const std::size_t size = GENERATE(3000U, 100'000U, 6'000'000U);
    if (size > 1'000'000) {
        options.chunk_size = 100'000;
        options.frame_size = 1024 * 1024;
        options.pack_size = 16 * 1024 * 1024;
    }
    bench.back_up(root({folder("d", {file("f", noise(size, 1))})}), options);
    damage_data(bench);
    RestoreRequest request;
    SECTION("without --salvage: 14") {
        CHECK_THROWS_MATCHES(bench.restore(request), Error, has_code(ErrorCode::damaged));
    }
    SECTION("with --salvage: counted") {
        request.salvage = true;
        const RestoreReport report = bench.restore(request);
        CHECK(report.content_errors == 1);
        CHECK(report.files_restored == 0);
        CHECK(report.problems[0].path == "/d/f");
        CHECK(report.problems[0].code == ErrorCode::damaged);
    }
    for (const auto& line : listing(bench.target())) CHECK(line.starts_with("/d 4"));
}

TEST_CASE("salvaging gives everything that is not damaged", "[restore][extractor][salvage]") {
    RepositoryBench bench;
    bench.back_up(
        root({file("a", noise(3000, 1)), file("b", noise(3000, 1)).linked(4), file("c", noise(3000, 1)).linked(4)}));
    damage_data(bench);
    RunOptions fresh;
    fresh.time = TimePoint{1'800'000'000 * kNsPerSecond};
    bench.back_up(root({file("a", noise(3000, 1)), file("b", noise(3000, 1)).linked(4),
                        file("c", noise(3000, 1)).linked(4), file("z", noise(3000, 2))}),
                  fresh);
    RestoreRequest request;
    request.salvage = true;
    const RestoreReport report = bench.restore(request);
    CHECK(report.content_errors == 3);
    CHECK(report.files_restored == 1);
    CHECK((content_of(bench.target() + "/z") == noise(3000, 2)));
    CHECK(listing(bench.target()).size() == 1);
}

TEST_CASE("a lost pack costs what lies in it", "[restore][extractor][salvage]") {
    RepositoryBench bench;
    bench.back_up(root({file("a", noise(3000, 1))}));
    bench.store->lose(bench.packs().front());
    RunOptions later;
    later.time = TimePoint{1'800'000'000 * kNsPerSecond};
    bench.back_up(root({file("a", noise(3000, 1)), file("b", noise(3000, 2))}), later);
    CHECK_THROWS_MATCHES(bench.restore(), Error, has_code(ErrorCode::damaged));
    RestoreRequest request;
    request.salvage = true;
    request.target = bench.folder / "second";
    CHECK(bench.restore(request).content_errors == 1);
    CHECK((content_of(bench.folder / "second" + "/b") == noise(3000, 2)));
}

TEST_CASE("a content that is not what its ids say is refused", "[restore][extractor][damage][hostile]") {
    RepositoryBench bench;
    RunOptions options;
    // The body's id key is another one, so that no id is right although every frame opens.
    options.change = [](format::BackupPublic&, format::BackupBody& body) {
        body.keys.id_key = SecretBytes(ByteView(Bytes(32, 1)));
    };
    bench.back_up(root({file("a", "x")}), options);
    CHECK_THROWS_MATCHES(bench.restore(), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("one file's trouble does not stop the others", "[restore][extractor]") {
    if (is_root()) return;  // permissions do not stop root
    RepositoryBench bench;
    bench.back_up(root({folder("a", {file("x", "1")}), file("b", "2")}));
    fs::create_directories(bench.target() + "/a");
    fs::permissions(bench.target() + "/a", fs::perms::owner_read | fs::perms::owner_exec);
    RestoreRequest request;
    request.overwrite = Overwrite::never;
    const RestoreReport report = bench.restore(request);
    fs::permissions(bench.target() + "/a", fs::perms::owner_all);
    CHECK(report.content_errors == 1);
    CHECK(content_of(bench.target() + "/b") == "2");
}

TEST_CASE("a restore into a folder without permission bits of its own", "[restore][extractor]") {
    RepositoryBench bench;
    bench.back_up(root({folder("a", {file("x", "1")}).mode(0)}));
    bench.restore();
    CHECK((status_of(bench.target() + "/a").st_mode & 07777) == 0);
    // Again over it: one's own folder is made writable for the time of the restore.
    CHECK(bench.restore().content_errors == 0);
    CHECK((status_of(bench.target() + "/a").st_mode & 07777) == 0);
    fs::permissions(bench.target() + "/a", fs::perms::owner_all);
}

TEST_CASE("an interrupted restore ends and leaves no temporary names", "[restore][extractor]") {
    RepositoryBench bench;
    bench.back_up(root({file("a", noise(100'000, 1))}));
    const std::atomic<bool> interrupted{true};
    RestoreRequest request;
    request.interrupted = &interrupted;
    CHECK_THROWS_MATCHES(bench.restore(request), Error, has_code(ErrorCode::interrupted));
    CHECK(listing(bench.target()).empty());
}

TEST_CASE("a store that fails in the middle ends the restore", "[restore][extractor]") {
    RepositoryBench bench;
    bench.back_up(root({folder("d", {file("a", noise(50'000, 1)), file("b", noise(9000, 2))})}));
    RestoreRequest request;
    request.jobs = 2;
    // Every read of a pack in turn, after the backup was opened.
    for (std::uint64_t n = 1; n < 40; ++n) {
        CAPTURE(n);
        const auto backup = bench.open();
        request.target = bench.folder / ("t" + std::to_string(n));
        bench.store->fail_at(n);
        bool failed = false;
        try {
            static_cast<void>(restore_files(*backup, request));
        } catch (const Error& error) {
            failed = true;
            CHECK(error.code() == ErrorCode::io);
        }
        bench.store->fail_at(0);
        for (const std::string& line : listing(request.target)) {
            const bool is_whole = line.find(" 50000 ") != std::string::npos || line.find(" 9000 ") != std::string::npos;
            CHECK((line.starts_with("/d 4") || is_whole));
        }
        if (!failed) break;
    }
}

TEST_CASE("paths longer than the system's limit are restored", "[restore][extractor][deep]") {
    RepositoryBench bench;
    const std::string name(200, 'n');
    Node deep = folder(name, {file("end", "deep")});
    for (int i = 0; i < 59; ++i) {
        Node above = folder(name);
        above.with(std::move(deep));
        deep = std::move(above);
    }
    bench.back_up(root({deep}));
    const RestoreReport report = bench.restore();
    CHECK(report.content_errors == 0);
    CHECK(report.folders == 60);
    // Down component by component: the path has 12,000 octets.
    UniqueFd fd(::open(bench.target().c_str(), O_RDONLY | O_DIRECTORY));
    for (int i = 0; i < 60; ++i) {
        fd = UniqueFd(::openat(fd.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
        REQUIRE(fd);
        struct stat status {};
        REQUIRE(::fstat(fd.get(), &status) == 0);
        CHECK(status.st_mtim.tv_sec == 1'600'000'000);
    }
    UniqueFd end(::openat(fd.get(), "end", O_RDONLY));
    REQUIRE(end);
    std::array<std::uint8_t, 10> octets{};
    CHECK(read_full(end.get(), octets, "end") == 4);
    // And away again, through --delete.
    RunOptions later;
    later.time = TimePoint{1'800'000'000 * kNsPerSecond};
    bench.back_up(root({file("only", "1")}), later);
    RestoreRequest request;
    request.delete_extra = true;
    CHECK(bench.restore(request).content_errors == 0);
    CHECK(listing(bench.target()).size() == 1);
}

TEST_CASE("few descriptors are enough for many folders", "[restore][extractor][deep]") {
    RepositoryBench bench;
    Node deep = folder("d");
    for (int i = 0; i < 300; ++i) {
        Node above = folder("d", {file("f", "x" + std::to_string(i))});
        // Entries ascend by name: "d" before "f".
        above.children.insert(above.children.begin(), std::move(deep));
        deep = std::move(above);
    }
    bench.back_up(root({deep}));
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit few = before;
    few.rlim_cur = 80;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
    const RestoreReport report = bench.restore();
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(report.content_errors == 0);
    CHECK(report.files_restored == 300);
    CHECK(report.folders == 301);
}

TEST_CASE("a restore that gets no thread fails, and does not hang", "[restore][extractor][limits]") {
    RepositoryBench bench;
    bench.back_up(root({file("f", "content")}));
    bool is_filtered = false;
    std::optional<Error> failure;
    std::thread([&] {
        is_filtered = refuse_calls(__NR_clone, __NR_clone3, EAGAIN);
        try {
            static_cast<void>(bench.restore());
        } catch (const Error& error) {
            failure = error;
        }
    }).join();
    if (!is_filtered) {
        WARN("skipped: system calls cannot be filtered here");
        return;
    }
    REQUIRE(failure);
    CHECK(failure->code() == ErrorCode::failed);
    CHECK_FALSE(fs::exists(bench.target() + "/f"));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a restore that gets fewer threads than it asked for goes on with those", "[restore][extractor][limits]") {
    RepositoryBench bench;
    std::vector<Node> nodes;
    for (int i = 1000; i < 1300; ++i)
        nodes.push_back(file(std::to_string(i), noise(900, static_cast<std::uint64_t>(i))));
    bench.back_up(root(nodes));
    // Stacks so large that the address space has room for two.
    constexpr std::size_t kStack = std::size_t{1} << 30;
    pthread_attr_t usual;
    REQUIRE(::pthread_getattr_default_np(&usual) == 0);
    pthread_attr_t large = usual;
    REQUIRE(::pthread_attr_setstacksize(&large, kStack) == 0);
    unsigned long pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
    rlimit narrow = before;
    narrow.rlim_cur = pages * static_cast<unsigned long>(::sysconf(_SC_PAGESIZE)) + kStack * 29 / 10;
    REQUIRE(::pthread_setattr_default_np(&large) == 0);
    REQUIRE(::setrlimit(RLIMIT_AS, &narrow) == 0);
    RestoreRequest request;
    request.jobs = 8;
    RestoreReport report;
    std::string failure;
    try {
        report = bench.restore(request);
    } catch (const std::exception& error) {
        failure = error.what();
    }
    REQUIRE(::setrlimit(RLIMIT_AS, &before) == 0);
    REQUIRE(::pthread_setattr_default_np(&usual) == 0);
    CHECK(failure.empty());
    CHECK(report.files_restored == 300);
    CHECK(report.content_errors == 0);
}
#endif

TEST_CASE("progress counts what was done", "[restore][extractor]") {
    RepositoryBench bench;
    RunOptions options;
    options.change = [](format::BackupPublic&, format::BackupBody& body) {
        body.statistics.files = 2;
        body.statistics.directories = 1;
        body.statistics.bytes = 7;
    };
    bench.back_up(root({folder("d", {file("a", "12"), file("b", "34567")})}), options);
    RestoreProgress progress;
    RestoreRequest request;
    request.progress = &progress;
    bench.restore(request);
    CHECK(progress.items_done == 3);
    CHECK(progress.files_total == 3);
    CHECK(progress.bytes_done == 7);
    CHECK(progress.bytes_total == 7);
}
