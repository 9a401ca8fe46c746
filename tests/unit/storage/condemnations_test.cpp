#include "storage/condemnations.h"

#include "core/crypto/digest.h"
#include "format/names.h"
#include "format/officer_entry.h"

#include <catch2/catch.hpp>

using namespace signet;
using namespace signet::storage;
using format::CondemnedFor;

namespace {

template <class AnyId>
AnyId id_of(std::string_view words) {
    return AnyId::from(crypto::sha256(as_bytes(words)).view().first(AnyId::kSize));
}

/// An officer with a journal of condemnations and verdicts.
struct Officer {
    crypto::SigningKey key = crypto::SigningKey::generate();
    std::uint64_t sequence = 0;
    EntryId previous;

    format::SignedEntry say(format::EntryKind kind, const Bytes& fields) {
        format::EntryHead head;
        head.repository = id_of<RepositoryId>("repository");
        head.sequence = ++sequence;
        head.previous = previous;
        const auto name = format::journal_name(key.verify_key().identity(), sequence);
        auto entry = format::decode_entry(format::make_plain_entry(kind, head, fields, key), name);
        previous = entry.id;
        return entry;
    }
};

const IdentityId kWriter = id_of<IdentityId>("writer");
const DekId kDek = id_of<DekId>("dek");
const PackId kLoose = id_of<PackId>("loose");
const IndexId kIndex = id_of<IndexId>("index");

format::CondemnedObjects objects(CondemnedFor why, std::initializer_list<std::size_t> packs) {
    format::CondemnedObjects objects;
    if (packs.size() > 0) objects.packs.push_back({kWriter, 7, kDek, why, {}});
    for (const std::size_t pack : packs) format::bitmap_set(objects.packs.front().bitmap, pack);
    return objects;
}

/// An entry that reaches pack 1 of entry 7 of the writer.
format::BackupPublic reaching() {
    format::BackupPublic fields;
    fields.dek = id_of<DekId>("another dek");
    format::Reach reach{0, 7, kDek, {}};
    reach.set(1);
    fields.reach.push_back(reach);
    return fields;
}

}  // namespace

TEST_CASE("what is condemned is let go by any verdict that does not spare it, and goes by all of them",
          "[storage][prune]") {
    Officer officer;
    format::CondemnationFields said{objects(CondemnedFor::unneeded, {0, 1, 9}), {}};
    said.objects.loose = {kLoose};
    said.objects.indexes = {kIndex};
    said.objects.deks = {kDek};
    const auto condemnation = officer.say(format::EntryKind::condemnation, said.encode());
    format::VerdictFields first{condemnation.id, objects(CondemnedFor::spared, {1}), {}};
    format::VerdictFields second{condemnation.id, objects(CondemnedFor::spared, {1, 9}), {}};
    second.spared.deks = {kDek};
    Condemnations known;
    CHECK(known.of_pack(kWriter, 7, 0) == Standing::free);
    SECTION("before a verdict") {
        known.take(condemnation);
        CHECK(known.has_open());
        for (const std::size_t pack : {0U, 1U, 9U}) CHECK(known.of_pack(kWriter, 7, pack) == Standing::condemned);
        CHECK(known.of_pack(kWriter, 7, 2) == Standing::free);
        CHECK(known.of_pack(kWriter, 8, 0) == Standing::free);
        CHECK(known.of_loose(kLoose) == Standing::condemned);
        CHECK(known.of_loose(kIndex) == Standing::condemned);
        CHECK(known.of_dek(kDek) == Standing::condemned);
        CHECK_FALSE(known.is_to_go(kWriter, 7, 0));
    }
    SECTION("after two, whichever was read first") {
        const auto one = officer.say(format::EntryKind::verdict, first.encode());
        const auto two = officer.say(format::EntryKind::verdict, second.encode());
        if (GENERATE(true, false)) {
            for (const auto* entry : {&condemnation, &one, &two}) known.take(*entry);
        } else {
            for (const auto* entry : {&two, &one, &condemnation}) known.take(*entry);
        }
        CHECK_FALSE(known.has_open());
        CHECK(known.of_pack(kWriter, 7, 0) == Standing::let_go);
        CHECK(known.is_to_go(kWriter, 7, 0));
        CHECK(known.of_pack(kWriter, 7, 1) == Standing::free);
        CHECK(known.of_pack(kWriter, 7, 9) == Standing::let_go);
        CHECK(known.is_let_go(kWriter, 7, 9));
        CHECK_FALSE(known.is_to_go(kWriter, 7, 9));
        CHECK(known.of_dek(kDek) == Standing::let_go);
        CHECK_FALSE(known.is_to_go(kDek));
        CHECK(known.is_to_go(kLoose));
        CHECK(known.is_to_go(kIndex));
    }
    SECTION("without the condemnation a verdict says nothing") {
        known.take(officer.say(format::EntryKind::verdict, first.encode()));
        CHECK(known.empty());
    }
}

TEST_CASE("packs that others stand for can be reached as before, and are deleted all the same", "[storage][prune]") {
    Officer officer;
    const auto condemnation = officer.say(
        format::EntryKind::condemnation, format::CondemnationFields{objects(CondemnedFor::replaced, {1}), {}}.encode());
    Condemnations known;
    known.take(condemnation);
    CHECK(known.of_pack(kWriter, 7, 1) == Standing::free);
    CHECK(known.of_entry(reaching(), kWriter) == Standing::free);
    CHECK(known.is_pending(kWriter, 7, 1));
    known.take(officer.say(format::EntryKind::verdict, format::VerdictFields{condemnation.id, {}, {}}.encode()));
    CHECK(known.of_pack(kWriter, 7, 1) == Standing::free);
    CHECK_FALSE(known.is_pending(kWriter, 7, 1));
    CHECK(known.is_let_go(kWriter, 7, 1));
    CHECK(known.is_to_go(kWriter, 7, 1));
}

TEST_CASE("an entry obeys the latest reading, or what its run began with, or is not made", "[storage][prune]") {
    Officer officer;
    const IdentityId identity = officer.key.verify_key().identity();
    const auto fields = reaching();
    OfficersWord before{{}, {{identity, 3}}};
    const auto condemnation = officer.say(
        format::EntryKind::condemnation, format::CondemnationFields{objects(CondemnedFor::unneeded, {1}), {}}.encode());
    OfficersWord condemned{{}, {{identity, 4}}};
    condemned.condemnations.take(condemnation);
    OfficersWord judged{{}, {{identity, 5}}};
    judged.condemnations.take(condemnation);
    OfficersWord spared = judged;
    judged.condemnations.take(
        officer.say(format::EntryKind::verdict, format::VerdictFields{condemnation.id, {}, {}}.encode()));
    spared.condemnations.take(
        officer.say(format::EntryKind::verdict,
                    format::VerdictFields{condemnation.id, objects(CondemnedFor::spared, {1}), {}}.encode()));
    const format::ReadJournals none;
    const format::ReadJournals old{{identity, 3}};
    const format::ReadJournals now{{identity, 4}};
    CHECK(obedience(before, before, none, fields, kWriter) == before.read);
    // Condemned since: as it was going to, while nobody counts on its writer having read that.
    CHECK(obedience(before, condemned, none, fields, kWriter) == before.read);
    CHECK(obedience(before, condemned, old, fields, kWriter) == before.read);
    CHECK(obedience(before, condemned, now, fields, kWriter) == std::nullopt);
    // It was known when the run began.
    CHECK(obedience(condemned, condemned, none, fields, kWriter) == std::nullopt);
    // Too late, and spared.
    CHECK(obedience(before, judged, none, fields, kWriter) == std::nullopt);
    CHECK(obedience(before, spared, now, fields, kWriter) == spared.read);
    // An officer who is none any more binds nobody.
    const format::ReadJournals gone{{id_of<IdentityId>("gone"), 100}};
    CHECK(obedience(before, condemned, gone, fields, kWriter) == before.read);
    // What does not concern it.
    CHECK(obedience(before, judged, now, fields, id_of<IdentityId>("another writer")) == judged.read);
}

TEST_CASE("a condemnation of borrowed packs binds as one of reached packs does", "[storage][prune]") {
    Officer officer;
    const IdentityId lender = id_of<IdentityId>("who repacked");
    format::BackupPublic fields;
    fields.dek = id_of<DekId>("another dek");
    format::Borrowed borrowed{lender, 3, kDek, {}};
    borrowed.set(1);
    fields.borrowed.push_back(borrowed);
    const std::size_t condemned_pack = GENERATE(0U, 1U);
    const auto why = GENERATE(CondemnedFor::unneeded, CondemnedFor::replaced);
    format::CondemnationFields said;
    said.objects.packs.push_back({lender, 3, kDek, why, {}});
    format::bitmap_set(said.objects.packs.front().bitmap, condemned_pack);
    OfficersWord first;
    first.read = {{officer.key.verify_key().identity(), 1}};
    OfficersWord latest;
    const auto condemnation = officer.say(format::EntryKind::condemnation, said.encode());
    latest.condemnations.take(condemnation);
    latest.read = {{officer.key.verify_key().identity(), 2}};
    const bool is_about_it = condemned_pack == 1 && why == CondemnedFor::unneeded;
    CHECK(latest.condemnations.of_entry(fields, kWriter) == (is_about_it ? Standing::condemned : Standing::free));
    // Who is bound by nothing newer than what it had read commits obeying that; who is bound commits nothing.
    CHECK(obedience(first, latest, {}, fields, kWriter) == (is_about_it ? first.read : latest.read));
    CHECK(obedience(first, latest, latest.read, fields, kWriter).has_value() == !is_about_it);
    latest.condemnations.suppose({condemnation.id, {}, {}});
    CHECK(obedience(first, latest, {}, fields, kWriter).has_value() == !is_about_it);
}

TEST_CASE("a run whose own packs, index segments or data key were condemned commits nothing", "[storage][prune]") {
    Officer officer;
    format::CondemnationFields said;
    format::BackupPublic fields;
    fields.dek = id_of<DekId>("its own");
    SECTION("a pack") {
        said.objects.loose = {kLoose};
        fields.packs = {{kLoose, 100}};
    }
    SECTION("an index segment") {
        said.objects.indexes = {kIndex};
        fields.indexes = {{kIndex, 100}};
    }
    SECTION("the data key") { said.objects.deks = {fields.dek}; }
    OfficersWord word{{}, {{officer.key.verify_key().identity(), 1}}};
    word.condemnations.take(officer.say(format::EntryKind::condemnation, said.encode()));
    CHECK(word.condemnations.of_entry(fields, kWriter) == Standing::condemned);
    CHECK(obedience(word, word, {}, fields, kWriter) == std::nullopt);
}
