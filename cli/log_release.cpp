#include "cli/log_release.h"

#include "cli/log_series.h"
#include "cli/officer.h"
#include "cli/retention.h"
#include "cli/size.h"
#include "cli/words.h"
#include "restore/log_retention.h"

#include <algorithm>

namespace signet::cli {
namespace {

void require_nothing_else(const Context& context) {
    if (!context.arguments().empty() || context.options().flag("shred") || has_retention_rules(context))
        throw Error(ErrorCode::usage, "--logs is about the logs of one series, and about no backup",
                    "signet forget --logs --series NAME");
}

void require_no_backup(const restore::Catalogue& catalogue, const restore::LogSeries& logs) {
    const auto& all = catalogue.backups();
    const auto backups =
        static_cast<std::uint64_t>(std::count_if(all.begin(), all.end(), [&](const restore::Backup& backup) {
            return catalogue.series_of(backup) == restore::SeriesKey{logs.id, logs.line};
        }));
    if (backups == 0) return;
    throw Error(ErrorCode::refused,
                "series " + logs.name + " has " + counted(backups, "backup") + ", and logs live as long as those",
                "forget these first; signet prune lets the logs go that no backup needs any more");
}

}  // namespace

ExitCode give_up_logs(Context& context) {
    require_nothing_else(context);
    const restore::LogSeries logs = load_log_series(context, log_series_name(context));
    require_no_backup(context.catalogue(), logs);
    const restore::LogRetention retention = restore::release_all_logs(context.repository(), logs);
    if (!context.dry_run() && !retention.release.releases.empty())
        append_officer_entry(context, format::EntryKind::log_release, retention.release.encode());
    Terminal& terminal = context.terminal();
    if (terminal.json()) {
        Json summary = {{"message_type", "summary"},
                        {"forgotten", Json::array()},
                        {"released_logs", {{"objects", retention.releasing}, {"bytes", retention.releasing_octets}}},
                        {"dry_run", context.dry_run()}};
        set_text(summary, "series", logs.name);
        terminal.object(summary);
        return ExitCode::done;
    }
    terminal.result((context.dry_run() ? "would let go  " : "let go  ") + counted(retention.releasing, "log") +
                    " of series " + printable(logs.name) + ", " + human_size(retention.releasing_octets));
    if (!context.dry_run() && retention.releasing > 0)
        terminal.message(
            "they are still there: signet prune deletes them, unless a backup of the series is taken back before");
    return ExitCode::done;
}

}  // namespace signet::cli
