#include "format/officer_entry.h"

#include "format/names.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

/// Refused, or read as something that is written in exactly these octets.
template <class Fields>
void require_canonical(const Bytes& original) {
    const auto check = [](const Bytes& changed) {
        std::optional<Bytes> again;
        const auto code = outcome([&] { again = Fields::decode(changed, "fields").encode(); });
        if (again ? *again != changed : code != ErrorCode::damaged) FAIL(to_hex(changed));
    };
    each_bit_flip(original, [&](const Bytes& changed, std::size_t) { check(changed); });
    each_truncation(original, [](const Bytes& cut) {
        if (outcome([&] { (void)Fields::decode(cut, "fields"); }) != ErrorCode::damaged) FAIL(to_hex(cut));
    });
    Bytes longer = original;
    longer.push_back(0);
    REQUIRE_THROWS_MATCHES(Fields::decode(longer, "fields"), Error, has_code(ErrorCode::damaged));
}

}  // namespace

TEST_CASE("trust statements come back as they were made", "[format][officer_entry]") {
    const TrustFields fields{{{sample_id<IdentityId>("w"), Role::writer, 1, UINT64_MAX},
                              {sample_id<IdentityId>("o"), Role::officer, 5, 9},
                              {sample_id<IdentityId>("w"), Role::writer, 1, 0}}};
    const Bytes bytes = fields.encode();
    CHECK(to_hex(bytes).substr(0, 2 + 64 + 2 + 32) == "03" + sample_id<IdentityId>("w").hex() +
                                                          "01"
                                                          "0100000000000000"
                                                          "ffffffffffffffff");
    const TrustFields decoded = TrustFields::decode(bytes, "trust");
    REQUIRE(decoded.statements.size() == 3);
    CHECK(decoded.statements[1].identity == sample_id<IdentityId>("o"));
    CHECK(decoded.statements[1].role == Role::officer);
    CHECK(decoded.statements[1].first_sequence == 5);
    CHECK(decoded.statements[1].last_sequence == 9);
    CHECK(decoded.statements[2].last_sequence == 0);
    require_canonical<TrustFields>(bytes);
    CHECK(TrustFields::decode(TrustFields{std::vector<TrustStatement>(1000)}.encode(), "trust").statements.size() ==
          1000);
}

TEST_CASE("policy values come back as they were made, known or not", "[format][officer_entry]") {
    const PolicyFields fields{7, {{"after-rotation", "inherit"}, {"unheard-of", ""}}};
    const PolicyFields decoded = PolicyFields::decode(fields.encode(), "policy");
    CHECK(decoded.number == 7);
    CHECK(decoded.values == fields.values);
    require_canonical<PolicyFields>(fields.encode());
    REQUIRE_THROWS_MATCHES((PolicyFields{1, {{"a", "\xff"}}}.encode()), Error, has_code(ErrorCode::usage));
}

TEST_CASE("a remark replaces a backup's tags for who has its writer's label key", "[format][officer_entry]") {
    const crypto::SigningKey officer = sample_signer("officer");
    const RemarkFields fields{sample_id<EntryId>("backup"), sample_id<IdentityId>("writer")};
    const SecretBytes label_key = sample_writer_keys().label_key.clone();
    const std::vector<std::string> tags = GENERATE(as<std::vector<std::string>>{}, std::vector<std::string>{},
                                                   std::vector<std::string>{"kept", "release"});
    const Bytes object = make_remark_entry(sample_head(), fields, tags, label_key, officer);
    const std::string name = journal_name(officer.verify_key().identity(), 2);
    const SignedEntry entry = decode_entry(object, name);
    CHECK(entry.kind == EntryKind::remark);
    const RemarkFields decoded = RemarkFields::decode(entry.public_fields(), "remark");
    CHECK(decoded.backup == fields.backup);
    CHECK(decoded.writer == fields.writer);
    CHECK(open_remark(entry, label_key) == tags);
    CHECK_FALSE(open_remark(entry, sample_secret("another")).has_value());
    require_all_changes_refused(object, [&](const Bytes& changed) { (void)decode_entry(changed, name); });
    REQUIRE_THROWS_MATCHES(make_remark_entry(sample_head(), fields, {"\xff"}, label_key, officer), Error,
                           has_code(ErrorCode::usage));
}

TEST_CASE("a remark's octets moved to another sequence number stay closed", "[format][officer_entry]") {
    const crypto::SigningKey officer = sample_signer("officer");
    const RemarkFields fields{sample_id<EntryId>("backup"), sample_id<IdentityId>("writer")};
    const SecretBytes label_key = sample_writer_keys().label_key.clone();
    const Bytes object = make_remark_entry(sample_head(), fields, {"kept"}, label_key, officer);
    SignedEntry entry = decode_entry(object, journal_name(officer.verify_key().identity(), 2));
    entry.head.sequence = 3;
    CHECK_FALSE(open_remark(entry, label_key).has_value());
}

TEST_CASE("a policy entry is signed and has nothing sealed", "[format][officer_entry]") {
    const crypto::SigningKey officer = sample_signer("officer");
    const Bytes object =
        make_plain_entry(EntryKind::policy, sample_head(), PolicyFields{1, {{"a", "b"}}}.encode(), officer);
    const SignedEntry entry = decode_entry(object, journal_name(officer.verify_key().identity(), 2));
    CHECK(entry.sealed_part().empty());
    CHECK(PolicyFields::decode(entry.public_fields(), "policy").number == 1);
}
