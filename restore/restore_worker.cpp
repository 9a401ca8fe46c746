#include "restore/restore_worker.h"

#include "core/open_beneath.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <array>
#include <cerrno>

namespace signet::restore {
namespace {

using format::ChunkKind;
using format::EntryType;

constexpr int kCreate = O_CREAT | O_EXCL;
constexpr std::size_t kVerifyBuffer = std::size_t{1024} * 1024;

/// Gathers octets that lie side by side both in a frame and in the file, so that they cost one write.
class RunWriter {
public:
    RunWriter(int fd, bool sparse, const std::string& object) : fd_(fd), sparse_(sparse), object_(object) {}

    void add(const FrameReader::Frame& frame, ByteView octets, std::uint64_t offset) {
        if (frame == frame_ && octets.data() == run_.data() + run_.size() && offset == offset_ + run_.size()) {
            run_ = {run_.data(), run_.size() + octets.size()};
            return;
        }
        flush();
        frame_ = frame;
        run_ = octets;
        offset_ = offset;
    }
    /// returns  octets written since the beginning
    std::uint64_t flush() {
        if (!run_.empty()) written_ += write_octets(fd_, run_, offset_, sparse_, object_);
        run_ = {};
        frame_.reset();
        return written_;
    }

private:
    int fd_;
    bool sparse_;
    const std::string& object_;
    FrameReader::Frame frame_;
    ByteView run_;
    std::uint64_t offset_ = 0;
    std::uint64_t written_ = 0;
};

/// Creates the item's file. returns  whether it was made
bool create_file(RestoreRun& run, int folder_fd, const Item& item, const MakingRules& rules, UniqueFd& fd,
                 NewName& name, bool& mode_is_final) {
    const MetadataWriter::Creation creation =
        run.metadata().creation(item.entry, item.folder->gives_group(), item.folder->gives_acl());
    mode_is_final = creation.is_final;
    const int flags = kCreate | (rules.readable ? O_RDWR : O_WRONLY);
    return name.create(folder_fd, item.folder, item.entry, rules, run.target(), [&](const std::string& as) {
        fd = open_beneath(folder_fd, as, flags, creation.mode);
        return fd ? 0 : errno;
    });
}

UniqueFd open_existing(int folder_fd, const Item& item) {
    UniqueFd fd = open_beneath(folder_fd, item.entry.name, O_RDONLY | O_NONBLOCK);
    if (!fd) throw Error::from_errno("open", item.folder->path_of(item.entry.name), errno);
    return fd;
}

struct stat status_at(int folder_fd, const std::string& name) {
    struct stat status {};
    if (::fstatat(folder_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        throw Error::from_errno("look at", name, errno);
    return status;
}

/// What linkat(2) answers where the names are no obstacle but the file system has no links, no more of them, or none to
/// there.
bool cannot_link(int why) { return why == EPERM || why == EMLINK || why == EOPNOTSUPP || why == EXDEV; }

/// Opens the special file that was just made, without opening what it stands for: nothing more is done by its name.
/// throws  Error{refused}: something else has its name, and stays
struct stat open_special(int folder_fd, const Item& item, NewName& name, UniqueFd& fd) {
    const std::string path = item.folder->path_of(item.entry.name);
    fd = open_beneath(folder_fd, name.name(), O_PATH);
    if (!fd) throw Error::from_errno("open", path, errno);
    try {
        return require_just_made(folder_fd, fd.get(), type_bits(item.entry.type), path);
    } catch (const Error&) {
        name.disown();
        throw;
    }
}

/// Blocks for the whole file at once: writes past the page cache need not wait for each other then, and a disk that is
/// too small is known before the first octet. returns  none where there is no way past the cache
UniqueFd prepare_direct(int fd, const format::Entry& entry) {
    UniqueFd direct = open_directly(fd, O_WRONLY);
    if (!direct || ::fallocate(fd, 0, 0, static_cast<off_t>(entry.content.size)) == 0) return direct;
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) throw Error::from_errno("write", entry.name, errno);
    return {};
}

}  // namespace

std::shared_ptr<LargeFile> start_large_file(RestoreRun& run, Item& item) {
    FolderPin pin = run.target().pin(item.folder);
    UniqueFd fd;
    NewName name;
    bool mode_is_final = false;
    if (!create_file(run, pin.fd(), item, run.rules(), fd, name, mode_is_final)) return nullptr;
    UniqueFd direct_fd;
    if (item.entry.extents.empty() && !run.request().sparse) direct_fd = prepare_direct(fd.get(), item.entry);
    return std::make_shared<LargeFile>(std::move(item), std::move(pin), std::move(fd), std::move(direct_fd),
                                       std::move(name), mode_is_final);
}

RestoreWorker::RestoreWorker(RestoreRun& run) : run_(run), chunks_(run.backup().chunk_reader()) {}

void RestoreWorker::work() noexcept {
    try {
        while (auto task = run_.queue().pop()) execute(*task);
        pin_.release();
    } catch (...) {
        run_.fail(std::current_exception());
    }
}

void RestoreWorker::execute(Task& task) {
    std::visit([this](auto& one) { execute(one); }, task);
}

int RestoreWorker::folder_fd(const FolderHandle& folder) {
    if (pin_.folder() != folder.get()) pin_ = run_.target().pin(folder);
    return pin_.fd();
}

void RestoreWorker::all_done(std::vector<Item>& items) {
    for (std::size_t i = 0; i < items.size();) {
        std::size_t next = i + 1;
        while (next < items.size() && items[next].folder == items[i].folder) ++next;
        run_.done(std::move(items[i].folder), static_cast<std::uint32_t>(next - i));
        i = next;
    }
}

void RestoreWorker::execute(FrameTask& task) {
    show_progress(task.items.empty() ? task.spanning.front() : task.items.front());
    FrameReader::Frame frame;
    std::optional<ContentFailure> failure;
    // Not opened before a file needs it: over an earlier restore most files may stay as they are.
    const auto open_frame = [&] {
        if (failure) throw ContentFailure(*failure);
        try {
            if (!frame) frame = reading([&] { return chunks_.frames().get(task.frame); });
        } catch (const ContentFailure& damage) {
            failure = damage;
            throw;
        }
    };
    for (Item& item : task.items) {
        run_.check_interrupted();
        const bool made = run_.attempt(*item.folder, item.entry.name, [&] {
            if (stays(item)) return;
            open_frame();
            make_small(item, frame);
        });
        if (!made && item.link) give_up_first(item);
    }
    all_done(task.items);
    // The next frame is most likely the one that another worker opens now: one decoding serves both.
    for (Item& item : task.spanning) {
        run_.check_interrupted();
        make(item);
    }
    all_done(task.spanning);
}

/// Whether something is there that is left as it is.
bool RestoreWorker::stays(Item& item) {
    if (run_.rules().overwrite == Overwrite::always) return false;
    const Found found = look(folder_fd(item.folder), item.entry.name, item.entry, run_.rules());
    if (found != Found::unchanged && found != Found::kept) return false;
    leave(item, found);
    return true;
}

void RestoreWorker::show_progress(const Item& item) {
    RestoreProgress* progress = run_.request().progress;
    if (progress != nullptr) progress->set_current(item.folder->path_of(item.entry.name));
}

void RestoreWorker::execute(ItemsTask& task) {
    for (Item& item : task.items) {
        run_.check_interrupted();
        make(item);
    }
    all_done(task.items);
}

void RestoreWorker::make(Item& item) {
    const bool is_link = item.link && run_.links().where(*item.link).folder;
    const bool made = run_.attempt(*item.folder, item.entry.name, [&] {
        if (is_link) {
            make_link(item);
        } else if (item.entry.type == EntryType::file) {
            make_whole(item, run_.rules());
        } else {
            make_special(item);
        }
    });
    if (!made && item.link && !is_link) give_up_first(item);
}

/// All chunks are in one frame, which is at hand. They are checked before anything is created.
void RestoreWorker::make_small(Item& item, const FrameReader::Frame& frame) {
    const format::Entry& entry = item.entry;
    const auto octets_of = [&](const format::Reference& reference) {
        return reading([&] {
            const ChunkPlace& place = chunks_.locate(reference.id, reference.length);
            const ByteView octets = frame->octets().subspan(place.offset, place.length);
            chunks_.check(ChunkKind::data, reference.id, octets);
            return octets;
        });
    };
    std::vector<ByteView> pieces;
    ByteView first;
    if (entry.content.references.size() == 1) {
        first = octets_of(entry.content.references.front());
    } else {
        pieces.reserve(entry.content.references.size());
        for (const format::Reference& reference : entry.content.references) pieces.push_back(octets_of(reference));
    }

    UniqueFd fd;
    NewName name;
    bool mode_is_final = false;
    if (!create_file(run_, folder_fd(item.folder), item, run_.rules(), fd, name, mode_is_final)) {
        leave(item, name.found());
        return;
    }
    run_.content_came();
    const bool sparse = run_.request().sparse;
    if (pieces.empty() && !sparse) {
        write_full(fd.get(), first, entry.name);
        finish_file(item, fd, name, mode_is_final, first.size());
        return;
    }
    if (pieces.empty()) pieces.push_back(first);
    RunWriter writer(fd.get(), sparse, entry.name);
    std::uint64_t offset = 0;
    for (const ByteView piece : pieces) {
        writer.add(frame, piece, offset);
        offset += piece.size();
    }
    finish_file(item, fd, name, mode_is_final, writer.flush());
}

void RestoreWorker::make_whole(Item& item, const MakingRules& rules) {
    const format::Entry& entry = item.entry;
    UniqueFd fd;
    NewName name;
    bool mode_is_final = false;
    if (!create_file(run_, folder_fd(item.folder), item, rules, fd, name, mode_is_final)) {
        leave(item, name.found());
        return;
    }
    const HoleMap holes(entry);
    RunWriter writer(fd.get(), run_.request().sparse, entry.name);
    ContentCursor cursor = reading([&] { return ContentCursor(chunks_, entry.content); });
    Piece piece;
    while (reading([&] { return cursor.next(piece); })) {
        run_.check_interrupted();
        const ChunkReader::Chunk chunk =
            reading([&] { return chunks_.read(ChunkKind::data, piece.reference.id, piece.reference.length); });
        run_.content_came();
        holes.split(piece.offset, chunk.octets,
                    [&](ByteView octets, std::uint64_t offset) { writer.add(chunk.frame, octets, offset); });
    }
    finish_file(item, fd, name, mode_is_final, writer.flush());
}

void RestoreWorker::execute(PieceTask& task) {
    LargeFile& file = *task.file;
    if (!file.failed.load()) {
        const std::string& name = file.item.entry.name;
        show_progress(file.item);
        run_.attempt_part(file, [&] {
            if (pages_.octets().empty()) pages_ = AlignedBuffer(PartWriter::kBuffer);
            PartWriter writer(file.fd.get(), file.direct_fd.get(), run_.request().sparse, pages_, name);
            FrameReader::Frame frame;
            std::uint32_t frame_number = UINT32_MAX;
            for (const Piece& piece : task.pieces) {
                run_.check_interrupted();
                const ByteView octets = reading([&] {
                    const ChunkPlace& place = chunks_.locate(piece.reference.id, piece.reference.length);
                    if (place.frame != frame_number) {
                        frame = chunks_.frames().get(place.frame);
                        frame_number = place.frame;
                    }
                    const ByteView found = frame->octets().subspan(place.offset, place.length);
                    chunks_.check(ChunkKind::data, piece.reference.id, found);
                    return found;
                });
                run_.content_came();
                file.holes.split(piece.offset, octets,
                                 [&](ByteView part, std::uint64_t offset) { writer.add(frame, part, offset); });
            }
            file.written += writer.flush();
        });
    }
    part_done(task.file);
}

void RestoreWorker::part_done(const std::shared_ptr<LargeFile>& file) {
    if (file->parts.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    bool made = !file->failed.load();
    if (made) {
        made = run_.attempt(*file->item.folder, file->item.entry.name, [&] {
            finish_file(file->item, file->fd, file->name, file->mode_is_final, file->written.load());
        });
    }
    if (!made) {
        file->name.abandon();
        if (file->item.link) give_up_first(file->item);
    }
    file->pin.release();
    run_.done(file->item.folder);
}

/// Size, check, metadata, name: in this order, so that what has its name is whole.
void RestoreWorker::finish_file(const Item& item, UniqueFd& fd, NewName& name, bool mode_is_final,
                                std::uint64_t written) {
    const format::Entry& entry = item.entry;
    if ((!entry.extents.empty() || run_.request().sparse) &&
        ::ftruncate(fd.get(), static_cast<off_t>(entry.logical_size())) != 0) {
        throw Error::from_errno("set the size of", entry.name, errno);
    }
    if (run_.rules().readable) {
        verify(fd.get(), entry);
        run_.verified();
    }
    NodeId id;
    if (item.link) {
        struct stat status {};
        if (::fstat(fd.get(), &status) != 0) throw Error::from_errno("look at", entry.name, errno);
        id = NodeId::of(status);
    }
    MetadataLosses losses;
    run_.metadata().apply(fd.get(), entry, mode_is_final, item.folder->gives_acl(), losses);
    if (run_.metadata().has_flags(entry)) {
        // A file that must not be changed cannot be renamed or linked either.
        name.finish();
        if (item.link) {
            run_.flag_later(item, id);
        } else {
            run_.metadata().apply_flags(fd.get(), entry, losses);
        }
        fd.close(entry.name);
    } else {
        fd.close(entry.name);
        name.finish();
    }
    if (losses.count() > 0) run_.warn(item.folder->path_of(entry.name), losses);
    run_.restored(item, written);
    if (item.link) made_first(item, id);
}

void RestoreWorker::make_special(Item& item) {
    const format::Entry& entry = item.entry;
    if (!run_.metadata().may_make(entry)) {
        if (!run_.request().plain) run_.warn(item.folder->path_of(entry.name), "devices are made by root alone");
        if (item.link) give_up_first(item);
        return;
    }
    const int folder = folder_fd(item.folder);
    NewName name;
    const bool made = name.create(folder, item.folder, entry, run_.rules(), run_.target(), [&](const std::string& as) {
        int result = -1;
        switch (entry.type) {
            case EntryType::symlink:
                result = ::symlinkat(entry.target.c_str(), folder, as.c_str());
                break;
            case EntryType::fifo:
                result = ::mknodat(folder, as.c_str(), S_IFIFO | 0600, 0);
                break;
            case EntryType::socket:
                result = ::mknodat(folder, as.c_str(), S_IFSOCK | 0600, 0);
                break;
            case EntryType::character:
                result = ::mknodat(folder, as.c_str(), S_IFCHR | 0600, makedev(entry.major, entry.minor));
                break;
            case EntryType::block:
                result = ::mknodat(folder, as.c_str(), S_IFBLK | 0600, makedev(entry.major, entry.minor));
                break;
            default:
                return EINVAL;
        }
        return result == 0 ? 0 : errno;
    });
    if (!made) {
        leave(item, name.found());
        return;
    }
    UniqueFd fd;
    const struct stat status = open_special(folder, item, name, fd);
    MetadataLosses losses;
    run_.metadata().apply_unopened(fd.get(), entry, losses);
    name.finish();
    if (losses.count() > 0) run_.warn(item.folder->path_of(entry.name), losses);
    run_.restored(item, 0);
    if (item.link) made_first(item, NodeId::of(status));
}

void RestoreWorker::make_link(Item& item) {
    const Links::Place place = run_.links().where(*item.link);
    const FolderPin from = run_.target().pin(place.folder);
    const int folder = folder_fd(item.folder);
    const std::string& wanted = item.entry.name;
    struct stat status {};
    if (::fstatat(folder, wanted.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && NodeId::of(status) == place.id) {
        run_.left(item, Found::unchanged);
        return;
    }
    MakingRules rules = run_.rules();
    // A file of the same size and time that is another inode is not this link.
    if (rules.overwrite == Overwrite::if_changed) rules.overwrite = Overwrite::always;
    NewName name;
    int why = 0;
    bool made = false;
    try {
        made = name.create(folder, item.folder, item.entry, rules, run_.target(), [&](const std::string& as) {
            why = ::linkat(from.fd(), place.name.c_str(), folder, as.c_str(), 0) == 0 ? 0 : errno;
            return why;
        });
    } catch (const Error&) {
        if (!cannot_link(why)) throw;
        make_copy(item, place.folder->path_of(place.name), why);
        return;
    }
    if (!made) {
        run_.left(item, name.found());
        return;
    }
    if (!(NodeId::of(status_at(folder, name.name())) == place.id)) {
        throw Error(ErrorCode::refused,
                    item.folder->path_of(wanted) + ": what it should be a link to was replaced meanwhile");
    }
    name.finish();
    run_.linked(item);
}

void RestoreWorker::make_copy(Item& item, const std::string& first, int why) {
    item.link.reset();  // nothing waits for this one
    run_.warn(item.folder->path_of(item.entry.name),
              Error::from_errno("link it to", first + ", so it is a copy", why).what());
    if (item.entry.type == EntryType::file) {
        make_whole(item, run_.rules());
    } else {
        make_special(item);
    }
}

void RestoreWorker::made_first(const Item& item, const NodeId& id) {
    std::vector<Item> waiting = run_.links().made(item, id);
    for (Item& one : waiting) run_.attempt(*one.folder, one.entry.name, [&] { make_link(one); });
    all_done(waiting);
}

void RestoreWorker::give_up_first(const Item& item) {
    std::vector<Item> waiting = run_.links().given_up(item);
    for (Item& one : waiting) make(one);
    all_done(waiting);
}

/// Something is there and stays. A file that only looks unchanged can be verified, and is given its metadata.
void RestoreWorker::leave(Item& item, Found found) {
    if (found != Found::unchanged) {
        run_.left(item, found);
        if (item.link) give_up_first(item);
        return;
    }
    const int folder = folder_fd(item.folder);
    UniqueFd fd = open_existing(folder, item);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) throw Error::from_errno("look at", item.entry.name, errno);
    // What was opened may be another file than the one that was looked at.
    if (!is_unchanged(status, folder, item.entry, run_.rules()) ||
        (run_.rules().readable && !is_as_stored(fd.get(), item.entry))) {
        MakingRules rules = run_.rules();
        rules.overwrite = Overwrite::always;
        make_whole(item, rules);
        return;
    }
    if (run_.rules().readable) run_.verified();
    if (run_.metadata().differs(status, item.entry)) {
        MetadataLosses losses;
        run_.metadata().apply(fd.get(), item.entry, false, false, losses);
        if (losses.count() > 0) run_.warn(item.folder->path_of(item.entry.name), losses);
    }
    run_.left(item, found);
    if (item.link) made_first(item, NodeId::of(status));
}

void RestoreWorker::verify(int fd, const format::Entry& entry) {
    if (!is_as_stored(fd, entry))
        throw Error(ErrorCode::failed, entry.name + ": reads back as something else than was written");
}

bool RestoreWorker::is_as_stored(int fd, const format::Entry& entry) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) throw Error::from_errno("look at", entry.name, errno);
    if (static_cast<std::uint64_t>(status.st_size) != entry.logical_size()) return false;
    buffer_.resize(kVerifyBuffer);
    const HoleMap holes(entry);
    ContentCursor cursor = reading([&] { return ContentCursor(chunks_, entry.content); });
    Piece piece;
    while (reading([&] { return cursor.next(piece); })) {
        run_.check_interrupted();
        const MutableByteView octets = MutableByteView(buffer_).first(piece.reference.length);
        bool complete = true;
        // The map goes by octets of the content; here they are the buffer's, to be filled.
        holes.split(piece.offset, octets, [&](ByteView part, std::uint64_t offset) {
            const auto start = static_cast<std::size_t>(part.data() - octets.data());
            complete =
                complete && pread_full(fd, octets.subspan(start, part.size()), offset, entry.name) == part.size();
        });
        if (!complete || chunks_.id_of(ChunkKind::data, octets) != piece.reference.id) return false;
    }
    return true;
}

}  // namespace signet::restore
