#include "format/log_release.h"

#include "format/encoding.h"
#include "format/limits.h"

#include <tuple>

namespace signet::format {
namespace {

constexpr std::uint64_t kLeastKept = 2;
constexpr std::uint64_t kMostKept = kMaxLogsInEpoch + 1;

bool ascend(const LogRelease& left, const LogRelease& right) {
    return std::tie(left.writer, left.epoch) < std::tie(right.writer, right.epoch);
}

}  // namespace

Bytes LogReleaseFields::encode() const {
    invariant(!releases.empty() && releases.size() <= kMaxLogReleases, "1 to 65,536 releases");
    ByteWriter writer;
    writer.varint(releases.size());
    for (std::size_t i = 0; i < releases.size(); ++i) {
        const LogRelease& one = releases[i];
        invariant(i == 0 || ascend(releases[i - 1], one), "releases ascend");
        invariant(one.kept_from >= kLeastKept && one.kept_from <= kMostKept, "a number of a log, or one more");
        writer.id(one.writer);
        writer.id(one.epoch);
        writer.varint(one.kept_from);
    }
    return writer.take();
}

LogReleaseFields LogReleaseFields::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    LogReleaseFields fields;
    const std::size_t count = read_count(reader, kMaxLogReleases, IdentityId::kSize + DekId::kSize + 1);
    if (count == 0) reader.fail("no releases");
    fields.releases.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
        LogRelease& one = fields.releases[i];
        one.writer = reader.id<IdentityId>();
        one.epoch = reader.id<DekId>();
        one.kept_from = reader.varint();
        if (one.kept_from < kLeastKept || one.kept_from > kMostKept) reader.fail("no number of a log");
        if (i > 0 && !ascend(fields.releases[i - 1], one)) reader.fail("releases do not ascend");
    }
    reader.expect_end();
    return fields;
}

}  // namespace signet::format
