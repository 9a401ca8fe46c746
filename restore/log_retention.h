// Which logs no backup needs any more (docs/format.md section 16). Deletes nothing and signs nothing.
#pragma once

#include "format/log_release.h"
#include "restore/log_archive.h"
#include "restore/shred.h"

#include <vector>

namespace signet::restore {

struct LogRetention {
    format::LogReleaseFields release;  ///< to be signed: what nothing needs and nobody has let go so far; may be empty
    std::uint64_t releasing = 0;       ///< logs that it lets go
    std::uint64_t releasing_octets = 0;
    std::vector<Doomed> departing;  ///< what was let go before and nothing needs, of what is there
};

/// Looks at all series. A log is kept where a backup of its series that is not forgotten needs it, whoever made that;
/// and where the series has no backup, unless an officer has let it go.
/// throws  Error{damaged}: an officer's journal is broken; Error{io}
[[nodiscard]] LogRetention review_logs(const storage::Repository& repository, const Catalogue& catalogue);

/// To let go all that can go of a series without backups: for one that was given up.
/// throws  Error{io}
[[nodiscard]] LogRetention release_all_logs(const storage::Repository& repository, const LogSeries& series);

/// Of each log of a series whether it is needed, by the positions and times of these backups. For review_logs().
/// backups  of the series, not forgotten
[[nodiscard]] std::vector<bool> needed_logs(const LogSeries& series, const std::vector<const Backup*>& backups);

}  // namespace signet::restore
