// What a restored PostgreSQL cluster needs to replay its logs up to a moment: its configuration, and the keys of the
// plan for as long as recovery takes.
#pragma once

#include "cli/moment.h"
#include "restore/extractor.h"
#include "restore/log_keys.h"

#include <string>

namespace signet::cli {

/// Options of restore that are about it.
[[nodiscard]] std::vector<OptionSpec> recovery_options();

/// Really unwraps the data key of every epoch that the moment needs.
/// throws  KeyUnavailable: with the plan; Error{wrong_passphrase}; Error{damaged}
[[nodiscard]] restore::LogKeys open_logs(Context& context, const Moment& moment);

/// A moment whose keys are all at hand.
struct OpenMoment {
    restore::LogKeys keys;
    std::unique_ptr<restore::OpenBackup> open;  ///< the base
};
/// Plans, then really unwraps every data key of base and logs. throws  as open_logs() and OpenBackup::open()
[[nodiscard]] OpenMoment open_moment(Context& context, const Moment& moment);

/// Refuses a target that a cluster may be running in, or that is not empty. throws  Error{refused}
void require_empty_target(const std::string& folder);

/// Where the keys for recovery will be: what was named, or a file in memory. A file that was named is made and removed
/// again, but for a dry run: without it there is no recovery, and that is known before hours of restoring.
/// throws  Error{refused}: it is there already; Error{io}: it cannot be made; Error{failed}: nothing was named, and
/// there is no file system in memory
[[nodiscard]] std::string choose_keys_file(Context& context);

/// Writes recovery.signal and the settings into a restored cluster, and the keys where recovery finds them.
/// owner  uid and gid of the cluster; nothing: who runs this
void prepare_recovery(Context& context, const Moment& moment, const restore::LogKeys& keys,
                      const std::string& keys_file, const std::string& folder,
                      const std::optional<std::pair<unsigned, unsigned>>& owner);

/// The same after a restore of the base as `request` says: as root, files are the cluster's owner's.
void make_recoverable(Context& context, const Moment& moment, const OpenMoment& opened, const std::string& keys_file,
                      const restore::RestoreRequest& request);

}  // namespace signet::cli
