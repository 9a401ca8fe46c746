// With which keys a drill starts: those of the host, those of keyrings that were named, or nothing but what is in the
// safe.
#pragma once

#include "cli/context.h"
#include "cli/drill/record.h"
#include "cli/drill/scratch.h"

#include <memory>
#include <string>

namespace signet::cli {

/// A record of now, here, and of this repository.
[[nodiscard]] DrillRecord begin_drill_record(const Context& context);

/// "keyring", "given keyrings", "nothing": by --no-default-keyring and --from-nothing.
/// throws  Error{usage}: contradictions
[[nodiscard]] std::string drill_keys(const Context& context);

/// The keyring whose writer signs the evidence and whose history it is appended to, whatever the drill starts with.
[[nodiscard]] std::string evidence_keyring(const Context& context);

/// What a drill opens backups with, apart from what signs its evidence.
class DrillSite {
public:
    /// Works as the command line says.
    explicit DrillSite(Context& asked);
    /// Works with an empty keyring, an empty vault and an empty cache in the scratch folder.
    DrillSite(Context& asked, const DrillScratch& scratch);
    [[nodiscard]] Context& context() { return *context_; }

private:
    std::unique_ptr<Invocation> invocation_;  ///< the same command, at other places
    std::unique_ptr<Context> context_;
};

/// Brings back what the safe has, into the empty places of a site: by --recover-command, else as `keyring recover` does
/// with --officer and the passphrase.
/// throws  as keyring recover; Error{failed}: the command failed; Error{refused}: another officer
void recover_from_nothing(Context& context, const DrillScratch& scratch);

}  // namespace signet::cli
