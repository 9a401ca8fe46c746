#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/json.h"
#include "cli/table.h"

namespace signet::cli {
namespace {

std::string place_of(const keyring::Keyring& keyring, const RepositoryId& repository) {
    for (const auto& [place, held] : keyring.locations()) {
        if (held == repository) return place;
    }
    return {};
}

Json kit(Context& context) {
    const keyring::Keyring& keyring = context.keyring();
    Json repositories = Json::array();
    for (const auto& [repository, pin] : keyring.pins()) {
        const std::string place = place_of(keyring, repository);
        Json row = {{"repository", repository.hex()}, {"officer", pin.officer.hex()}, {"location", nullptr}};
        if (!place.empty()) set_text(row, "location", place);
        repositories.push_back(std::move(row));
    }
    Json protectors = Json::array();
    for (const keyring::Link& link : keyring.links()) {
        protectors.push_back({{"thumbprint", link.thumbprint.text()},
                              {"name", link.name},
                              {"role", keyring::text(link.role)},
                              {"region", link.provider + "/" + link.region},
                              {"locations", link.locations}});
    }
    const auto writer = keyring.writer_if_present();
    return {{"message_type", "recovery_kit"},
            {"made", to_rfc3339(context.clock().now())},
            {"writer", writer ? Json(writer->identity().hex()) : Json(nullptr)},
            {"repositories", std::move(repositories)},
            {"protectors", std::move(protectors)}};
}

void print(Terminal& terminal, const Json& kit) {
    terminal.result("RECOVERY KIT of " + kit["made"].get<std::string>() +
                    ". No secret is in it. Keep it away from the machine, with the key backups.");
    terminal.result("");
    for (const Json& one : kit["repositories"]) {
        terminal.result("repository  " + one["repository"].get<std::string>());
        if (one["location"].is_string())
            terminal.result("  at        " + printable(one["location"].get<std::string>()));
        terminal.result("  officer   " + one["officer"].get<std::string>());
    }
    if (kit["writer"].is_string()) terminal.result("writer      " + kit["writer"].get<std::string>());
    terminal.result("");
    Table table({"THUMBPRINT", "NAME", "ROLE", "REGION", "LOCATIONS"});
    for (const Json& one : kit["protectors"]) {
        table.add({one["thumbprint"].get<std::string>(), printable(one["name"].get<std::string>()),
                   one["role"].get<std::string>(), one["region"].get<std::string>(),
                   printable(join(one["locations"].get<std::vector<std::string>>(), ", "))});
    }
    table.print(terminal);
    terminal.result("");
    terminal.result("On a bare machine, with Signet installed and the repository at hand:");
    terminal.result("  with escrow        signet keyring recover -r REPOSITORY --officer OFFICER");
    terminal.result("  with your own key  bring its vault back (or signet key restore FILE), then");
    terminal.result("                     signet keyring adopt -r REPOSITORY --officer OFFICER");
    terminal.result(
        "                     signet keyring link LOCATION, for each protector above that signet plan asks for");
    terminal.result("  then               signet restore -r REPOSITORY -t FOLDER");
    if (kit["writer"].is_string()) {
        terminal.result("  to go on           signet keyring adopt -r REPOSITORY WRITER, and signet backup as before");
    }
}

ExitCode run(Context& context) {
    const Json all = kit(context);
    if (context.terminal().json())
        context.terminal().object(all);
    else
        print(context.terminal(), all);
    return ExitCode::done;
}

}  // namespace

Command keyring_export_command() {
    Command command;
    command.name = "keyring export";
    command.summary = "print a recovery kit: what a bare machine must be told";
    command.description =
        "Prints the fingerprints that tell the right repository and the right keys from forged ones, where both were, "
        "and the commands that bring a restore back on a bare machine. There is no secret in it: keys and passphrases "
        "are kept elsewhere, and are needed as well.";
    command.examples = {{"signet keyring export | lpr", "On paper"},
                        {"signet keyring export --json > kit.json", "For a safe"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
