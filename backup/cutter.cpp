#include "backup/cutter.h"

#include "core/crypto/digest.h"
#include "format/limits.h"

#include <algorithm>
#include <cstring>

namespace signet::backup {
namespace {

CutRule by_content(std::uint32_t mean) {
    // From the minimum (half the mean) on, a border comes after mean/2 octets on average; mask bits lie at the top,
    // where the hash has seen most octets.
    int bits = 0;
    while ((std::uint32_t{2} << bits) < mean / 2) ++bits;
    ++bits;
    return {CutRule::Kind::by_content, mean / 2, mean * 2, ~std::uint64_t{0} << (64 - bits)};
}

bool ends_with(std::string_view text, std::string_view end) {
    if (text.size() < end.size()) return false;
    return std::equal(end.begin(), end.end(), text.end() - static_cast<std::ptrdiff_t>(end.size()), [](char e, char t) {
        return e == (t >= 'A' && t <= 'Z' ? static_cast<char>(t - 'A' + 'a') : t);
    });
}

bool starts_with(ByteView bytes, std::string_view magic) {
    return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

bool is_postgres_page(ByteView start, std::size_t offset) {
    // pd_pagesize_version: 8192 | layout version 4.
    return start.size() >= offset + 20 && start[offset + 18] == 0x04 && start[offset + 19] == 0x20;
}

/// Files that change in place, in pages: databases, write-ahead logs, disk images.
bool is_page_file(std::string_view name, std::uint64_t size, ByteView start) {
    if (starts_with(start, std::string_view("SQLite format 3\0", 16))) return true;
    if (starts_with(start, "QFI\xfb") || starts_with(start, "KDMV") || starts_with(start, "vhdxfile") ||
        starts_with(start, "<<< ")) {
        return true;
    }
    if (size % 4096 != 0) return false;
    if (size % 8192 == 0 && is_postgres_page(start, 0) && (start.size() < 16384 || is_postgres_page(start, 8192)))
        return true;
    if (size % format::kMiB == 0 && start.size() >= 2 && start[1] == 0xD1) return true;  // PostgreSQL WAL segment
    if (size % format::kMiB == 0 && start.size() >= 512 && start[510] == 0x55 && start[511] == 0xAA)
        return true;  // disk
    constexpr std::string_view kEndings[] = {".ibd",   "ibdata1", ".mdf", ".ndf", ".ldf", ".dbf",
                                             ".db",    ".sqlite", ".mdb", ".fdb", ".img", ".raw",
                                             ".qcow2", ".vmdk",   ".vdi", ".vhd", ".vhdx"};
    return std::any_of(std::begin(kEndings), std::end(kEndings), [&](auto end) { return ends_with(name, end); });
}

}  // namespace

CutRule rule_for_file(std::string_view name, std::uint64_t size, ByteView start) {
    if (size <= kWholeFileMax) return {CutRule::Kind::whole, 0, static_cast<std::uint32_t>(format::kMaxFrameRaw), 0};
    if (is_page_file(name, size, start)) return {CutRule::Kind::blocks, 0, kPageBlock, 0};
    return by_content(size < 32 * format::kMiB ? 64 * 1024 : 256 * 1024);
}

CutRule rule_for_tree(std::uint64_t size) {
    if (size <= 32 * format::kKiB)
        return {CutRule::Kind::whole, 0, static_cast<std::uint32_t>(format::kMaxFrameRaw), 0};
    return by_content(16 * 1024);
}

CutRule rule_for_stream() { return by_content(256 * 1024); }

Cutter::Cutter(const SecretBytes& cut_key) {
    const auto table =
        crypto::hkdf_expand(cut_key.reveal(), {as_bytes(std::string_view("signet/gear/v1\0", 15))}, sizeof gear_);
    std::memcpy(gear_.data(), table.reveal().data(), sizeof gear_);
}

std::size_t Cutter::next(const CutRule& rule, ByteView available, std::uint64_t offset, bool last) const {
    if (available.empty()) return 0;
    if (rule.kind == CutRule::Kind::blocks) {
        const std::size_t block = rule.maximum - static_cast<std::size_t>(offset % rule.maximum);
        if (available.size() >= block) return block;
        return last ? available.size() : 0;
    }
    if (!last && available.size() < rule.maximum) return 0;
    if (rule.kind == CutRule::Kind::whole || available.size() <= rule.minimum) {
        return std::min<std::size_t>(available.size(), rule.maximum);
    }
    // Two octets a step, both checked: the parity of a border must not matter, or an odd insertion would shift them
    // all.
    const std::size_t limit = std::min<std::size_t>(available.size(), rule.maximum);
    const std::uint8_t* octets = available.data();
    std::uint64_t hash = 0;
    std::size_t i = rule.minimum - 64;
    for (; i < rule.minimum; ++i) hash = (hash << 1) + gear_[octets[i]];
    for (; i + 1 < limit; i += 2) {
        const std::uint64_t middle = (hash << 1) + gear_[octets[i]];
        if ((middle & rule.mask) == 0) return i + 1;
        hash = (middle << 1) + gear_[octets[i + 1]];
        if ((hash & rule.mask) == 0) return i + 2;
    }
    return limit;
}

}  // namespace signet::backup
