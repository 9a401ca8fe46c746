// What stands between a protector and its destruction, repository by repository.
#pragma once

#include "cli/fence.h"
#include "cli/key_impact.h"
#include "keyring/policy.h"
#include "restore/fence.h"

#include <optional>
#include <string>
#include <vector>

namespace signet::cli {

/// One repository's answer.
struct Retirement {
    bool is_replica = false;  ///< and could not be judged
    std::string location;
    std::string repository;    ///< its id; empty when it could not be looked at
    bool fenced = false;       ///< the policy in force says that the protector is to go
    std::uint64_t policy = 0;  ///< its number
    std::vector<restore::WaitingWriter> waiting;
    std::uint64_t backups = 0;        ///< that have a data key which the protector opens
    std::uint64_t needing = 0;        ///< of these: with a data key that nothing else opened just now
    std::optional<TimePoint> newest;  ///< time of the newest of those
    /// From when on all of those may be forgotten; nothing while writers are waited for or no retention is promised.
    std::optional<TimePoint> from;
    std::vector<std::string> obstacles;    ///< why not everything could be judged
    std::vector<UntrustedNeed> untrusted;  ///< who would need it too, and stands in nobody's way
    bool free = false;                     ///< nothing here needs the protector, and nothing new will
};

/// Judges the context's repository. word  what the policy must say, and every writer must have obeyed. Data keys that
/// the protector wraps are unwrapped with others. throws  as Context::catalogue(); Error{wrong_passphrase}
[[nodiscard]] Retirement judge_retirement(Context& context, const NamedProtector& protector,
                                          restore::FenceWord word = restore::FenceWord::to_go);

/// When the newest backup is made that can come to need a protector: of those that do (`newest`), and of those that may
/// still be made. After a rotation a run refers to what other protectors open too until the horizon, whether or not
/// they are within reach here. reachable  when the newest such data key was made
[[nodiscard]] std::optional<TimePoint> needed_until(const keyring::Policy& policy,
                                                    const std::optional<TimePoint>& newest,
                                                    const std::optional<TimePoint>& reachable, TimePoint now);

/// The same as its date while only looking, without asking to unwrap: for `key list --needed`.
/// needed_until  of backups that no signed slot of a protector that stays opens
[[nodiscard]] std::optional<TimePoint> free_from(const keyring::Policy& policy, const restore::Catalogue& catalogue,
                                                 const format::Thumbprint& protector,
                                                 const std::optional<TimePoint>& needed_until);

/// When the whole of it is free: the latest date; nothing where one has none.
[[nodiscard]] std::optional<TimePoint> latest_date(const std::vector<Retirement>& all);
void print_retirement(Terminal& terminal, const Retirement& one);
[[nodiscard]] Json retirement_json(const Retirement& one);
/// "waits for 2 writers; 3 backups need it, which may be forgotten from 2026-06-01 on".
[[nodiscard]] std::string why_not_free(const Retirement& one);

}  // namespace signet::cli
