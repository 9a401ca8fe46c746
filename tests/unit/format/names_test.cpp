#include "format/names.h"

#include "tests/support/matchers.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

const std::string kHex64 = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const std::string kHex32 = kHex64.substr(0, 32);

bool is_any_name(const std::string& name) {
    return parse_journal_name(name) || parse_slot_name(name) || parse_escrow_name(name) || parse_pack_name(name) ||
           parse_index_name(name);
}

}  // namespace

TEST_CASE("object names are spelt as the format says", "[format][names]") {
    const auto digest = Digest::parse(kHex64).value();
    const Thumbprint thumbprint{Thumbprint::Kind::kms, digest};
    CHECK(journal_name(IdentityId::parse(kHex64).value(), 1) == "journal/" + kHex64 + "/0000000001");
    CHECK(journal_name(IdentityId::parse(kHex64).value(), 9'999'999'999) == "journal/" + kHex64 + "/9999999999");
    CHECK(slot_name(thumbprint, DekId::parse(kHex32).value(), digest) ==
          "slots/kms-" + kHex64 + "/" + kHex32 + "." + kHex64);
    CHECK(pack_name(PackId::parse(kHex64).value()) == "packs/00/" + kHex64);
    CHECK(index_name(IndexId::parse(kHex64).value()) == "indexes/" + kHex64);
    CHECK(escrow_name({Thumbprint::Kind::sha256, digest}, digest) == "escrow/sha256-" + kHex64 + "." + kHex64);
}

TEST_CASE("names are parsed back to what they were made of", "[format][names]") {
    const auto identity = sample_id<IdentityId>("identity");
    const auto journal = parse_journal_name(journal_name(identity, 1234567890));
    REQUIRE(journal.has_value());
    CHECK(journal->identity == identity);
    CHECK(journal->sequence == 1234567890);

    const Thumbprint thumbprint{Thumbprint::Kind::sha256, sample_id<Digest>("protector")};
    const auto content = sample_id<Digest>("content");
    const auto slot = parse_slot_name(slot_name(thumbprint, sample_id<DekId>("dek"), content));
    REQUIRE(slot.has_value());
    CHECK(slot->thumbprint == thumbprint);
    CHECK(slot->dek == sample_id<DekId>("dek"));
    CHECK(slot->content == content);
    const auto escrow = parse_escrow_name(escrow_name(thumbprint, content));
    REQUIRE(escrow.has_value());
    CHECK(escrow->thumbprint == thumbprint);
    CHECK(escrow->content == content);
    CHECK(parse_pack_name(pack_name(sample_id<PackId>("pack"))) == sample_id<PackId>("pack"));
    CHECK(parse_index_name(index_name(sample_id<IndexId>("index"))) == sample_id<IndexId>("index"));
}

TEST_CASE("what repair makes and sets aside has names of its own, which are no names of objects", "[format][names]") {
    const Digest content = sample_id<Digest>("content");
    const IndexId index = sample_id<IndexId>("index");
    const std::string rebuilt = rebuilt_index_name(index, content);
    CHECK(rebuilt == "rebuilt/" + index.hex() + "." + content.hex());
    CHECK(parse_rebuilt_index_name(rebuilt)->lost == index);
    CHECK(parse_rebuilt_index_name(rebuilt)->content == content);
    CHECK_FALSE(parse_rebuilt_index_name(rebuilt + "0"));
    CHECK_FALSE(parse_rebuilt_index_name("rebuilt/" + index.hex()));
    CHECK_FALSE(is_any_name(rebuilt));
    for (const std::string& object : {pack_name(sample_id<PackId>("pack")), index_name(index)}) {
        const std::string aside = quarantine_name(object, content);
        CHECK(aside == "quarantine/" + object + "." + content.hex().substr(0, 32));
        CHECK(aside.starts_with(quarantine_prefix(object)));
        CHECK(is_quarantined(aside));
        CHECK_FALSE(is_quarantined(object));
        CHECK(parse_quarantine_name(aside) == object);
        CHECK_FALSE(is_any_name(aside));
    }
    CHECK_FALSE(parse_quarantine_name("quarantine/x"));
    CHECK_FALSE(parse_quarantine_name("quarantine/" + kHex64));
}

TEST_CASE("whatever differs from a name to the letter is not one", "[format][names]") {
    const std::string name = GENERATE(
        as<std::string>{}, "", "config.json", "tmp/x", "journal/", "journal/" + kHex64, "journal/" + kHex64 + "/",
        "journal/" + kHex64 + "/1", "journal/" + kHex64 + "/0000000000", "journal/" + kHex64 + "/00000000001",
        "journal/" + kHex64 + "/000000000x", "journal/" + kHex64 + "/+000000001", "journal/" + kHex64 + "/0000000001/",
        "journal/" + kHex32 + "/0000000001", "/journal/" + kHex64 + "/0000000001", "packs/" + kHex64,
        "packs/01/" + kHex64, "packs/0/" + kHex64, "packs/00/" + kHex32, "packs/00/" + kHex64 + ".tmp",
        "packs/00/../00/" + kHex64, "indexes/" + kHex64 + "0", "indexes/" + kHex32, "Indexes/" + kHex64,
        "slots/kms:" + kHex64 + "/" + kHex32 + "." + kHex64, "slots/kms-" + kHex64 + "/" + kHex32,
        "slots/kms-" + kHex64 + "/" + kHex64 + "." + kHex64, "slots/" + kHex64 + "/" + kHex32 + "." + kHex64,
        "slots/kms-" + kHex64 + "/" + kHex32 + "." + kHex64 + ".", "escrow/kms-" + kHex64,
        "escrow/kms:" + kHex64 + "." + kHex64, "escrow/kms-" + kHex64 + "." + kHex32);
    CAPTURE(name);
    CHECK_FALSE(is_any_name(name));
}

TEST_CASE("upper-case digits make no name", "[format][names]") {
    std::string upper = kHex64;
    upper[20] = 'A';
    CHECK_FALSE(is_any_name("indexes/" + upper));
    CHECK_FALSE(is_any_name("packs/00/" + upper));
    CHECK_FALSE(is_any_name("journal/" + upper + "/0000000001"));
}
