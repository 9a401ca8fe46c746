// Two keyrings side by side: whether each opens what the other opens of a repository, and whether the keys that both
// have are alike. Asks vaults to describe; unwraps only when told to.
#pragma once

#include "cli/context.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace signet::cli {

/// A protector as one keyring has it.
struct SideView {
    std::string name;
    std::string role;
    std::string region;  ///< "local/east"
    keyring::ProtectorReport report;
    std::optional<keyring::KeyDescription> key;  ///< as its vault describes it; nothing for a public half alone
    std::optional<bool> purge_protection;        ///< of a local vault
    std::optional<keyring::LinkTest> test;       ///< with --test
    [[nodiscard]] bool can_open() const { return report.can_unwrap && (!test || test->ok()); }
};

struct ComparedProtector {
    format::Thumbprint thumbprint;
    std::uint64_t backups = 0;  ///< retained ones with a data key that it wraps
    std::optional<SideView> here;
    std::optional<SideView> there;
    std::vector<std::string> differences;  ///< of properties: "enabled here, disabled there"
};

/// How backups made here are opened there.
enum class Arrangement {
    same_keys,  ///< by the default protector itself
    own_keys,   ///< by another one that wraps as well
    none,
};
/// "same-keys", "own-keys", "none".
[[nodiscard]] std::string_view text(Arrangement arrangement);

struct Comparison {
    std::vector<ComparedProtector> protectors;
    std::uint64_t backups = 0;
    std::uint64_t only_here = 0;   ///< backups that only this side can open by more than claims
    std::uint64_t only_there = 0;  ///< backups that only the other side can open so
    /// Backups that this side, or the other one, can open only if stored slots that nobody signed tell the truth.
    std::uint64_t claimed_here = 0;
    std::uint64_t claimed_there = 0;
    Arrangement arrangement = Arrangement::none;
    std::vector<Error> broken;  ///< why backups are left out: no key opens them on either side
    [[nodiscard]] bool differ() const;
};

struct ComparisonOptions {
    std::string keyring;  ///< the other side's
    std::string vault;    ///< what local:NAME means there
    bool test = false;    ///< wrap and unwrap with every key, on both sides, and try slots that are claims
};

/// Over all trusted backups of --repo: every protector that ever wrapped what they need, and those that wrap now.
/// throws  Error{usage}: no keyring there; as Context::load_catalogue(), which must be its first reading
[[nodiscard]] Comparison compare_keyrings(Context& context, const ComparisonOptions& options);

}  // namespace signet::cli
