// Logs in a repository, as far as their ends show them (docs/format.md section 16). Needs no key.
#pragma once

#include "core/error.h"
#include "format/log.h"
#include "storage/store.h"

#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace signet::storage {

/// The end of one log; its signature is not verified. returns  nothing when there is no such object
/// throws  Error{damaged}, Error{unsupported}: it is no log of that place; Error{io}
[[nodiscard]] std::optional<format::SignedLog> read_log_end(const Store& store, const RepositoryId& repository,
                                                            const DekId& epoch, std::uint64_t number);

/// Reads all of a log: whether its octets are what its trailer says, its signature right, and its place that of its
/// name. Whose signature it is, the caller asks. throws  Error{damaged}, Error{unsupported}; Error{io}
format::SignedLog verify_log(const ObjectReader& reader, std::string_view name);

/// The logs of one epoch that its writer signed, by number: some by their signatures, most by those of later ones.
struct EpochLogs {
    std::map<std::uint64_t, format::SignedLog> logs;
    /// What is missing below another one, or was refused.
    std::map<std::uint64_t, Error> problems;
    std::uint64_t beyond = 0;  ///< objects after those that the epoch was closed with
};

/// Which objects an epoch has.
using LogNumbers = std::vector<std::uint64_t>;
/// Lists all logs: for each epoch its numbers, ascending. throws  Error{io}: nothing is known then
[[nodiscard]] std::map<DekId, LogNumbers> list_logs(const Store& store);

/// One epoch's wish.
struct WantedEpoch {
    DekId epoch;
    crypto::VerifyKey signer;
    LogNumbers numbers;  ///< as listed
    /// With how many logs it ended, and which was the last: what lies beyond is not looked at.
    std::optional<std::pair<std::uint64_t, format::LogId>> closed;
    /// Lower numbers were let go by an officer: that they are missing is no damage.
    std::uint64_t kept_from = 1;
};
/// Reads and verifies epochs, many objects at a time. throws  Error{io}
[[nodiscard]] std::vector<EpochLogs> read_epochs(const Store& store, const RepositoryId& repository,
                                                 const std::vector<WantedEpoch>& wanted);

}  // namespace signet::storage
