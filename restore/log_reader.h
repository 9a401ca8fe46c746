// Opens one log: nothing of it counts before all of it was verified.
#pragma once

#include "format/log.h"
#include "storage/store.h"

#include <functional>
#include <string>

namespace signet::restore {

/// A log that was verified before, by its place and id.
struct LogPlace {
    RepositoryId repository;
    DekId epoch;
    std::uint64_t number = 0;
    format::LogId id;
};

/// The chain key of a log in its epoch.
[[nodiscard]] format::LogChain chain_at(const format::DataKey& dek, std::uint64_t number);

/// Hands out the content, octet after octet. What was handed out is to be thrown away when this throws.
/// chain  as chain_at() of the log's number
/// throws  Error{damaged}: missing, altered, or not the log that was verified; Error{io}; what `take` throws
void read_log(const storage::Store& store, const LogPlace& place, const format::LogChain& chain,
              const std::function<void(ByteView)>& take);

/// Writes the content to a file: beside it first, and under its name when all of it was verified. Not synced: whoever
/// asks for a log asks again after a power cut.
void write_log(const storage::Store& store, const LogPlace& place, const format::LogChain& chain,
               const std::string& path);

}  // namespace signet::restore
