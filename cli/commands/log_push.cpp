#include "cli/commands/commands.h"
#include "cli/log_pushing.h"

namespace signet::cli {
namespace {

Json to_json(const backup::LogReport& report, const std::string& series) {
    Json object = {{"message_type", "summary"}};
    set_text(object, "name", report.name);
    set_text(object, "series", series);
    object["was_there"] = report.was_there;
    object["stored_again"] = report.is_stored_again;
    object["epoch"] = report.number == 0 ? Json(nullptr) : Json(report.epoch.hex());
    object["seq"] = report.number == 0 ? Json(nullptr) : Json(report.number);
    object["new_epoch"] = report.is_new_epoch;
    object["size"] = report.size;
    object["stored_size"] = report.stored_size;
    return object;
}

ExitCode run(Context& context) {
    const backup::LogRequest request = log_request(context);
    const backup::LogReport report = push_log(context, request);
    Terminal& terminal = context.terminal();
    if (terminal.json()) {
        terminal.object(to_json(report, request.series));
    } else if (terminal.verbosity() > 0) {
        // Nothing otherwise: a database runs this, and its log is read by people.
        terminal.message(report.was_there ? report.name + " was there already"
                                          : "stored " + report.name + " as log " + std::to_string(report.number) +
                                                " of epoch " + report.epoch.short_hex() + ", " +
                                                human_size(report.stored_size) + " of " + human_size(report.size));
    }
    return ExitCode::done;
}

}  // namespace

Command log_push_command() {
    Command command;
    command.name = "log push";
    command.synopsis = "FILE --series S [--name NAME] [--sequence PATTERN]";
    command.summary = "store a piece of a continuous record";
    command.description =
        "Stores FILE, a closed segment of a write-ahead log or a binlog, and ends with 0 when it is durable in the "
        "repository: whoever made it may delete it then. The same name with the same content is 0 again, when all of "
        "what is stored was read and is as it was signed; where it is not, or gone, the file is stored again, with a "
        "warning. With other content it is refused, and what is stored stays. Killed at any moment and run again, it "
        "completes.\n\n"
        "For PostgreSQL's archive_command: segments, histories, .backup and .partial files are known by their names; "
        "the "
        "series is bound to the cluster whose first segment it gets. Needs public halves alone; and what this host "
        "keeps "
        "between two pushes (in the keyring's folder) opens nothing that it has pushed. A refused protector stops "
        "pushes "
        "and tells whoever is to be told (--on-state-change, --webhook); they go on by themselves with the first good "
        "wrap.\n\n"
        "Ends with 0 or with 1 to 125, never above: 125 when it was interrupted, else the code of the table.";
    command.options = log_pushing_options();
    command.arguments = {"file", 1, 1};
    command.examples = {
        {"archive_command = 'signet log push --config /etc/signet.ini --series pay-prod %p'", "In postgresql.conf"},
        {"signet log push --series shop --sequence 'binlog.%06d' /var/lib/mysql/binlog.000042", "A binlog"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
