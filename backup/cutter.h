// Cuts contents into chunks: small ones whole, page files in aligned blocks, the rest by content.
//
// The borders of content-defined chunks come from a gear hash keyed by the writer (FastCDC class), so that sizes say
// less about content. What is cut where is the writer's choice (docs/format.md section 9) but must stay the same from
// run to run, or nothing is found again.
#pragma once

#include "core/bytes.h"
#include "core/secret.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace signet::backup {

/// How one content is cut.
struct CutRule {
    enum class Kind { whole, blocks, by_content };
    Kind kind = Kind::whole;
    std::uint32_t minimum = 0;  ///< by_content
    std::uint32_t maximum = 0;  ///< by_content: largest piece; blocks: the block size; whole: 1 MiB
    std::uint64_t mask = 0;     ///< by_content
};

inline constexpr std::uint64_t kWholeFileMax = std::uint64_t{128} * 1024;
inline constexpr std::uint32_t kPageBlock = 16 * 1024;

/// The rule for a file. start  its first octets (up to 16 KiB); name  its last path component; size  in octets.
[[nodiscard]] CutRule rule_for_file(std::string_view name, std::uint64_t size, ByteView start);
/// The rule for directories.
[[nodiscard]] CutRule rule_for_tree(std::uint64_t size);
/// The rule for a stream of unknown length.
[[nodiscard]] CutRule rule_for_stream();

/// The keyed table. Immutable: one for all threads.
class Cutter {
public:
    explicit Cutter(const SecretBytes& cut_key);

    /// Length of the first piece of `available`.
    /// offset  of `available` in the file (blocks are aligned to it); last  nothing follows `available`
    /// returns 0 when more octets are needed first; never more than rule.maximum
    [[nodiscard]] std::size_t next(const CutRule& rule, ByteView available, std::uint64_t offset, bool last) const;

private:
    std::array<std::uint64_t, 256> gear_{};
};

}  // namespace signet::backup
