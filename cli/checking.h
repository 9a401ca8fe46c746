// Runs a check and says how far it is: what signet check and signet repair begin with.
#pragma once

#include "cli/context.h"
#include "restore/checker.h"

#include <functional>

namespace signet::cli {

/// Reads the catalogue, also one that has been rolled back, and lets `steps` check it. sample  what check_sample()
/// reads throws  as Context::load_catalogue() and the steps of restore::Checker
[[nodiscard]] restore::CheckReport run_check(Context& context, const restore::PackSample& sample,
                                             const std::function<void(restore::Checker&)>& steps);

}  // namespace signet::cli
