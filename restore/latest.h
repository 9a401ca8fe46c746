// Whether a restore of the newest backup would be refused: what `restore --at` decides, for commands that only look.
#pragma once

#include "restore/plan.h"

#include <optional>

namespace signet::restore {

/// Why Catalogue::latest() refuses this choice, whatever keys are at hand: a damaged entry that may hide a newer
/// backup, a newer backup by an untrusted writer, or a broken officer's journal. Nothing where it does not, or where
/// there is no such backup at all.
[[nodiscard]] std::optional<Error> refusal_of_latest(const Catalogue& catalogue, const BackupFilter& filter);

/// Takes from what a plan calls restorable the moments at which Catalogue::latest() refuses because the newest backup
/// by then is by a writer who is not trusted for it: anywhere in its coverage, not at its end alone. filter  chooses
/// the backups of the plan; its times do not count returns  a sentence for each of those stretches that the plan is
/// about
[[nodiscard]] std::vector<std::string> exclude_refused(Plan& plan, const Catalogue& catalogue,
                                                       const BackupFilter& filter);

}  // namespace signet::restore
