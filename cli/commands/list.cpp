#include "cli/backup_view.h"
#include "cli/commands/commands.h"
#include "cli/selection.h"
#include "cli/table.h"
#include "core/zone.h"

namespace signet::cli {
namespace {

std::vector<const restore::Backup*> chosen(Context& context) {
    const auto newest = context.options().integer("latest", 1, UINT32_MAX);
    restore::BackupFilter filter = selection(context);
    filter.from = time_option(context, "from");
    std::vector<const restore::Backup*> backups = context.headers().select(filter);
    if (newest && backups.size() > *newest)
        backups.erase(backups.begin(), backups.end() - static_cast<std::ptrdiff_t>(*newest));
    return backups;
}

std::string state_of(Terminal& terminal, const restore::Backup& backup, restore::Planner& planner) {
    if (planner.catalogue().doubt()) return terminal.paint(Terminal::Colour::red, "trust unknown");
    if (!backup.trusted) return terminal.paint(Terminal::Colour::red, "untrusted");
    std::string whole = backup.fields->has_errors ? "incomplete" : "ok";
    switch (planner.outlook(backup)) {
        case restore::Outlook::restorable:
            return whole;
        case restore::Outlook::unproven:
            return terminal.paint(Terminal::Colour::yellow, whole + " (unproven)");
        case restore::Outlook::blocked:
            return terminal.paint(Terminal::Colour::red, "key missing");
        case restore::Outlook::damaged:
            return terminal.paint(Terminal::Colour::red, "damaged");
    }
    invariant(false, "an outlook is one of four");
    return {};
}

void print_table(Context& context, const std::vector<const restore::Backup*>& backups) {
    Table table({"ID", "TIME", "SERIES", "HOST", "PATHS", "TAGS", "PROTECTOR", "STATE"});
    for (const restore::Backup* backup : backups) {
        const bool named = backup->labels.has_value();
        table.add(
            {backup->short_id(), first_second_text(backup->time()),
             named ? printable(backup->labels->series) : "(" + backup->fields->series.short_hex(8) + ")",
             named ? printable(backup->labels->host) : "-", named ? printable(join(backup->labels->paths, ", ")) : "-",
             printable(join(backup->tags, ",")),
             backup->body.listed->slots.empty() ? "-" : backup->body.listed->slots.front().thumbprint.short_text(),
             state_of(context.terminal(), *backup, context.planner())});
    }
    if (table.empty())
        context.terminal().message("no backups");
    else
        table.print(context.terminal());
}

ExitCode run(Context& context) {
    const std::vector<const restore::Backup*> backups = chosen(context);
    if (!context.terminal().json()) {
        print_table(context, backups);
        return ExitCode::done;
    }
    Json rows = Json::array();
    for (const restore::Backup* backup : backups) rows.push_back(backup_row(*backup, context.planner()));
    context.terminal().object(rows);
    return ExitCode::done;
}

}  // namespace

Command list_command() {
    Command command;
    command.name = "list";
    command.synopsis = "[--series S] [--host H] [--path P]… [--tag T]… [--from T] [--at T] [--latest N]";
    command.summary = "list the backups of a repository";
    command.description =
        "Lists backups, oldest first. Needs no key: names are shown where the keyring knows the writer's label key, "
        "and the rest is public. The last column says whether a restore could go ahead: \"key missing\" is explained "
        "by signet plan; \"unproven\" means that only stored slots which nobody signed say so, and anybody who can "
        "write "
        "to the repository can store those; \"damaged\" by signet check.";
    command.options = with_selection({
        {.name = "from", .takes = Takes::one, .value_name = "T", .help = "not older than this"},
        {.name = "at", .takes = Takes::one, .value_name = "T", .help = "not newer than this"},
        {.name = "latest", .takes = Takes::one, .value_name = "N", .help = "the newest N alone"},
    });
    command.examples = {{"signet list --latest 5", "The last five backups"},
                        {"signet list --json --series prod-db --from -7d", "A week of one series, for a program"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
