// What stands behind damage, held to what is known from outside.
#include "restore/stranded.h"

#include "core/crypto/digest.h"

#include <catch2/catch.hpp>

namespace signet::restore {
namespace {

EntryId id_of(std::uint64_t sequence, const std::string& who) {
    return EntryId::from(crypto::sha256(as_bytes(who + std::to_string(sequence))).view());
}

/// The entry that somebody made at a place, after that of somebody.
format::SignedEntry entry(std::uint64_t sequence, const std::string& who, const std::string& before) {
    format::SignedEntry made;
    made.head.sequence = sequence;
    made.head.previous = id_of(sequence - 1, before);
    made.id = id_of(sequence, who);
    return made;
}
format::SignedEntry host(std::uint64_t sequence) { return entry(sequence, "host", "host"); }
format::SignedEntry thief(std::uint64_t sequence) { return entry(sequence, "thief", "thief"); }

KnownEntry seen(std::uint64_t sequence, const std::string& who = "host") {
    return {sequence, id_of(sequence, who), "this keyring has seen"};
}

/// Damage at entry 3: 1 and 2 are believed.
storage::Journal journal(std::vector<format::SignedEntry> stranded) {
    storage::Journal made;
    made.entries.push_back(host(1));
    made.entries.push_back(host(2));
    made.stranded = std::move(stranded);
    return made;
}

using Numbers = std::set<std::uint64_t>;

Numbers refuted(const StrandedVerdict& verdict) {
    Numbers numbers;
    for (const auto& each : verdict.refuted) {
        numbers.insert(each.first);
        CHECK(each.second.code() == ErrorCode::damaged);
    }
    return numbers;
}

}  // namespace

TEST_CASE("entries behind damage are proven by a later one that is known", "[restore][stranded]") {
    const StrandedVerdict verdict = judge_stranded(journal({host(4), host(5), host(6)}), {seen(5)});
    CHECK(verdict.proven == Numbers{4, 5});
    CHECK(verdict.refuted.empty());
    CHECK_FALSE(verdict.contradiction);
    CHECK(judge_stranded(journal({host(4), host(5)}), {}).proven.empty());
    CHECK(judge_stranded(journal({host(4), host(5)}), {seen(9)}).refuted.empty());
    CHECK(judge_stranded(journal({}), {seen(5)}).proven.empty());
    // Across another gap nothing leads back.
    CHECK(judge_stranded(journal({host(4), host(6)}), {seen(6)}).proven == Numbers{6});
}

TEST_CASE("another entry than is known refutes itself and all that goes with it", "[restore][stranded][hostile]") {
    CHECK(refuted(judge_stranded(journal({thief(4), thief(5), thief(6)}), {seen(5)})) == Numbers{4, 5, 6});
    CHECK(refuted(judge_stranded(journal({host(4), entry(5, "thief", "host"), thief(6)}), {seen(4), seen(6)})) ==
          Numbers{5, 6});
    // Memories that contradict each other prove nothing.
    const StrandedVerdict torn = judge_stranded(journal({host(4), host(5)}), {seen(5), seen(4, "thief")});
    CHECK(torn.proven.empty());
    CHECK(refuted(torn) == Numbers{4, 5});
}

TEST_CASE("of neighbours that do not follow each other the proven one stands, else neither",
          "[restore][stranded][hostile]") {
    const auto forked = [] { return journal({host(4), host(5), entry(6, "thief", "host"), host(7), host(8)}); };
    CHECK(refuted(judge_stranded(forked(), {})) == Numbers{4, 5, 6, 7, 8});
    CHECK(refuted(judge_stranded(forked(), {seen(8)})) == Numbers{4, 5, 6});
    const StrandedVerdict partly = judge_stranded(forked(), {seen(5)});
    CHECK(partly.proven == Numbers{4, 5});
    CHECK(refuted(partly) == Numbers{6, 7, 8});
}

TEST_CASE("what is believed and is not what proven entries follow is a contradiction", "[restore][stranded][hostile]") {
    const StrandedVerdict verdict = judge_stranded(journal({entry(3, "host", "other"), host(4)}), {seen(4)});
    REQUIRE(verdict.contradiction);
    CHECK(std::string(verdict.contradiction->what()).find("fork") != std::string::npos);
    // Unproven, it is the one that is not believed.
    const StrandedVerdict unproven = judge_stranded(journal({entry(3, "host", "other"), host(4)}), {});
    CHECK_FALSE(unproven.contradiction);
    CHECK(refuted(unproven) == Numbers{3, 4});
}

}  // namespace signet::restore
