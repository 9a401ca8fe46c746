// Whether a restore of the newest backup would be refused: what `restore --at` decides, for commands that only look.
#pragma once

#include "restore/catalogue.h"

#include <optional>

namespace signet::restore {

/// Why Catalogue::latest() refuses this choice, whatever keys are at hand: a damaged entry that may hide a newer
/// backup, a newer backup by an untrusted writer, or a broken officer's journal. Nothing where it does not, or where
/// there is no such backup at all.
[[nodiscard]] std::optional<Error> refusal_of_latest(const Catalogue& catalogue, const BackupFilter& filter);

}  // namespace signet::restore
