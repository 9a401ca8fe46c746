// The fence: an officer's word that a protector is to go, in every repository that it may have wrapped for.
#pragma once

#include "cli/context.h"
#include "cli/key_impact.h"

#include <optional>
#include <string>
#include <vector>

namespace signet::cli {

/// A protector as a person named it.
struct NamedProtector {
    format::Thumbprint thumbprint;
    std::string name;                        ///< "prod/1", a link's name, or the short thumbprint
    std::optional<keyring::KeyVersion> key;  ///< where the local vault has it
};

/// KEY is NAME/VERSION (NAME where there is one version), a link's name, or a thumbprint: of something linked its first
/// digits do. throws  Error{usage}: none, several, or a name with several versions
[[nodiscard]] NamedProtector named_protector(Context& context, const std::string& reference);

/// Which of the two lists of the policy.
enum class FenceKind { retiring, compromised };

/// Signs, as the officer of the context's repository, that a protector is to go; and, where the policy names no default
/// protector that stays, that this keyring's default is the one for everybody, with its public half. Nothing where the
/// policy says all that already, and in a replica, which gets its policy by signet copy. returns  whether something was
/// signed throws  Error{refused}: it is this keyring's default; this keyring's officer is no officer of the repository
bool raise_fence(Context& context, const NamedProtector& protector, FenceKind kind);

/// What stands in a command that is about the place of a repository.
struct Place {
    std::string location;
    bool was_named = false;  ///< by --repo or --also; else this keyring remembers it
};
/// Those that were named, and every place at which this keyring has met a repository that it knows, but for those of
/// --except. Each once.
[[nodiscard]] std::vector<Place> places(Context& context);

/// Whether the place that the context was turned to is a replica; not, where it cannot be looked at.
[[nodiscard]] bool is_replica_here(Context& context) noexcept;
/// Why that place could not be judged: a replica that is behind the primary looks like one that was rolled back.
[[nodiscard]] std::string why_not_judged(Context& context, const Error& error);
/// --also and --except.
[[nodiscard]] std::vector<OptionSpec> place_options();

/// What would be lost without a protector, in the context's repository: another opener counts only if it opens now, is
/// another key, and is not to go itself.
[[nodiscard]] KeyImpact impact_without(Context& context, const NamedProtector& protector);

}  // namespace signet::cli
