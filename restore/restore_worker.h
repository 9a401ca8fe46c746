// One thread of a restore: takes tasks and makes what they say.
#pragma once

#include "restore/part_writer.h"
#include "restore/restore_run.h"

namespace signet::restore {

/// Creates a large file, whose parts are then written by any worker. Called by the thread that hands the parts out.
/// item  moved from, unless the result is null: then something is there that stays, and an ItemsTask deals with it
[[nodiscard]] std::shared_ptr<LargeFile> start_large_file(RestoreRun& run, Item& item);

class RestoreWorker {
public:
    explicit RestoreWorker(RestoreRun& run);
    /// Works until the queue is closed; the first failure that ends everything goes to RestoreRun::fail.
    void work() noexcept;
    void execute(Task& task);
    /// One part of a large file is done, written or not. The last one completes the file.
    void part_done(const std::shared_ptr<LargeFile>& file);
    /// The first name of an inode could not be made: the names that waited are made one by one.
    void give_up_first(const Item& item);

private:
    void execute(FrameTask& task);
    void execute(ItemsTask& task);
    void execute(PieceTask& task);
    void make(Item& item);
    void make_small(Item& item, const FrameReader::Frame& frame);
    void make_whole(Item& item, const MakingRules& rules);
    void make_special(Item& item);
    void make_link(Item& item);
    /// Where the target cannot link: a thing of its own. why  errno
    void make_copy(Item& item, const std::string& first, int why);
    [[nodiscard]] bool stays(Item& item);
    void leave(Item& item, Found found);
    void finish_file(const Item& item, UniqueFd& fd, NewName& name, bool mode_is_final, std::uint64_t written);
    /// throws  Error{failed}: what was read back is something else
    void verify(int fd, const format::Entry& entry);
    [[nodiscard]] bool is_as_stored(int fd, const format::Entry& entry);
    void made_first(const Item& item, const NodeId& id);
    [[nodiscard]] int folder_fd(const FolderHandle& folder);
    void all_done(std::vector<Item>& items);
    void show_progress(const Item& item);

    RestoreRun& run_;
    ChunkReader chunks_;
    FolderPin pin_;  ///< of the folder that was used last
    Bytes buffer_;
    AlignedBuffer pages_;  ///< for parts of large files; allocated when first needed
};

}  // namespace signet::restore
