#include "cli/commands/commands.h"
#include "cli/pruning.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "cli/unused_packs.h"
#include "cli/waiting_writers.h"

namespace signet::cli {
namespace {

/// Of all condemnations together.
struct Totals {
    std::uint64_t unneeded = 0, unneeded_octets = 0;
    std::uint64_t replaced = 0, replaced_octets = 0;
    std::uint64_t loose = 0, loose_octets = 0;
    std::uint64_t deks = 0;

    explicit Totals(const std::vector<restore::Proposal>& proposals) {
        for (const restore::Proposal& one : proposals) {
            unneeded += one.unneeded;
            unneeded_octets += one.unneeded_octets;
            replaced += one.replaced;
            replaced_octets += one.replaced_octets;
            loose += one.loose;
            loose_octets += one.loose_octets;
            deks += one.fields.objects.deks.size();
        }
    }
    [[nodiscard]] std::uint64_t objects() const { return unneeded + replaced + loose; }
    [[nodiscard]] std::uint64_t octets() const { return unneeded_octets + replaced_octets + loose_octets; }
};

std::uint64_t octets_of(const std::vector<restore::Doomed>& objects) {
    std::uint64_t octets = 0;
    for (const restore::Doomed& object : objects) octets += object.size;
    return octets;
}

Json kind_json(std::uint64_t objects, std::uint64_t octets) { return {{"objects", objects}, {"bytes", octets}}; }

/// Octets that are freed go with the old packs, in a later phase.
Json repacked_json(const std::optional<restore::UnusedReport>& report) {
    if (!report) return nullptr;
    return {{"packs", report->repacked},           {"bytes", report->repacked_octets},
            {"bytes_kept", report->kept_octets},   {"bytes_freed", report->freed()},
            {"entries", report->entries},          {"deks_made", report->made},
            {"backups", report->backups},          {"needed_packs", report->packs},
            {"needed_bytes", report->octets},      {"unused_before", report->unused},
            {"unused_after", report->unused_left}, {"unused_tolerated", report->tolerated},
            {"failed", report->failures.size()}};
}

Json report_json(const Pruning& pruning, bool dry_run) {
    const restore::PruneReport& report = pruning.report;
    const Totals condemned(report.condemned);
    Json open = Json::array();
    for (const restore::OpenCondemnation& one : report.open) {
        Json waiting = Json::array();
        for (const restore::WaitingWriter& writer : one.waiting) waiting.push_back(waiting_json(writer));
        open.push_back({{"condemnation", one.entry.hex()},
                        {"time", to_rfc3339(one.time)},
                        {"not_before", to_rfc3339(one.not_before)},
                        {"waiting", std::move(waiting)}});
    }
    Json stay = Json::array();
    for (const std::string& what : report.deletion.stay) stay.push_back(what);
    const restore::Departing& departing = report.departing;
    return {{"message_type", "summary"},
            {"repacked", repacked_json(pruning.repacked)},
            {"deleted",
             {{"packs", kind_json(departing.packs.size(), octets_of(departing.packs))},
              {"indexes", kind_json(departing.indexes.size(), octets_of(departing.indexes))},
              {"slots", kind_json(departing.slots.size(), octets_of(departing.slots))},
              {"logs", kind_json(report.logs.size(), octets_of(report.logs))}}},
            {"bytes_deleted", dry_run ? octets_of(departing.packs) + octets_of(departing.indexes) +
                                            octets_of(departing.slots) + octets_of(report.logs)
                                      : report.deletion.octets},
            {"released_logs", kind_json(report.released, report.released_octets)},
            {"not_deleted", std::move(stay)},
            {"verdicts", report.verdicts},
            {"condemned",
             {{"unneeded", kind_json(condemned.unneeded, condemned.unneeded_octets)},
              {"replaced", kind_json(condemned.replaced, condemned.replaced_octets)},
              {"unfinished", kind_json(condemned.loose, condemned.loose_octets)},
              {"deks", condemned.deks},
              {"condemnations", report.condemned.size()}}},
            {"bytes_condemned", condemned.octets()},
            {"open", std::move(open)},
            {"temporary_files", pruning.temporary},
            {"replica", pruning.is_replica},
            {"dry_run", dry_run}};
}

void print_repacked(Context& context, const restore::UnusedReport& report) {
    Terminal& terminal = context.terminal();
    terminal.result("unused  " + human_size(report.unused) + " of " + human_size(report.octets) + " in " +
                    counted(report.packs, "pack") + " that " + counted(report.backups, "backup") + " need" +
                    (report.backups == 1 ? "s" : ""));
    if (report.repacked == 0) {
        terminal.result("nothing to repack" + std::string(report.unused <= report.tolerated ? ": that may stay" : ""));
        return;
    }
    Table table(
        {context.dry_run() ? "would be repacked" : "repacked", "packs", "size", "kept", "freed with the old packs"});
    table.add({"packs needed in part", std::to_string(report.repacked), human_size(report.repacked_octets),
               human_size(report.kept_octets), human_size(report.freed())});
    table.print(terminal);
}

/// What goes now, and what is to go by a later run.
void print_tables(Context& context, const restore::PruneReport& report) {
    Table table({context.dry_run() ? "would go" : "gone", "objects", "size"});
    const auto row = [&](Table& to, const char* what, std::uint64_t objects, std::uint64_t octets) {
        if (objects > 0) to.add({what, std::to_string(objects), human_size(octets)});
    };
    const restore::Departing& departing = report.departing;
    row(table, "packs", departing.packs.size(), octets_of(departing.packs));
    row(table, "index segments", departing.indexes.size(), octets_of(departing.indexes));
    row(table, "slots", departing.slots.size(), octets_of(departing.slots));
    row(table, "logs", report.logs.size(), octets_of(report.logs));
    if (!table.empty()) table.print(context.terminal());
    const Totals condemned(report.condemned);
    Table later({context.dry_run() ? "would be condemned" : "condemned", "objects", "size"});
    row(later, "packs that nothing needs", condemned.unneeded, condemned.unneeded_octets);
    row(later, "packs that others stand for", condemned.replaced, condemned.replaced_octets);
    row(later, "left by unfinished runs", condemned.loose, condemned.loose_octets);
    row(later, "logs that no base needs", report.released, report.released_octets);
    if (condemned.deks > 0) later.add({"data keys", std::to_string(condemned.deks), ""});
    if (!later.empty()) later.print(context.terminal());
    if (table.empty() && later.empty() && report.open.empty())
        context.terminal().result("nothing to prune: everything here is needed");
}

/// When what was condemned goes.
std::string when_it_goes(const Context& context, const restore::PruneReport& report, bool waits) {
    if (waits) return "a signet prune after that";
    TimePoint last = context.clock().now();
    for (const restore::OpenCondemnation& one : report.open) last = std::max(last, one.not_before);
    return last > context.clock().now() ? "the first signet prune after " + to_table_time(last)
                                        : std::string("the next signet prune");
}

void print_open(Context& context, const restore::PruneReport& report) {
    Terminal& terminal = context.terminal();
    const auto own = context.keyring().writer_if_present();
    std::map<IdentityId, restore::WaitingWriter> waiting;
    for (const restore::OpenCondemnation& one : report.open) {
        for (const restore::WaitingWriter& writer : one.waiting) waiting.emplace(writer.identity, writer);
    }
    for (const auto& [identity, writer] : waiting)
        terminal.result("waits for  " + waiting_text(writer) + ": its next backup" +
                        (own && own->identity() == identity
                             ? std::string()
                             : "; should it make none any more, signet keyring trust " + identity.short_hex(16) +
                                   " --until " + std::to_string(writer.entries) + " shuts it out"));
    if (report.open.empty() && report.released == 0) return;
    terminal.message("what is condemned goes with " + when_it_goes(context, report, !waiting.empty()) +
                     "; until then signet undelete takes back what was forgotten");
}

/// What could not be read stays as it is, and the rest is done; but it is damage.
void require_all_repacked(Terminal& terminal, const restore::UnusedReport& report) {
    if (report.failures.empty()) return;
    for (const Error& error : report.failures) terminal.warning(error.what());
    throw Error(ErrorCode::damaged,
                "not everything could be read that is needed in part, as said above; the rest is done",
                "signet check --read-data says what is damaged; signet repair mends what can be mended");
}

ExitCode run(Context& context) {
    const auto grace = context.options().text("grace");
    const Pruning pruning = prune(
        context, {context.options().flag("wait"), grace ? parse_span(*grace) : 0, unused_limit(context.options())});
    const restore::PruneReport& report = pruning.report;
    Terminal& terminal = context.terminal();
    if (terminal.json()) {
        terminal.object(report_json(pruning, context.dry_run()));
    } else {
        if (pruning.repacked) print_repacked(context, *pruning.repacked);
        print_tables(context, report);
        if (pruning.is_replica)
            terminal.message("this is a replica: it deletes what was let go in the primary, and condemns nothing");
        print_open(context, report);
    }
    for (const std::string& one : report.deletion.stay) terminal.warning("not deleted: " + printable(one));
    if (pruning.repacked) require_all_repacked(terminal, *pruning.repacked);
    if (pruning.not_repacked) throw *pruning.not_repacked;
    return report.deletion.stay.empty() ? ExitCode::done : ExitCode::incomplete;
}

}  // namespace

Command prune_command() {
    Command command;
    command.name = "prune";
    command.synopsis = "[--max-unused LIMIT] [--max-repack-size SIZE] [--grace D] [--wait] [-n]";
    command.summary = "delete what no backup needs, in two phases";
    command.description =
        "Forgetting deletes nothing; this does, in two phases. First an officer condemns what nothing needs: packs of "
        "forgotten backups alone, packs that others stand for since signet reseal, what interrupted runs left, and "
        "the slots of data keys that nothing is sealed under any more. Nothing is deleted yet, and signet undelete "
        "takes "
        "back what was forgotten. Every writer who could still refer to such packs reads that with its next backup "
        "and stores anew what it would have found there. A later run looks at everything from scratch, spares what is "
        "needed after all, says so in a verdict, and deletes the rest: packs, then index segments, then slots.\n\n"
        "Backups, restores and other prunes may run meanwhile; there is no lock, and no clock decides. A run that was "
        "killed is begun again. No protector is needed, only the officer. Of a writer that makes no more backups an "
        "officer says so: signet keyring trust WRITER --until N; until then what it could refer to is kept.\n\n"
        "Logs live as long as a backup of their series needs them: those before the first that is not forgotten are "
        "let go "
        "by one run and deleted by the next one.\n\n"
        "A pack stays while a backup needs anything of it. With --max-unused, packs that are needed in part are "
        "repacked "
        "first, those with the most waste before the others, until no more than LIMIT of what is needed is unused: the "
        "trees of all backups are read, what they refer to is verified and copied into new packs under a new data key, "
        "and the old packs go as above. That takes the protectors of all backups, and today's default wraps the new "
        "data "
        "key. Backups that are made meanwhile, and forgotten ones that can still be taken back, keep the old packs as "
        "long as they need them. Without it, and with unlimited, nothing is repacked.\n\n"
        "In a replica, what was let go in the primary is deleted, once signet copy has brought the officers' "
        "entries.\n\n"
        "Exit code 3 when something could not be deleted, 13 when a protector is missing that --max-unused needs (then "
        "nothing was done), 14 when something that is needed in part is damaged (it stays, the rest is done), or a "
        "journal that counts is not whole, or packs are lost that backups need (then nothing is done).";
    command.options = unused_options();
    command.options.insert(command.options.end(),
                           {
                               {.name = "grace",
                                .takes = Takes::one,
                                .value_name = "D",
                                .help = "delete nothing that was condemned less than this long ago: 36h, 7d"},
                               {.name = "wait", .help = "go on until all that is condemned is gone"},
                           });
    command.examples = {
        {"signet prune -n", "What would go"},
        {"signet prune", "Condemn, and delete what was condemned before"},
        {"signet prune --max-unused 10% --max-repack-size 20G", "And shrink packs that are needed in part"},
        {"signet prune --wait", "Both at once, as soon as every writer knows"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
