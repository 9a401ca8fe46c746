#include "restore/index_rows.h"

#include <map>
#include <optional>

#include "format/names.h"

namespace signet::restore {
namespace {

bool is_damage(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported;
}

class IndexReading {
public:
    IndexReading(const storage::Repository& repository, const ReachedEntry& entry, const SecretBytes& index_key,
                 const IndexVisitor& visitor)
        : repository_(repository), entry_(entry), index_key_(index_key), visitor_(visitor) {
        for (const format::PackInfo& pack : entry.listed->packs) sizes_.emplace(pack.id, pack.size);
    }

    void run() {
        for (const format::IndexInfo& info : entry_.listed->indexes) {
            std::optional<format::IndexSegment> segment;
            try {
                segment = load(info);
            } catch (const Error& error) {
                if (!is_damage(error)) throw;
                visitor_.lost(info, error);
            }
            if (!(segment ? take(std::move(*segment)) : take_rebuilt(info))) return;
        }
    }

private:
    [[nodiscard]] format::IndexSegment open(const Bytes& object, const std::string& name) const {
        auto segment =
            format::IndexSegment::open(object, repository_.config().repository, entry_.writer, index_key_, name);
        if (segment.dek != entry_.listed->dek) throw Error(ErrorCode::damaged, name + ": is about another data key");
        for (const format::IndexedPack& pack : segment.packs) {
            const auto size = sizes_.find(pack.id);
            if (size != sizes_.end() && size->second != pack.size)
                throw Error(ErrorCode::damaged, name + ": gives " + format::pack_name(pack.id) + " another size");
        }
        return segment;
    }

    [[nodiscard]] format::IndexSegment load(const format::IndexInfo& info) const {
        const std::string name = format::index_name(info.id);
        const Bytes object = repository_.load_index_object(info.id);
        if (object.size() != info.size)
            throw Error(ErrorCode::damaged, name + ": has another size than its entry says");
        return open(object, name);
    }

    bool take(format::IndexSegment segment) {
        for (format::IndexedPack& pack : segment.packs) {
            if (sizes_.contains(pack.id) && !visitor_.take({std::move(pack), {}})) return false;
        }
        return true;
    }

    /// Anybody may have stored something there: what does not open under the writer's key is none of its.
    bool take_rebuilt(const format::IndexInfo& info) {
        for (const auto& [name, object] : repository_.load_rebuilt_index(info.id)) {
            std::optional<format::IndexSegment> segment;
            try {
                segment = open(object, name);
            } catch (const Error& error) {
                if (!is_damage(error)) throw;
                continue;
            }
            if (!take_pairs(std::move(*segment))) return false;
        }
        return true;
    }

    /// A pack with metadata frames comes twice, one after the other: its chunks as trees, then as lists.
    bool take_pairs(format::IndexSegment segment) {
        for (std::size_t i = 0; i < segment.packs.size(); ++i) {
            PackRows rows{std::move(segment.packs[i]), {}};
            const bool has_second = i + 1 < segment.packs.size() && segment.packs[i + 1].id == rows.pack.id &&
                                    segment.packs[i + 1].chunks.size() == rows.pack.chunks.size();
            if (has_second) rows.aliases = std::move(segment.packs[++i].chunks);
            if (sizes_.contains(rows.pack.id) && !visitor_.take(std::move(rows))) return false;
        }
        return true;
    }

    const storage::Repository& repository_;
    const ReachedEntry& entry_;
    const SecretBytes& index_key_;
    const IndexVisitor& visitor_;
    std::map<PackId, std::uint64_t> sizes_;
};

}  // namespace

void read_index(const storage::Repository& repository, const ReachedEntry& entry, const SecretBytes& index_key,
                const IndexVisitor& visitor) {
    IndexReading(repository, entry, index_key, visitor).run();
}

}  // namespace signet::restore
