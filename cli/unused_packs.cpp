#include "cli/unused_packs.h"

#include "cli/access.h"
#include "cli/octet_progress.h"
#include "cli/repack_officer.h"
#include "cli/replicas.h"
#include "cli/signals.h"
#include "cli/size.h"

#include <cmath>
#include <cstdlib>

namespace signet::cli {
namespace {

constexpr double kDefaultShare = 0.05;

/// "5%", less than all.
double share_of(const std::string& text) {
    char* end = nullptr;
    const double percent = std::strtod(text.c_str(), &end);
    if (end != text.c_str() + text.size() - 1 || !std::isfinite(percent) || percent < 0 || percent >= 100) {
        throw Error(ErrorCode::usage, "not a share: " + text,
                    "--max-unused takes a share below 100% (5%), a size (10G), 0 or unlimited");
    }
    return percent / 100;
}

restore::UnusedReport with_progress(Context& context, const storage::CompleteListing& listing,
                                    const restore::EntryAppender& append, restore::UnusedOptions options) {
    OctetProgress progress(context);
    options.on_progress = progress.taker();
    return restore::repack_unused(context.repository(), context.planner(), context.resolver(), listing, append,
                                  options);
}

}  // namespace

std::vector<OptionSpec> unused_options() {
    return {
        {.name = "max-unused",
         .takes = Takes::one,
         .value_name = "LIMIT",
         .help = "repack packs that are needed in part until no more than this stays unused: 5%, 10G, 0; unlimited"},
        {.name = "max-repack-size",
         .takes = Takes::one,
         .value_name = "SIZE",
         .help = "copy from packs of this much at most; with --max-unused 5% where that is not given"}};
}

std::optional<restore::UnusedLimit> unused_limit(const Options& options) {
    const auto unused = options.text("max-unused");
    const auto most = options.text("max-repack-size");
    if (!unused && !most) return std::nullopt;
    restore::UnusedLimit limit;
    if (most) limit.most = parse_size(*most);
    if (!unused)
        limit.share = kDefaultShare;
    else if (*unused == "unlimited")
        return std::nullopt;
    else if (unused->ends_with('%'))
        limit.share = share_of(*unused);
    else
        limit.octets = parse_size(*unused);
    return limit;
}

restore::UnusedReport repack_unused(Context& context, const restore::UnusedLimit& limit) {
    if (is_replica(context, context.repository())) {
        throw Error(
            ErrorCode::refused, "this is a replica: nothing is repacked here",
            "repack in the primary, and copy: signet copy brings what was repacked and leaves out what was let go");
    }
    context.keyring().require_not_paused();
    require_revalidated(look_at_access(context));
    restore::UnusedOptions options;
    options.limit = limit;
    options.dry_run = context.dry_run();
    options.interrupted = &interrupted();
    options.warn = [&](const std::string& sentence) { context.terminal().warning(sentence); };
    if (!context.dry_run()) options.protectors = require_wrapping(context);
    // Whoever lists first and reads journals then knows whose every pack is.
    const storage::CompleteListing listing = context.repository().store().list("");
    RepackOfficer officer(context);
    options.prepare = [&] { officer.prepare(); };
    options.obey = [&](const format::SealedPacks& listed) { return officer.obey(listed); };
    const restore::EntryAppender append = [&](const restore::EntryMaker& make) { officer.append(make); };
    restore::UnusedReport report = with_progress(context, listing, append, options);
    officer.require_in_force();
    context.forget_catalogue();
    return report;
}

}  // namespace signet::cli
