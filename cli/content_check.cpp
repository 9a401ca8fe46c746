#include "cli/content_check.h"

#include "cli/signals.h"
#include "restore/content_reader.h"

namespace signet::cli {

ContentCheck::ContentCheck(restore::OpenBackup& backup, std::set<ChunkId>& known)
    : backup_(backup), chunks_(backup.chunk_reader()), known_(known) {}

void ContentCheck::run(const OnDamage& on_damage) {
    on_damage_ = on_damage;
    restore::ChunkReader walker = backup_.chunk_reader();
    restore::walk_tree(walker, backup_.root(), {}, *this, &interrupted());
}

void ContentCheck::visit(std::string_view path, format::Entry& entry) {
    if (entry.type != format::EntryType::file) return;
    try {
        read(entry.content);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
        on_damage_(std::string(path), error);
    }
}

void ContentCheck::read(const format::Content& content) {
    restore::ContentCursor cursor(chunks_, content);
    for (restore::Piece piece; cursor.next(piece);) {
        stop_if_interrupted();
        if (known_.count(piece.reference.id) != 0) continue;
        (void)chunks_.read(format::ChunkKind::data, piece.reference.id, piece.reference.length);
        known_.insert(piece.reference.id);
        ++count_;
    }
}

bool ContentCheck::broken(std::string_view path, const Error& error) {
    on_damage_(std::string(path), error);
    return true;
}

}  // namespace signet::cli
