#include "restore/log_plan.h"

#include "format/limits.h"
#include "tests/support/matchers.h"

#include <list>

using namespace signet;
using namespace signet::restore;
using namespace signet::test;

namespace {

constexpr std::uint32_t kSize = format::kMiB;

TimePoint at(std::int64_t seconds) { return {seconds * kNsPerSecond}; }

/// Logs and bases of one cluster, made of numbers.
struct Archive {
    Archive() {
        logs.name = "pg";
        logs.source = {format::LogFamily::postgres, 4711, kSize, ""};
    }
    void segment(std::uint32_t timeline, std::uint64_t number, std::int64_t seconds) {
        Log& log = logs.logs.emplace_back();
        log.epoch = &epoch;
        log.log.trailer.kind = format::LogKind::segment;
        log.log.trailer.timeline = timeline;
        log.log.trailer.position = number * kSize;
        log.log.trailer.name = format::segment_name(timeline, number * kSize, kSize);
        log.log.trailer.modified = at(seconds);
    }
    void history(std::uint32_t timeline, std::vector<format::TimelineSwitch> switches) {
        Log& log = logs.logs.emplace_back();
        log.epoch = &epoch;
        log.log.trailer.kind = format::LogKind::history;
        log.log.trailer.timeline = timeline;
        log.log.trailer.switches = std::move(switches);
        log.log.trailer.name = format::history_name(timeline);
    }
    void base(std::uint32_t timeline, std::uint64_t start, std::uint64_t stop, std::int64_t seconds) {
        format::BackupPublic& one = fields.emplace_back();
        one.kind = format::BackupKind::base;
        one.time = at(seconds);
        one.base = format::BasePlace{4711, timeline, start, stop, kSize};
        Backup& backup = backups.emplace_back();
        backup.fields = &one;
        backup.trusted = true;
        bases.push_back(&backup);
    }
    [[nodiscard]] LogPath path(std::optional<std::int64_t> seconds, std::optional<std::uint32_t> timeline = {}) const {
        MomentRequest request;
        if (seconds) request.at = at(*seconds);
        request.timeline = timeline;
        return path_to(logs, bases, request);
    }

    LogEpoch epoch;
    LogSeries logs;
    std::list<format::BackupPublic> fields;
    std::list<Backup> backups;
    std::vector<const Backup*> bases;
};

std::vector<std::string> names(const LogPath& path) {
    std::vector<std::string> names;
    for (const Log* log : path.segments) names.push_back(log->name());
    return names;
}

std::string name(std::uint32_t timeline, std::uint64_t number) {
    return format::segment_name(timeline, number * kSize, kSize);
}

/// Segments 2 to 9, each 10 seconds after the one before; bases complete at 25 and 65.
Archive simple() {
    Archive archive;
    for (std::uint64_t number = 2; number < 10; ++number)
        archive.segment(1, number, static_cast<std::int64_t>(number) * 10);
    archive.base(1, 2 * kSize + 40, 2 * kSize + 100, 25);
    archive.base(1, 6 * kSize + 40, 6 * kSize + 100, 65);
    return archive;
}

}  // namespace

TEST_CASE("a moment needs the newest base before it, and the logs up to one beyond it", "[restore][logs]") {
    const Archive archive = simple();
    const LogPath path = archive.path(45);
    CHECK(path.base == archive.bases[0]);
    CHECK(names(path) == std::vector{name(1, 2), name(1, 3), name(1, 4), name(1, 5), name(1, 6)});
    CHECK(archive.path(65).base == archive.bases[1]);
    CHECK(archive.path(64).base == archive.bases[0]);
    CHECK(names(archive.path(90)) == std::vector{name(1, 6), name(1, 7), name(1, 8), name(1, 9)});
    const LogPath latest = archive.path({});
    CHECK(names(latest) == std::vector{name(1, 6), name(1, 7), name(1, 8), name(1, 9)});
    CHECK(latest.end == at(90));
    CHECK(latest.needed().front().count == 4);
}

TEST_CASE("moments before the first base and after the last log are refused, with the last one that can be had",
          "[restore][logs]") {
    const Archive archive = simple();
    REQUIRE_THROWS_MATCHES(archive.path(24), Error, has_code(ErrorCode::usage));
    try {
        (void)archive.path(91);
        FAIL("it must be refused");
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::usage);
        CHECK(error.hint().find(to_rfc3339(at(90))) != std::string::npos);
    }
}

TEST_CASE("a gap is refused where it is on the way, and nowhere else", "[restore][logs]") {
    Archive archive = simple();
    std::erase_if(archive.logs.logs,
                  [](const Log& log) { return log.name() == name(1, 4) || log.name() == name(1, 5); });
    try {
        (void)archive.path(62);
        FAIL("it must be refused");
    } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::damaged);
        CHECK(std::string(error.what()).find(name(1, 4) + " to " + name(1, 5) + " are missing") != std::string::npos);
        CHECK(error.hint().find(to_rfc3339(at(30))) != std::string::npos);
    }
    CHECK(archive.path(85).base == archive.bases[1]);
    REQUIRE_THROWS_MATCHES(archive.path(29), Error, has_code(ErrorCode::damaged));
    const auto gaps = archive.logs.gaps();
    REQUIRE(gaps.size() == 1);
    CHECK(gaps[0].first == name(1, 4));
    CHECK(gaps[0].last == name(1, 5));
    CHECK(archive.logs.is_in_gap(name(1, 5)));
    CHECK_FALSE(archive.logs.is_in_gap(name(1, 10)));
    CHECK_FALSE(archive.logs.is_in_gap(name(1, 1)));
}

TEST_CASE("a base without the logs that were written while it was made is no base", "[restore][logs]") {
    Archive archive;
    archive.segment(1, 2, 20);
    archive.base(1, 2 * kSize, 4 * kSize, 45);
    REQUIRE_THROWS_MATCHES(archive.path({}), Error, has_code(ErrorCode::damaged));
    archive.segment(1, 3, 30);
    CHECK(archive.path({}).end == at(45));
}

TEST_CASE("the path changes timelines where their history says", "[restore][logs]") {
    Archive archive = simple();
    // Left in the middle of segment 5; both timelines have that one.
    archive.history(2, {{1, 5 * kSize + 500}});
    for (std::uint64_t number = 5; number < 8; ++number)
        archive.segment(2, number, 100 + static_cast<std::int64_t>(number) * 10);
    const LogPath path = archive.path(155);
    CHECK(path.timeline == 2);
    // The second base lies beyond the fork.
    CHECK(path.base == archive.bases[0]);
    CHECK(names(path) == std::vector{name(1, 2), name(1, 3), name(1, 4), name(2, 5), name(2, 6), name(2, 7)});
    REQUIRE(path.histories.size() == 1);
    CHECK(path.histories[0]->name() == "00000002.history");
    // Without its copy of the segment in which it begins: what the older timeline went on with there is not its past.
    Archive without = archive;
    std::erase_if(without.logs.logs, [](const Log& log) { return log.name() == name(2, 5); });
    REQUIRE_THROWS_MATCHES(without.path(155), Error, has_code(ErrorCode::damaged));
    CHECK(without.logs.is_in_gap(name(2, 5)));
    CHECK_FALSE(without.logs.is_in_gap(name(2, 4)));
    REQUIRE(without.logs.gaps().size() == 1);
    CHECK(without.logs.gaps()[0].first == name(2, 5));
    CHECK(archive.logs.gaps().empty());
    // Back on the older one.
    CHECK(names(archive.path(85, 1)) == std::vector{name(1, 6), name(1, 7), name(1, 8), name(1, 9)});
    REQUIRE_THROWS_MATCHES(archive.path({}, 3), Error, has_code(ErrorCode::usage));
    std::erase_if(archive.logs.logs, [](const Log& log) { return log.trailer().kind == format::LogKind::history; });
    REQUIRE_THROWS_MATCHES(archive.path(155), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a stretch needs logs from two before them on, until a base follows", "[restore][logs]") {
    Archive archive = simple();  // segments 2 to 9 at 20 to 90, bases complete at 25 and 65
    LogEpoch later;
    for (std::size_t i = 3; i < archive.logs.logs.size(); ++i) archive.logs.logs[i].epoch = &later;  // 5 to 9
    MomentRequest request;
    request.base = archive.bases.front();
    const LogPath path = path_to(archive.logs, archive.bases, request);

    const LogsOfStretch all = logs_of_stretch(path, archive.bases, {at(25), at(90)});
    CHECK(all.end == at(90));
    REQUIRE(all.needed.size() == 2);
    CHECK(all.needed[0].logs.epoch == &archive.epoch);
    CHECK(all.needed[0].logs.count == 3);
    CHECK(all.needed[0].moments.from == at(25));
    CHECK(all.needed[0].moments.to == at(65));  // the second base begins after them
    CHECK(all.needed[1].logs.epoch == &later);
    CHECK(all.needed[1].moments.from == at(30));  // segment 5, two after the one of that time
    CHECK(all.needed[1].moments.to == at(90));

    const LogsOfStretch early = logs_of_stretch(path, archive.bases, {at(25), at(29)});
    REQUIRE(early.needed.size() == 1);
    CHECK(early.needed[0].logs.epoch == &archive.epoch);
    const LogsOfStretch late = logs_of_stretch(path, archive.bases, {at(70), at(90)});
    REQUIRE(late.needed.size() == 1);
    CHECK(late.needed[0].logs.epoch == &later);
}

TEST_CASE("what follows a moment is at hand for recovery, up to what is missing", "[restore][logs]") {
    Archive archive = simple();
    const auto beyond = [&](std::optional<std::int64_t> seconds) {
        std::vector<std::string> names;
        for (const Log* log : archive.path(seconds).beyond) names.push_back(log->name());
        return names;
    };
    CHECK(names(archive.path(28)) == std::vector{name(1, 2), name(1, 3), name(1, 4)});
    CHECK(beyond(28) == std::vector{name(1, 5), name(1, 6), name(1, 7), name(1, 8), name(1, 9)});
    CHECK(beyond(std::nullopt).empty());
    archive.segment(1, 11, 110);  // 10 is missing, and no moment asks for it
    CHECK(beyond(28).size() == 5);
}

TEST_CASE("the first segments lead to just before the last but one ended", "[restore][logs]") {
    const Archive archive = simple();
    const LogPath path = archive.path(std::nullopt, 1);
    REQUIRE(path.base->time() == at(65));
    CHECK(names(path).front() == name(1, 6));
    CHECK(path.reached_by(0) == std::nullopt);
    CHECK(path.reached_by(1) == std::nullopt);
    CHECK(path.reached_by(2) == std::nullopt);  // the first ended before the base was complete
    CHECK(path.reached_by(3) == TimePoint{at(70).ns - 1});
    CHECK(path.reached_by(4) == TimePoint{at(80).ns - 1});
    CHECK(names(archive.path(69)) == std::vector{name(1, 6), name(1, 7), name(1, 8)});  // the first three, indeed
}
