// Pruning in two phases (docs/format.md sections 7 and 14, docs/decisions/0014). What nothing needs is condemned; once
// everybody who could refer to it has read that, a verdict lets it go, and it is deleted. Nobody is locked out, and no
// clock decides anything: a writer's own journal says what it has read. Nothing here needs a key.
#pragma once

#include "format/prune_entry.h"
#include "restore/holdings.h"
#include "restore/shred.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace signet::restore {

/// What is to be condemned of one writer's objects (of packs in no entry also: of an officer's who repacked); of
/// nobody's where nobody is known to have stored them.
struct Proposal {
    std::optional<IdentityId> owner;
    format::CondemnationFields fields;
    // Of objects that are there.
    std::uint64_t unneeded = 0;  ///< packs that nothing needs
    std::uint64_t unneeded_octets = 0;
    std::uint64_t replaced = 0;  ///< packs that others stand for
    std::uint64_t replaced_octets = 0;
    std::uint64_t loose = 0;  ///< packs and index segments in no entry
    std::uint64_t loose_octets = 0;
};

/// What nothing needs and nobody has condemned so far. Deletes nothing and signs nothing.
[[nodiscard]] std::vector<Proposal> propose(const Holdings& holdings);

/// Who could still refer to what a condemnation names: whose newest entry is not bound by it. A verdict waits for them.
[[nodiscard]] std::vector<IdentityId> waited_for(const Holdings& holdings, const storage::Condemnation& condemnation);

/// What is left of older backups may be all that is left: nothing goes while a backup that is not forgotten lacks
/// packs. throws  Error{damaged}: names the first, and how many; Error{io}
void require_nothing_lacking(const Holdings& holdings);

/// Whether nobody is known who stored what a condemnation names: then nobody can be asked either.
[[nodiscard]] bool is_nobodys(const Holdings& holdings, const storage::Condemnation& condemnation);

/// What a verdict has to say, when nobody is waited for: it spares what is needed after all.
[[nodiscard]] format::VerdictFields judge(const Holdings& holdings, const storage::Condemnation& condemnation);

/// What verdicts have let go and nothing needs, of what is there.
struct Departing {
    std::vector<Doomed> packs;
    std::vector<Doomed> indexes;
    std::vector<Doomed> slots;
    [[nodiscard]] bool empty() const { return packs.empty() && indexes.empty() && slots.empty(); }
};

/// What is to be deleted now. Left out is what somebody could refer to again, because a verdict was signed by who did
/// not know of him. condemnations  those of the catalogue, and perhaps verdicts that are only supposed
[[nodiscard]] Departing departing(const Holdings& holdings, const storage::Condemnations& condemnations);

/// Names of objects that verdicts have let go and that nothing in this catalogue needs: their absence is no damage, and
/// a copy has not to bring them.
[[nodiscard]] std::set<std::string> let_go_names(const Catalogue& catalogue);

}  // namespace signet::restore
