#include "backup/job.h"
#include "backup/source.h"
#include "core/crypto/digest.h"
#include "format/names.h"
#include "tests/unit/backup/engine_bench.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace signet;
using namespace signet::backup;
using namespace signet::backup::test;
using signet::test::has_code;

TEST_CASE("a second run finds every file unchanged and stores nothing", "[backup]") {
    EngineBench bench;
    for (int i = 0; i < 300; ++i)
        bench.put("d" + std::to_string(i % 7) + "/f" + std::to_string(i),
                  EngineBench::noise(900, static_cast<std::uint8_t>(i)));
    EngineBench::let_the_clock_move();
    const auto first = bench.run();
    REQUIRE(first.files_new == 300);
    const auto second = bench.run();
    CHECK(second.files_unmodified == 300);
    CHECK(second.files_new + second.files_changed == 0);
    CHECK(second.dirs_unmodified >= 8);
    // Not a chunk of the source; other tests may have changed the time of the folder that all temporary ones are in.
    CHECK(second.data_added < 1000);
    CHECK(bench.last().packs.size() <= 1);
}

TEST_CASE("a run without its cache reads everything and stores nothing again", "[backup]") {
    EngineBench bench;
    for (int i = 0; i < 50; ++i)
        bench.put("f" + std::to_string(i), EngineBench::noise(3000, static_cast<std::uint8_t>(i)));
    bench.put("large", EngineBench::noise(3'000'000, 77));
    EngineBench::let_the_clock_move();
    (void)bench.run();
    fs::remove_all(bench.folder / "cache");
    const auto second = bench.run();
    CHECK(second.files_new == 51);
    CHECK(second.data_added < 1000);  // the folders above have new times
    auto request = bench.request();
    request.cache_directory.clear();
    CHECK(bench.run(request).data_added < 1000);
}

TEST_CASE("an edited small file stores itself again and not its neighbours", "[backup]") {
    EngineBench bench;
    for (int i = 0; i < 400; ++i)
        bench.put("f" + std::to_string(i), EngineBench::noise(2000, static_cast<std::uint8_t>(i)) + std::to_string(i));
    EngineBench::let_the_clock_move();
    (void)bench.run();
    bench.put("f200", "edited");
    const auto second = bench.run();
    CHECK(second.files_changed == 1);
    CHECK(second.files_unmodified == 399);
    CHECK(second.data_added < 40'000);  // the file, the piece of the folder that names it, the folders above
}

TEST_CASE("changed files are told from unchanged ones by time, size and inode", "[backup]") {
    EngineBench bench;
    bench.put("a", "one");
    bench.put("b", "two");
    bench.put("gone", "x");
    EngineBench::let_the_clock_move();
    (void)bench.run();
    bench.put("a", "ONE");  // same size and modification time: only the change time differs
    fs::remove(fs::path(bench.source) / "gone");
    const auto second = bench.run();
    CHECK(second.files_changed == 1);
    CHECK(second.files_unmodified == 1);
    CHECK(second.dirs_changed == 1);
}

TEST_CASE("a cache that is old, cut, altered or somebody else's changes nothing but time", "[backup]") {
    EngineBench bench;
    for (int i = 0; i < 40; ++i)
        bench.put("f" + std::to_string(i), EngineBench::noise(500, static_cast<std::uint8_t>(i)));
    EngineBench::let_the_clock_move();
    (void)bench.run();
    std::string state;
    for (const auto& file : fs::recursive_directory_iterator(bench.folder / "cache")) {
        if (file.path().extension() == ".state") state = file.path();
    }
    REQUIRE(!state.empty());
    const auto whole = read_file(state, 1 << 26);
    for (std::size_t at = 0; at < whole.size(); at += 37) {
        auto damaged = whole;
        damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ 0x10);
        if (at % 3 == 0) damaged.resize(at);
        replace_file(state, damaged, 0600);
        auto request = bench.request();
        request.dry_run = false;
        const auto report = bench.run(request);
        CAPTURE(at);
        CHECK(report.total_files_processed == 40);
        CHECK(report.data_added < 1000);
        replace_file(state, whole, 0600);
    }
}

TEST_CASE("a pack that was lost is stored again from the source", "[backup]") {
    EngineBench bench;
    bench.put("f", EngineBench::noise(70'000, 3));
    EngineBench::let_the_clock_move();
    (void)bench.run();
    bench.store->lose(format::pack_name(bench.last().packs.front().id));
    const auto second = bench.run();
    CHECK(second.data_added > 70'000);
    CHECK(bench.last().reach.empty());
}

TEST_CASE("a run whose protector is taken away commits no backup, and the next uses what it stored [R100, R103]",
          "[backup]") {
    EngineBench bench;
    for (int i = 0; i < 40; ++i)
        bench.put("f" + std::to_string(i), EngineBench::noise(900'000, static_cast<std::uint8_t>(i)));
    EngineBench::let_the_clock_move();
    auto request = bench.request();
    request.access_check_seconds = 0;
    request.cache_directory.clear();
    keyring::Vaults officer{bench.folder / "vault", bench.passphrases};  // another process
    request.on_item = [&](std::string_view, const std::string& path, std::uint64_t) {
        if (path.ends_with("/f7")) officer.local().unlocked().set_enabled("prod", false);
    };
    CHECK_THROWS_MATCHES(bench.run(request), Error, has_code(ErrorCode::key_unavailable));
    const auto journal = bench.repository->load_journal(bench.writer());
    CHECK(std::none_of(journal.entries.begin(), journal.entries.end(),
                       [](const auto& entry) { return entry.kind == format::EntryKind::backup; }));
    officer.local().unlocked().set_enabled("prod", true);
    request.on_item = nullptr;
    CHECK(bench.run(request).data_added < 36'000'000);
}

TEST_CASE("the content of hard links is stored once", "[backup]") {
    EngineBench bench;
    bench.put("a/x", EngineBench::noise(100'000, 1));
    fs::create_directories(fs::path(bench.source) / "b");
    fs::create_hard_link(fs::path(bench.source) / "a/x", fs::path(bench.source) / "b/y");
    EngineBench::let_the_clock_move();
    const auto report = bench.run();
    CHECK(report.total_files_processed == 2);
    CHECK(report.data_added < 101'000);
}

TEST_CASE("holes are not read as data", "[backup]") {
    EngineBench bench;
    const auto path = fs::path(bench.source) / "sparse";
    {
        const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        const std::string block = EngineBench::noise(8192, 9);
        REQUIRE(::pwrite(fd.get(), block.data(), block.size(), 0) == 8192);
        REQUIRE(::pwrite(fd.get(), block.data(), block.size(), 50'000'000 / 4096 * 4096) == 8192);
        REQUIRE(::ftruncate(fd.get(), 100'000'000) == 0);
    }
    EngineBench::let_the_clock_move();
    const auto report = bench.run();
    CHECK(report.total_bytes_processed == 100'000'000);
    CHECK(report.data_added < 20'000);
}

TEST_CASE("what vanishes or cannot be read is reported and counted, and the rest is committed", "[backup]") {
    EngineBench bench;
    bench.put("good", "good");
    auto request = bench.request();
    request.paths.push_back(bench.folder / "not-there");
    const auto report = bench.run(request);
    CHECK(report.errors == 1);
    CHECK(report.backup.has_value());
    CHECK(bench.problems.size() == 1);
    CHECK(bench.last().has_errors);
}

TEST_CASE("a backup of nothing that exists fails and commits nothing", "[backup]") {
    EngineBench bench;
    auto request = bench.request();
    request.paths = {bench.folder / "not-there"};
    CHECK_THROWS_MATCHES(bench.run(request), Error, has_code(ErrorCode::failed));
    CHECK(bench.journal().entries.empty());
}

TEST_CASE("after an interruption the next run refers to what was stored", "[backup]") {
    EngineBench bench;
    for (int i = 0; i < 60; ++i)
        bench.put("f" + std::to_string(i), EngineBench::noise(1'000'000, static_cast<std::uint8_t>(i)));
    EngineBench::let_the_clock_move();
    std::atomic<bool> interrupted{false};
    Progress progress;
    auto request = bench.request();
    request.interrupted = &interrupted;
    request.progress = &progress;
    std::thread watcher([&] {
        while (progress.bytes_done < 40'000'000) ::usleep(100);
        interrupted = true;
    });
    std::optional<BackupReport> finished;
    try {
        finished = bench.run(request);
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::interrupted);
    }
    watcher.join();
    REQUIRE_FALSE(finished.has_value());
    REQUIRE(bench.journal().entries.size() == 2);
    CHECK(bench.journal().entries.back().kind == format::EntryKind::partial);
    const auto second = bench.run();
    CHECK(second.total_files_processed == 60);
    CHECK(second.data_added < 50'000'000);
    CHECK(bench.last().reach.size() == 1);
}

TEST_CASE("a stream commits only when its end is confirmed", "[backup]") {
    EngineBench bench;
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const UniqueFd reading(pipe_ends[0]);
    UniqueFd writing(pipe_ends[1]);
    std::thread writer([&] {
        const auto data = EngineBench::noise(3'000'000, 5);
        write_full(writing.get(), as_bytes(data), "pipe");
        writing = UniqueFd();
    });
    auto request = bench.request();
    request.paths.clear();
    request.stream_fd = reading.get();
    bool fail = true;
    request.confirm_stream = [&] {
        if (fail) throw Error(ErrorCode::failed, "the command failed");
    };
    CHECK_THROWS_MATCHES(bench.run(request), Error, has_code(ErrorCode::failed));
    writer.join();
    for (const auto& entry : bench.journal().entries) CHECK(entry.kind != format::EntryKind::backup);
}

TEST_CASE("a dry run stores nothing at all", "[backup]") {
    EngineBench bench;
    bench.put("f", EngineBench::noise(70'000, 3));
    const auto before = bench.store->snapshot();
    auto request = bench.request();
    request.dry_run = true;
    const auto report = bench.run(request);
    CHECK(report.data_added > 70'000);
    CHECK_FALSE(report.backup.has_value());
    CHECK(bench.store->snapshot() == before);
}

TEST_CASE("skip-if-unchanged commits nothing when no source differs", "[backup]") {
    EngineBench bench;
    bench.put("f", "content");
    EngineBench::let_the_clock_move();
    auto request = bench.request();
    request.skip_if_unchanged = true;
    CHECK(bench.run(request).backup.has_value());
    const auto before = bench.store->snapshot();
    const auto second = bench.run(request);
    CHECK(second.skipped_unchanged);
    CHECK(bench.store->snapshot() == before);
    fs::create_directory(bench.folder / "beside");  // the folder above the source differs, and nobody asked for it
    const auto third = bench.run(request);
    CHECK(third.skipped_unchanged);
    CHECK(third.data_added == 0);
    CHECK(bench.store->snapshot() == before);
    bench.put("f", "changed");
    CHECK(bench.run(request).backup.has_value());
}

TEST_CASE("skip-if-unchanged does not skip what it has to store again", "[backup]") {
    EngineBench bench;
    fs::create_directories(bench.source + "/folder");
    EngineBench::let_the_clock_move();
    auto request = bench.request();
    request.skip_if_unchanged = true;
    CHECK(bench.run(request).backup.has_value());
    bench.store->lose(format::pack_name(bench.last().packs.front().id));
    CHECK(bench.run(request).backup.has_value());
    CHECK(bench.run(request).skipped_unchanged);
}

TEST_CASE("every failing operation of the store leaves either a whole backup or none", "[backup]") {
    EngineBench bench;
    for (int i = 0; i < 10; ++i)
        bench.put("f" + std::to_string(i), EngineBench::noise(5000, static_cast<std::uint8_t>(i)));
    EngineBench::let_the_clock_move();
    const auto backups = [&] {
        const auto journal = bench.journal();
        REQUIRE_FALSE(journal.problem.has_value());
        return std::count_if(journal.entries.begin(), journal.entries.end(),
                             [](const auto& entry) { return entry.kind == format::EntryKind::backup; });
    };
    for (std::uint64_t n = 1; n < 500; ++n) {
        bench.begin_anew();
        bench.store->fail_at(n);
        bool committed = false;
        try {
            committed = bench.run().backup.has_value();
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::io);
        }
        const bool failed = bench.store->has_failed();
        bench.store->fail_at(0);
        CAPTURE(n);
        CHECK(backups() == (committed ? 1 : 0));
        bench.store->crash();
        // What was left hinders nobody.
        CHECK(bench.run().backup.has_value());
        CHECK(backups() == (committed ? 2 : 1));
        if (!failed) return;  // no operation is left to fail
    }
    FAIL("a run has more than 500 operations");
}

TEST_CASE("only the default and recovery protectors wrap, and the entry carries their slots [R81] [R86]", "[backup]") {
    EngineBench bench;
    bench.put("f", "content");
    (void)bench.run();
    const auto entry = bench.last();
    REQUIRE(entry.slots.size() == 1);
    CHECK(entry.slots[0].thumbprint == bench.keyrings.own().links().front().thumbprint);
    CHECK(bench.repository->list_slots().size() == 1);
}

namespace {

/// A rotation: a new version that the link follows.
void rotate(EngineBench& bench) {
    bench.vaults.local().unlocked().rotate("prod");
    EngineBench::let_the_clock_move();
}

}  // namespace

TEST_CASE("after a rotation a host that may unwrap adds slots for what it refers to [R88] [R90] [R92]", "[backup]") {
    EngineBench bench;
    bench.put("f", EngineBench::noise(70'000, 3));
    EngineBench::let_the_clock_move();
    (void)bench.run();
    const auto old_entries = bench.journal().entries.front().object;
    const auto old_slot = bench.last().slots.front();
    rotate(bench);
    const auto report = bench.run();
    CHECK(report.data_added < 1000);
    CHECK(bench.last().slots.front().thumbprint != old_slot.thumbprint);
    CHECK(bench.repository->list_slots().count(old_slot.dek) == 2);
    CHECK(bench.journal().entries.front().object == old_entries);
}

TEST_CASE("after-rotation=fresh stores everything anew, inherit nothing", "[backup]") {
    EngineBench bench;
    bench.put("f", EngineBench::noise(70'000, 3));
    EngineBench::let_the_clock_move();
    (void)bench.run();
    const auto old_dek = bench.last().dek;
    SECTION("inherit") {
        bench.policy("after-rotation", "inherit");
        rotate(bench);
        CHECK(bench.run().data_added < 1000);
        CHECK(bench.repository->list_slots().count(old_dek) == 1);
        REQUIRE(bench.last().reach.size() == 1);
        CHECK(bench.last().reach[0].dek == old_dek);
    }
    SECTION("fresh") {
        bench.policy("after-rotation", "fresh");
        rotate(bench);
        CHECK(bench.run().data_added > 70'000);
        CHECK(bench.last().reach.empty());
    }
}

TEST_CASE("a run refers to at most max-deks data keys", "[backup]") {
    EngineBench bench;
    bench.policy("max-deks", "4");
    for (int i = 0; i < 8; ++i) {
        bench.put("f" + std::to_string(i), EngineBench::noise(70'000, static_cast<std::uint8_t>(i)));
        EngineBench::let_the_clock_move();
        (void)bench.run();
        std::set<DekId> deks{bench.last().dek};
        for (const auto& reach : bench.last().reach) deks.insert(reach.dek);
        CHECK(deks.size() <= 4);
    }
}

TEST_CASE("a writer that is not trusted is told so", "[backup]") {
    EngineBench bench;
    format::TrustFields fields;
    fields.statements.push_back({bench.writer(), format::Role::writer, 1, 0});
    bench.say(format::EntryKind::trust, fields.encode());
    bench.put("f", "content");
    (void)bench.run();
    REQUIRE(bench.warnings.size() == 1);
    CHECK(bench.warnings[0].find("keyring trust " + bench.writer().hex()) != std::string::npos);
}

namespace {

/// The bench's keyring gets another writer, which takes the place of the present one. returns  that one
IdentityId succeed(EngineBench& bench, std::optional<std::uint64_t> last = {}) {
    auto& keyring = bench.keyrings.own();
    const auto repository = bench.repository->config().repository;
    const auto former = keyring.writer();
    const auto keys = keyring.writer_keys(repository, former);
    auto predecessors = keyring.own_journal(repository, former.identity()).predecessors;
    predecessors.push_back(former.identity());
    format::TrustFields fields;
    fields.statements.push_back(
        {former.identity(), format::Role::writer, 1, last.value_or(bench.journal().entries.size())});
    const auto next = keyring.new_writer().identity();
    fields.statements.push_back({next, format::Role::writer, 1, UINT64_MAX});
    keyring.take_over(repository, next, predecessors, keys);
    bench.say(format::EntryKind::trust, fields.encode());
    return former.identity();
}

}  // namespace

TEST_CASE("a successor finds again what its predecessors stored", "[backup]") {
    EngineBench bench;
    bench.put("large", EngineBench::noise(3'000'000, 1));
    bench.put("small", "content");
    const auto first = bench.run();
    const auto lost = succeed(bench);
    const auto second = bench.run();
    CHECK(second.data_added < 500);  // the times of the folders above the source
    CHECK(second.series == first.series);
    CHECK(bench.last().predecessors == std::vector{lost});
    REQUIRE(bench.last().reach.size() == 1);
    CHECK(bench.last().reach[0].journal == 1);
    // And the successor's successor, of both.
    EngineBench::let_the_clock_move();
    bench.put("more", EngineBench::noise(50'000, 2));
    (void)bench.run();
    (void)succeed(bench);
    CHECK(bench.run().data_added < 500);
    REQUIRE(bench.last().reach.size() == 2);
    CHECK(bench.last().reach[0].journal == 1);
    CHECK(bench.last().reach[1].journal == 2);
    CHECK(bench.last().reach[1].sequence == 4);
}

TEST_CASE("a successor refers to nothing that its predecessor is not trusted for", "[backup]") {
    EngineBench bench;
    bench.put("early", EngineBench::noise(50'000, 1));
    (void)bench.run();
    EngineBench::let_the_clock_move();
    bench.put("late", EngineBench::noise(60'000, 2));
    (void)bench.run();
    (void)succeed(bench, 2);
    const auto report = bench.run();
    CHECK(report.data_added >= 60'000);
    CHECK(report.data_added < 70'000);
    for (const auto& reach : bench.last().reach) CHECK(reach.sequence == 2);
}

TEST_CASE("a writer that is trusted up to an earlier entry makes no backup", "[backup]") {
    EngineBench bench;
    bench.put("f", "content");
    (void)bench.run();
    format::TrustFields fields;
    fields.statements.push_back({bench.writer(), format::Role::writer, 1, 2});
    bench.say(format::EntryKind::trust, fields.encode());
    CHECK_THROWS_MATCHES(bench.run(), Error, has_code(ErrorCode::refused));
    CHECK(bench.journal().entries.size() == 2);
}

TEST_CASE("a machine with another's identity is refused", "[backup]") {
    EngineBench bench;
    bench.put("f", "content");
    (void)bench.run();
    fs::copy(bench.folder / "keyring", bench.folder / "clone", fs::copy_options::recursive);
    keyring::KeyringSet clone{EngineBench::open_keyring(bench.folder / "clone")};
    keyring::Resolver resolver{clone, bench.vaults};
    (void)bench.run();
    CHECK_THROWS_MATCHES(run_backup(bench.request(), *bench.repository, clone, resolver), Error,
                         has_code(ErrorCode::refused));
    CHECK(bench.journal().entries.size() == 4);
    CHECK_NOTHROW(bench.run());
}

TEST_CASE("a second run of the same series finds the first one active", "[backup]") {
    EngineBench bench;
    bench.put("f", "content");
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const UniqueFd reading(pipe_ends[0]);
    UniqueFd writing(pipe_ends[1]);
    auto stream = bench.request();
    stream.paths.clear();
    stream.series = "s";
    stream.stream_fd = reading.get();
    Progress progress;
    stream.progress = &progress;
    std::thread first([&] { (void)bench.run(stream); });
    write_full(writing.get(), as_bytes("some octets"), "pipe");
    while (progress.current().empty()) ::usleep(1000);
    auto second = bench.request();
    second.series = "s";
    CHECK_THROWS_MATCHES(bench.run(second), Error, has_code(ErrorCode::busy));
    writing = UniqueFd();
    first.join();
}

TEST_CASE("a path longer than PATH_MAX is backed up", "[backup]") {
    EngineBench bench;
    const std::string name(200, 'n');
    UniqueFd folder(::open(bench.source.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    for (int depth = 0; depth < 40; ++depth) {
        REQUIRE(::mkdirat(folder.get(), name.c_str(), 0700) == 0);
        folder = UniqueFd(::openat(folder.get(), name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        REQUIRE(folder);
    }
    {
        const UniqueFd file(::openat(folder.get(), "deep", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        write_full(file.get(), as_bytes("at the bottom"), "deep");
    }
    REQUIRE(::symlinkat("target", folder.get(), "link") == 0);
    const auto report = bench.run();
    CHECK(report.errors == 0);
    CHECK(report.total_files_processed == 1);
    CHECK(report.others == 1);
    CHECK(report.dirs_new >= 41);
}

TEST_CASE("a repository that was rolled back is noticed before this host forks its journal", "[backup]") {
    EngineBench bench;
    bench.put("f", "one");
    (void)bench.run();
    const auto earlier = bench.store->snapshot();
    bench.put("f", "two");
    (void)bench.run();
    for (const auto& [name, content] : bench.store->snapshot()) {
        if (!earlier.contains(name)) bench.store->lose(name);
    }
    CHECK_THROWS_MATCHES(bench.run(), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a file replaced by a new one is stored as changed; one behind a swapped folder is not stored", "[backup]") {
    EngineBench bench;
    bench.put("d/f", "source");
    bench.put("e/f", "elsewhere");
    SourceStat stat;
    const auto path = bench.source + "/d/f";
    REQUIRE(stat_path(bench.source + "/e/f", false, stat) == 0);
    // A kernel without openat2 (and valgrind) cannot say, and then nothing is believed.
    const bool can_say = ::syscall(SYS_openat2, AT_FDCWD, "/", nullptr, 0) != -1 || errno != ENOSYS;
    CHECK(is_reached_without_links(bench.source + "/e/f", stat) == can_say);
    CHECK_FALSE(is_reached_without_links(path, stat));
    fs::rename(bench.source + "/d", bench.source + "/d-before");
    fs::create_directory_symlink(bench.source + "/e", bench.source + "/d");
    CHECK_FALSE(is_reached_without_links(path, stat));  // the same inode, but through a link
}

TEST_CASE("skip-if-unchanged does not skip what a rotation made a run store", "[backup]") {
    EngineBench bench;
    bench.put("f", EngineBench::noise(70'000, 3));
    EngineBench::let_the_clock_move();
    auto request = bench.request();
    request.skip_if_unchanged = true;
    (void)bench.run(request);
    const auto before = bench.journal().entries.size();
    SECTION("fresh: everything is stored anew") {
        bench.policy("after-rotation", "fresh");
        rotate(bench);
        CHECK(bench.run(request).backup.has_value());
        CHECK(bench.last().reach.empty());
        CHECK(bench.run(request).skipped_unchanged);
        CHECK(bench.journal().entries.size() == before + 2);
    }
    SECTION("rewrap: the data key gets a slot under the new protector") {
        const auto dek = bench.last().dek;
        rotate(bench);
        CHECK(bench.run(request).backup.has_value());
        CHECK(bench.repository->list_slots().count(dek) == 2);
        CHECK(bench.run(request).skipped_unchanged);
    }
}

namespace {

/// A slot that claims that the newest version of the key opens a data key, and holds nothing of it.
format::Slot lie(EngineBench& bench, const format::Slot& true_slot) {
    auto slot = true_slot;
    slot.thumbprint = bench.keyrings.own().default_link("local", "local")->thumbprint;
    for (auto& octet : slot.wrapped) octet = static_cast<std::uint8_t>(octet ^ 0x5a);
    return slot;
}

}  // namespace

TEST_CASE("a slot that somebody stored does not keep a run from following the policy after a rotation", "[backup]") {
    EngineBench bench;
    bench.put("f", EngineBench::noise(70'000, 3));
    EngineBench::let_the_clock_move();
    (void)bench.run();
    const auto true_slot = bench.last().slots.front();
    SECTION("fresh stores anew all the same") {
        bench.policy("after-rotation", "fresh");
        rotate(bench);
        (void)bench.keyrings.own().refresh_followed(bench.vaults);
        bench.repository->put_slot(lie(bench, true_slot));
        CHECK(bench.run().data_added > 70'000);
        CHECK(bench.last().reach.empty());
    }
    SECTION("rewrap adds a true slot beside it, and only once") {
        rotate(bench);
        (void)bench.keyrings.own().refresh_followed(bench.vaults);
        bench.repository->put_slot(lie(bench, true_slot));
        (void)bench.run();
        CHECK(bench.repository->list_slots().count(true_slot.dek) == 3);
        CHECK_FALSE(bench.warnings.empty());
        (void)bench.run();
        CHECK(bench.repository->list_slots().count(true_slot.dek) == 3);
    }
}

TEST_CASE("an object that is no slot stops no backup", "[backup]") {
    EngineBench bench;
    bench.put("f", "content");
    (void)bench.run();
    const auto slot = bench.last().slots.front();
    const auto name = format::slot_name(*format::Thumbprint::parse("sha256:" + std::string(64, 'a')), slot.dek,
                                        crypto::sha256(as_bytes("junk")));
    REQUIRE(bench.store->put(name, as_bytes("junk")));
    CHECK(bench.run().backup.has_value());
    REQUIRE(bench.warnings.size() == 1);
    CHECK(bench.warnings.front().find(name) != std::string::npos);
}

TEST_CASE("a series keeps its own data keys within reach, however many larger ones there are", "[backup]") {
    EngineBench bench;
    bench.policy("max-deks", "4");
    bench.put("small", EngineBench::noise(70'000, 200));
    EngineBench::let_the_clock_move();
    auto small = bench.request();
    small.series = "small";
    (void)bench.run(small);
    auto large = bench.request();
    for (int i = 0; i < 6; ++i) {
        bench.put("large" + std::to_string(i), EngineBench::noise(700'000, static_cast<std::uint8_t>(i)));
        EngineBench::let_the_clock_move();
        large.series = "large" + std::to_string(i);
        large.paths = {bench.source + "/large" + std::to_string(i)};
        (void)bench.run(large);
    }
    small.paths = {bench.source + "/small"};
    CHECK(bench.run(small).data_added < 1000);
}

TEST_CASE("a stream whose name cannot be stored is refused before it is read", "[backup]") {
    EngineBench bench;
    auto request = bench.request();
    request.paths.clear();
    const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    request.stream_fd = nothing.get();
    for (const std::string& name : std::vector<std::string>{"", "a/b", "..", std::string(256, 'n')}) {
        request.stream_name = name;
        CHECK_THROWS_MATCHES(bench.run(request), Error, has_code(ErrorCode::usage));
    }
    CHECK(bench.journal().entries.empty());
}

TEST_CASE("a file of /proc is stored with its content, though it says that it is empty", "[backup]") {
    EngineBench bench;
    auto request = bench.request();
    request.paths = {"/proc/version"};
    const auto report = bench.run(request);
    CHECK(report.total_bytes_processed > 10);
    CHECK(bench.run(request).files_unmodified == 0);
}

TEST_CASE("an inode is read by another of its names when the first is gone", "[backup]") {
    FileJob job;
    job.path = "/first";
    CHECK(job.add_name("/second"));
    CHECK(job.take_other_name());
    CHECK(job.path == "/second");
    CHECK_FALSE(job.take_other_name());
    job.failed = true;
    job.read_done();
    CHECK_FALSE(job.add_name("/third"));
}

TEST_CASE("an abandoned run makes no entry of a file that was read in part", "[backup]") {
    FileJob job;
    const auto id = crypto::random_id<ChunkId>();
    job.piece_done(*job.add_piece(1), id);
    const std::atomic<bool> abandoned{true};
    CHECK(job.take_pieces(abandoned).empty());
}

TEST_CASE("a file's pieces are taken in order, those of a large one before it is read to its end", "[backup]") {
    FileJob job;
    const std::atomic<bool> abandoned{false};
    std::vector<FileJob::Place*> places;
    std::vector<ChunkId> ids(10'000);
    for (auto& id : ids) {
        id = crypto::random_id<ChunkId>();
        places.push_back(job.add_piece(16));
    }
    std::thread worker([&] {  // as several workers do, out of order
        for (std::size_t at = 9'000; at < 10'000; ++at) job.piece_done(*places[at], ids[at]);
        for (std::size_t at = 0; at < 9'000; ++at) job.piece_done(*places[at], ids[at]);
    });
    std::vector<format::Reference> taken = job.take_pieces(abandoned);
    CHECK_FALSE(taken.empty());
    worker.join();
    job.read_done();
    for (auto more = job.take_pieces(abandoned); !more.empty(); more = job.take_pieces(abandoned))
        taken.insert(taken.end(), more.begin(), more.end());
    REQUIRE(taken.size() == ids.size());
    for (std::size_t at = 0; at < ids.size(); ++at) CHECK(taken[at] == format::Reference{ids[at], 16, 16});
}
