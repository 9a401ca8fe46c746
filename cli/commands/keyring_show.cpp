#include "cli/access.h"
#include "cli/commands/commands.h"
#include "cli/link_view.h"
#include "cli/table.h"

namespace signet::cli {
namespace {

Json policy_json(const keyring::Policy& policy) {
    Json values = Json::object();
    for (const keyring::PolicyName& name : keyring::policy_names()) values[std::string(name.name)] = name.default_value;
    for (const auto& [name, value] : policy.values()) values[name] = value;
    return values;
}

/// A policy that cannot be read hides nothing else; look_at_access() has warned of it.
keyring::Policy policy_for_people(Context& context) {
    try {
        return policy_in_force(context);
    } catch (const Error&) {
        return {};
    }
}

/// What an officer has published of a protector that cannot unwrap here.
std::string status_text(const keyring::Policy& policy, const keyring::ProtectorReport& report) {
    std::string status(keyring::text(report.status));
    const auto proven = policy.proven(report.thumbprint);
    if (report.status != keyring::ProtectorStatus::wrap_only || !proven) return status;
    return status + ", proven " + to_table_time(*proven) + " by the officer";
}

/// Who the officer is, and whether it can sign here.
std::string officer_text(Context& context, const std::optional<IdentityId>& officer) {
    keyring::Keyring& keyring = context.keyring();
    if (officer) {
        return officer->hex() + (keyring.has_officer(context.vaults()) ? "" : ", and its vault is out of reach");
    }
    try {
        keyring.require_no_hidden_officer(context.vaults());
    } catch (const Error& error) {
        return std::string("not known: ") + error.what();
    }
    return "none yet";
}

/// Asking for a protector's status may note an answer in the keyring, and then its links are read anew.
std::vector<keyring::Link> copy_of_links(Context& context) { return context.keyring().links(); }

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    const auto writer = context.keyring().writer_if_present();
    const auto officer = context.keyring().officer_identity(context.vaults());
    const Access access = look_at_access(context);
    const keyring::Policy policy = terminal.json() ? policy_in_force(context) : policy_for_people(context);
    if (terminal.json()) {
        Json links = Json::array();
        for (const keyring::Link& link : copy_of_links(context)) {
            links.push_back(link_json(context, link));
            links.back()["proven_by_officer"] = time_json(policy.proven(link.thumbprint));
        }
        Json pins = Json::array();
        for (const auto& [repository, pin] : context.keyring().pins()) {
            pins.push_back({{"repository", repository.hex()}, {"officer", pin.officer.hex()}});
        }
        terminal.object(Json{{"keyring", context.keyring().folder()},
                             {"writer", writer ? Json(writer->identity().hex()) : Json(nullptr)},
                             {"officer", officer ? Json(officer->hex()) : Json(nullptr)},
                             {"state", text(access.state)},
                             {"state_since", time_json(access.since)},
                             {"state_why", access.why.empty() ? Json(nullptr) : Json(access.why)},
                             {"paused", context.keyring().paused() ? Json(*context.keyring().paused()) : Json(nullptr)},
                             {"policy", policy_json(policy)},
                             {"links", std::move(links)},
                             {"repositories", std::move(pins)}});
        return ExitCode::done;
    }
    terminal.result("keyring  " + printable(context.keyring().folder()));
    terminal.result("writer   " + (writer ? writer->identity().hex() : "none yet"));
    terminal.result("officer  " + printable(officer_text(context, officer)));
    terminal.result("state    " + printable(access_text(access)));
    if (const auto paused = context.keyring().paused()) terminal.result("paused   " + printable(*paused));
    terminal.result("");
    Table table({"THUMBPRINT", "NAME", "ROLE", "REGION", "STATUS", "LOCATIONS"});
    for (const keyring::Link& link : copy_of_links(context)) {
        const auto report = context.resolver().status(link.thumbprint);
        table.add({link.thumbprint.short_text(), printable(link.name), std::string(keyring::text(link.role)),
                   link.provider + "/" + link.region, status_text(policy, report),
                   printable(join(link.locations, ", "))});
    }
    if (table.empty())
        terminal.result("nothing is linked yet: signet init makes a protector, signet keyring link links one");
    else
        table.print(terminal);
    return ExitCode::done;
}

}  // namespace

Command keyring_show_command() {
    Command command;
    command.name = "keyring show";
    command.summary = "show identities, state and linked protectors";
    command.description =
        "Shows the writer and the officer of this keyring, its state (that of the default protector: ok, degraded, "
        "inaccessible, needs-revalidation), and every linked protector with its role and what can be done with it "
        "now. Asks for no passphrase.\n\n"
        "Roles: default wraps new backups; recovery wraps them as well and is kept offline; linked unwraps only.";
    command.examples = {{"signet keyring show --json", "For a program"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
