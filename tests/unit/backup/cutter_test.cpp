#include "backup/cutter.h"

#include "core/crypto/random.h"
#include "format/limits.h"
#include "tests/support/matchers.h"

#include <random>
#include <set>

using namespace signet;
using namespace signet::backup;

namespace {

Bytes noise(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    Bytes bytes(size);
    for (auto& octet : bytes) octet = static_cast<std::uint8_t>(random());
    return bytes;
}

std::vector<ByteView> cut(const Cutter& cutter, const CutRule& rule, ByteView bytes) {
    std::vector<ByteView> pieces;
    for (std::size_t at = 0; at < bytes.size();) {
        const auto length = cutter.next(rule, bytes.subspan(at), at, true);
        REQUIRE(length > 0);
        REQUIRE(length <= rule.maximum);
        pieces.push_back(bytes.subspan(at, length));
        at += length;
    }
    return pieces;
}

const Cutter& fixed_cutter() {
    static const Cutter cutter(SecretBytes(Bytes(32, 7)));
    return cutter;
}

}  // namespace

TEST_CASE("pieces by content have the mean, minimum and maximum of their rule", "[backup][cutter]") {
    const auto bytes = noise(40'000'000, 1);
    const auto rule = rule_for_file("dump.sql", 20'000'000, {});
    const auto pieces = cut(fixed_cutter(), rule, bytes);
    const auto mean = bytes.size() / pieces.size();
    CHECK(mean > 50 * 1024);
    CHECK(mean < 80 * 1024);
    for (std::size_t i = 0; i + 1 < pieces.size(); ++i) CHECK(pieces[i].size() > rule.minimum);
    CHECK(rule.maximum <= format::kMaxFrameRaw);
}

TEST_CASE("an insertion of any length, odd ones too, changes few pieces", "[backup][cutter]") {
    const auto seed = GENERATE(1, 2, 3, 4);
    CAPTURE(seed);
    const auto bytes = noise(8'000'000, static_cast<std::uint64_t>(seed));
    const auto rule = rule_for_file("x", 8'000'000, {});
    for (const std::size_t inserted : {1U, 2U, 3U, 777U, 100'001U}) {
        auto changed = bytes;
        const auto extra = noise(inserted, 99);
        changed.insert(changed.begin() + 1'000'003, extra.begin(), extra.end());
        std::set<std::string> before;
        for (const auto piece : cut(fixed_cutter(), rule, bytes)) before.emplace(as_text(piece));
        std::size_t fresh = 0;
        for (const auto piece : cut(fixed_cutter(), rule, changed))
            fresh += before.contains(std::string(as_text(piece))) ? 0 : piece.size();
        CAPTURE(inserted);
        CHECK(fresh < inserted + 600'000);
    }
}

TEST_CASE("borders depend on the key", "[backup][cutter]") {
    const auto bytes = noise(4'000'000, 5);
    const auto rule = rule_for_file("x", 4'000'000, {});
    const Cutter other(SecretBytes(Bytes(32, 8)));
    CHECK(cut(fixed_cutter(), rule, bytes).front().size() != cut(other, rule, bytes).front().size());
}

TEST_CASE("cutting does not depend on how much is read at a time", "[backup][cutter]") {
    const auto bytes = noise(3'000'000, 6);
    const auto rule = rule_for_file("x", 3'000'000, {});
    const auto whole = cut(fixed_cutter(), rule, bytes);
    std::size_t at = 0;
    for (const auto& piece : whole) {
        const auto window = ByteView(bytes).subspan(at, std::min<std::size_t>(rule.maximum, bytes.size() - at));
        const bool last = at + window.size() == bytes.size();
        CHECK(fixed_cutter().next(rule, window, at, last) == piece.size());
        if (!last) CHECK(fixed_cutter().next(rule, window.first(window.size() - 1), at, false) == 0);
        at += piece.size();
    }
}

TEST_CASE("blocks of page files stay aligned after a hole", "[backup][cutter]") {
    Bytes start(16384);
    start[18] = start[8192 + 18] = 0x04;
    start[19] = start[8192 + 19] = 0x20;
    const auto rule = rule_for_file("16384", 1'048'576, start);
    REQUIRE(rule.kind == CutRule::Kind::blocks);
    const Bytes bytes(40'000, 1);
    CHECK(fixed_cutter().next(rule, bytes, 0, false) == kPageBlock);
    CHECK(fixed_cutter().next(rule, bytes, 4096, false) == kPageBlock - 4096);
    CHECK(fixed_cutter().next(rule, ByteView(bytes).first(100), 0, false) == 0);
    CHECK(fixed_cutter().next(rule, ByteView(bytes).first(100), 0, true) == 100);
}

TEST_CASE("small files are one chunk whatever they hold", "[backup][cutter]") {
    CHECK(rule_for_file("a.db", 4096, {}).kind == CutRule::Kind::whole);
    CHECK(rule_for_file("a.db", kWholeFileMax + 4096 - kWholeFileMax % 4096, {}).kind == CutRule::Kind::blocks);
    CHECK(rule_for_file("a.txt", kWholeFileMax + 1, {}).kind == CutRule::Kind::by_content);
}
