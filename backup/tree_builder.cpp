#include "backup/tree_builder.h"

#include "backup/content_lists.h"

#include <algorithm>

namespace signet::backup {
namespace {

// Metadata kept back until the end, to join the last data pack of a small run.
constexpr std::size_t kDeferredFrames = 4;

ByteView name_of(std::string_view encoded) {
    // The name is a blob of 1 to 255 octets: its length takes one octet below 128, else two.
    const auto bytes = as_bytes(encoded);
    const std::size_t low = bytes[0] & 0x7f;
    if (bytes[0] < 0x80) return bytes.subspan(1, low);
    return bytes.subspan(2, low | (static_cast<std::size_t>(bytes[1]) << 7));
}

bool before(std::string_view left, std::string_view right) { return as_text(name_of(left)) < as_text(name_of(right)); }

}  // namespace

TreeBuilder::TreeBuilder(Setup setup)
    : setup_(std::move(setup)),
      context_(setup_.level),
      gatherer_(setup_.shared, format::FrameKind::metadata, PackWriter::Lane::metadata, context_) {
    gatherer_.defer(kDeferredFrames);
}

bool TreeBuilder::take(WalkEvent event) {
    if (event.kind == WalkEvent::Kind::enter) return enter(event);
    if (event.kind == WalkEvent::Kind::fold) return fold_ahead(event);
    leave();
    return true;
}

ChunkId TreeBuilder::store_chunk(format::ChunkKind kind, ByteView chunk) {
    const auto id = chunk_id(setup_.ids, kind, chunk);
    const auto pack = setup_.shared.table.claim(id);
    if (pack == ChunkTable::kUnknown) {
        gatherer_.add(fresh_chunk(id, chunk), chunk);
        if (!is_above_sources_) stored_of_sources_ = true;
    } else if (pack != ChunkTable::kThisRun) {
        setup_.shared.history.mark(pack);
    }
    return id;
}

format::Content TreeBuilder::store(ByteView content) {
    ContentLists lists([this](ByteView list) { return store_chunk(format::ChunkKind::list, list); });
    const auto rule = rule_for_tree(content.size());
    for (std::size_t at = 0; at < content.size();) {
        const auto length = setup_.cutter.next(rule, content.subspan(at), at, true);
        const auto size = static_cast<std::uint32_t>(length);
        lists.add({store_chunk(format::ChunkKind::tree, content.subspan(at, length)), size, size});
        at += length;
    }
    return lists.finish(content.size());
}

/// Waits for a file, and makes its content meanwhile. returns  false when the run was abandoned
bool TreeBuilder::fold(FileJob& job) {
    if (job.content) return true;  // another name of it came first
    ContentLists lists([&](ByteView list) {
        job.chunks.push_back(store_chunk(format::ChunkKind::list, list));
        return job.chunks.back();
    });
    for (auto pieces = job.take_pieces(setup_.abandoned); !pieces.empty(); pieces = job.take_pieces(setup_.abandoned)) {
        for (const auto& piece : pieces) {
            job.chunks.push_back(piece.id);
            lists.add(piece);
        }
    }
    if (setup_.abandoned) return false;
    job.content = lists.finish(job.content_size);
    return true;
}

/// Of files that are in no folder yet. Nobody will ask for their chunks: no state is kept of such a run.
bool TreeBuilder::fold_ahead(const WalkEvent& event) {
    for (const auto& walked : event.entries) {
        if (!fold(*walked.job)) return false;
        walked.job->chunks = {};
    }
    return true;
}

bool TreeBuilder::take_job(const WalkEvent& folder, WalkedEntry& walked, Folder& into) {
    auto& job = *walked.job;
    if (!fold(job)) return false;
    const auto path = (folder.path == "/" ? "/" : folder.path + "/") + walked.name;
    auto& report = setup_.report;
    if (!job.what.empty()) {
        ++statistics_.errors;
        setup_.on_problem(path, job.error_number, job.what);
    }
    if (job.failed) return true;
    if (!job.attributes.problem.empty()) {
        ++statistics_.errors;
        setup_.on_problem(path, job.attributes.error_number, job.attributes.problem);
    }
    auto entry = entry_of(walked.name, job.stat);
    entry.xattrs = job.attributes.xattrs;
    entry.flags = job.attributes.flags;
    if (!job.replaced) entry.link = walked.link;
    entry.extents = job.extents;
    entry.changed_while_read = job.changed_while_read;
    entry.content = *job.content;
    ByteWriter encoded;
    try {
        entry.encode(encoded);
    } catch (const Error& error) {  // more attributes than an entry can hold
        ++statistics_.errors;
        setup_.on_problem(path, 0, error.what());
        return true;
    }
    // What is not whole is read again next time.
    if (!job.changed_while_read && !job.is_unsized && job.attributes.problem.empty()) {
        const auto file_system = walked.link ? walked.link->file_system : 0;
        setup_.state.entry(Fingerprint::of(job.stat, file_system), encoded.view(), job.chunks);
    }
    into.files.emplace_back(as_text(encoded.view()));
    ++statistics_.files;
    statistics_.bytes += entry.logical_size();
    ++(walked.was_known ? report.files_changed : report.files_new);
    if (setup_.on_item) setup_.on_item(walked.was_known ? "modified" : "new", path, entry.logical_size());
    return true;
}

bool TreeBuilder::enter(WalkEvent& event) {
    Folder folder;
    folder.path = event.path;
    folder.entry = std::move(event.entry);
    folder.is_source = event.is_source;
    folder.above_sources = event.above_sources;
    folder.files.reserve(event.entries.size());
    setup_.state.folder(event.path);
    for (auto& walked : event.entries) {
        if (walked.job) {
            if (!take_job(event, walked, folder)) return false;
            if (setup_.progress != nullptr) ++setup_.progress->files_done;
            continue;
        }
        const auto encoded = ByteView(event.arena).subspan(walked.offset, walked.size);
        setup_.state.entry(walked.fingerprint, encoded, walked.chunks);
        folder.files.emplace_back(as_text(encoded));
        if (setup_.progress != nullptr) ++setup_.progress->files_done;
    }
    if (event.above_sources) {
        for (const auto& encoded : folder.files) sources_.update(as_bytes(encoded));
    }
    auto& report = setup_.report;
    ++statistics_.directories;
    ++(!event.folder_known ? report.dirs_new : event.folder_changed ? report.dirs_changed : report.dirs_unmodified);
    open_.push_back(std::move(folder));
    return true;
}

/// A folder is kept whatever its owner hung on it: attributes that no entry can hold are left out, and said.
ByteWriter TreeBuilder::encode_folder(Folder& folder) {
    try {
        ByteWriter encoded;
        folder.entry.encode(encoded);
        return encoded;
    } catch (const Error& error) {
        ++statistics_.errors;
        setup_.on_problem(folder.path, 0, error.what());
    }
    folder.entry.xattrs.clear();
    ByteWriter encoded;
    folder.entry.encode(encoded);
    return encoded;
}

void TreeBuilder::leave() {
    auto folder = std::move(open_.back());
    open_.pop_back();
    Bytes content;
    auto file = folder.files.begin();
    auto sub = folder.folders.begin();
    const auto append = [&](const std::string& encoded) {
        const auto bytes = as_bytes(encoded);
        content.insert(content.end(), bytes.begin(), bytes.end());
    };
    while (file != folder.files.end() || sub != folder.folders.end()) {
        const bool take_file = sub == folder.folders.end() || (file != folder.files.end() && before(*file, *sub));
        append(take_file ? *file++ : *sub++);
    }
    is_above_sources_ = folder.above_sources;
    folder.entry.content = store(content);
    is_above_sources_ = false;
    const auto encoded = encode_folder(folder);
    if (folder.is_source) {
        ByteWriter source;
        source.blob(folder.path);
        source.raw(encoded.view());
        sources_.update(source.view());
    }
    if (open_.empty()) {
        root_ = std::move(folder.entry);
        return;
    }
    open_.back().folders.emplace_back(as_text(encoded.view()));
}

void TreeBuilder::finish() {
    if (setup_.shared.packs.has_open_pack(PackWriter::Lane::data)) gatherer_.set_lane(PackWriter::Lane::data);
    gatherer_.flush();
}

}  // namespace signet::backup
