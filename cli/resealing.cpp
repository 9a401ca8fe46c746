#include "cli/resealing.h"

#include "cli/access.h"
#include "cli/progress.h"
#include "cli/repack_officer.h"
#include "cli/signals.h"

#include <atomic>

namespace signet::cli {
namespace {

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
    options.protectors = require_wrapping(context);
    RepackOfficer officer(context);
    options.obey = [&](const format::SealedPacks& listed) { return officer.obey(listed); };
    const restore::EntryAppender append = [&](const restore::EntryMaker& make) { officer.append(make); };
    restore::ResealReport report = with_progress(context, backups, append, options);
    officer.require_in_force();
    return report;
}

}  // namespace signet::cli
