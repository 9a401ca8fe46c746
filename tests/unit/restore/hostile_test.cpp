// Nothing outside the target is written, read or removed, whatever a backup holds and whoever interferes (the borg, tar
// and libarchive bugs of that class, as trees).
#include "restore/extractor.h"
#include "restore/target.h"
#include "tests/unit/restore/repository_bench.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;
namespace fs = std::filesystem;

namespace {

/// A bench with something precious beside the target.
struct Guarded : RepositoryBench {
    std::string outside = folder / "outside";
    std::vector<std::string> before;
    Guarded() {
        fs::create_directories(outside + "/sub");
        std::ofstream(outside + "/file") << "precious";
        std::ofstream(outside + "/sub/file") << "precious too";
        before = listing(outside);
    }
    void check_untouched() const { CHECK(listing(outside) == before); }
};

void run_any_way(Guarded& bench, const RestoreRequest& request) {
    try {
        bench.restore(request);
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::damaged);
    }
    bench.check_untouched();
}

}  // namespace

TEST_CASE("names that lead out of the target are refused", "[restore][hostile]") {
    Guarded bench;
    const std::string up =
        GENERATE(std::string("../outside/file"), std::string(".."), std::string("."), std::string("/etc/passwd"),
                 std::string("a/../../outside/file"), std::string(""), std::string("..\0x", 4), std::string("x\0", 2));
    const int kind = GENERATE(0, 1, 2, 3);
    Node bad = kind == 0   ? file(up, "evil")
               : kind == 1 ? folder(up, {file("file", "evil")})
               : kind == 2 ? link_to(up, "x")
                           : file(up, "evil").linked(1);
    bench.back_up(root({folder("d", {bad})}));
    RestoreRequest request;
    request.salvage = GENERATE(false, true);
    request.delete_extra = GENERATE(false, true);
    run_any_way(bench, request);
    CHECK(listing(bench.target()).size() <= 1);
}

TEST_CASE("a name cannot come twice, as a link and then as a folder", "[restore][hostile]") {
    Guarded bench;
    Node link = link_to("d", bench.outside);
    const int order = GENERATE(0, 1);
    std::vector<Node> nodes{link, folder("d", {file("file", "evil")})};
    if (order == 1) std::swap(nodes[0], nodes[1]);
    bench.back_up(root(nodes));
    RestoreRequest request;
    request.salvage = GENERATE(false, true);
    run_any_way(bench, request);
}

TEST_CASE("a link that is there already is not followed", "[restore][hostile]") {
    Guarded bench;
    bench.back_up(
        root({folder("d", {file("file", "evil"), folder("sub", {file("file", "evil")})}), file("f", "evil")}));
    fs::create_directories(bench.target());
    fs::create_directory_symlink(bench.outside, bench.target() + "/d");
    fs::create_symlink(bench.outside + "/file", bench.target() + "/f");
    RestoreRequest request;
    request.overwrite = GENERATE(Overwrite::always, Overwrite::if_changed, Overwrite::never);
    request.delete_extra = GENERATE(false, true);
    const RestoreReport report = bench.restore(request);
    bench.check_untouched();
    if (request.overwrite == Overwrite::never) {
        CHECK(report.content_errors == 1);
        CHECK(fs::is_symlink(bench.target() + "/d"));
    } else {
        CHECK(report.content_errors == 0);
        CHECK_FALSE(fs::is_symlink(bench.target() + "/d"));
        CHECK(content_of(bench.target() + "/d/sub/file") == "evil");
        CHECK(content_of(bench.target() + "/f") == "evil");
    }
}

TEST_CASE("links out of the target are restored as links, and nothing goes through them", "[restore][hostile]") {
    Guarded bench;
    bench.back_up(
        root({link_to("a", bench.outside).mode(0777),
              link_to("b", "../outside/file").owner(12, 34).xattr("user.x", "1"), link_to("c", "/dev/null")}));
    bench.restore();
    bench.check_untouched();
    CHECK(fs::read_symlink(bench.target() + "/a") == bench.outside);
    struct stat status {};
    REQUIRE(::stat((bench.outside + "/file").c_str(), &status) == 0);
    CHECK(status.st_uid == ::geteuid());
}

TEST_CASE("a link identity joins only what this restore made", "[restore][hostile]") {
    Guarded bench;
    SECTION("a symbolic link and a file of one identity are two things") {
        bench.back_up(root({link_to("a", bench.outside + "/file").linked(5), file("b", "evil").linked(5)}));
        bench.restore();
        CHECK(content_of(bench.target() + "/b") == "evil");
        struct stat status {};
        REQUIRE(::lstat((bench.target() + "/b").c_str(), &status) == 0);
        CHECK(S_ISREG(status.st_mode));
    }
    SECTION("files of one identity and different content are two files") {
        bench.back_up(root({file("a", "one").linked(5), file("b", "two").linked(5)}));
        bench.restore();
        CHECK(content_of(bench.target() + "/a") == "one");
        CHECK(content_of(bench.target() + "/b") == "two");
    }
    SECTION("a file that was there is not linked to") {
        bench.back_up(root({file("a", "new").linked(5), file("b", "new").linked(5)}));
        fs::create_directories(bench.target());
        fs::create_hard_link(bench.outside + "/file", bench.target() + "/a");
        bench.restore();
        CHECK(content_of(bench.target() + "/b") == "new");
    }
    SECTION("a kept file is not linked to") {
        bench.back_up(root({file("a", "new").linked(5), file("b", "new").linked(5), file("c", "new").linked(5)}));
        fs::create_directories(bench.target());
        fs::create_hard_link(bench.outside + "/file", bench.target() + "/a");
        RestoreRequest request;
        request.overwrite = Overwrite::never;
        bench.restore(request);
        CHECK(content_of(bench.target() + "/a") == "precious");
        CHECK(content_of(bench.target() + "/b") == "new");
        CHECK(content_of(bench.target() + "/c") == "new");
    }
    bench.check_untouched();
}

TEST_CASE("special files in the way are not opened", "[restore][hostile]") {
    Guarded bench;
    bench.back_up(root({file("f", "x"), file("g", "y")}));
    fs::create_directories(bench.target());
    REQUIRE(::mkfifo((bench.target() + "/f").c_str(), 0600) == 0);
    RestoreRequest request;
    request.overwrite = GENERATE(Overwrite::always, Overwrite::if_changed);
    request.verify = GENERATE(false, true);
    CHECK(bench.restore(request).content_errors == 0);
    CHECK(content_of(bench.target() + "/f") == "x");
}

TEST_CASE("deleting follows no link and crosses no file system", "[restore][hostile][delete]") {
    Guarded bench;
    bench.back_up(root({folder("d", {file("f", "x")})}));
    fs::create_directories(bench.target() + "/d/extra/deep");
    fs::create_directory_symlink(bench.outside, bench.target() + "/d/extra/link");
    fs::create_directory_symlink(bench.outside, bench.target() + "/d/extra/deep/link");
    fs::create_directory_symlink(bench.outside, bench.target() + "/d/elsewhere");
    RestoreRequest request;
    request.delete_extra = true;
    CHECK(bench.restore(request).content_errors == 0);
    bench.check_untouched();
    CHECK(listing(bench.target()).size() == 2);
}

TEST_CASE("deleting does not empty what is mounted in the target, also of the same file system",
          "[restore][hostile][delete]") {
    Guarded bench;
    bench.back_up(root({folder("d", {file("f", "x")})}));
    const std::string shown = bench.target() + "/d/extra/deep/mount";
    fs::create_directories(shown);
    RestoreRequest request;
    request.delete_extra = true;
    bool is_mounted = false;
    RestoreReport report;
    // A mount that this thread and those that it starts see, and nobody else.
    std::thread([&] {
        is_mounted = ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", "none", MS_REC | MS_PRIVATE, nullptr) == 0 &&
                     ::mount(bench.outside.c_str(), shown.c_str(), "none", MS_BIND, nullptr) == 0;
        if (is_mounted) report = bench.restore(request);
    }).join();
    if (!is_mounted) {
        WARN("skipped: nothing can be mounted here");
        return;
    }
    bench.check_untouched();
    CHECK(report.content_errors == 1);
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems.front().code == ErrorCode::refused);
}

TEST_CASE("a folder swapped for a link during a restore leads nowhere", "[restore][hostile][race]") {
    Guarded bench;
    std::vector<Node> nodes;
    for (int i = 100; i < 400; ++i) nodes.push_back(file(std::to_string(i), noise(700, static_cast<std::uint64_t>(i))));
    std::vector<Node> folders;
    for (char c = 'a'; c < 'h'; ++c) folders.push_back(folder(std::string(1, c), nodes));
    bench.back_up(root({folder("top", folders)}));
    fs::create_directories(bench.target());
    std::atomic<bool> stop{false};
    std::jthread racer([&] {
        std::error_code ignored;
        const fs::path top = bench.target() + "/top";
        while (!stop) {
            for (char c = 'a'; c < 'h'; ++c) {
                const fs::path victim = top / std::string(1, c);
                fs::rename(victim, top / "aside", ignored);
                fs::create_directory_symlink(bench.outside, victim, ignored);
                fs::remove(victim, ignored);
                fs::rename(top / "aside", victim, ignored);
            }
        }
    });
    for (int round = 0; round < 3; ++round) {
        RestoreRequest request;
        request.jobs = 3;
        try {
            bench.restore(request);
        } catch (const Error&) {
            // Whatever the racer spoils is an error at most.
        }
    }
    stop = true;
    racer.join();
    bench.check_untouched();
}

TEST_CASE("whatever another process exchanges for links at any depth during a restore, nothing outside is touched",
          "[restore][hostile][race]") {
    Guarded bench;
    // What stands in for a folder holds the same names, so that whoever followed it would write there.
    fs::create_directories(bench.outside + "/b/c");
    for (const char* const name : {"/101", "/b/101", "/b/c/101"}) std::ofstream(bench.outside + name) << "precious";
    bench.before = listing(bench.outside);
    std::vector<Node> nodes;
    for (int i = 100; i < 220; ++i)
        nodes.push_back(
            file(std::to_string(i), noise(900, static_cast<std::uint64_t>(i))).mode(0777).xattr("user.x", "1"));
    const auto with = [&](Node below) {
        std::vector<Node> all = nodes;
        all.push_back(std::move(below));
        return all;
    };
    bench.back_up(root({folder("a", with(folder("b", with(folder("c", nodes)))))}));
    fs::create_directories(bench.target());
    fs::create_directory_symlink(bench.outside, bench.target() + "/lure-a");
    fs::create_directory_symlink(bench.outside + "/b", bench.target() + "/lure-b");
    fs::create_directory_symlink(bench.outside + "/b/c", bench.target() + "/lure-c");
    fs::create_symlink(bench.outside + "/101", bench.target() + "/lure-file");
    const pid_t racer = ::fork();
    REQUIRE(racer >= 0);
    if (racer == 0) {
        // Only system calls from here on: other threads may have held locks of the library.
        const int top = ::open(bench.target().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const auto exchange = [&](const char* lure, const char* victim) {
            if (::renameat2(top, lure, top, victim, RENAME_EXCHANGE) == 0)
                static_cast<void>(::renameat2(top, lure, top, victim, RENAME_EXCHANGE));
        };
        for (;;) {
            exchange("lure-a", "a");
            exchange("lure-b", "a/b");
            exchange("lure-c", "a/b/c");
            exchange("lure-file", "a/101");
            exchange("lure-file", "a/b/101");
            exchange("lure-file", "a/b/c/101");
        }
    }
    std::uint64_t restored = 0;
    std::uint64_t spoilt = 0;
    for (int round = 0; round < 12; ++round) {
        RestoreRequest request;
        request.jobs = 2;
        request.verify = round % 2 == 1;
        request.overwrite = round % 3 == 2 ? Overwrite::if_changed : Overwrite::always;
        try {
            const RestoreReport report = bench.restore(request);
            restored += report.files_restored;
            spoilt += report.content_errors;
        } catch (const Error&) {
            // Whatever the racer spoils is an error at most.
            ++spoilt;
        }
    }
    static_cast<void>(::kill(racer, SIGKILL));
    static_cast<void>(::waitpid(racer, nullptr, 0));
    bench.check_untouched();
    CHECK(restored > 0);
    INFO(spoilt << " spoilt");
}

TEST_CASE("what comes to the place of a special file or a folder being made keeps its mode and owner",
          "[restore][hostile][race]") {
    if (::geteuid() != 0) {
        WARN("skipped: owners are given by root alone");
        return;
    }
    Guarded bench;
    std::vector<Node> nodes;
    for (int i = 100; i < 500; ++i) {
        const bool is_folder = i % 2 == 0;
        const std::string name = std::to_string(i);
        nodes.push_back(
            (is_folder ? folder(name) : special(name, format::EntryType::fifo)).mode(0777).owner(1234, 1234));
    }
    bench.back_up(root(nodes));
    // Root's own things in a folder whose owner may rename them. Nothing that is there may change with `never`.
    fs::create_directories(bench.target());
    const std::string file_name = bench.target() + "/bystander";
    const std::string folder_name = bench.target() + "/private";
    std::ofstream(file_name) << "precious";
    fs::create_directory(folder_name);
    std::ofstream(folder_name + "/file") << "precious";
    REQUIRE(::chmod(file_name.c_str(), 0600) == 0);
    REQUIRE(::chmod(folder_name.c_str(), 0700) == 0);
    const UniqueFd bystander(::open(file_name.c_str(), O_RDONLY | O_CLOEXEC));
    const UniqueFd private_folder(::open(folder_name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const UniqueFd place(::open(bench.target().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(bystander);
    REQUIRE(private_folder);
    const auto check_untouched = [](const UniqueFd& fd, mode_t mode) {
        struct stat status {};
        REQUIRE(::fstat(fd.get(), &status) == 0);
        CHECK((status.st_mode & 07777) == mode);
        CHECK(status.st_uid == 0);
        CHECK(status.st_gid == 0);
    };

    // Whoever knows what comes next exchanges it as soon as it is made, and back, so that the next one can be.
    std::atomic<int> next_folder;
    std::atomic<int> next_fifo;
    const auto race = [&](const std::stop_token& stop, const char* lure, const std::atomic<int>& next) {
        while (!stop.stop_requested()) {
            const std::string name = std::to_string(next.load());
            if (::renameat2(place.get(), lure, place.get(), name.c_str(), RENAME_EXCHANGE) != 0) continue;
            const auto exchanged = std::chrono::steady_clock::now();
            while (std::chrono::steady_clock::now() - exchanged < std::chrono::microseconds(50)) {
                // Long enough for whoever opens it by its name.
            }
            static_cast<void>(::renameat2(place.get(), name.c_str(), place.get(), lure, RENAME_EXCHANGE));
        }
    };
    const auto backup = bench.open();
    for (int round = 0; round < 3; ++round) {
        next_folder = 100;
        next_fifo = 101;
        {
            const std::jthread one([&](const std::stop_token& stop) { race(stop, "private", next_folder); });
            const std::jthread other([&](const std::stop_token& stop) { race(stop, "bystander", next_fifo); });
            RestoreRequest request;
            request.overwrite = Overwrite::never;
            request.jobs = 1;
            request.on_item = [&](std::string_view, const std::string& path, std::uint64_t) {
                const int number = std::atoi(path.c_str() + 1);
                std::atomic<int>& next = number % 2 == 0 ? next_folder : next_fifo;
                next = std::max(next.load(), number + 2);
            };
            request.target = bench.target();
            static_cast<void>(restore_files(*backup, request));
        }
        for (const Node& node : nodes) {
            std::error_code ignored;
            fs::remove(bench.target() + "/" + node.entry.name, ignored);
        }
    }
    check_untouched(bystander, 0600);
    check_untouched(private_folder, 0700);
}

TEST_CASE("what was not just made here is refused", "[restore][hostile][target]") {
    signet::test::TemporaryFolder folder;
    const UniqueFd here(::open((folder / "").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(here);
    const auto judge = [&](const std::string& name, mode_t type) {
        const int flags = type == S_IFDIR ? O_RDONLY : O_PATH;
        const UniqueFd fd(::openat(here.get(), name.c_str(), flags | O_NOFOLLOW | O_CLOEXEC));
        REQUIRE(fd);
        static_cast<void>(require_just_made(here.get(), fd.get(), type, name));
    };
    const auto is_refused = [&](const std::string& name, mode_t type) {
        CHECK_THROWS_MATCHES(judge(name, type), Error, has_code(ErrorCode::refused));
    };
    REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
    REQUIRE(::mkdir((folder / "folder").c_str(), 0700) == 0);
    CHECK_NOTHROW(judge("fifo", S_IFIFO));
    CHECK_NOTHROW(judge("folder", S_IFDIR));
    SECTION("another type") { is_refused("fifo", S_IFSOCK); }
    SECTION("a second name") {
        fs::create_hard_link(folder / "fifo", folder / "other");
        is_refused("fifo", S_IFIFO);
    }
    SECTION("a folder that lets others in") {
        REQUIRE(::chmod((folder / "folder").c_str(), 0711) == 0);
        is_refused("folder", S_IFDIR);
    }
    SECTION("a folder with a file in it") {
        std::ofstream(folder / "folder/file") << "x";
        is_refused("folder", S_IFDIR);
    }
    SECTION("a folder with a folder in it") {
        fs::create_directory(folder / "folder/sub");
        is_refused("folder", S_IFDIR);
    }
    SECTION("somebody else's") {
        if (::geteuid() != 0) {
            WARN("skipped: only root makes things of others");
            return;
        }
        REQUIRE(::lchown((folder / "fifo").c_str(), 1234, 0) == 0);
        REQUIRE(::lchown((folder / "folder").c_str(), 1234, 0) == 0);
        is_refused("fifo", S_IFIFO);
        is_refused("folder", S_IFDIR);
        // The trial that such an answer needs leaves nothing.
        CHECK(listing(folder / "").size() == 2);
    }
}

TEST_CASE("a folder that is no longer the same is not entered again", "[restore][hostile][target]") {
    signet::test::TemporaryFolder folder;
    Target target(folder / "t");
    const FolderHandle made = target.make_folder(target.root(), "d", InTheWay::replace);
    target.close(*made);
    SECTION("another folder") {
        fs::rename(folder / "t/d", folder / "t/e");
        fs::create_directory(folder / "t/d");
        CHECK_THROWS_MATCHES(target.pin(made), Error, has_code(ErrorCode::refused));
    }
    SECTION("a link to the same folder") {
        fs::rename(folder / "t/d", folder / "t/e");
        fs::create_directory_symlink("e", folder / "t/d");
        CHECK_THROWS_MATCHES(target.pin(made), Error, has_code(ErrorCode::io));
    }
    SECTION("the same") { CHECK(target.pin(made).fd() >= 0); }
}

TEST_CASE("a backup that says it is small does not fill the target", "[restore][hostile][bombs]") {
    Guarded bench;
    RunOptions options;
    options.chunk_size = 1'000'000;
    options.frame_size = 1'048'576;
    options.change = [](format::BackupPublic&, format::BackupBody& body) { body.statistics.bytes = 1000; };
    std::vector<Node> nodes;
    for (int i = 0; i < 40; ++i) nodes.push_back(file("zeros" + std::to_string(10 + i), std::string(1'000'000, '\0')));
    bench.back_up(root(nodes), options);
    fs::create_directories(bench.target());
    bool is_mounted = false;
    std::optional<ErrorCode> ended;
    std::string said;
    RestoreRequest request;
    request.jobs = 1;
    request.check_space = GENERATE(true, false);
    // A mount that this thread and those that it starts see, and nobody else.
    std::thread([&] {
        is_mounted = ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", "none", MS_REC | MS_PRIVATE, nullptr) == 0 &&
                     ::mount("tmpfs", bench.target().c_str(), "tmpfs", 0, "size=8m") == 0;
        try {
            if (is_mounted) bench.restore(request);
        } catch (const Error& error) {
            ended = error.code();
            said = error.what();
        }
    }).join();
    if (!is_mounted) {
        WARN("skipped: nothing can be mounted here");
        return;
    }
    REQUIRE(ended);
    INFO(said);
    CHECK(*ended == (request.check_space ? ErrorCode::damaged : ErrorCode::io));
}

TEST_CASE("announced sizes cost no memory before they are believed", "[restore][hostile][bombs]") {
    Guarded bench;
    // A frame of a thousand chunks of zeros that stands for a large file: decoded once, written piece by piece.
    RunOptions options;
    options.chunk_size = 1'000'000;
    options.frame_size = 1'048'576;
    options.pack_size = 1'000'000;
    bench.back_up(root({file("zeros", std::string(40'000'000, '\0'))}), options);
    RestoreRequest request;
    request.sparse = true;
    CHECK(bench.restore(request).content_errors == 0);
    struct stat status {};
    REQUIRE(::stat((bench.target() + "/zeros").c_str(), &status) == 0);
    CHECK(status.st_size == 40'000'000);
    CHECK(status.st_blocks == 0);
}
