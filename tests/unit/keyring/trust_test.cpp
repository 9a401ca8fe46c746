#include "keyring/trust.h"

#include "core/crypto/identity_key.h"
#include "core/crypto/random.h"
#include "format/names.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

using format::Role;
using format::TrustStatement;

const IdentityId kPinned = crypto::random_id<IdentityId>();
const IdentityId kOfficer = crypto::random_id<IdentityId>();
const IdentityId kSecond = crypto::random_id<IdentityId>();
const IdentityId kWriter = crypto::random_id<IdentityId>();
const IdentityId kStranger = crypto::random_id<IdentityId>();

TrustStatement writer(const IdentityId& identity, std::uint64_t first = 1, std::uint64_t last = UINT64_MAX) {
    return {identity, Role::writer, first, last};
}
TrustStatement officer(const IdentityId& identity, std::uint64_t first = 1, std::uint64_t last = UINT64_MAX) {
    return {identity, Role::officer, first, last};
}

/// Entries with hours as times, and whatever sequence numbers the test wants.
struct Journals {
    TrustInput input;
    void trust(const IdentityId& signer, std::uint64_t sequence, std::int64_t hour,
               std::vector<TrustStatement> statements) {
        input.add({signer, sequence, crypto::random_id<EntryId>(), TimePoint{hour * 3600 * kNsPerSecond},
                   format::TrustFields{std::move(statements)}, std::nullopt});
    }
    void policy(const IdentityId& signer, std::uint64_t sequence, std::int64_t hour, std::uint64_t number,
                const std::string& value) {
        input.add({signer, sequence, crypto::random_id<EntryId>(), TimePoint{hour * 3600 * kNsPerSecond}, std::nullopt,
                   format::PolicyFields{number, {{"after-rotation", value}}}});
    }
    [[nodiscard]] Trust compute() const { return Trust::compute(kPinned, input); }
};

TEST_CASE("only the pinned officer is trusted from the start, and not as a writer", "[keyring][trust]") {
    const Trust trust = Journals{}.compute();
    CHECK(trust.trusts(kPinned, Role::officer, 1));
    CHECK(trust.trusts(kPinned, Role::officer, UINT64_MAX));
    CHECK_FALSE(trust.trusts(kPinned, Role::writer, 1));
    CHECK_FALSE(trust.trusts(kStranger, Role::writer, 1));
    CHECK(trust.all().size() == 1);
    CHECK_FALSE(trust.policy());
}

TEST_CASE("a writer is trusted for a range of sequence numbers", "[keyring][trust]") {
    Journals journals;
    journals.trust(kPinned, 1, 1, {writer(kWriter, 5, 9)});
    const Trust trust = journals.compute();
    CHECK_FALSE(trust.trusts(kWriter, Role::writer, 4));
    CHECK(trust.trusts(kWriter, Role::writer, 5));
    CHECK(trust.trusts(kWriter, Role::writer, 9));
    CHECK_FALSE(trust.trusts(kWriter, Role::writer, 10));
    CHECK_FALSE(trust.trusts(kWriter, Role::officer, 5));
    CHECK(trust.find(kWriter, Role::writer)->said_by == journals.input.entries().front().id);
}

TEST_CASE("a later statement replaces an earlier one, by sequence number and not by clock", "[keyring][trust]") {
    Journals journals;
    journals.trust(kPinned, 2, 1, {writer(kWriter, 1, 7)});
    journals.trust(kPinned, 1, 9, {writer(kWriter)});
    CHECK_FALSE(journals.compute().trusts(kWriter, Role::writer, 8));
    journals.trust(kPinned, 3, 0, {writer(kWriter, 2, 1)});
    CHECK_FALSE(journals.compute().trusts(kWriter, Role::writer, 1));
    CHECK_FALSE(journals.compute().trusts(kWriter, Role::writer, 2));
}

TEST_CASE("what strangers and writers say about trust counts for nothing", "[keyring][trust]") {
    Journals journals;
    journals.trust(kPinned, 1, 1, {writer(kWriter)});
    journals.trust(kStranger, 1, 2, {writer(kStranger), officer(kStranger), writer(kWriter, 2, 1)});
    journals.trust(kWriter, 1, 2, {officer(kWriter), writer(kStranger)});
    journals.policy(kWriter, 2, 3, 99, "fresh");
    const Trust trust = journals.compute();
    CHECK_FALSE(trust.trusts(kStranger, Role::writer, 1));
    CHECK_FALSE(trust.trusts(kStranger, Role::officer, 1));
    CHECK_FALSE(trust.trusts(kWriter, Role::officer, 1));
    CHECK(trust.trusts(kWriter, Role::writer, 1));
    CHECK_FALSE(trust.policy());
}

TEST_CASE("an officer made by an officer decides about writers, within his range", "[keyring][trust]") {
    Journals journals;
    journals.trust(kPinned, 1, 1, {officer(kOfficer, 1, 2)});
    journals.trust(kOfficer, 1, 2, {writer(kStranger), writer(kWriter)});
    journals.trust(kOfficer, 2, 3, {writer(kWriter, 1, 10)});
    journals.trust(kOfficer, 3, 4, {writer(kWriter)});
    const Trust trust = journals.compute();
    CHECK(trust.trusts(kStranger, Role::writer, 1));
    CHECK(trust.trusts(kWriter, Role::writer, 10));
    CHECK_FALSE(trust.trusts(kWriter, Role::writer, 11));
}

TEST_CASE("narrowing an officer undoes what he said beyond, also before that was known", "[keyring][trust]") {
    Journals journals;
    journals.trust(kPinned, 1, 1, {officer(kOfficer)});
    journals.trust(kOfficer, 1, 2, {writer(kWriter)});
    journals.trust(kOfficer, 2, 3, {writer(kStranger), officer(kSecond)});
    journals.trust(kSecond, 1, 4, {writer(kSecond)});
    CHECK(journals.compute().trusts(kSecond, Role::writer, 1));
    journals.trust(kPinned, 2, 5, {officer(kOfficer, 1, 1)});
    const Trust trust = journals.compute();
    CHECK(trust.trusts(kWriter, Role::writer, 1));
    CHECK_FALSE(trust.trusts(kStranger, Role::writer, 1));
    CHECK_FALSE(trust.trusts(kSecond, Role::officer, 1));
    CHECK_FALSE(trust.trusts(kSecond, Role::writer, 1));
}

TEST_CASE("no officer undoes who appointed him", "[keyring][trust]") {
    Journals journals;
    journals.trust(kPinned, 1, 1, {officer(kOfficer)});
    journals.trust(kOfficer, 1, 2, {officer(kPinned, 2, 1), officer(kSecond)});
    journals.trust(kSecond, 1, 3, {officer(kOfficer, 2, 1), officer(kPinned, 2, 1)});
    const Trust trust = journals.compute();
    CHECK(trust.trusts(kPinned, Role::officer, 5));
    CHECK(trust.trusts(kOfficer, Role::officer, 5));
    CHECK(trust.trusts(kSecond, Role::officer, 5));
}

TEST_CASE("what a nearer officer said about a writer no farther one changes, whatever the clocks say",
          "[keyring][trust]") {
    Journals journals;
    journals.trust(kPinned, 1, 1, {officer(kOfficer), writer(kWriter)});
    journals.trust(kOfficer, 1, 900, {writer(kWriter), writer(kStranger), officer(kSecond)});
    journals.trust(kSecond, 1, 950, {writer(kStranger, 1, 5)});
    SECTION("a withdrawal by the first officer holds against a clock that is ahead") {
        journals.trust(kPinned, 2, 2, {writer(kWriter, 1, 0)});
        CHECK_FALSE(journals.compute().trusts(kWriter, Role::writer, 1));
        CHECK(journals.compute().trusts(kStranger, Role::writer, 9));
    }
    SECTION("so does a withdrawal whose own clock was set back") {
        journals.trust(kPinned, 2, -5, {writer(kWriter, 1, 0)});
        CHECK_FALSE(journals.compute().trusts(kWriter, Role::writer, 1));
    }
    SECTION("trust by the first officer holds against a withdrawal by a farther one") {
        journals.trust(kOfficer, 2, 999, {writer(kWriter, 1, 0)});
        CHECK(journals.compute().trusts(kWriter, Role::writer, 1));
    }
}

TEST_CASE("the running time of a journal counts entries of all kinds", "[keyring][trust]") {
    const auto ahead = crypto::SigningKey::generate();
    const IdentityId signer = ahead.verify_key().identity();
    TrustInput input;
    const auto say = [&](std::uint64_t sequence, std::int64_t hour, format::EntryKind kind, const Bytes& fields) {
        format::EntryHead head;
        head.sequence = sequence;
        head.previous = sequence == 1 ? EntryId{} : crypto::random_id<EntryId>();
        head.time = {hour * 3600 * kNsPerSecond};
        input.add(format::decode_entry(format::make_plain_entry(kind, head, fields, ahead),
                                       format::journal_name(signer, sequence)));
    };
    say(1, 50, format::EntryKind::policy, format::PolicyFields{1, {}}.encode());
    say(2, 3, format::EntryKind::trust, format::TrustFields{{writer(kWriter)}}.encode());
    CHECK(input.entries().back().time.ns == std::int64_t{50} * 3600 * kNsPerSecond);
}

TEST_CASE("the order of the input does not matter", "[keyring][trust]") {
    Journals journals;
    journals.trust(kPinned, 1, 1, {officer(kOfficer), officer(kSecond)});
    journals.trust(kOfficer, 1, 2, {writer(kWriter, 1, 10)});
    journals.trust(kSecond, 1, 3, {writer(kWriter, 1, 20)});
    journals.policy(kOfficer, 2, 4, 1, "rewrap");
    journals.policy(kSecond, 2, 5, 1, "fresh");
    std::vector<TrustInput::Entry> entries = journals.input.entries();
    std::vector<std::size_t> order = {0, 1, 2, 3, 4};
    do {
        TrustInput input;
        for (const std::size_t index : order) input.add(entries[index]);
        const Trust trust = Trust::compute(kPinned, input);
        REQUIRE(trust.find(kWriter, Role::writer)->last_sequence == 20);
        REQUIRE(trust.policy()->values.at("after-rotation") == "fresh");
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("the policy with the highest number is in force", "[keyring][trust]") {
    Journals journals;
    journals.policy(kPinned, 1, 9, 2, "inherit");
    journals.policy(kPinned, 2, 10, 1, "rewrap");
    journals.policy(kStranger, 1, 11, 3, "fresh");
    const Trust trust = journals.compute();
    REQUIRE(trust.policy());
    CHECK(trust.policy()->number == 2);
    CHECK(trust.policy()->officer == kPinned);
    CHECK(trust.policy()->entry == journals.input.entries().front().id);
    // Manifests name the one that they obeyed, which need not be the one in force; a stranger's is none.
    REQUIRE(trust.policies().size() == 2);
    CHECK(trust.policies().at(journals.input.entries()[1].id).number == 1);
    CHECK(trust.policy()->values.at("after-rotation") == "inherit");
}

TEST_CASE("trust is read from signed entries", "[keyring][trust]") {
    const auto key = crypto::SigningKey::generate();
    format::EntryHead head;
    head.repository = crypto::random_id<RepositoryId>();
    head.signer = key.verify_key();
    head.sequence = 1;
    const auto take = [&](TrustInput& input, format::EntryKind kind, const Bytes& fields) {
        const auto identity = key.verify_key().identity();
        const std::string digits = std::to_string(head.sequence);
        const std::string name = "journal/" + identity.hex() + "/" + std::string(10 - digits.size(), '0') + digits;
        const auto entry = format::decode_entry(format::make_plain_entry(kind, head, fields, key), name);
        input.add(entry);
        head.previous = entry.id;
        ++head.sequence;
    };
    TrustInput input;
    take(input, format::EntryKind::trust, format::TrustFields{{writer(kWriter, 3)}}.encode());
    take(input, format::EntryKind::policy, format::PolicyFields{1, {{"max-deks", "8"}}}.encode());
    REQUIRE(input.entries().size() == 2);
    const Trust trust = Trust::compute(key.verify_key().identity(), input);
    CHECK(trust.trusts(kWriter, Role::writer, 3));
    CHECK_FALSE(trust.trusts(kWriter, Role::writer, 2));
    CHECK(trust.policy()->values.at("max-deks") == "8");
}

}  // namespace
}  // namespace signet::keyring::test
