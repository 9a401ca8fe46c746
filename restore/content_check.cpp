#include "restore/content_check.h"

#include "restore/content_reader.h"
#include "restore/findings.h"

namespace signet::restore {
namespace {

bool is_damage(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported;
}

}  // namespace

ContentCheck::ContentCheck(OpenBackup& backup, std::set<ChunkId>& known, const std::atomic<bool>* interrupted)
    : backup_(backup), chunks_(backup.chunk_reader()), known_(known), interrupted_(interrupted) {}

void ContentCheck::run(const OnDamage& on_damage) {
    on_damage_ = on_damage;
    ChunkReader walker = backup_.chunk_reader();
    walk_tree(walker, backup_.root(), {}, *this, interrupted_);
}

void ContentCheck::visit(std::string_view path, format::Entry& entry) {
    if (entry.type != format::EntryType::file) return;
    const std::string name(path);
    try {
        read(name, entry.content);
    } catch (const Error& error) {
        // A list of its chunks: what follows cannot be found.
        if (!is_damage(error)) throw;
        on_damage_(name, error);
    }
}

void ContentCheck::read(const std::string& path, const format::Content& content) {
    ContentCursor cursor(chunks_, content);
    std::set<std::string> told;
    for (Piece piece; cursor.next(piece);) {
        if (interrupted_ != nullptr && *interrupted_) throw Error(ErrorCode::interrupted, "interrupted");
        if (known_.contains(piece.reference.id)) continue;
        try {
            (void)chunks_.read(format::ChunkKind::data, piece.reference.id, piece.reference.length);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            if (told.insert(object_in(error)).second) on_damage_(path, error);
            continue;
        }
        known_.insert(piece.reference.id);
        ++count_;
    }
}

bool ContentCheck::broken(std::string_view path, const Error& error) {
    on_damage_(std::string(path), error);
    return true;
}

}  // namespace signet::restore
