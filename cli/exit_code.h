// The only exit table: what each end of a command is called to the shell that started it.
#pragma once

#include "core/error.h"

#include <string_view>

namespace signet::cli {

enum class ExitCode : int {
    done = 0,
    failed = 1,
    usage = 2,
    incomplete = 3,  ///< done, but something could not be read or written
    absent = 4,      ///< of log fetch alone: what was asked for was never stored
    no_repository = 10,
    busy = 11,
    wrong_passphrase = 12,
    key_unavailable = 13,
    damaged = 14,
    drill_failed = 15,
    objective_missed = 16,
    refused = 17,
    interrupted = 130,
};

/// The exit code of a failure of this class.
[[nodiscard]] ExitCode exit_code_of(ErrorCode code);

/// The number that the shell sees.
[[nodiscard]] constexpr int number(ExitCode code) { return static_cast<int>(code); }

/// The table as help and the manual print it: one line a code.
[[nodiscard]] std::string_view exit_code_table();

}  // namespace signet::cli
