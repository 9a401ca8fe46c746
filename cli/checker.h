// Checks a repository: every object against its name, every entry against what it names; with keys, every chunk.
#pragma once

#include "cli/context.h"
#include "cli/progress.h"

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace signet::cli {

/// One thing that is not as it should be.
struct Damage {
    std::string object;
    std::string message;
    std::set<std::string> backups;  ///< short ids of the backups that it touches
};

struct CheckReport {
    std::vector<Damage> damages;
    std::vector<std::string> unreadable;    ///< what the system refused to read
    std::vector<std::string> information;   ///< leftovers of interrupted runs, objects of others
    std::vector<std::string> missing_keys;  ///< backups whose content could not be read (only with --read-data)
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;
    std::uint64_t chunks = 0;
};

/// Not for two threads at once, but for the counters.
class Checker {
public:
    explicit Checker(Context& context);
    /// Structure, names and hashes. Needs no key.
    void check_objects();
    /// Opens every trusted backup and reads every chunk of it, each once.
    void check_content();
    [[nodiscard]] const CheckReport& report() const { return report_; }
    /// From any thread.
    [[nodiscard]] ProgressState progress() const;

private:
    /// Which backups use an object, or the slots of a data key (in hexadecimal).
    using Users = std::map<std::string, std::set<std::string>>;
    void note_users(const restore::Catalogue& catalogue);
    /// What nobody may rely on any more: of forgotten backups, and packs that others stand for.
    void note_excused(const restore::Catalogue& catalogue);
    /// used_as  a key of Users: an object's name, or the data key of a slot
    [[nodiscard]] bool may_be_gone(const std::string& used_as) const;
    /// What this keyring has seen must still be there.
    void check_seen();
    void check_journals();
    void check_references();
    /// That no log of an epoch is missing or altered.
    void check_logs();
    void check_object(const storage::ObjectInfo& info);
    void check_hash(const storage::ObjectInfo& info, const std::string& expected);
    void damage(const std::string& object, const std::string& message);
    /// What is not there, although a listing or an entry said so: a shredding that goes on meanwhile may have taken it.
    void note_missing(const std::string& object, const std::string& used_as, const std::string& message);
    void judge_missing();
    void expect(const std::string& name, const std::string& used_as, std::uint64_t size, const std::string& entry);
    void read_backup(const restore::Backup& backup);

    Context& context_;
    const restore::Catalogue& catalogue_;
    storage::CompleteListing listing_;
    Users users_;
    std::set<std::string> needed_;   ///< by trusted backups; as Users has them
    std::set<std::string> excused_;  ///< as Users has them
    std::set<std::string> named_;    ///< objects that entries name
    struct Missing {
        std::string used_as;
        std::string message;
    };
    std::map<std::string, Missing> missing_;  ///< by name
    CheckReport report_;
    std::map<IdentityId, std::set<ChunkId>> read_;
    std::mutex mutex_;
    std::atomic<std::uint64_t> objects_{0};
    std::atomic<std::uint64_t> bytes_{0};
    std::uint64_t bytes_total_ = 0;
};

}  // namespace signet::cli
