// A content's references, and the list chunks above them (docs/format.md section 11), while it is read.
#pragma once

#include "format/content.h"

#include <functional>
#include <vector>

namespace signet::backup {

/// Folds references into lists as they come, so that what is held does not grow with the content. One thread.
class ContentLists {
public:
    /// Stores a list chunk. returns  its id
    using Store = std::function<ChunkId(ByteView)>;
    explicit ContentLists(Store store) : store_(std::move(store)) {}

    /// The next reference of the content, in order.
    void add(const format::Reference& reference) { add(0, reference); }
    /// size  of the content in octets. returns  what an entry holds of it. Once, after the last reference.
    [[nodiscard]] format::Content finish(std::uint64_t size);

private:
    struct Level {
        std::vector<format::Reference> open;  ///< not in a list yet
        bool has_lists = false;
    };
    void add(std::size_t level, const format::Reference& reference);
    void close(std::size_t level);
    Store store_;
    std::vector<Level> levels_;
};

}  // namespace signet::backup
