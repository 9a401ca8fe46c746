// Checks a repository: every object against its name, every entry against what it names; with keys, every chunk, or
// those of a sample of the packs.
#pragma once

#include "restore/findings.h"
#include "restore/log_archive.h"
#include "restore/open_keys.h"
#include "restore/pack_sample.h"

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace signet::restore {

struct CheckReport {
    std::vector<Finding> findings;          ///< by object
    std::vector<std::string> unreadable;    ///< what the system refused to read
    std::vector<std::string> information;   ///< leftovers of interrupted runs, objects of others
    std::vector<std::string> missing_keys;  ///< what could not be read for want of keys
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;  ///< hashed
    std::uint64_t packs = 0;  ///< in the sample
    std::uint64_t chunks = 0;
};

struct CheckOptions {
    int jobs = 0;                                    ///< 0: as many as the machine has processors
    const std::atomic<bool>* interrupted = nullptr;  ///< looked at often; may be null
    PackSample sample = {};                          ///< packs that are read
};

/// Not for two threads at once, but for the counters.
class Checker {
public:
    /// All outlive it. planner  of a catalogue that tolerates a rollback
    Checker(const storage::Repository& repository, keyring::KeyringSet& keyrings, Planner& planner,
            keyring::Resolver& resolver, CheckOptions options);
    /// Structure, names and hashes. Needs no key. throws  Error{io}, Error{interrupted}
    void check_objects();
    /// Opens every trusted backup and reads every chunk of it, each once.
    void check_content();
    /// Opens the packs of the sample and compares every chunk of them. Which files they touch is not looked at.
    void check_sample();
    /// As far as it got.
    [[nodiscard]] CheckReport report() const;

    // From any thread.
    [[nodiscard]] std::uint64_t objects_done() const { return objects_.load(); }
    [[nodiscard]] std::uint64_t objects_total() const { return listing_.size(); }
    [[nodiscard]] std::uint64_t bytes_done() const { return bytes_.load(); }
    [[nodiscard]] std::uint64_t bytes_total() const { return bytes_total_; }

private:
    /// Which backups use an object, or the slots of a data key (in hexadecimal).
    using Users = std::map<std::string, std::set<std::string>>;
    void choose_sample();
    void note_users(const Catalogue& catalogue);
    /// What nobody may rely on any more: of forgotten backups, and packs that others stand for.
    void note_excused(const Catalogue& catalogue);
    /// used_as  a key of Users: an object's name, or the data key of a slot
    [[nodiscard]] bool may_be_gone(const std::string& used_as) const;
    [[nodiscard]] std::set<std::string> users_of(const std::string& object) const;
    /// What this keyring has seen must still be there.
    void check_seen();
    void check_journals();
    void check_references();
    /// That no log of an epoch is missing, nor its end altered.
    void check_logs();
    /// A log whose octets are not those that were signed.
    void judge_log(const std::string& object, const Error& error);
    void count_leftovers(const std::set<DekId>& known_keys);
    void check_object(const storage::ObjectInfo& info);
    void check_hash(const storage::ObjectInfo& info, const Digest& expected);
    void damage(const std::string& object, const std::string& message, bool is_altered = false);
    void inform(std::string sentence);
    /// What is not there, although a listing or an entry said so: a shredding that goes on meanwhile may have taken it.
    void note_missing(const std::string& object, const std::string& used_as, const std::string& message);
    void judge_missing();
    [[nodiscard]] bool is_rebuilt(const std::string& object) const;
    void expect(const std::string& name, const std::string& used_as, std::uint64_t size, const std::string& entry);
    void read_backup(const Backup& backup);
    void stop_if_interrupted() const;

    const storage::Repository& repository_;
    keyring::KeyringSet& keyrings_;
    Planner& planner_;
    keyring::Resolver& resolver_;
    CheckOptions options_;
    const Catalogue& catalogue_;
    storage::CompleteListing listing_;
    std::set<PackId> sample_;
    Users users_;
    std::set<std::string> needed_;   ///< by trusted backups; as Users has them
    std::set<std::string> excused_;  ///< as Users has them
    std::set<std::string> named_;    ///< objects that entries name
    std::set<std::string> misfits_;  ///< of these, what has another size than entries say
    struct Missing {
        std::string used_as;
        std::string message;
    };
    std::map<std::string, Missing> missing_;  ///< by name
    std::vector<LogSeries> logs_;
    std::set<std::string> settled_logs_;  ///< objects about which all was said
    Findings findings_;
    CheckReport report_;
    std::map<IdentityId, std::set<ChunkId>> read_;
    std::set<std::string> told_;  ///< by the opening of backups
    std::mutex mutex_;
    std::atomic<std::uint64_t> objects_{0};
    std::atomic<std::uint64_t> bytes_{0};
    std::uint64_t bytes_total_ = 0;
};

}  // namespace signet::restore
