// Which lost logs are stored again, told by what was stored before and after them.
#include "restore/log_copies.h"

#include "format/limits.h"
#include "tests/support/matchers.h"

#include <list>

using namespace signet;
using namespace signet::restore;

namespace {

constexpr std::uint32_t kSize = format::kMiB;

/// Objects of one series in the order in which they were stored.
struct Archive {
    explicit Archive(format::LogFamily family) {
        logs.name = "shop";
        logs.source = {family, 0, 0, "log%d"};
        if (family == format::LogFamily::postgres) logs.source = {family, 4711, kSize, ""};
        next_epoch();
    }
    void next_epoch() {
        format::SignedEntry& entry = entries.emplace_back();
        entry.head.time = TimePoint{static_cast<std::int64_t>(entries.size()) * kNsPerSecond};
        entry.head.sequence = entries.size();
        LogEpoch& epoch = epochs.emplace_back();
        epoch.entry = &entry;
        epoch.fields.source = logs.source;
        epoch.fields.dek.octets[0] = static_cast<std::uint8_t>(entries.size());
        number = 0;
    }
    Log& add(format::LogKind kind, std::string name) {
        Log& log = logs.logs.emplace_back();
        log.epoch = &epochs.back();
        log.number = ++number;
        log.log.trailer.kind = kind;
        log.log.trailer.name = std::move(name);
        log.log.trailer.content_tag.octets[0] = static_cast<std::uint8_t>(log.name().back());
        return log;
    }
    /// Positive ones are logs, others are lost.
    Archive& store(std::initializer_list<int> numbers) {
        for (const int one : numbers) {
            if (one <= 0) {
                lose();
            } else if (logs.source.family == format::LogFamily::postgres) {
                segment(1, static_cast<std::uint64_t>(one));
            } else {
                add(format::LogKind::generic, "log" + std::to_string(one)).log.trailer.number =
                    static_cast<std::uint64_t>(one);
            }
        }
        return *this;
    }
    void segment(std::uint32_t timeline, std::uint64_t one) {
        format::LogTrailer& trailer =
            add(format::LogKind::segment, format::segment_name(timeline, one * kSize, kSize)).log.trailer;
        trailer.timeline = timeline;
        trailer.position = one * kSize;
    }
    void lose() {
        ++number;
        logs.problems.push_back({&epochs.back(), Error(ErrorCode::damaged, "lost " + std::to_string(number)), number});
    }
    /// How many losses are damage.
    std::size_t damaged() {
        const std::size_t lost = logs.problems.size();
        std::sort(logs.logs.begin(), logs.logs.end(), comes_before);
        excuse_stored_again(logs);
        CHECK(logs.problems.size() + logs.stored_again.size() == lost);
        return logs.problems.size();
    }

    std::list<format::SignedEntry> entries;
    std::list<LogEpoch> epochs;
    LogSeries logs;
    std::uint64_t number = 0;
};

Archive numbered() { return Archive(format::LogFamily::generic); }
Archive postgres() { return Archive(format::LogFamily::postgres); }

}  // namespace

TEST_CASE("a lost log that is stored again is no damage", "[restore][logs]") {
    CHECK(numbered().store({1, 2, 0, 4, 3}).damaged() == 0);
    CHECK(postgres().store({1, 2, 0, 4, 3}).damaged() == 0);
    CHECK(numbered().store({1, 0, 0, 4, 3, 2}).damaged() == 0);
    CHECK(postgres().store({1, 0, 0, 4, 3, 5, 2}).damaged() == 0);
    CHECK(numbered().store({0, 2, 3, 1}).damaged() == 0);
    CHECK(postgres().store({0, 2, 3, 1}).damaged() == 0);
    CHECK(numbered().store({1, 0, 3, 0, 5, 2, 4, 6}).damaged() == 0);
    Archive archive = numbered();
    archive.store({1, 0, 3}).next_epoch();
    CHECK(archive.store({2, 4}).damaged() == 0);
    const std::string sentence = archive.logs.stored_again.front().sentence;
    CHECK(sentence.find("lost 2; it was log2, which is stored again as " +
                        format::log_name(archive.epochs.back().fields.dek, 1)) == 0);
}

TEST_CASE("what is lost and not stored again stays damage", "[restore][logs]") {
    for (const auto& make : {numbered, postgres}) {
        CHECK(make().store({1, 2, 0, 4}).damaged() == 1);        // a gap
        CHECK(make().store({0, 2, 3}).damaged() == 1);           // the first
        CHECK(make().store({1, 2, 3, 0}).damaged() == 1);        // the last of a closed epoch
        CHECK(make().store({1, 0, 3, 2, 0}).damaged() == 1);     // the last, behind one that was stored again
        CHECK(make().store({1, 0, 0, 4, 2}).damaged() == 2);     // two, and one was stored again
        CHECK(make().store({1, 2, 0, 4, 3, 6}).damaged() == 1);  // a gap elsewhere
        CHECK(make().store({1, 0}).damaged() == 1);
        CHECK(make().store({0}).damaged() == 1);
        CHECK(make().store({0, 1}).damaged() == 1);  // an older one may have been the first
    }
}

TEST_CASE("where all logs have numbers, and none is missing, the newest may have been stored again",
          "[restore][logs]") {
    for (const auto& numbers : {std::initializer_list<int>{1, 2, 0, 3}, {1, 2, 0, 3, 4}, {1, 0, 0, 3, 2}}) {
        CHECK(numbered().store(numbers).damaged() == 0);
        CHECK(postgres().store(numbers).damaged() > 0);  // it may have been another file
    }
}

TEST_CASE("of an order that is not known nothing follows", "[restore][logs]") {
    SECTION("no sequence") {
        Archive archive = numbered();
        archive.logs.source.sequence = "";
        archive.epochs.front().fields.source.sequence = "";
        CHECK(archive.store({1, 0, 3, 2}).damaged() == 1);
    }
    SECTION("one without a number") {
        Archive archive = numbered();
        archive.store({1, 0, 3, 2});
        archive.add(format::LogKind::generic, "other");
        CHECK(archive.damaged() == 1);
    }
    SECTION("another sequence later") {
        Archive archive = numbered();
        archive.store({1, 0, 3, 2}).next_epoch();
        archive.epochs.back().fields.source.sequence = "another%d";
        CHECK(archive.store({4}).damaged() == 1);
    }
}

TEST_CASE("files between segments are not taken for segments", "[restore][logs]") {
    Archive archive = postgres();
    archive.store({1, 2});
    archive.lose();  // a history, say
    CHECK(archive.store({3, 4}).damaged() == 1);

    Archive beside = postgres();
    beside.store({1, 2, 0});
    beside.add(format::LogKind::backup_history, "x.backup").log.trailer.timeline = 1;
    CHECK(beside.store({4, 3}).damaged() == 0);

    Archive older = postgres();  // the last one of a timeline that was left
    older.store({1, 2, 0});
    older.segment(2, 3);
    older.segment(2, 4);
    older.segment(1, 3);
    CHECK(older.damaged() == 1);
}

TEST_CASE("a log that is not whole is covered by one of its name and content", "[restore][logs]") {
    const bool is_same = GENERATE(true, false);
    const bool is_whole = GENERATE(true, false);
    Archive archive = numbered();
    archive.store({1, 2, 2});
    archive.logs.logs[1].damage = Error(ErrorCode::damaged, "rotten");
    if (!is_same) archive.logs.logs[2].log.trailer.content_tag.octets[1] = 7;
    if (!is_whole) archive.logs.logs[2].damage = Error(ErrorCode::damaged, "rotten as well");
    std::sort(archive.logs.logs.begin(), archive.logs.logs.end(), comes_before);
    excuse_stored_again(archive.logs);
    CHECK(archive.logs.problems.size() == (is_whole ? (is_same ? 0 : 1) : 2));
    CHECK(archive.logs.stored_again.size() == (is_whole && is_same ? 1 : 0));
    CHECK(archive.logs.logs[1].damage.has_value() != is_whole);  // plans take the first of a place
    CHECK(archive.logs.find("log2")->number == (is_whole ? 3 : 2));
}
