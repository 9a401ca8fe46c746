#include "storage/copy.h"

#include <algorithm>
#include <exception>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "core/crypto/digest.h"
#include "core/direct_io.h"
#include "format/hashed_name.h"
#include "format/limits.h"
#include "format/names.h"
#include "storage/logs.h"

namespace signet::storage {
namespace {

constexpr std::size_t kPiece = std::size_t{1024} * 1024;

/// What an object's name says of it: the objects below are copied in the order of these kinds. A log has its content
/// signed instead: whoever reads it sees whether it is what its writer stored.
struct Claim {
    int order = 0;
    std::optional<Digest> content;
    std::uint64_t limit = 0;
};

/// Nothing for entries, config.json and what is no object.
std::optional<Claim> claim_of(std::string_view name) {
    if (format::parse_log_name(name)) return Claim{4, std::nullopt, UINT64_MAX};
    const auto hashed = format::parse_hashed_name(name);
    if (!hashed || format::parse_rebuilt_index_name(name)) return std::nullopt;
    const int order = format::parse_escrow_name(name) ? 0
                      : format::parse_slot_name(name) ? 1
                      : format::parse_pack_name(name) ? 2
                                                      : 3;
    return Claim{order, hashed->content, hashed->most_octets};
}

struct Wanted {
    ObjectInfo object;
    Claim claim;
};

/// The writers whose place this one has taken, as its newest run says.
std::vector<IdentityId> predecessors_of(const Journal& journal) {
    const auto& entries = journal.entries;
    const auto newest = std::find_if(entries.rbegin(), entries.rend(), [](const format::SignedEntry& entry) {
        return entry.kind == format::EntryKind::backup || entry.kind == format::EntryKind::partial;
    });
    if (newest == entries.rend()) return {};
    try {
        return format::backup_public(*newest).predecessors;
    } catch (const Error&) {
        return {};  // signed nonsense: whoever reads it refuses it
    }
}

/// Copies single objects, several at a time.
class ObjectCopier {
public:
    ObjectCopier(const Store& source, Store& target, const CopyOptions& options, CopyReport& report)
        : source_(source), target_(target), options_(options), report_(report) {}

    /// throws  what ended the first worker that could not go on
    void copy(const std::vector<Wanted>& wanted) {
        const auto most = static_cast<std::size_t>(std::max(1, options_.workers));
        const std::size_t workers = std::min(most, wanted.size());
        {
            std::vector<std::jthread> helpers;
            for (std::size_t i = 1; i < workers; ++i) {
                try {
                    helpers.emplace_back([&] { work(wanted); });
                } catch (const std::system_error&) {
                    break;  // fewer threads are slower, and no more
                }
            }
            work(wanted);
        }
        if (failure_) std::rethrow_exception(failure_);
    }

private:
    void work(const std::vector<Wanted>& wanted) {
        try {
            const AlignedBuffer room(align_up(kPiece) + 2 * kDirectAlignment);
            for (std::size_t i = next_.fetch_add(1); i < wanted.size(); i = next_.fetch_add(1)) {
                if (is_stopped()) return;
                copy_one(wanted[i], room.octets());
            }
        } catch (...) {
            const std::lock_guard lock(mutex_);
            if (!failure_) failure_ = std::current_exception();
            next_.store(wanted.size());
        }
    }

    bool is_stopped() {
        if (!options_.stop || !options_.stop()) return false;
        const std::lock_guard lock(mutex_);
        report_.stopped = true;
        return true;
    }

    void copy_one(const Wanted& wanted, MutableByteView room) {
        const auto pending = target_.create();
        const std::optional<Error> problem = read_into(*pending, wanted, room);
        if (is_stopped()) return;
        const bool is_copied = !problem && pending->commit(wanted.object.name, Durability::on_flush);
        const std::lock_guard lock(mutex_);
        if (options_.progress != nullptr) ++options_.progress->objects_done;
        if (problem) {
            if (options_.progress != nullptr) ++options_.progress->problems;
            report_.problems.push_back({wanted.object.name, *problem});
        } else if (is_copied) {
            ++report_.objects;
            report_.bytes += wanted.object.size;
        } else {
            ++report_.present;  // another copy was faster
        }
    }

    /// returns  what is wrong with the source's object. throws  what the target refuses
    std::optional<Error> read_into(PendingObject& pending, const Wanted& wanted, MutableByteView room) {
        const std::string& name = wanted.object.name;
        std::unique_ptr<ObjectReader> reader;
        if (auto problem = attempt([&] { reader = source_.open_object(name); })) return problem;
        const std::uint64_t size = reader->size();
        if (size > wanted.claim.limit) return Error(ErrorCode::damaged, name + ": larger than such an object can be");
        crypto::Sha256 hash;
        for (std::uint64_t at = 0; at < size; at += kPiece) {
            const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size - at));
            ByteView piece;
            if (auto problem = attempt([&] { piece = reader->read_once(at, length, room); })) return problem;
            hash.update(piece);
            pending.write(piece);
            if (options_.progress != nullptr) options_.progress->bytes_done += length;
            if (is_stopped()) return std::nullopt;
        }
        if (!wanted.claim.content) return attempt([&] { (void)verify_log(*reader, name); });
        if (hash.finish() == *wanted.claim.content) return std::nullopt;
        return Error(ErrorCode::damaged, name + ": the content is not what the name says");
    }

    /// What reading the source says against one object; other failures are thrown on.
    template <class Read>
    static std::optional<Error> attempt(const Read& read) {
        try {
            read();
            return std::nullopt;
        } catch (const Error& error) {
            if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::io) throw;
            return error;
        }
    }

    const Store& source_;
    Store& target_;
    const CopyOptions& options_;
    CopyReport& report_;
    std::mutex mutex_;  ///< of report_ and failure_
    std::exception_ptr failure_;
    std::atomic<std::size_t> next_{0};
};

class Copy {
public:
    Copy(const Repository& source, const Repository* target, const CopyOptions& options)
        : source_(source), target_(target), options_(options) {}

    CopyReport run() {
        require_same_repository();
        read_journals();
        refuse_forks();
        count_ahead();
        const std::vector<Wanted> objects = lacking_objects();
        note_totals(objects);
        if (options_.dry_run) {
            for (const Wanted& one : objects) count(one.object.size);
        } else {
            ObjectCopier(source_.store(), target_->store(), options_, report_).copy(objects);
            target_->store().flush();
        }
        for (const Journal& journal : officers_) copy_entries(journal);
        copy_others();
        return std::move(report_);
    }

private:
    void require_same_repository() const {
        invariant(target_ != nullptr || options_.dry_run, "only a rehearsal has no target");
        if (target_ == nullptr || target_->config_hash() == source_.config_hash()) return;
        throw Error(ErrorCode::refused, target_->store().location() + " holds another repository, " +
                                            target_->config().repository.hex() + ", than " +
                                            source_.store().location() + ", " + source_.config().repository.hex());
    }

    /// What writers had stored, then what officers have said since, and then (lacking_objects) everything that is
    /// there: so nothing is copied before what it refers to, and no backup before what was said of its writer.
    void read_journals() {
        others_ = source_.load_journals();
        std::erase_if(others_, [&](const Journal& journal) { return is_officer(journal.identity); });
        for (const IdentityId& identity : options_.officers) officers_.push_back(source_.load_journal(identity));
        if (target_ == nullptr) return;
        for (Journal& journal : target_->load_journals()) {
            const IdentityId identity = journal.identity;
            there_.emplace(identity, std::move(journal));
        }
    }

    [[nodiscard]] bool is_officer(const IdentityId& identity) const {
        return std::find(options_.officers.begin(), options_.officers.end(), identity) != options_.officers.end();
    }

    [[nodiscard]] const Journal* there(const IdentityId& identity) const {
        const auto found = there_.find(identity);
        return found == there_.end() ? nullptr : &found->second;
    }

    void refuse_forks() {
        for (const auto* journals : {&officers_, &others_}) {
            for (const Journal& journal : *journals) refuse_fork(journal);
        }
    }

    void count_ahead() {
        std::map<IdentityId, std::size_t> known;
        for (const auto* journals : {&officers_, &others_}) {
            for (const Journal& one : *journals) known[one.identity] = one.entries.size() + one.unbelieved.size();
        }
        for (const auto& [identity, journal] : there_) {
            report_.ahead += journal.entries.size() - std::min(journal.entries.size(), known[identity]);
        }
    }

    void refuse_fork(const Journal& journal) const {
        const Journal* other = there(journal.identity);
        if (other == nullptr) return;
        const std::size_t both = std::min(journal.entries.size(), other->entries.size());
        for (std::size_t i = 0; i < both; ++i) {
            if (journal.entries[i].id == other->entries[i].id) continue;
            throw Error(ErrorCode::damaged,
                        format::journal_name(journal.identity, i + 1) + " is one entry in " +
                            source_.store().location() + " and another in " + target_->store().location() +
                            ", and both are signed: somebody wrote to both places",
                        "nothing was copied; keep the place whose backups matter, and make the other one anew");
        }
    }

    std::vector<Wanted> lacking_objects() {
        std::optional<CompleteListing> in_target;
        if (target_ != nullptr) in_target.emplace(target_->store().list(""));
        std::vector<Wanted> wanted;
        const std::set<std::string> left_out =
            options_.left_out && has_tombstones() ? options_.left_out() : std::set<std::string>();
        const CompleteListing in_source = source_.store().list("");
        for (const ObjectInfo& object : in_source) {
            const auto claim = claim_of(object.name);
            if (!claim) continue;
            const ObjectInfo* present = in_target ? in_target->find(object.name) : nullptr;
            if (present == nullptr) {
                if (left_out.contains(object.name))
                    ++report_.left_out;
                else
                    wanted.push_back({object, *claim});
                continue;
            }
            ++report_.present;
            if (!options_.dry_run) target_->store().take_over(object.name);
            if (present->size != object.size) note_size(object, *present);
        }
        std::stable_sort(wanted.begin(), wanted.end(),
                         [](const Wanted& left, const Wanted& right) { return left.claim.order < right.claim.order; });
        return wanted;
    }

    [[nodiscard]] bool has_tombstones() const {
        const auto has_one = [](const Journal& journal) {
            return std::any_of(journal.entries.begin(), journal.entries.end(), [](const format::SignedEntry& entry) {
                return entry.kind == format::EntryKind::tombstone || entry.kind == format::EntryKind::verdict;
            });
        };
        return std::any_of(officers_.begin(), officers_.end(), has_one) ||
               std::any_of(there_.begin(), there_.end(), [&](const auto& journal) { return has_one(journal.second); });
    }

    void note_size(const ObjectInfo& here, const ObjectInfo& in_target) {
        report_.problems.push_back(
            {here.name,
             Error(ErrorCode::damaged, here.name + ": has " + std::to_string(here.size) + " octets in " +
                                           source_.store().location() + " and " + std::to_string(in_target.size) +
                                           " in " + target_->store().location() + "; one of them is damaged")});
    }

    void note_totals(const std::vector<Wanted>& objects) const {
        if (options_.progress == nullptr) return;
        options_.progress->objects_total = objects.size();
        for (const Wanted& one : objects) options_.progress->bytes_total += one.object.size;
        options_.progress->total_known = true;
    }

    void count(std::uint64_t size) {
        ++report_.objects;
        report_.bytes += size;
    }

    /// A successor's entries reach into its predecessors' journals: those come first. Each lists all of them.
    void copy_others() {
        std::set<IdentityId> done;
        for (const Journal& journal : others_) {
            for (const IdentityId& identity : predecessors_of(journal)) {
                const auto before = std::find_if(others_.begin(), others_.end(),
                                                 [&](const Journal& one) { return one.identity == identity; });
                if (before != others_.end() && done.insert(identity).second) copy_entries(*before);
            }
            if (done.insert(journal.identity).second) copy_entries(journal);
        }
    }

    void copy_entries(const Journal& journal) {
        if (journal.problem) {
            report_.problems.push_back(
                {format::journal_name(journal.identity, journal.entries.size() + 1), *journal.problem});
            report_.withheld += journal.unbelieved.size();
        }
        const Journal* other = there(journal.identity);
        const std::size_t believed = other == nullptr ? 0 : other->entries.size();
        for (std::size_t i = 0; i < journal.entries.size(); ++i) {
            const format::SignedEntry& entry = journal.entries[i];
            if (i < believed) {
                ++report_.present;
            } else if (options_.officers_only && !is_officer(journal.identity)) {
                ++report_.withheld;
            } else if (report_.stopped || (options_.stop && options_.stop())) {
                report_.stopped = true;
                return;
            } else if (!copy_entry(entry)) {
                report_.withheld += journal.entries.size() - i;
                return;
            }
        }
    }

    /// returns  whether the target has it now
    bool copy_entry(const format::SignedEntry& entry) {
        if (options_.dry_run || target_->append_entry(entry.identity, entry.head.sequence, entry.object)) {
            ++report_.entries;
            count(entry.object.size());
            return true;
        }
        const std::string name = format::journal_name(entry.identity, entry.head.sequence);
        if (target_->store().get(name, format::kMaxEntry) == entry.object) {
            ++report_.present;
            return true;
        }
        report_.problems.push_back(
            {name, Error(ErrorCode::damaged, name + ": another entry is in " + target_->store().location() +
                                                 ", damaged or not in its place")});
        return false;
    }

    const Repository& source_;
    const Repository* target_;
    const CopyOptions& options_;
    CopyReport report_;
    std::vector<Journal> officers_;
    std::vector<Journal> others_;
    std::map<IdentityId, Journal> there_;  ///< of the target
};

}  // namespace

CopyReport copy_repository(const Repository& source, const Repository* target, const CopyOptions& options) {
    return Copy(source, target, options).run();
}

}  // namespace signet::storage
