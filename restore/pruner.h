// One run of prune: deletes what earlier verdicts let go, judges what was condemned earlier, condemns what nothing
// needs now. It may be killed anywhere and begun again, and any number of them may run beside each other and beside
// backups.
#pragma once

#include "keyring/keyring.h"
#include "restore/log_retention.h"
#include "restore/prune.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace signet::restore {

struct PruneSetup {
    const storage::Repository& repository;
    keyring::KeyringSet& keyrings;
    const Clock& clock;
    /// Signs such an entry with an officer's key. Not called in a rehearsal, nor in a replica.
    std::function<void(format::EntryKind, const Bytes& fields)> append;
    /// Lets this host's own writer sign that it has read the officers' journals. Empty: there is none.
    std::function<void()> acknowledge = {};
    std::optional<IdentityId> writer = {};  ///< whose acknowledgement that is
    std::function<void(const std::string&)> notice = {};
    /// Asked before each step; throws where it is to end here.
    std::function<void()> stop_if_asked = [] {};
    /// Whether a run of this host's writer goes on, whatever its journal says. Empty: nobody knows.
    std::function<bool(const SeriesId&)> is_running = {};
    bool dry_run = false;
    bool remember = true;       ///< what is seen of the repository, in the keyring
    bool is_replica = false;    ///< nothing is signed: what was let go elsewhere is deleted
    std::int64_t grace_ns = 0;  ///< no verdict earlier after a condemnation, as far as clocks tell
    /// The same for what nobody is known to have stored: a copy may be bringing it, whose entries come last.
    std::int64_t unknown_grace_ns = std::int64_t{24} * 3600 * kNsPerSecond;
};

/// A condemnation on which there is no verdict.
struct OpenCondemnation {
    EntryId entry;
    TimePoint time;                      ///< of signing, as its officer claims
    std::vector<WaitingWriter> waiting;  ///< for whom a verdict waits
    TimePoint not_before;                ///< no verdict earlier, whoever has read of it
};

struct PruneReport {
    Departing departing;  ///< deleted, or in a rehearsal to be deleted
    Deletion deletion;
    std::uint64_t verdicts = 0;          ///< signed, or to be signed
    std::vector<Proposal> condemned;     ///< signed, or to be signed
    std::vector<OpenCondemnation> open;  ///< what is left for a later run
    std::vector<Doomed> logs;            ///< deleted, or in a rehearsal to be deleted
    std::uint64_t released = 0;          ///< logs let go, for a later run to delete
    std::uint64_t released_octets = 0;
};

/// Not for two threads at once.
class Pruner {
public:
    explicit Pruner(PruneSetup setup);
    ~Pruner();

    /// Looks at everything from scratch. All other steps go by the last look, and look again where they have to.
    /// throws  Error{damaged}: a journal that counts is not whole, or packs are lost that backups need; Error{io}: a
    /// listing failed
    void look();
    /// Signs verdicts on what was condemned earlier, where nobody is waited for, and deletes what verdicts let go.
    void judge_and_delete();
    /// Condemns what nothing needs, and lets logs go.
    void condemn();
    /// Says for this host's writer that it knows what was condemned, where it is waited for and no run of it goes on.
    void acknowledge();
    /// Whether another look may find more to do: something was signed since the last one, or a writer is waited for.
    [[nodiscard]] bool is_under_way() const;
    /// For whom verdicts wait, by the last look.
    [[nodiscard]] std::vector<WaitingWriter> waiting() const;
    /// Whether something was signed since the last look.
    [[nodiscard]] bool has_said() const { return has_said_; }
    /// Everything that was done, and what is left.
    [[nodiscard]] PruneReport finish();

private:
    struct Look;
    [[nodiscard]] TimePoint ripe_at(const storage::Condemnation& one) const;
    [[nodiscard]] bool is_ripe(const storage::Condemnation& one) const;
    [[nodiscard]] bool has_own_run() const;
    [[nodiscard]] bool is_waited_for(const IdentityId& identity) const;
    void carry_out(Departing departing);
    void delete_logs();
    void release_logs();

    PruneSetup setup_;
    PruneReport report_;
    std::unique_ptr<Look> look_;
    bool has_looked_ = false;
    bool has_said_ = false;
    bool has_deleted_ = false;  ///< since the last look
};

}  // namespace signet::restore
