// Checkpoints: one line about the end of a journal, kept outside of the repository. Whoever has one notices when the
// storage shows less than there was, or something else (docs/format.md section 18).
#pragma once

#include "core/clock.h"
#include "core/error.h"
#include "core/id.h"
#include "storage/repository.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signet::restore {

/// That this entry was there.
struct Checkpoint {
    RepositoryId repository;
    IdentityId identity;
    std::uint64_t sequence = 0;
    EntryId entry;
    TimePoint time;  ///< that the entry claims

    /// "signet-checkpoint 1 <repository> <identity> <sequence> <entry> <time> <check digits>", without a line end.
    [[nodiscard]] std::string line() const;
    /// throws  Error{usage}: not such a line, or one that was mangled
    [[nodiscard]] static Checkpoint parse(std::string_view line);
    /// Of the newest entry of a journal; nothing when it has none.
    [[nodiscard]] static std::optional<Checkpoint> of(const RepositoryId& repository, const storage::Journal& journal);
    friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

/// All lines of a text that are not empty and do not start with '#'. throws  Error{usage}: also when there is none
[[nodiscard]] std::vector<Checkpoint> parse_checkpoints(std::string_view text);

/// What a journal says to a checkpoint.
struct CheckpointVerdict {
    enum class Kind {
        proven,       ///< the entry is there, in its place
        rolled_back,  ///< the journal ends before it
        withheld,     ///< an entry before it is missing, and later ones are there
        altered,      ///< an entry before it, or it, is there and refused
        forked,       ///< another entry is in its place
    };
    Kind kind = Kind::proven;
    std::uint64_t first = 0;  ///< of the entries that are missing or not believed, up to the checkpoint's; 0: none
    std::uint64_t last = 0;
    std::optional<TimePoint> after;  ///< when the last believed entry before them was signed; nothing: there is none
};

/// journal  of the checkpoint's identity; nullptr when there is none
[[nodiscard]] CheckpointVerdict judge(const Checkpoint& checkpoint, const storage::Journal* journal);

/// Error{damaged} that says which writer, which entries and which time range; nothing when it is proven.
[[nodiscard]] std::optional<Error> refusal(const Checkpoint& checkpoint, const CheckpointVerdict& verdict);

/// Compares a repository with checkpoints. throws  Error{refused}: one is of another repository
/// returns  an Error{damaged} for each identity that does not stand up to one, the first of each; also where two
///          checkpoints contradict each other
/// beyond_damage  an entry that stands behind damage stands up to its checkpoint: for who salvages
[[nodiscard]] std::vector<Error> compare(const std::vector<Checkpoint>& checkpoints, const RepositoryId& repository,
                                         const std::vector<storage::Journal>& journals, bool beyond_damage = false);

}  // namespace signet::restore
