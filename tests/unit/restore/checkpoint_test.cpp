// Checkpoints against histories that the storage has cut, thinned, forked or replayed: the verdict is that of an oracle
// which knows what was done.
#include "restore/checkpoint.h"
#include "core/crypto/random.h"
#include "format/names.h"
#include "tests/unit/restore/repository_bench.h"

#include <iostream>
#include <random>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;
using Kind = CheckpointVerdict::Kind;

namespace {

constexpr std::uint64_t kEntries = 20;

/// A history of twenty entries by one writer.
struct History : RepositoryBench {
    std::vector<Checkpoint> checkpoints;  ///< of each entry, the first first
    std::map<std::string, Bytes> objects;
    History() {
        for (std::uint64_t i = 1; i <= kEntries; ++i) {
            RunOptions options;
            options.time.ns += static_cast<std::int64_t>(i) * kNsPerSecond;
            back_up(root({file("f", std::to_string(i))}), options);
            checkpoints.push_back(*Checkpoint::of(repository->config().repository, repository->load_journal(writer())));
        }
        objects = store->snapshot();
    }
    [[nodiscard]] std::string name(std::uint64_t sequence) const { return format::journal_name(writer(), sequence); }
    /// The journal as a storage shows it that has these objects.
    [[nodiscard]] storage::Journal shown(const std::map<std::string, Bytes>& kept) const {
        const auto other = std::make_shared<signet::test::MemoryStore>();
        for (const auto& [object, content] : kept) other->plant(object, content);
        return storage::Repository::open(other).load_journal(writer());
    }
};

struct Expected {
    Kind kind = Kind::proven;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    bool operator==(const CheckpointVerdict& verdict) const {
        return verdict.kind == kind && verdict.first == first && verdict.last == last;
    }
};

/// What is true when of entries 1 to 20 those are left whose bit is set.
Expected oracle(std::uint32_t left, std::uint64_t sequence) {
    std::uint64_t whole = 0;
    while (whole < kEntries && (left >> whole & 1U) != 0) ++whole;
    if (sequence <= whole) return {};
    const bool has_later = left >> whole != 0;
    return {has_later ? Kind::withheld : Kind::rolled_back, whole + 1, sequence};
}

}  // namespace

TEST_CASE("a checkpoint is one line of ASCII that is read back, and no other", "[restore][checkpoint]") {
    History history;
    const Checkpoint& checkpoint = history.checkpoints.at(6);
    const std::string line = checkpoint.line();
    CHECK(line.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789 -:.TZ") == std::string::npos);
    CHECK(Checkpoint::parse(line) == checkpoint);
    CHECK(Checkpoint::parse(line + "\r\n") == checkpoint);
    std::size_t refused = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
        for (const char other : {'0', '1', ' ', 'f', 'Z'}) {
            if (line[i] == other) continue;
            std::string mangled = line;
            mangled[i] = other;
            CHECK_THROWS_MATCHES(Checkpoint::parse(mangled), Error, has_code(ErrorCode::usage));
            ++refused;
        }
        CHECK_THROWS_MATCHES(Checkpoint::parse(line.substr(0, i)), Error, has_code(ErrorCode::usage));
    }
    CHECK(refused > 800);
    CHECK(parse_checkpoints("# of the safe\n\n" + line + "\n").size() == 1);
    CHECK_THROWS_MATCHES(parse_checkpoints("# nothing\n"), Error, has_code(ErrorCode::usage));
}

TEST_CASE("for every subset of a history of 20 entries the verdict is that of the oracle", "[restore][checkpoint]") {
    History history;
    // What the repository gives of each length, so that a million subsets need no signatures.
    std::vector<storage::Journal> prefixes;
    std::map<std::string, Bytes> kept = history.objects;
    for (std::uint64_t length = kEntries;; --length) {
        prefixes.insert(prefixes.begin(), history.shown(kept));
        REQUIRE(prefixes.front().entries.size() == length);
        if (length == 0) break;
        kept.erase(history.name(length));
    }
    std::uint64_t agreed = 0;
    std::uint64_t verdicts = 0;
    for (std::uint32_t left = 0; left < 1U << kEntries; ++left) {
        std::size_t whole = 0;
        while (whole < kEntries && (left >> whole & 1U) != 0) ++whole;
        storage::Journal& journal = prefixes[whole];
        journal.unbelieved.clear();
        for (std::uint64_t i = whole; i < kEntries; ++i) {
            if ((left >> i & 1U) != 0) journal.unbelieved.push_back(i + 1);
        }
        for (std::uint64_t sequence = 1; sequence <= kEntries; ++sequence) {
            ++verdicts;
            if (oracle(left, sequence) == judge(history.checkpoints[sequence - 1], &journal)) ++agreed;
        }
    }
    std::cout << "subsets of a history of 20 entries: " << agreed << " of " << verdicts
              << " verdicts as the oracle's\n";
    CHECK(agreed == verdicts);
}

TEST_CASE("every prefix, and histories that lack one or two entries or many, read from a store",
          "[restore][checkpoint]") {
    History history;
    std::vector<std::uint32_t> subsets;
    const std::uint32_t all = (1U << kEntries) - 1;
    for (std::uint64_t length = 0; length <= kEntries; ++length)
        subsets.push_back(static_cast<std::uint32_t>((1ULL << length) - 1));
    for (std::uint64_t one = 0; one < kEntries; ++one) {
        for (std::uint64_t other = one; other < kEntries; ++other)
            subsets.push_back(all & ~(1U << one) & ~(1U << other));
    }
    std::mt19937 random(20);
    for (int i = 0; i < 150; ++i) subsets.push_back(random() & all);
    std::uint64_t agreed = 0;
    for (const std::uint32_t left : subsets) {
        std::map<std::string, Bytes> kept = history.objects;
        for (std::uint64_t i = 0; i < kEntries; ++i) {
            if ((left >> i & 1U) == 0) kept.erase(history.name(i + 1));
        }
        const storage::Journal journal = history.shown(kept);
        for (const Checkpoint& checkpoint : history.checkpoints) {
            const CheckpointVerdict verdict = judge(checkpoint, &journal);
            if (oracle(left, checkpoint.sequence) == verdict) ++agreed;
            CHECK(refusal(checkpoint, verdict).has_value() == (verdict.kind != Kind::proven));
        }
    }
    std::cout << "histories read from a store: " << agreed << " of " << subsets.size() * kEntries
              << " verdicts as the oracle's\n";
    CHECK(agreed == subsets.size() * kEntries);
}

TEST_CASE("entries in the place of others, and other histories, are told apart", "[restore][checkpoint]") {
    History history;
    SECTION("a replayed entry is refused, and so is what follows") {
        for (std::uint64_t at = 1; at <= kEntries; ++at) {
            for (std::uint64_t from = 1; from <= kEntries; ++from) {
                if (from == at) continue;
                std::map<std::string, Bytes> kept = history.objects;
                kept[history.name(at)] = history.objects.at(history.name(from));
                const storage::Journal journal = history.shown(kept);
                for (const Checkpoint& checkpoint : history.checkpoints) {
                    const CheckpointVerdict verdict = judge(checkpoint, &journal);
                    CHECK(verdict.kind == (checkpoint.sequence < at ? Kind::proven : Kind::altered));
                }
            }
            if (at == 3) break;  // 57 of them are enough
        }
    }
    SECTION("a fork is another history from some entry on") {
        // The same writer goes on from entry 12, unaware of what it has made since.
        for (std::uint64_t i = 13; i <= kEntries; ++i) history.store->lose(history.name(i));
        for (int i = 0; i < 4; ++i) history.back_up(root({file("g", std::to_string(i))}));
        const storage::Journal forked = history.repository->load_journal(history.writer());
        REQUIRE(forked.entries.size() == 16);
        REQUIRE_FALSE(forked.problem);
        for (const Checkpoint& checkpoint : history.checkpoints) {
            const CheckpointVerdict verdict = judge(checkpoint, &forked);
            const Kind expected = checkpoint.sequence <= 12   ? Kind::proven
                                  : checkpoint.sequence <= 16 ? Kind::forked
                                                              : Kind::rolled_back;
            CHECK(verdict.kind == expected);
        }
        SECTION("and two checkpoints that know both say so themselves") {
            const auto other = Checkpoint::of(history.repository->config().repository, forked);
            const auto errors =
                compare({history.checkpoints.at(15), *other}, history.repository->config().repository, {forked});
            REQUIRE(errors.size() == 1);
            CHECK_THAT(std::string(errors.front().what()), Catch::Contains("two checkpoints"));
        }
    }
    SECTION("a checkpoint of another repository is refused, whatever it says") {
        Checkpoint stranger = history.checkpoints.front();
        stranger.repository = crypto::random_id<RepositoryId>();
        CHECK_THROWS_MATCHES(compare({stranger}, history.repository->config().repository, {}), Error,
                             has_code(ErrorCode::refused));
    }
    SECTION("a writer of whom nothing is shown at all was withheld") {
        const auto errors = compare({history.checkpoints.at(4)}, history.repository->config().repository, {});
        REQUIRE(errors.size() == 1);
        CHECK(errors.front().code() == ErrorCode::damaged);
        CHECK_THAT(std::string(errors.front().what()), Catch::Contains("entries 1 to 5 of " + history.writer().hex()));
    }
}

TEST_CASE("a catalogue is held to checkpoints, and says what nobody vouches for", "[restore][checkpoint]") {
    History history;
    CatalogueOptions options;
    options.remember = false;
    const auto load = [&] { return Catalogue::load(*history.repository, history.keyrings, options); };
    CHECK_THAT(unproven_tails(load()), Catch::Contains(history.writer().short_hex(16) + " (20 entries)"));
    options.checkpoints = {history.checkpoints.at(11)};
    CHECK_THAT(unproven_tails(load()), !Catch::Contains(history.writer().short_hex(16)));
    for (std::uint64_t i = 15; i <= kEntries; ++i) history.store->lose(history.name(i));
    CHECK_NOTHROW(load());
    options.checkpoints.push_back(history.checkpoints.at(18));
    CHECK_THROWS_MATCHES(load(), Error, has_code(ErrorCode::damaged));
    options.tolerate_rollback = true;
    const Catalogue catalogue = load();
    REQUIRE(catalogue.refuted().size() == 1);
    CHECK_THAT(std::string(catalogue.refuted().front().what()), Catch::Contains("entries 15 to 19"));
}
