// Who calls, where the caller gives exit codes a meaning of its own: PostgreSQL.
//
// archive_command: 0 is "stored, you may delete it"; 1 to 125 "try again, and count the failure"; above is never seen
// in its statistics. restore_command: 0 is "here it is"; 1 to 125 "the logs end here", so that a database comes up
// short without a word; above "stop, and start again when that is mended".
#pragma once

#include "cli/exit_code.h"

#include <string>
#include <vector>

namespace signet::cli {

enum class Caller {
    person,
    archiver,  ///< log push
    recovery,  ///< log fetch
};

/// From the words of a command line, whatever else is wrong with them.
[[nodiscard]] Caller caller_of(const std::vector<std::string>& words);

/// The number that this caller sees. archiver: never above 125. recovery: 0, 1 where a log is rightly absent
/// (ExitCode::absent), and 200 and the code for everything else.
[[nodiscard]] int number_for(Caller caller, ExitCode code);

}  // namespace signet::cli
