// Walks a backup's tree in stored order: a folder, then its entries by name, each folder at its place. Streams: of
// every folder on the way one chunk of entries is in memory, whatever the number of files.
#pragma once

#include "format/tree.h"
#include "restore/content_reader.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace signet::restore {

/// Which paths are wanted. Paths are absolute, '/'-separated, "/" for the root.
struct PathFilter {
    /// Whether the thing at a path is wanted.
    std::function<bool(std::string_view path, bool is_directory)> selected;
    /// Whether something below a folder that is not wanted itself may be.
    std::function<bool(std::string_view path)> may_select_below;
    /// Whether nothing below a wanted folder has to be asked for again: everything is wanted.
    bool everything = true;

    [[nodiscard]] bool wants(std::string_view path, bool is_directory) const {
        return everything || !selected || selected(path, is_directory);
    }
    [[nodiscard]] bool may_want_below(std::string_view path) const {
        return everything || !may_select_below || may_select_below(path);
    }
};

/// What a walk meets. The paths are those below the walk's root.
class TreeVisitor {
public:
    virtual ~TreeVisitor() = default;
    TreeVisitor() = default;
    TreeVisitor(const TreeVisitor&) = delete;
    TreeVisitor& operator=(const TreeVisitor&) = delete;

    /// A folder, before what is in it; also the root, with an empty name. selected  false: only on the way to what is.
    /// returns  whether to go into it
    virtual bool enter(std::string_view path, format::Entry& entry, bool selected) = 0;
    /// The same folder, after what is in it. complete  whether all its entries were read
    virtual void leave(std::string_view path, bool complete) = 0;
    /// Anything else that is wanted. The entry can be moved from.
    virtual void visit(std::string_view path, format::Entry& entry) = 0;
    /// An entry of an entered folder that is not wanted (the name is in the backup all the same).
    virtual void pass(std::string_view /*path*/, const format::Entry& /*entry*/) {}
    /// A folder whose entries cannot be read (any further). returns  whether to go on with what follows it
    virtual bool broken(std::string_view path, const Error& error) = 0;
};

/// The entry at an absolute path below `root`. path  "/" for the root itself
/// throws  Error{usage}: there is none; Error{damaged}; Error{key_unavailable}
[[nodiscard]] format::Entry find_entry(ChunkReader& chunks, const format::Entry& root, std::string_view path);

/// Reads the entries of a folder one by one.
class DirectoryReader {
public:
    DirectoryReader(ChunkReader& chunks, format::Content content, std::string what);
    /// false at the end. throws  Error{damaged}: also when names do not ascend
    [[nodiscard]] bool next(format::Entry& entry);
    /// Gives back the memory of what was read ahead; next() reads it again.
    void suspend();
    [[nodiscard]] std::size_t buffered() const { return buffer_.capacity(); }

private:
    [[nodiscard]] bool fill(std::size_t at_least);
    std::unique_ptr<const format::Content> content_;
    ContentReader reader_;
    std::string what_;
    Bytes buffer_;
    std::optional<ByteReader> cursor_;  ///< in buffer_; its position is where the next entry starts
    std::uint64_t offset_ = 0;          ///< in the content, of buffer_[0]
    bool suspended_ = false;
    std::string last_name_;
};

/// Walks everything below `root`. interrupted  checked often; may be null
/// throws  Error{damaged}: deeper than 4,096 folders; Error{interrupted}; what the visitor throws
void walk_tree(ChunkReader& chunks, const format::Entry& root, const PathFilter& filter, TreeVisitor& visitor,
               const std::atomic<bool>* interrupted = nullptr);

}  // namespace signet::restore
