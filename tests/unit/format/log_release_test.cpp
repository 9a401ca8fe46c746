#include "format/log_release.h"

#include "format/limits.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

LogReleaseFields sample() {
    LogReleaseFields fields{{{sample_id<IdentityId>("a"), sample_id<DekId>("x"), 2},
                             {sample_id<IdentityId>("b"), sample_id<DekId>("x"), kMaxLogsInEpoch + 1}}};
    if (fields.releases[1].writer < fields.releases[0].writer) std::swap(fields.releases[0], fields.releases[1]);
    return fields;
}

}  // namespace

TEST_CASE("log releases come back as they were made", "[format][log_release]") {
    const Bytes bytes = sample().encode();
    CHECK(LogReleaseFields::decode(bytes, "release").releases == sample().releases);
    each_truncation(bytes, [](const Bytes& cut) {
        if (outcome([&] { (void)LogReleaseFields::decode(cut, "release"); }) != ErrorCode::damaged) FAIL(to_hex(cut));
    });
}

TEST_CASE("log releases that no writer makes are refused", "[format][log_release]") {
    const auto refused = [](const Bytes& bytes) {
        REQUIRE_THROWS_MATCHES(LogReleaseFields::decode(bytes, "release"), Error, has_code(ErrorCode::damaged));
    };
    const Bytes good = sample().encode();
    Bytes longer = good;
    longer.push_back(0);
    refused(longer);
    refused(Bytes{0});  // nothing is released
    Bytes first_kept = good;
    first_kept[1 + IdentityId::kSize + DekId::kSize] = 1;  // log 1 is the first: none would go
    refused(first_kept);
    Bytes swapped(good.begin(), good.begin() + 1);
    const std::size_t split = 1 + IdentityId::kSize + DekId::kSize + (sample().releases[0].kept_from == 2 ? 1 : 3);
    swapped.insert(swapped.end(), good.begin() + static_cast<std::ptrdiff_t>(split), good.end());
    swapped.insert(swapped.end(), good.begin() + 1, good.begin() + static_cast<std::ptrdiff_t>(split));
    refused(swapped);
}
