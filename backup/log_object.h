// Seals a file as one log and stores it: block by block, in bounded memory.
#pragma once

#include "backup/log_file.h"
#include "storage/store.h"

#include <optional>

namespace signet::backup {

struct StoredLog {
    format::LogId id;
    Digest content_tag;
    std::uint64_t object_size = 0;
};

/// Stores the next log of a chain, durably. described  of the file, with the log before it
/// returns  nothing: its number is taken. throws  Error{refused}: the file changed meanwhile; Error{io}
[[nodiscard]] std::optional<StoredLog> store_log(const LogFile& file, format::LogTrailer described,
                                                 const format::LogChain& chain, const SecretBytes& id_key,
                                                 const crypto::SigningKey& key, storage::Store& store);

}  // namespace signet::backup
