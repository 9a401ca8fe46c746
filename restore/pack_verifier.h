// Reads packs with their keys: every frame is opened, every chunk compared with the id that the index gives it.
#pragma once

#include "restore/index_rows.h"
#include "restore/open_keys.h"

#include <atomic>
#include <functional>
#include <set>

namespace signet::restore {

/// Not for two threads at once.
class PackVerifier {
public:
    /// All outlive it. interrupted  looked at often; may be null
    PackVerifier(const storage::Repository& repository, OpenKeys& keys, const std::atomic<bool>* interrupted)
        : repository_(repository), keys_(keys), interrupted_(interrupted) {}

    /// Takes what is wrong with an object, a pack or an index segment.
    using OnDamage = std::function<void(const std::string& object, const Error& error)>;
    /// Reads those of an entry's packs that are wanted. The bitmap of the entry does not matter.
    /// throws  Error{key_unavailable}, Error{damaged}: the entry's keys cannot be had; Error{io}; Error{interrupted}
    void verify(const ReachedEntry& entry, const std::set<PackId>& wanted, const OnDamage& on_damage);
    /// Chunks that were compared.
    [[nodiscard]] std::uint64_t chunks() const { return chunks_; }

private:
    void read_pack(const format::PackInfo& pack, const format::DataKey& key, const format::WriterKeys& writer,
                   const PackRows* rows);
    const storage::Repository& repository_;
    OpenKeys& keys_;
    const std::atomic<bool>* interrupted_;
    std::uint64_t chunks_ = 0;
};

}  // namespace signet::restore
