// Which writers may still refer to what a protector alone opens, although an officer has said that it is to go.
#pragma once

#include "restore/catalogue.h"

#include <string>
#include <vector>

namespace signet::restore {

/// A writer whose newest backup did not obey a policy that says that the protector is to go: it names none, or is
/// wrapped under the protector all the same.
struct WaitingWriter {
    IdentityId identity;
    std::string host;           ///< empty where the names of this writer are not known
    TimePoint last_backup;      ///< time of its newest backup
    std::uint64_t entries = 0;  ///< of its journal: the N of `keyring trust WRITER --until N`, which closes it
};

/// Which word of the policy has to be obeyed.
enum class FenceWord { to_go, compromised };  ///< to_go: retiring or compromised

/// Those that are trusted for entries to come and have made a backup, in the order of their journals. Every manifest
/// names the policy that it obeyed, so this needs no clock. What a policy says counts only while its officer is
/// trusted.
[[nodiscard]] std::vector<WaitingWriter> waiting_writers(const Catalogue& catalogue,
                                                         const format::Thumbprint& protector,
                                                         FenceWord word = FenceWord::to_go);

}  // namespace signet::restore
