// A default protector that is in one place only: told where people can still do something about it.
#pragma once

#include "cli/context.h"

#include <string>
#include <vector>

namespace signet::cli {

/// Where private halves of a protector are, in the order in which they are asked.
[[nodiscard]] std::vector<keyring::Location> unwrapping_places(const keyring::Link& link);
/// Why a second place is wanted for a default protector, with the command that links one. Empty for other links, for
/// escrow protectors (the repository holds them), where this keyring reaches no private half at all, and where
/// --without-twin was said.
[[nodiscard]] std::string missing_twin(Context& context, const keyring::Link& link);
/// For each further location of a wrapping protector that refuses: it is no twin any more. No login is tried, and an
/// outage is no refusal.
[[nodiscard]] std::vector<std::string> refusing_twins(Context& context, const keyring::Link& link);
/// The same as a warning. It changes no exit code.
void warn_of_missing_twin(Context& context, const keyring::Link& link);

/// --without-twin, of the commands that make a default.
[[nodiscard]] OptionSpec without_twin_option();
/// Remembers --without-twin for the keyring. twin_linked  a twin is there now: it is forgotten
void note_without_twin(Context& context, bool twin_linked = false);

}  // namespace signet::cli
