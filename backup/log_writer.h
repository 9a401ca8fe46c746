// Continuous logs: each file becomes one sealed, signed object, durable before anybody is told so.
//
// Killed at any moment and asked again it completes: what was stored is found in the repository, what was not is stored
// anew. What it keeps between two pushes (log_state.h) opens nothing that it has stored.
#pragma once

#include "backup/log_file.h"
#include "backup/log_state.h"
#include "keyring/keyring.h"
#include "storage/repository.h"

#include <functional>
#include <string>
#include <vector>

namespace signet::backup {

struct LogRequest {
    std::string path;
    std::string name;  ///< under which it is fetched
    std::string series;
    std::optional<format::LogFamily> family;  ///< unset: the name tells
    std::string sequence;                     ///< of generic names; empty: as the series has it
    std::string first, last;                  ///< positions of a generic log
    std::string host, user, program;
    std::uint64_t epoch_logs = 1024;                                ///< a new epoch after so many
    std::int64_t epoch_ns = std::int64_t{8} * 3600 * kNsPerSecond;  ///< or after so long
    std::int64_t look_ns = std::int64_t{60} * kNsPerSecond;         ///< vault and policy are asked again after so long
    double lock_wait_seconds = 30;
};

/// What a push asks of those who know keyrings, policies and journals.
struct LogServices {
    /// What the keyring alone would wrap with now. Cheap.
    std::function<std::vector<format::Thumbprint>()> linked;
    /// Asks vault and policy. returns  the protectors that wrap. throws  Error: nothing is to be stored now
    std::function<std::vector<format::Thumbprint>()> look;
    std::function<std::vector<format::Slot>(const format::DataKey&, const std::vector<format::Thumbprint>&)> wrap;
    /// Signs an entry and appends it to the writer's journal.
    std::function<void(const std::function<Bytes(const format::EntryHead&, const crypto::SigningKey&)>&)> append;
    std::function<void(const std::string&)> warn;
};

struct LogReport {
    std::string name;
    DekId epoch;
    std::uint64_t number = 0;      ///< 0: it was stored before
    bool was_there = false;        ///< the same content under the same name: read whole, and as it was signed
    bool is_stored_again = false;  ///< it was pushed before, and what is stored of it is gone or not whole
    bool is_new_epoch = false;
    std::uint64_t size = 0;
    std::uint64_t stored_size = 0;
};

/// Stores one log durably.
/// throws  Error{refused}: the name is taken by other content, another cluster, policy; Error{key_unavailable};
///         Error{busy}: another push of the series; Error{damaged}: the file is not what its name says; Error{io}
LogReport push_log(const LogRequest& request, const storage::Repository& repository, keyring::Keyring& keyring,
                   const LogServices& services);

}  // namespace signet::backup
