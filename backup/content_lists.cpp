#include "backup/content_lists.h"

namespace signet::backup {
namespace {

// References that an entry holds itself; more go to list chunks.
constexpr std::size_t kInlineReferences = 8;
// Borders between list chunks follow from ids, so that lists of mostly equal contents are mostly equal.
constexpr std::size_t kListMin = 32;
constexpr std::size_t kListMax = 1024;
constexpr std::uint8_t kListMask = 0x7f;

bool is_border(const std::vector<format::Reference>& list) {
    if (list.size() == kListMax) return true;
    return list.size() >= kListMin && (list.back().id.octets[0] & kListMask) == 0;
}

}  // namespace

void ContentLists::add(std::size_t level, const format::Reference& reference) {
    if (level == levels_.size()) levels_.emplace_back();
    levels_[level].open.push_back(reference);
    if (is_border(levels_[level].open)) close(level);
}

void ContentLists::close(std::size_t level) {
    auto& open = levels_[level].open;
    format::Reference list;
    for (const auto& reference : open) list.span += reference.span;
    const auto chunk = format::encode_list(static_cast<unsigned>(level), open);
    open.clear();
    levels_[level].has_lists = true;
    list.id = store_(chunk);
    list.length = static_cast<std::uint32_t>(chunk.size());
    add(level + 1, list);
}

format::Content ContentLists::finish(std::uint64_t size) {
    format::Content content;
    content.size = size;
    for (std::size_t level = 0; level < levels_.size(); ++level) {
        if (levels_[level].has_lists || levels_[level].open.size() > kInlineReferences) {
            if (!levels_[level].open.empty()) close(level);
            continue;
        }
        content.level = static_cast<unsigned>(level);
        content.references = std::move(levels_[level].open);
    }
    return content;
}

}  // namespace signet::backup
