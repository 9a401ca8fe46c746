// Which backups a drill restores.
#pragma once

#include "cli/moment.h"

#include <optional>
#include <string>
#include <vector>

namespace signet::cli {

enum class DrillSelect { latest, random, oldest, each_key, each_month };
/// throws  Error{usage}
[[nodiscard]] DrillSelect parse_drill_select(const std::string& text);

/// What is to be restored: a backup, a moment of a series with logs, or why there is none to restore.
struct DrillTarget {
    std::string series;  ///< name, or id where the name is not known
    std::string series_id;
    const restore::Backup* backup = nullptr;  ///< of the catalogue; of a moment: the base
    std::optional<Moment> moment;
    std::optional<Error> refusal;  ///< then there is neither
    /// How old the newest state was that this series could have been restored to; nothing: it is not known.
    std::optional<double> loss_seconds;
};

/// The choice of each series that the options choose, in the order of their names.
/// now  what `loss_seconds` counts from where no --at is given
/// throws  as Context::catalogue()
[[nodiscard]] std::vector<DrillTarget> choose_drill_targets(Context& context, DrillSelect select, TimePoint now);

}  // namespace signet::cli
