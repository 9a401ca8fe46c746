// Mends what damage to a repository can be mended with the keys: lost index segments are made again from their packs,
// and packs that are lost are made again where all of their chunks can be had: from what is left of them, and from
// whatever their writer has stored since (docs/format.md section 18).
#pragma once

#include "restore/open_keys.h"
#include "restore/repacker.h"

#include <atomic>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace signet::restore {

/// What became of one lost object.
struct Mended {
    std::string object;
    bool is_mended = false;
    std::string message;         ///< how, or why not
    bool is_about_keys = false;  ///< it was not, for want of a protector
    std::uint64_t chunks = 0;    ///< of a pack: in all
    std::uint64_t missing = 0;   ///< of a pack: that nothing holds any more
};

struct HealOptions {
    bool dry_run = false;                            ///< looks what could be had; nothing is stored
    const std::atomic<bool>* interrupted = nullptr;  ///< looked at often; may be null
    /// Which protectors open new data keys: the default first.
    std::vector<format::Thumbprint> protectors = {};
    /// Takes one sentence.
    std::function<void(const std::string&)> warn = {};
    Obedience obey = {};
};

/// Not for two threads at once.
class Healer {
public:
    /// All outlive it. planner  of a catalogue that is read after everything damaged was set aside
    Healer(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver, HealOptions options);

    /// Makes index segments again that are missing, from packs that are whole. Needs no officer.
    /// lost  those that trusted backups need. throws  Error{io}, Error{interrupted}, Error{wrong_passphrase}
    [[nodiscard]] std::vector<Mended> rebuild_indexes(const std::set<IndexId>& lost);
    /// Looks whether all chunks of packs can be had, and makes them again: an officer's repack entries say that these
    /// stand for those. A pack of which one chunk is missing stays as it is.
    /// lost  those that trusted backups need. append  signs with an officer's key; not called in a dry run
    /// throws  as above
    [[nodiscard]] std::vector<Mended> restore_packs(const std::set<PackId>& lost, const EntryAppender& append);

private:
    class PackRestoring;
    [[nodiscard]] std::vector<ReachedEntry> entries_with(
        const std::function<bool(const format::SealedPacks&)>& has) const;
    [[nodiscard]] Mended rebuild(const ReachedEntry& entry, const std::set<IndexId>& lost);
    void stop_if_interrupted() const;

    const storage::Repository& repository_;
    Planner& planner_;
    keyring::Resolver& resolver_;
    HealOptions options_;
    OpenKeys keys_;
};

}  // namespace signet::restore
