// What holds for a folder in particular: modes, leftovers, links, faults of the file system.
#include "storage/local_store.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>

#include "core/error.h"
#include "storage/open_store.h"
#include "tests/support/matchers.h"
#include "tests/support/temporary_folder.h"

using namespace signet;
using namespace signet::storage;
using signet::test::has_code;
using signet::test::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

struct LocalFixture {
    TemporaryFolder folder;
    std::string path = folder / "repository";
    std::shared_ptr<LocalStore> store = LocalStore::create_folder(path);

    [[nodiscard]] std::size_t temporary_files() const {
        const std::string temporary = path + "/tmp";
        if (!fs::exists(temporary)) return 0;
        return static_cast<std::size_t>(std::distance(fs::directory_iterator(temporary), fs::directory_iterator{}));
    }
};

unsigned mode_of(const std::string& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status.st_mode & 07777U;
}

/// Runs `action` in a child. returns  its exit code
int in_child(const std::function<int()>& action) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        int code = 99;
        try {
            code = action();
        } catch (...) {
            code = 98;
        }
        ::_exit(code);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 97;
}

}  // namespace

TEST_CASE_METHOD(LocalFixture, "folders are 0700 and files 0600, whatever the umask", "[storage][local]") {
    const mode_t old_mask = ::umask(0);
    CHECK(store->put("packs/ab/x", as_bytes("pack")));
    ::umask(old_mask);
    CHECK(mode_of(path) == 0700);
    CHECK(mode_of(path + "/tmp") == 0700);
    CHECK(mode_of(path + "/packs") == 0700);
    CHECK(mode_of(path + "/packs/ab") == 0700);
    CHECK(mode_of(path + "/packs/ab/x") == 0600);
}

TEST_CASE_METHOD(LocalFixture, "nothing is left in tmp, committed or discarded", "[storage][local]") {
    CHECK(store->put("a", as_bytes("1")));
    CHECK_FALSE(store->put("a", as_bytes("2")));
    static_cast<void>(store->create());
    CHECK(temporary_files() == 0);
}

TEST_CASE("a store that is not there is no repository, and opening makes nothing", "[storage][local]") {
    const TemporaryFolder folder;
    CHECK_THROWS_MATCHES(LocalStore::open(folder / "none"), Error, has_code(ErrorCode::no_repository));
    CHECK_FALSE(fs::exists(folder / "none"));
    std::ofstream(folder / "file") << "text";
    CHECK_THROWS_MATCHES(LocalStore::open(folder / "file"), Error, has_code(ErrorCode::no_repository));
}

TEST_CASE("a location is a path, with or without local:, and no other kind of store", "[storage][local]") {
    const TemporaryFolder folder;
    CHECK(open_store(folder / "a/b", OpenMode::create)->put("x", as_bytes("1")));
    CHECK(open_store("local:" + (folder / "a/b"), OpenMode::existing)->exists("x"));
    CHECK_THROWS_MATCHES(open_store(folder / "c", OpenMode::existing), Error, has_code(ErrorCode::no_repository));
    for (const char* location : {"", "local:", "s3:bucket", "sftp:host:/path", "rest:http://host/", "https://host/x"}) {
        CHECK_THROWS_MATCHES(open_store(location, OpenMode::create), Error, has_code(ErrorCode::usage));
    }
}

TEST_CASE_METHOD(LocalFixture, "a listing passes over what is not ours", "[storage][local]") {
    CHECK(store->put("packs/ab/x", as_bytes("1")));
    fs::create_directories(path + "/lost+found/inner");
    std::ofstream(path + "/README.txt") << "hello";
    std::ofstream(path + "/packs/.nfs0001") << "hello";
    std::ofstream(path + "/tmp/leftover") << "hello";
    CHECK(store->list("").size() == 1);
}

TEST_CASE_METHOD(LocalFixture, "a listing that cannot be finished is an error and no listing", "[storage][local]") {
    CHECK(store->put("packs/ab/x", as_bytes("1")));
    SECTION("a folder is a link to a disk that is not mounted") {
        fs::create_symlink(folder / "not-mounted", path + "/journal");
        CHECK_THROWS_MATCHES(store->list(""), Error, has_code(ErrorCode::io));
        CHECK_THROWS_MATCHES(store->list("journal/"), Error, has_code(ErrorCode::io));
    }
    SECTION("a folder may not be read") {
        if (::geteuid() == 0) return;  // root may
        REQUIRE(::chmod((path + "/packs/ab").c_str(), 0) == 0);
        CHECK_THROWS_MATCHES(store->list("packs/"), Error, has_code(ErrorCode::io));
        REQUIRE(::chmod((path + "/packs/ab").c_str(), 0700) == 0);
    }
}

TEST_CASE_METHOD(LocalFixture, "what somebody has put beside the objects does not stop a listing", "[storage][local]") {
    CHECK(store->put("packs/ab/x", as_bytes("1")));
    SECTION("folders that are nested without end") {
        fs::create_directory_symlink("..", path + "/packs/ab/loop");
        CHECK(store->list("packs/").find("packs/ab/x") != nullptr);
    }
    SECTION("links that would make many names of a few") {
        fs::create_directories(path + "/journal/q/l0");
        for (int level = 1; level <= 8; ++level) {
            for (int link = 0; link < 8; ++link) {
                const std::string place = path + "/journal/q/l" + std::to_string(level);
                fs::create_directories(place);
                fs::create_directory_symlink("../l" + std::to_string(level - 1), place + "/" + std::to_string(link));
            }
        }
        CHECK(store->list("").size() < 100);
    }
    SECTION("links that lead nowhere") {
        for (const char* name : {"/x", "/packs/cd", "/packs/ab/y"}) fs::create_symlink("nowhere", path + name);
        CHECK(store->list("").find("packs/ab/x") != nullptr);
        CHECK_THROWS_MATCHES(store->get("packs/ab/y", 100), Error, has_code(ErrorCode::damaged));
    }
    SECTION("many folders in each other") {
        fs::create_directories(path + "/journal/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t");
        CHECK(store->list("").size() == 1);
    }
}

TEST_CASE_METHOD(LocalFixture, "a part of a folder may be a link to another disk", "[storage][local]") {
    fs::create_directories(folder / "other");
    CHECK(store->put("packs/ab/x", as_bytes("1")));
    fs::create_directory_symlink(folder / "other", path + "/packs/cd");
    CHECK(store->put("packs/cd/y", as_bytes("2")));
    CHECK(store->list("packs/").size() == 2);
}

TEST_CASE_METHOD(LocalFixture, "a folder may be a link to another disk", "[storage][local]") {
    fs::create_directory(folder / "other");
    fs::create_directory_symlink(folder / "other", path + "/packs");
    CHECK(store->put("packs/ab/x", as_bytes("1")));
    CHECK(store->list("packs/").size() == 1);
    CHECK(fs::exists(folder / "other/ab/x"));
}

TEST_CASE_METHOD(LocalFixture, "links, FIFOs and folders in the place of an object are refused", "[storage][local]") {
    CHECK(store->put("real", as_bytes("1")));
    fs::create_symlink("real", path + "/link");
    REQUIRE(::mkfifo((path + "/fifo").c_str(), 0600) == 0);
    fs::create_directory(path + "/folder");
    for (const char* name : {"link", "fifo", "folder"}) {
        CAPTURE(name);
        CHECK_THROWS_MATCHES(store->get(name, 100), Error, has_code(ErrorCode::damaged));
        CHECK_THROWS_MATCHES(store->size(name), Error, has_code(ErrorCode::damaged));
        CHECK_FALSE(store->put(name, as_bytes("2")));
    }
}

TEST_CASE_METHOD(LocalFixture, "an object that was cut short is damage", "[storage][local]") {
    CHECK(store->put("packs/a", Bytes(1000, 1)));
    const auto reader = store->open_object("packs/a");
    fs::resize_file(path + "/packs/a", 500);
    Bytes out(1000);
    CHECK_THROWS_MATCHES(reader->read(0, out), Error, has_code(ErrorCode::damaged));
}

TEST_CASE_METHOD(LocalFixture, "a full disk abandons the object, names the store and gives a hint",
                 "[storage][local]") {
    // A child may write no file beyond 8 KiB; the error is the same in kind as a full disk's.
    const int code = in_child([this] {
        ::signal(SIGXFSZ, SIG_IGN);
        const rlimit small{8192, 8192};
        ::setrlimit(RLIMIT_FSIZE, &small);
        try {
            static_cast<void>(store->put("packs/big", Bytes(100'000)));
        } catch (const Error& error) {
            return error.code() == ErrorCode::io && std::string(error.what()).find(path) != std::string::npos ? 7 : 8;
        }
        return 0;
    });
    CHECK(code == 7);
    CHECK(temporary_files() == 0);
    CHECK(store->list("").empty());
}

TEST_CASE_METHOD(LocalFixture, "a really full file system abandons the object with a hint", "[storage][local]") {
    fs::create_directory(folder / "small");
    // A mount namespace of its own: nobody else sees the small file system. Where that is not allowed, there is no
    // test.
    const int code = in_child([this] {
        const std::string place = folder / "small";
        if (::unshare(CLONE_NEWNS) != 0) return 7;
        if (::mount("none", "/", "none", MS_REC | MS_PRIVATE, nullptr) != 0) return 7;
        if (::mount("tmpfs", place.c_str(), "tmpfs", 0, "size=64k") != 0) return 7;
        const auto full = LocalStore::create_folder(place + "/repository");
        if (!full->put("packs/a", Bytes(20'000))) return 1;
        try {
            static_cast<void>(full->put("packs/b", Bytes(100'000)));
            return 2;
        } catch (const Error& error) {
            if (error.system_error() != ENOSPC || error.hint().empty()) return 3;
        }
        if (full->list("").size() != 1) return 4;
        // The space is free again: the same store goes on.
        return full->put("packs/c", Bytes(20'000)) ? 7 : 5;
    });
    CHECK(code == 7);
}

TEST_CASE_METHOD(LocalFixture, "a killed writer leaves nothing but a temporary file that a sweep removes",
                 "[storage][local]") {
    CHECK(store->put("kept", as_bytes("1")));
    const int code = in_child([this] {
        const auto pending = store->create();
        pending->write(as_bytes("half an object"));
        ::_exit(7);  // without destructors, as after SIGKILL
        return 0;
    });
    CHECK(code == 7);
    CHECK(store->list("").size() == 1);
    CHECK(temporary_files() == 1);
    CHECK(store->sweep_temporary(3600) == 0);
    CHECK(temporary_files() == 1);
    CHECK(store->sweep_temporary(0) == 1);
    CHECK(temporary_files() == 0);
}

TEST_CASE_METHOD(LocalFixture, "a sweep leaves alone what a living process is writing", "[storage][local]") {
    const auto pending = store->create();
    pending->write(as_bytes("still at it"));
    const auto other = LocalStore::open(path);
    CHECK(other->sweep_temporary(0) == 0);
    CHECK(pending->commit("packs/a"));
    CHECK(other->exists("packs/a"));
}

TEST_CASE_METHOD(LocalFixture, "a sweep of a store without a tmp folder has nothing to do", "[storage][local]") {
    CHECK(store->sweep_temporary(0) == 0);
}

TEST_CASE_METHOD(LocalFixture, "a store stays where it was opened when the folder is moved", "[storage][local]") {
    fs::rename(path, folder / "moved");
    CHECK(store->put("a", as_bytes("1")));
    CHECK(fs::exists(folder / "moved/a"));
    CHECK_FALSE(fs::exists(path));
}
