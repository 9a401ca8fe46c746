// The stages of a run, put together: walk, readers, workers, tree builder.
#pragma once

#include "backup/tree_builder.h"
#include "backup/walk.h"

#include <exception>
#include <functional>

namespace signet::backup {

class Pipeline {
public:
    struct Setup {
        const BackupRequest& request;
        Sources& sources;
        const Cutter& cutter;
        const SecretBytes& id_key;
        ChunkTable& table;
        History& history;
        PackWriter& packs;
        OldState& old_state;
        bool use_state = true;
        NewState& new_state;
        BackupReport& report;
        std::function<void(const std::string& path, int error_number, const std::string& what)> on_problem;
    };
    struct Result {
        format::Entry root;
        Digest sources;
        format::BackupStatistics statistics;
        std::vector<std::uint32_t> owners;  ///< ascending
        std::vector<std::uint32_t> groups;
        bool stored_of_sources = false;  ///< not only folders above the sources
        std::optional<format::BasePlace> base;
    };

    /// Runs all stages to their end; every frame has been handed to `packs` then.
    /// throws  what stopped the first stage that stopped; no thread is left
    [[nodiscard]] static Result run(const Setup& setup);
};

}  // namespace signet::backup
