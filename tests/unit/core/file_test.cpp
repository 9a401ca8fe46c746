#include "core/file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/support/matchers.h"
#include "tests/support/temporary_folder.h"

using namespace signet;
using signet::test::has_code;
using signet::test::TemporaryFolder;

namespace {

std::size_t entries_in(const std::string& folder) {
    const std::filesystem::directory_iterator begin(folder);
    return static_cast<std::size_t>(std::distance(begin, std::filesystem::directory_iterator{}));
}

std::string text_of(const std::string& path) { return std::string(as_text(read_file(path, 1000))); }

mode_t mode_of(const std::string& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777U;
}

}  // namespace

TEST_CASE("replace_file makes a file and replaces it whole, with its mode", "[core][file]") {
    const TemporaryFolder folder;
    const std::string path = folder / "keyring.json";
    const mode_t old_mask = ::umask(0077);
    replace_file(path, as_bytes("first"), 0644);
    ::umask(old_mask);
    CHECK(text_of(path) == "first");
    CHECK(mode_of(path) == 0644);
    replace_file(path, as_bytes("second, longer"), 0600);
    CHECK(text_of(path) == "second, longer");
    CHECK(mode_of(path) == 0600);
    CHECK(entries_in(folder.path()) == 1);
}

TEST_CASE("replace_file that fails leaves the old file and nothing else", "[core][file]") {
    const TemporaryFolder folder;
    SECTION("the target cannot be replaced") {
        // A folder in the target's place lets everything succeed up to the rename.
        const std::string path = folder / "taken";
        make_folders(path + "/inside", 0700);
        CHECK_THROWS_MATCHES(replace_file(path, as_bytes("new"), 0600), Error, has_code(ErrorCode::io));
        CHECK(entries_in(folder.path()) == 1);
        CHECK(std::filesystem::exists(path + "/inside"));
    }
    SECTION("the folder is not there") {
        CHECK_THROWS_MATCHES(replace_file(folder / "none/file", as_bytes("new"), 0600), Error, has_code(ErrorCode::io));
        CHECK(entries_in(folder.path()) == 0);
    }
    SECTION("the folder is read-only") {
        if (::geteuid() == 0) return;  // root may write anyway
        replace_file(folder / "file", as_bytes("old"), 0600);
        REQUIRE(::chmod(folder.path().c_str(), 0500) == 0);
        CHECK_THROWS_MATCHES(replace_file(folder / "file", as_bytes("new"), 0600), Error, has_code(ErrorCode::io));
        REQUIRE(::chmod(folder.path().c_str(), 0700) == 0);
        CHECK(text_of(folder / "file") == "old");
        CHECK(entries_in(folder.path()) == 1);
    }
    SECTION("the disk is full") {
        // A child may not write more than 4 KiB to a file, and gets EFBIG instead of the signal.
        replace_file(folder / "file", as_bytes("old"), 0600);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            ::signal(SIGXFSZ, SIG_IGN);
            const rlimit small{4096, 4096};
            ::setrlimit(RLIMIT_FSIZE, &small);
            try {
                replace_file(folder / "file", Bytes(100'000), 0600);
            } catch (const Error& error) {
                ::_exit(error.system_error() == EFBIG ? 7 : 8);
            }
            ::_exit(0);
        }
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(WEXITSTATUS(status) == 7);
        CHECK(text_of(folder / "file") == "old");
        CHECK(entries_in(folder.path()) == 1);
    }
}

TEST_CASE("read_file refuses what is larger than its limit", "[core][file]") {
    const TemporaryFolder folder;
    const std::string path = folder / "file";
    replace_file(path, Bytes(100, 1), 0600);
    CHECK(read_file(path, 100).size() == 100);
    CHECK_THROWS_MATCHES(read_file(path, 99), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(read_file(folder / "none", 99), Error, has_code(ErrorCode::io));
    CHECK_THROWS_MATCHES(read_file(folder.path(), 99), Error, has_code(ErrorCode::io));
}

TEST_CASE("read_file reads what has no size beforehand, up to its limit", "[core][file]") {
    CHECK(read_file("/proc/self/status", 100'000).size() > 100);
    CHECK_THROWS_MATCHES(read_file("/proc/self/status", 100), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(read_file("/dev/zero", 100'000), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("read_file_if_present says no only when there is no such file", "[core][file]") {
    const TemporaryFolder folder;
    Bytes content;
    CHECK_FALSE(read_file_if_present(folder / "none", 10, content));
    replace_file(folder / "file", as_bytes("text"), 0600);
    CHECK(read_file_if_present(folder / "file", 10, content));
    CHECK(as_text(content) == "text");
    CHECK_THROWS_MATCHES(read_file_if_present((folder / "file") + "/below", 10, content), Error,
                         has_code(ErrorCode::io));
}

TEST_CASE("whole reads put short reads of a pipe together", "[core][file]") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd out(ends[0]);
    UniqueFd in(ends[1]);
    std::thread writer([&in] {
        for (int i = 0; i < 100; ++i) {
            write_full(in.get(), as_bytes("0123456789"), "pipe");
            std::this_thread::yield();
        }
        in = UniqueFd();
    });
    Bytes bytes(2000);
    CHECK(read_full(out.get(), bytes, "pipe") == 1000);
    writer.join();
}

TEST_CASE("reads and writes at an offset leave the position alone", "[core][file]") {
    const TemporaryFolder folder;
    const UniqueFd file(::open((folder / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    write_full(file.get(), as_bytes("0123456789"), "file");
    pwrite_full(file.get(), as_bytes("xyz"), 2, "file");
    Bytes part(5);
    CHECK(pread_full(file.get(), part, 1, "file") == 5);
    CHECK(as_text(part) == "1xyz5");
    CHECK(pread_full(file.get(), part, 8, "file") == 2);
    CHECK(::lseek(file.get(), 0, SEEK_CUR) == 10);
    CHECK_THROWS_MATCHES(pread_full(file.get(), part, UINT64_MAX, "file"), Error, has_code(ErrorCode::io));
}

TEST_CASE("make_folders makes what is missing and refuses a file in the way", "[core][file]") {
    const TemporaryFolder folder;
    make_folders(folder / "a/b/c", 0700);
    make_folders(folder / "a/b/c/", 0700);
    make_folders("/", 0700);
    CHECK(std::filesystem::is_directory(folder / "a/b/c"));
    CHECK(mode_of(folder / "a/b") == 0700);
    replace_file(folder / "file", as_bytes("x"), 0600);
    CHECK_THROWS_MATCHES(make_folders(folder / "file/below", 0700), Error, has_code(ErrorCode::io));
}

TEST_CASE("a lock is held by one, and free again when its holder ends", "[core][file]") {
    const TemporaryFolder folder;
    const std::string path = folder / "lock";
    {
        const FileLock first(path, 0, "this series");
        CHECK(mode_of(path) == 0600);
        CHECK_THROWS_MATCHES(FileLock(path, 0, "this series"), Error, has_code(ErrorCode::busy));
        CHECK_THROWS_MATCHES(FileLock(path, 0.05, "this series"), Error, has_code(ErrorCode::busy));
    }
    CHECK_NOTHROW(FileLock(path, 0, "this series"));
}

TEST_CASE("a lock that is waited for comes when the holder lets go", "[core][file]") {
    const TemporaryFolder folder;
    auto first = std::make_unique<FileLock>(folder / "lock", 0, "this series");
    std::thread holder([&first] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        first.reset();
    });
    CHECK_NOTHROW(FileLock(folder / "lock", 10, "this series"));
    holder.join();
}

TEST_CASE("a descriptor has one owner", "[core][file]") {
    UniqueFd first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const int number = first.get();
    UniqueFd second(std::move(first));
    CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move): that is what is promised
    CHECK(second.get() == number);
    second.close("null");
    CHECK_FALSE(second);
    CHECK(::fcntl(number, F_GETFD) == -1);
}
