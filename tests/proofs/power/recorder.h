// Notes what this very program does to the files below a folder. The linker leads the calls here (--wrap), so that what
// is under test is the product's own code, down to its system calls.
#pragma once

#include "tests/proofs/power/disk_model.h"

#include <string>
#include <vector>

namespace signet::proof {

/// Begins to note what happens below a folder, which is empty.
void start_recording(const std::string& folder);
/// A promise: from here on the user knows of it.
void record_mark(const std::string& label);
/// Ends it. returns  what happened, in order
[[nodiscard]] std::vector<Operation> stop_recording();

}  // namespace signet::proof
