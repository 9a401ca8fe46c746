// Where the chunks of a backup lie: from the index segments of the entries that it reaches, and where one of those is
// lost, from what was rebuilt of it or from the packs themselves.
#pragma once

#include "restore/chunk_table.h"
#include "restore/index_rows.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace signet::restore {

class PlaceLoader {
public:
    /// All outlive it. keys  of the backup's runs; salvage  what cannot be found out is left out, with a warning
    PlaceLoader(const storage::Repository& repository, const format::WriterKeys& writer,
                const std::map<DekId, format::DataKey>& keys, bool salvage,
                std::function<void(const std::string&)> warn, ChunkTable& table)
        : repository_(repository),
          writer_(writer),
          keys_(keys),
          salvage_(salvage),
          warn_(std::move(warn)),
          table_(table) {}

    /// Takes the packs of an entry that its bitmap chooses. A chunk that has a place already keeps it.
    /// throws  Error{damaged}: neither a segment nor the pack itself tells; Error{io}
    void load(const ReachedEntry& reached);
    /// The same of packs that merely may help: those in no index segment are left out.
    void load_spare(const ReachedEntry& spare);
    /// Ids and sizes of packs.
    using Wanted = std::map<PackId, std::uint64_t>;
    /// The same of packs under one data key that no entry lists: they are read to find out.
    void load_unlisted(const DekId& dek, const Wanted& packs);

private:
    [[nodiscard]] static Wanted wanted_of(const ReachedEntry& reached);
    void read_segments(const ReachedEntry& reached, Wanted& wanted);
    void warn(const std::string& sentence) const {
        if (warn_) warn_(sentence);
    }

    const storage::Repository& repository_;
    const format::WriterKeys& writer_;
    const std::map<DekId, format::DataKey>& keys_;
    bool salvage_;
    std::function<void(const std::string&)> warn_;
    ChunkTable& table_;
};

}  // namespace signet::restore
