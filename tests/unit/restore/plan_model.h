// What plans should say, found by brute force over plain data. Knows nothing of restore/: written from docs/format.md
// and from what the manual promises, so that two minds must make the same mistake before a test misses it.
#pragma once

#include "core/clock.h"
#include "core/id.h"
#include "format/thumbprint.h"
#include "keyring/keyring.h"
#include "keyring/resolver.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace signet::restore::test {

using format::Thumbprint;
using keyring::ProtectorStatus;

/// A place that holds a private half, and what it will answer.
struct ModelPlace {
    enum class Told { well, disabled, deleted, gone, denied, unreachable };
    Told told = Told::well;
    std::optional<TimePoint> not_before;
    std::optional<TimePoint> expires;
    std::optional<Told> remembered;  ///< the refusal that it gave last, until it answers well again
};

struct ModelProtector {
    Thumbprint thumbprint;
    bool is_linked = false;                   ///< in any keyring
    std::optional<keyring::LinkRole> role;    ///< in the host's own
    std::vector<ModelPlace*> private_halves;  ///< in the order in which they are asked
};

/// A committed or interrupted run.
struct ModelRun {
    int writer = 0;
    std::uint64_t sequence = 0;
    bool is_backup = true;
    bool is_believed = true;  ///< the writer was trusted for this entry
    bool is_trusted = true;   ///< and so were the writers of all that it reaches for that
    bool is_broken = false;   ///< its reach names what is not there, or two data keys of one id
    int series = 0;           ///< of one line of writers
    TimePoint time;
    TimePoint committed;  ///< the latest signing time of it and those before it in the journal
    DekId dek;
    Digest commitment;
    EntryId entry;
    std::set<Thumbprint> slots;
    std::vector<int> predecessors;                     ///< whose place the writer took
    std::vector<std::pair<int, std::uint64_t>> reach;  ///< writer and sequence number
};

struct ModelHistory {
    std::vector<IdentityId> writers;
    std::vector<ModelRun> runs;
    std::map<DekId, std::set<Thumbprint>> stored;  ///< slots in slots/, whoever stored them
};

struct ModelQuestion {
    std::set<Thumbprint> without;
    std::optional<TimePoint> as_of;
    bool offline = false;
    TimePoint now;
};

struct ModelState {
    ProtectorStatus status = ProtectorStatus::missing;
    bool unwraps = false;
};

struct ModelRequired {
    ProtectorStatus status = ProtectorStatus::missing;
    bool usable = false;
    bool inherited = false;
    TimePoint from, to;
    std::uint64_t backups = 0, deks = 0, unproven = 0;
    std::set<Thumbprint> alternatives;
    std::vector<std::pair<TimePoint, TimePoint>> moments;
    friend bool operator==(const ModelRequired&, const ModelRequired&) = default;
};

struct ModelInterval {
    TimePoint from, to;
    bool restorable = true;
    bool unproven = false;
    bool is_damaged = false;
    std::set<Thumbprint> blocked_by;
    std::uint64_t backups = 0;
    friend bool operator==(const ModelInterval&, const ModelInterval&) = default;
};

struct ModelPlan {
    bool restorable = true;
    bool is_broken = false;  ///< a backup in it reaches what is not there
    std::map<Thumbprint, ModelRequired> required;
    std::multiset<DekId> unopenable;
    std::multiset<DekId> orphaned;
    std::uint64_t unproven = 0;
    std::vector<ModelInterval> coverage;
    std::optional<TimePoint> before, after;
};

/// Answers of one repository to one question.
class PlanModel {
public:
    PlanModel(const ModelHistory& history, const std::map<Thumbprint, ModelProtector>& protectors,
              ModelQuestion question);

    [[nodiscard]] ModelState state_of(const Thumbprint& thumbprint) const;
    /// Backups of a series that count, by (time, writer, sequence).
    [[nodiscard]] const std::vector<const ModelRun*>& visible(int series) const;
    [[nodiscard]] bool is_restorable(const ModelRun& run) const;
    /// Restorable, but one of its data keys has no opener at hand that a trusted writer vouches for.
    [[nodiscard]] bool is_unproven(const ModelRun& run) const;
    /// Of its series those that count and are its writer's, or of who succeeded whom.
    [[nodiscard]] std::vector<const ModelRun*> line_of(const ModelRun& run) const;
    /// The newest that is not after a moment; nullptr: none.
    [[nodiscard]] static const ModelRun* newest(const std::vector<const ModelRun*>& backups, TimePoint moment);
    /// The backup that a moment is restored from; nullptr: none.
    [[nodiscard]] const ModelRun* at(int series, TimePoint moment) const;
    [[nodiscard]] ModelPlan plan(const ModelRun& run) const;
    [[nodiscard]] ModelPlan plan(int series, TimePoint from, TimePoint to) const;
    /// As a lane of a timeline: coverage from `from` to `to` alone. Nothing when no backup covers it.
    [[nodiscard]] std::optional<ModelPlan> lane(int series, std::optional<TimePoint> from,
                                                std::optional<TimePoint> to) const;
    [[nodiscard]] TimePoint horizon() const { return question_.as_of.value_or(question_.now); }

private:
    struct Key {
        TimePoint time;
        bool is_committed = false;  ///< ever
        bool has_backup = false;    ///< committed in time
        std::set<Thumbprint> is_signed;
        std::set<Thumbprint> openers;
        std::optional<Thumbprint> chosen;
        bool is_proven = false;
        std::set<Thumbprint> shown;  ///< the chosen one, or all
    };
    using KeyName = std::tuple<int, DekId, Digest, bool>;
    [[nodiscard]] static KeyName name_of(const ModelRun& run);
    [[nodiscard]] const ModelRun* run_at(int writer, std::uint64_t sequence) const;
    [[nodiscard]] std::set<KeyName> needs(const ModelRun& run) const;
    [[nodiscard]] std::optional<Thumbprint> choose(const Key& key) const;
    [[nodiscard]] std::set<Thumbprint> blockers(const ModelRun& run) const;
    [[nodiscard]] static std::vector<const ModelRun*> moments(const std::vector<const ModelRun*>& backups,
                                                              TimePoint from, TimePoint to);
    [[nodiscard]] const std::vector<ModelInterval>& whole(int series) const;
    [[nodiscard]] std::vector<ModelInterval> cover(const std::vector<const ModelRun*>& backups, TimePoint end) const;
    [[nodiscard]] ModelPlan about(const std::vector<const ModelRun*>& backups, TimePoint from, TimePoint to) const;
    void add_moments(ModelPlan& plan, const ModelRun& run, TimePoint from, TimePoint to) const;
    static void find_nearest(ModelPlan& plan, TimePoint from, TimePoint to);

    const ModelHistory& history_;
    const std::map<Thumbprint, ModelProtector>& protectors_;
    ModelQuestion question_;
    std::map<KeyName, Key> keys_;
    std::map<std::pair<int, std::uint64_t>, const ModelRun*> places_;
    std::map<Thumbprint, TimePoint> last_used_;
    mutable std::map<int, std::vector<const ModelRun*>> visible_;  ///< found once
    mutable std::map<int, std::vector<ModelInterval>> whole_;      ///< the same
};

/// What asking every place of every protector leaves in the memory of the keyring.
void ask_all(std::map<Thumbprint, ModelProtector>& protectors);

}  // namespace signet::restore::test
