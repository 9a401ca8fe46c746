// Which protectors a drill has proven, and when each was proven last.
#pragma once

#include "cli/drill/record.h"
#include "cli/drill/selecting.h"

#include <map>
#include <string>
#include <vector>

namespace signet::cli {

/// Opens a data key of what was restored by each protector that wraps it and can be used, one by one, and remembers the
/// date in the keyring.
/// used    thumbprints of those that opened what was restored
/// before  by thumbprint: when earlier drills proved it
[[nodiscard]] std::vector<DrillProtector> prove_protectors(Context& context, const std::vector<DrillTarget>& targets,
                                                           const std::vector<DrillCase>& cases,
                                                           const std::map<std::string, std::string>& before);

}  // namespace signet::cli
