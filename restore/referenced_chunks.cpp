#include "restore/referenced_chunks.h"

#include "core/crypto/digest.h"
#include "restore/tree_walk.h"

#include <vector>

namespace signet::restore {
namespace {

Digest digest_of(const format::Content& content) {
    ByteWriter octets;
    content.encode(octets);
    return crypto::sha256(octets.view());
}

}  // namespace

/// Ends at the first thing that cannot be read: then nothing above it counts as read either.
class ReferencedChunks::Visitor final : public TreeVisitor {
public:
    Visitor(ReferencedChunks& all, ChunkReader& chunks) : all_(all), chunks_(chunks) {}

    bool enter(std::string_view, format::Entry& entry, bool) override {
        const Digest digest = digest_of(entry.content);
        if (all_.folders_.contains(digest)) return false;
        all_.add(chunks_, entry.content.references, entry.content.level);
        open_.push_back(digest);
        return true;
    }
    void leave(std::string_view, bool complete) override {
        if (complete) all_.folders_.insert(open_.back());
        open_.pop_back();
    }
    void visit(std::string_view, format::Entry& entry) override {
        if (entry.type == format::EntryType::file) all_.add(chunks_, entry.content.references, entry.content.level);
    }
    bool broken(std::string_view, const Error& error) override { throw Error(error); }

private:
    ReferencedChunks& all_;
    ChunkReader& chunks_;
    std::vector<Digest> open_;  ///< the folders on the way
};

void ReferencedChunks::add(ChunkReader& chunks, const format::Entry& root, const std::atomic<bool>* interrupted) {
    Visitor visitor(*this, chunks);
    walk_tree(chunks, root, {}, visitor, interrupted);
}

void ReferencedChunks::add(ChunkReader& chunks, const std::vector<format::Reference>& references, unsigned level) {
    for (const format::Reference& one : references) {
        ids_.insert(one.id);
        if (level == 0 || lists_.contains(one.id)) continue;
        const ChunkReader::Chunk list = chunks.read(format::ChunkKind::list, one.id, one.length);
        add(chunks, format::decode_list(list.octets, level - 1, one.span, "chunk " + one.id.hex()), level - 1);
        lists_.insert(one.id);
    }
}

}  // namespace signet::restore
