#include "cli/resealing.h"

#include "cli/access.h"
#include "cli/officer.h"
#include "cli/progress.h"
#include "cli/signals.h"

#include <algorithm>
#include <atomic>
#include <set>

namespace signet::cli {
namespace {

/// After every repack entry that counts: of several about one pack the latest counts.
TimePoint after_all(const restore::Repacks& repacks) {
    TimePoint time;
    for (const auto& [place, repack] : repacks.entries())
        time = std::max(time, just_after(std::get<TimePoint>(repack.order)));
    return time;
}

/// Whether two repack entries are about one pack or one body.
bool overlap(const format::RepackPublic& one, const format::RepackPublic& other) {
    for (const format::ReplacedPacks& item : one.replaced) {
        for (const format::ReplacedPacks& theirs : other.replaced) {
            if (item.identity != theirs.identity || item.sequence != theirs.sequence) continue;
            for (std::size_t i = 0; i < std::min(item.bitmap.size(), theirs.bitmap.size()); ++i) {
                if ((item.bitmap[i] & theirs.bitmap[i]) != 0) return true;
            }
        }
    }
    return one.writer == other.writer && std::any_of(one.bodies.begin(), one.bodies.end(), [&](const auto& body) {
               return std::any_of(other.bodies.begin(), other.bodies.end(),
                                  [&](const auto& theirs) { return theirs.sequence == body.sequence; });
           });
}

/// Appends with the officer's key, which is asked for when it is first needed.
class Officer {
public:
    explicit Officer(Context& context) : context_(context), not_before_(after_all(context.catalogue().repacks())) {}
    void append(const restore::EntryMaker& make) {
        if (!key_) key_ = officer_of(context_, format::EntryKind::repack);
        const format::SignedEntry entry = append_to_journal(context_, *key_, make, not_before_);
        said_.insert({entry.identity, entry.head.sequence});
    }
    /// throws  Error{refused}: what was appended does not count
    void require_in_force() const {
        if (said_.empty()) return;
        const restore::Catalogue now = context_.look_again();
        now.require_no_doubt();
        const auto& entries = now.repacks().entries();
        const std::string what = "what was sealed anew is not used";
        for (const restore::EntryPlace& place : said_) {
            const auto own = entries.find(place);
            if (own == entries.end()) throw not_in_force(what, nullptr);
            for (const auto& [other, repack] : entries) {
                if (said_.contains(other) || repack.order < own->second.order) continue;
                if (!overlap(repack.fields, own->second.fields)) continue;
                const restore::LastWord word{repack.order, repack.entry->id, false};
                throw not_in_force(what, &word);
            }
        }
    }

private:
    Context& context_;
    TimePoint not_before_;
    std::set<restore::EntryPlace> said_;
    std::optional<crypto::SigningKey> key_;
};

/// What an entry may say that names these packs, of what officers have said by now.
format::ReadJournals obey(Context& context, const format::SealedPacks& listed) {
    const restore::Catalogue now = context.look_again();
    now.require_no_doubt();
    if (now.condemnations().of_listed(listed) != storage::Standing::free) {
        throw Error(ErrorCode::refused,
                    "what was sealed anew was condemned meanwhile, by a prune that did not know of it",
                    "run this again: what was committed before is not done twice");
    }
    return now.officers_read();
}

restore::ResealReport with_progress(Context& context, const std::vector<const restore::Backup*>& backups,
                                    const restore::EntryAppender& append, restore::ResealOptions options) {
    std::atomic<std::uint64_t> done{0};
    std::atomic<std::uint64_t> total{0};
    options.on_progress = [&](std::uint64_t octets, std::uint64_t in_all) {
        done = octets;
        total = in_all;
    };
    const auto state = [&] {
        ProgressState now;
        now.bytes_done = done;
        now.bytes_total = total;
        now.total_known = now.bytes_total > 0;
        return now;
    };
    const ProgressPolicy policy = progress_policy(context.terminal(), context.options().flag("progress"));
    const ProgressReporter reporter(context.terminal(), policy, state);
    return restore::reseal(context.repository(), context.planner(), context.resolver(), backups, append, options);
}

}  // namespace

restore::ResealReport reseal_backups(Context& context, const std::vector<const restore::Backup*>& backups,
                                     const std::set<format::Thumbprint>& left) {
    restore::ResealOptions options;
    options.dry_run = context.dry_run();
    options.stop = [] { return interrupted().load(); };
    options.warn = [&](const std::string& sentence) { context.terminal().warning(sentence); };
    options.opened_by = left;
    options.obey = [&](const format::SealedPacks& listed) { return obey(context, listed); };
    options.protectors = require_wrapping(context);
    Officer officer(context);
    const restore::EntryAppender append = [&](const restore::EntryMaker& make) { officer.append(make); };
    restore::ResealReport report = with_progress(context, backups, append, options);
    officer.require_in_force();
    return report;
}

}  // namespace signet::cli
