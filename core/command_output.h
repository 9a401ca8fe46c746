// What a command that the user names prints. For secrets that another program hands out.
#pragma once

#include "core/secret.h"

#include <chrono>
#include <string>

namespace signet {

struct CommandLimits {
    std::size_t output = std::size_t{64} * 1024;  ///< octets
    std::chrono::milliseconds time{30'000};
};

/// Runs `/bin/sh -c line` to its end, without standard input; its standard error is ours. A command that prints more or
/// takes longer than it may is killed, with all that it has started.
/// throws  Error{failed}: it cannot be started, ends with another status than 0, or goes over a limit. The message does
///         not repeat the line, which may hold a secret.
[[nodiscard]] SecretBytes command_output(const std::string& line, const CommandLimits& limits = {});

}  // namespace signet
