// Logs that were lost or damaged and pushed again (docs/format.md section 16): which object of several is taken, and
// what is no damage any more because its log is there whole.
#pragma once

#include "restore/log_archive.h"

namespace signet::restore {

/// Of each name that several objects have, reads them in their order up to the first that is whole, and marks those
/// before it as damaged. So a repository where no log was ever lost is not read for it. series  its logs in order;
/// they are put in order again. What cannot be read is not whole.
void find_whole_copies(const storage::Store& store, LogSeries& series);

/// Moves from the problems to `stored_again` what a whole series covers:
/// - a log that is not whole, where a whole one has its name and content tag;
/// - objects that are gone or refused, so that nobody knows their names, where the series has no gap and the logs that
///   were stored before and after show which ones they were, and these are there.
/// Everything else stays a problem. No input or output.
void excuse_stored_again(LogSeries& series);

}  // namespace signet::restore
