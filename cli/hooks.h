// The commands around a backup: --run-before, --run-after, --run-failed.
#pragma once

#include "cli/context.h"

#include <map>
#include <string>

namespace signet::cli {

/// Variables that hooks get in addition to those of the program.
using HookVariables = std::map<std::string, std::string>;

/// Runs the commands of an option in order, up to the first that fails. Nothing in a dry run.
/// throws  Error{failed}: a command failed; Error{interrupted}
void run_hooks(Context& context, const std::string& option, const HookVariables& variables);

}  // namespace signet::cli
