#include "restore/log_retention.h"

#include "format/limits.h"
#include "tests/support/matchers.h"

#include <list>

using namespace signet;
using namespace signet::restore;

namespace {

constexpr std::uint32_t kSize = format::kMiB;

TimePoint at(std::int64_t seconds) { return {seconds * kNsPerSecond}; }

/// Logs and backups of one series, made of numbers.
struct Archive {
    explicit Archive(format::LogFamily family) { logs.source = {family, 4711, kSize, ""}; }
    Log& add() {
        Log& one = logs.logs.emplace_back();
        one.epoch = &epoch;
        one.number = logs.logs.size();
        return one;
    }
    void log(format::LogKind kind, std::uint32_t timeline, std::uint64_t position) {
        Log& one = add();
        one.log.trailer.kind = kind;
        one.log.trailer.timeline = timeline;
        one.log.trailer.position = position;
    }
    void generic(std::optional<std::uint64_t> number, std::int64_t modified) {
        Log& one = add();
        one.log.trailer.kind = format::LogKind::generic;
        one.log.trailer.number = number;
        one.log.trailer.modified = at(modified);
    }
    void backup(std::int64_t started, std::int64_t time, std::optional<std::uint64_t> start = {}) {
        format::BackupPublic& one = fields.emplace_back();
        one.started = at(started);
        one.time = at(time);
        if (start) one.base = format::BasePlace{4711, 1, *start, *start + 1, kSize};
        backups.emplace_back().fields = &one;
        all.push_back(&backups.back());
    }
    [[nodiscard]] std::vector<bool> needed() const { return needed_logs(logs, all); }

    LogEpoch epoch;
    LogSeries logs;
    std::list<format::BackupPublic> fields;
    std::list<Backup> backups;
    std::vector<const Backup*> all;
};

}  // namespace

TEST_CASE("segments live as long as a base that starts in or before them", "[restore][log_retention]") {
    Archive archive(format::LogFamily::postgres);
    for (std::uint64_t number = 1; number <= 4; ++number) archive.log(format::LogKind::segment, 1, number * kSize);
    CHECK(archive.needed() == std::vector<bool>{true, true, true, true});  // no base: nothing tells
    archive.backup(0, 0);
    CHECK(archive.needed() == std::vector<bool>{true, true, true, true});  // one that is no base tells nothing
    archive.backup(50, 60, 3 * kSize + 40);
    CHECK(archive.needed() == std::vector<bool>{false, false, true, true});
    archive.backup(90, 99, 4 * kSize + 40);
    CHECK(archive.needed() == std::vector<bool>{false, false, true, true});
    archive.backup(10, 20, 2 * kSize);  // where a segment begins: the one before ends there
    CHECK(archive.needed() == std::vector<bool>{false, true, true, true});
}

TEST_CASE("histories are always needed, and other timelines go by their positions", "[restore][log_retention]") {
    Archive archive(format::LogFamily::postgres);
    archive.log(format::LogKind::history, 2, 0);
    archive.log(format::LogKind::segment, 2, 1 * kSize);
    archive.log(format::LogKind::backup_history, 1, 1 * kSize + 40);
    archive.log(format::LogKind::partial, 1, 2 * kSize);
    archive.log(format::LogKind::backup_history, 1, 3 * kSize + 41);
    archive.backup(0, 0, 3 * kSize + 40);
    CHECK(archive.needed() == std::vector<bool>{true, false, false, false, true});
}

TEST_CASE("numbered logs live from the last one before the first backup on", "[restore][log_retention]") {
    Archive archive(format::LogFamily::generic);
    for (std::int64_t number = 1; number <= 5; ++number)
        archive.generic(static_cast<std::uint64_t>(number), number * 10);
    CHECK(archive.needed() == std::vector<bool>(5, true));
    archive.backup(35, 37);
    CHECK(archive.needed() == std::vector<bool>{false, false, true, true, true});
    archive.backup(90, 22);  // its time was set by hand: the earlier of both counts
    CHECK(archive.needed() == std::vector<bool>{false, true, true, true, true});
}

TEST_CASE("logs without numbers are needed, and hold no others back", "[restore][log_retention]") {
    Archive archive(format::LogFamily::generic);
    archive.generic(std::nullopt, 1);
    archive.generic(1, 10);
    archive.generic(2, 20);
    archive.generic(3, 5);  // a clock that went back
    archive.backup(15, 15);
    CHECK(archive.needed() == std::vector<bool>{true, true, true, true});
    archive.generic(4, 50);
    archive.backups.clear();
    archive.all.clear();
    archive.backup(40, 40);
    CHECK(archive.needed() == std::vector<bool>{true, false, false, true, true});
}

TEST_CASE("without a backup, logs are needed that nobody let go", "[restore][log_retention]") {
    for (const auto family : {format::LogFamily::postgres, format::LogFamily::generic}) {
        Archive archive(family);
        for (std::uint64_t number = 1; number <= 4; ++number) {
            if (family == format::LogFamily::postgres)
                archive.log(format::LogKind::segment, 1, number * kSize);
            else
                archive.generic(number, static_cast<std::int64_t>(number) * 10);
        }
        CHECK(archive.needed() == std::vector<bool>(4, true));
        archive.epoch.kept_from = 3;
        CHECK(archive.needed() == std::vector<bool>{false, false, true, true});
        archive.backup(0, 0, 1 * kSize);  // taken back in time
        CHECK(archive.needed() == std::vector<bool>(4, true));
    }
}
