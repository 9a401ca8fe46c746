// The one series of logs that a command is about.
#pragma once

#include "cli/context.h"
#include "restore/log_archive.h"
#include "restore/log_reader.h"

#include <functional>
#include <string>

namespace signet::cli {

/// --series, which every command about one record needs. throws  Error{usage}: it was not given
[[nodiscard]] std::string log_series_name(const Context& context);

/// The logs of that series. throws  Error{usage}: it has none, or several series are called so
[[nodiscard]] restore::LogSeries load_log_series(Context& context, const std::string& series);

/// Says what of it was lost and is there again: for people, no damage.
void tell_stored_again(Context& context, const restore::LogSeries& series);

/// The trusted bases of the same series, oldest first.
[[nodiscard]] std::vector<const restore::Backup*> bases_of(const restore::Catalogue& catalogue,
                                                           const restore::SeriesKey& series);

/// Really unwraps the data key of an epoch. throws  as restore::unwrap_epoch()
[[nodiscard]] format::DataKey open_epoch(Context& context, const restore::LogEpoch& epoch);

using KeyOfEpoch = std::function<const format::DataKey&(const restore::LogEpoch&)>;
/// Opens these logs and reads all of each, as recovery would. returns  octets that they hold
/// throws  Error{damaged}: the first that is not as its writer signed it; Error{interrupted}; what key_of throws
std::uint64_t read_through(Context& context, std::vector<const restore::Log*> logs, const KeyOfEpoch& key_of);

/// A log as `restore::read_log` takes it.
[[nodiscard]] restore::LogPlace place_of(const storage::Repository& repository, const restore::Log& log);

}  // namespace signet::cli
