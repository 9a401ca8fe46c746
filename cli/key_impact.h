// What backups lose when keys are disabled or destroyed: told before anything is done.
#pragma once

#include "cli/context.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace signet::cli {

/// What counts as another opener of a data key.
enum class OpenerProof {
    described,  ///< a protector that says it can unwrap: enough where nothing is destroyed
    opened,     ///< a protector that unwrapped the data key just now: slots of others are claims
};

/// Keys that would be unusable.
struct DoomedKeys {
    std::vector<std::string> names;  ///< "prod/1", for people
    std::set<format::Thumbprint> keys;
    std::set<format::Thumbprint> not_counted = {};  ///< other protectors that do not count as openers: they go as well
    bool everywhere = false;  ///< they go wherever they are kept, so that no twin opens in their place
};

/// Backups by a writer who is not trusted for them, with a data key that these keys alone seem to open. Anybody can put
/// such there, so they stand in nobody's way; but a host that nobody has decided about yet may be a new one.
struct UntrustedNeed {
    IdentityId writer;
    std::string host;  ///< empty where the names of this writer are not known
    std::uint64_t backups = 0;
    bool is_undecided = false;  ///< no officer has said anything about this writer
};

/// The backups of one repository that need certain keys.
struct KeyImpact {
    std::vector<std::string> keys;  ///< "prod/1"
    std::uint64_t backups = 0;      ///< trusted ones that have a data key which these keys open
    TimePoint from, to;             ///< of the first and the last of them
    std::vector<const restore::Backup*>
        lost;  ///< those with a data key that nothing else opens; owned by the catalogue
    /// When the newest data key of `lost` was made that backups to come may still refer to: by a signed slot another
    /// protector opens it, which is not within reach here.
    std::optional<TimePoint> reachable;
    /// Log epochs that nothing else opens, a sentence for each.
    std::vector<std::string> lost_logs;
    std::vector<std::string> unknown;      ///< why some trusted backups could not be judged
    std::vector<UntrustedNeed> untrusted;  ///< undecided writers first; they are no objection
};

/// Whether a location is in another vault than the local one that this command changes: by the file, not its name, as a
/// vault by way of a link is the same vault.
[[nodiscard]] bool is_in_another_vault(Context& context, const keyring::Location& location);

/// For people, a sentence for each of these writers, the undecided ones with the command that decides. keys  "prod/1"
[[nodiscard]] std::vector<std::string> untrusted_sentences(const std::vector<UntrustedNeed>& needs,
                                                           const std::string& keys);
[[nodiscard]] Json untrusted_json(const std::vector<UntrustedNeed>& needs);

/// keys  of one repository: that of the context
/// throws  Error{no_repository}, …: as Context::catalogue; Error{wrong_passphrase}: of another vault that was asked
[[nodiscard]] KeyImpact impact_of(Context& context, const DoomedKeys& keys, OpenerProof proof);

/// A sentence for people, an object of type key_impact for programs.
void print_impact(Context& context, const KeyImpact& impact);

/// Says what disabling would cost, where a repository was named and can be read; never stops the command.
void warn_of_impact(Context& context, const std::vector<keyring::KeyVersion>& versions);

/// Before keys are destroyed: looks, says what it found, and refuses where a backup would be lost, unless --force.
/// verb  "deleted", "purged"
/// returns  what --force passed over, for the audit log; empty when it was not needed
/// throws  Error{refused}
[[nodiscard]] std::string require_expendable(Context& context, const std::vector<keyring::KeyVersion>& versions,
                                             const std::string& verb);

}  // namespace signet::cli
