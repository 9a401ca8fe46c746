#include "cli/resealing.h"

#include "cli/access.h"
#include "cli/octet_progress.h"
#include "cli/repack_officer.h"
#include "cli/signals.h"
#include "cli/table.h"

#include <algorithm>

namespace signet::cli {
namespace {

restore::ResealReport with_progress(Context& context, const std::vector<const restore::Backup*>& backups,
                                    const restore::EntryAppender& append, restore::ResealOptions options) {
    OctetProgress progress(context);
    options.on_progress = progress.taker();
    return restore::reseal(context.repository(), context.planner(), context.resolver(), backups, append, options);
}

void print_json(Context& context, const restore::ResealReport& report) {
    Json protectors = Json::array();
    for (const format::Thumbprint& one : report.protectors) protectors.push_back(one.text());
    context.terminal().object(Json{{"message_type", "summary"},
                                   {"backups", report.backups},
                                   {"backups_touched", report.touched},
                                   {"deks_left", report.left},
                                   {"deks_made", report.made},
                                   {"bodies", report.bodies},
                                   {"packs", report.packs},
                                   {"bytes", report.octets},
                                   {"entries", report.entries},
                                   {"failed", report.failures.size()},
                                   {"stopped", report.stopped},
                                   {"protectors", std::move(protectors)},
                                   {"dry_run", context.dry_run()}});
}

void print(Context& context, const restore::ResealReport& report, const std::string& afterwards) {
    Terminal& terminal = context.terminal();
    if (terminal.json()) return print_json(context, report);
    std::vector<std::string> names;
    for (const format::Thumbprint& one : report.protectors)
        names.push_back(context.resolver().status(one).name + " (" + one.short_text() + ")");
    terminal.result(counted(report.touched, "backup") + " of " + std::to_string(report.backups) + " need " +
                    counted(report.left, "data key") + " to be left");
    if (report.left == 0) return;
    const std::string what = counted(report.packs, "pack") + " (" + human_size(report.octets) + ") and " +
                             counted(report.bodies, "body", "bodies");
    if (context.dry_run()) {
        terminal.result("  would be sealed anew  " + what);
        return;
    }
    terminal.result("  sealed anew           " + what);
    terminal.result("  new data keys         " + std::to_string(report.made) + ", opened by " +
                    printable(join(names, " and by ")));
    if (!report.failures.empty()) terminal.result("  failed                " + std::to_string(report.failures.size()));
    if (report.stopped) terminal.result("  stopped before the end: run this again");
    terminal.message(afterwards);
}

}  // namespace

restore::ResealReport reseal_backups(Context& context, const std::vector<const restore::Backup*>& backups,
                                     const LeftKeys& left) {
    restore::ResealOptions options;
    options.dry_run = context.dry_run();
    options.stop = [] { return interrupted().load(); };
    options.warn = [&](const std::string& sentence) { context.terminal().warning(sentence); };
    options.opened_by = left.opened_by;
    options.deks = left.deks;
    options.protectors = require_wrapping(context);
    RepackOfficer officer(context);
    options.obey = [&](const format::SealedPacks& listed) { return officer.obey(listed); };
    const restore::EntryAppender append = [&](const restore::EntryMaker& make) { officer.append(make); };
    restore::ResealReport report = with_progress(context, backups, append, options);
    officer.require_in_force();
    return report;
}

ExitCode tell_resealing(Context& context, const restore::ResealReport& report, const std::string& afterwards) {
    print(context, report, afterwards);
    stop_if_interrupted();
    if (report.failures.empty()) return ExitCode::done;
    for (const Error& error : report.failures) context.terminal().warning(error.what());
    const bool is_missing = std::any_of(report.failures.begin(), report.failures.end(),
                                        [](const Error& error) { return error.code() == ErrorCode::key_unavailable; });
    throw Error(is_missing ? ErrorCode::key_unavailable : ErrorCode::damaged,
                "not everything could be sealed anew, as said above; the rest is done", report.failures.front().hint());
}

}  // namespace signet::cli
