#include "cli/commands/commands.h"
#include "cli/compromise.h"

namespace signet::cli {
namespace {

ExitCode run(Context& context) {
    const Options& options = context.options();
    options.refuse_together({"rotate", "replace-by"});
    const NamedProtector protector = named_protector(context, context.arguments().front());
    if (options.flag("rotate") && !protector.key) {
        throw Error(ErrorCode::usage, protector.name + " is not a key of the local vault, and cannot be rotated here",
                    "name its successor: --replace-by LOCATION");
    }
    treat_compromise(context, protector,
                     {.replace_by = options.text("replace-by"), .backup_to = options.text("backup-to")});
    return ExitCode::done;
}

}  // namespace

Command key_compromised_command() {
    Command command;
    command.name = "key compromised";
    command.synopsis = "KEY [--rotate | --replace-by LOCATION] [--backup-to FILE]";
    command.summary = "replace a protector that others have, step by step";
    command.description =
        "One procedure for a protector whose private half may be in other hands. It goes as far as it can, says each "
        "step, and is run again when what it waits for is done; each step looks whether it is done already.\n\n"
        "  1  another protector becomes the default: a new version of the key, or LOCATION\n"
        "  2  the fence: the policy of each repository says that KEY is compromised. Before its next run every host "
        "learns of it and of the new default; no backup is wrapped under KEY or refers to anything that it ever "
        "wrapped\n"
        "  3  the backups whose data keys KEY opens are listed\n"
        "  4  they are sealed anew under other data keys: signet reseal\n"
        "  5  proof: every backup that is kept opens without KEY, and every writer has obeyed the fence\n"
        "  6  a key backup of KEY, for what was overlooked\n"
        "  7  KEY is deleted; it can be recovered for 90 days\n\n"
        "Copies of the repository that were taken before stay readable to whoever has KEY. So do, for good, the label, "
        "index and id keys of the writers whose backups it opened: see the threat model, 4.8.\n\n"
        "KEY and the repositories are named as for signet key retire. Exit code 17 while a step waits for something.";
    command.options = {{.name = "rotate", .help = "replace it by a new version of the key, as when nothing is said"},
                       {.name = "replace-by",
                        .takes = Takes::one,
                        .value_name = "LOCATION",
                        .help = "the new default protector, as signet keyring link takes it"},
                       {.name = "backup-to", .takes = Takes::one, .value_name = "FILE", .help = "where step 6 writes"}};
    for (OptionSpec& option : place_options()) command.options.push_back(std::move(option));
    command.arguments = {"key", 1, 1};
    command.examples = {{"signet key compromised prod/1 -n", "See which backups were exposed"},
                        {"signet key compromised prod/1 --backup-to /media/safe/prod.backup",
                         "Do it; run it again until it ends with 0"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
