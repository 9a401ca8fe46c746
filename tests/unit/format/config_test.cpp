#include "format/config.h"

#include "core/crypto/digest.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

RepositoryConfig sample_config() {
    return {RepositoryId::parse(std::string(32, 'a')).value(), IdentityId::parse(std::string(64, 'b')).value(), "aws",
            "eu-central-1"};
}

}  // namespace

TEST_CASE("config.json has one spelling", "[format][config]") {
    const Bytes bytes = sample_config().encode();
    CHECK(as_text(bytes) == "{\"format\":1,\"officer\":\"" + std::string(64, 'b') +
                                "\",\"provider\":\"aws\",\"region\":\"eu-central-1\",\"repository\":\"" +
                                std::string(32, 'a') + "\"}\n");
    const RepositoryConfig decoded = RepositoryConfig::decode(bytes);
    CHECK(decoded.repository == sample_config().repository);
    CHECK(decoded.officer == sample_config().officer);
    CHECK(decoded.provider == "aws");
    CHECK(decoded.region == "eu-central-1");
    CHECK(decoded.hash() == crypto::sha256(bytes));
}

TEST_CASE("every changed bit of config.json is refused or changes its hash", "[format][config]") {
    const Bytes bytes = sample_config().encode();
    each_bit_flip(bytes, [&](const Bytes& changed, std::size_t bit) {
        const auto code = outcome([&] {
            const RepositoryConfig decoded = RepositoryConfig::decode(changed);
            if (decoded.encode() != changed) FAIL("bit " << bit << " is lost");
            if (decoded.hash() == sample_config().hash()) FAIL("bit " << bit << " does not change the hash");
        });
        if (code && *code != ErrorCode::damaged && *code != ErrorCode::unsupported) FAIL("bit " << bit);
    });
    each_truncation(bytes, [](const Bytes& cut) {
        if (outcome([&] { (void)RepositoryConfig::decode(cut); }) != ErrorCode::damaged) FAIL(cut.size() << " octets");
    });
}

TEST_CASE("regions and providers are short and plain [R50]", "[format][config]") {
    CHECK(is_region_name("a"));
    CHECK(is_region_name("eu-central-1"));
    CHECK(is_region_name(std::string(64, 'x')));
    for (const std::string text : {"", "EU", "eu_1", "eu 1", "e\"u", "\xc3\xa9"}) CHECK_FALSE(is_region_name(text));
    CHECK_FALSE(is_region_name(std::string(65, 'x')));
}
