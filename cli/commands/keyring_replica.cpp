#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/places.h"
#include "cli/table.h"

#include <filesystem>

namespace signet::cli {
namespace {

std::string state_of(const keyring::ReplicaPlace& place) {
    return place.is_replica() ? "replica" : "primary since " + to_table_time(*place.promoted);
}

ExitCode show(Context& context) {
    Terminal& terminal = context.terminal();
    Table table({"REGION", "STATE", "PLACE OR KEYRING"});
    Json places = Json::array();
    for (const auto& [location, place] : context.keyring().replica_places()) {
        table.add({place.region.provider + "/" + place.region.region, state_of(place), printable(location)});
        Json row = Json::object();
        set_text(row, "location", location);
        row.update(Json{{"repository", place.repository.hex()},
                        {"provider", place.region.provider},
                        {"region", place.region.region},
                        {"replica", place.is_replica()},
                        {"promoted", time_json(place.promoted)}});
        places.push_back(std::move(row));
    }
    Json keyrings = Json::array();
    for (const auto& [region, replica] : context.keyring().replica_keyrings()) {
        table.add({region, "rotation waits for it", printable(replica.folder)});
        Json row = {{"region", region}};
        set_text(row, "keyring", replica.folder);
        set_text(row, "vault", replica.vault);
        keyrings.push_back(std::move(row));
    }
    if (terminal.json())
        terminal.object(Json{{"places", std::move(places)}, {"keyrings", std::move(keyrings)}});
    else if (table.empty())
        terminal.message("this keyring knows no replica");
    else
        table.print(terminal);
    return ExitCode::done;
}

std::string region_argument(const Context& context, const char* verb) {
    if (context.arguments().size() == 2) return context.arguments()[1];
    throw Error(ErrorCode::usage, std::string("keyring replica ") + verb + " needs a region",
                std::string("signet keyring replica ") + verb + " REGION");
}

std::string folder_option(const Context& context, const char* name, const std::string& fallback) {
    return std::filesystem::path(absolute_path(context.options().text_or(name, fallback))).lexically_normal().string();
}

ExitCode add(Context& context) {
    const std::string region = region_argument(context, "add");
    if (!context.options().given("with"))
        throw Error(ErrorCode::usage, "keyring replica add needs the replica's keyring",
                    "signet keyring replica add " + printable(region) + " --with DIR");
    const keyring::ReplicaKeyring replica{folder_option(context, "with", {}),
                                          folder_option(context, "with-vault", context.vaults().default_folder())};
    context.keyring().add_replica_keyring(region, replica);
    return show(context);
}

ExitCode remove(Context& context) {
    context.keyring().remove_replica_keyring(region_argument(context, "remove"));
    return show(context);
}

/// Changes what the place of --repo is. promoted  nothing: a replica
ExitCode set_state(Context& context, const std::optional<TimePoint>& promoted) {
    if (context.arguments().size() != 1)
        throw Error(ErrorCode::usage, "unexpected argument: " + printable(context.arguments()[1]),
                    "the place is that of --repo");
    const storage::Repository& repository = context.repository();
    const std::string location = canonical_location(repository.store());
    const keyring::ReplicaPlace* known = context.keyring().replica_at(location);
    if (known == nullptr || known->repository != repository.config().repository) {
        throw Error(ErrorCode::usage, location + " is no replica that this keyring knows",
                    "name the replica's keyring with -k, first; a replica is made by signet init --replica-of");
    }
    keyring::ReplicaPlace place = *known;
    if (place.is_replica() != promoted.has_value()) {
        context.terminal().message(location + " is that already: " + state_of(place));
        return show(context);
    }
    place.promoted = promoted;
    context.keyring().note_replica(location, place);
    if (promoted) {
        context.terminal().message(
            "backups may be made there now; let nothing write to the former primary any more, or the journals part");
    }
    return show(context);
}

ExitCode run(Context& context) {
    const std::string verb = context.arguments().empty() ? "show" : context.arguments().front();
    if (verb == "show" && context.arguments().size() <= 1) return show(context);
    if (verb == "add") return add(context);
    if (verb == "remove") return remove(context);
    if (verb == "promote") return set_state(context, context.clock().now());
    if (verb == "demote") return set_state(context, std::nullopt);
    throw Error(
        ErrorCode::usage,
        "keyring replica is followed by show, add REGION, remove REGION, promote or demote: " + printable(verb));
}

}  // namespace

Command keyring_replica_command() {
    Command command;
    command.name = "keyring replica";
    command.synopsis = "[show | add REGION --with DIR [--with-vault DIR] | remove REGION | promote | demote]";
    command.summary = "what this keyring knows of replicas";
    command.description =
        "Shows the places that this keyring knows as replicas, and the keyrings of replicas that it waits for when "
        "its default protector changes.\n\n"
        "add names the keyring of the replica in a region, on the primary's side: from now on a new default protector "
        "takes over only when that keyring could open what is wrapped, with the same key or with a recovery protector "
        "that wraps as well. Four at most. remove takes that back.\n\n"
        "promote makes the place of --repo the primary, with the replica's keyring: backups may be made there, wrapped "
        "with its region's default. Do it when nothing writes to the former primary any more. demote makes it a "
        "replica again, after its entries were copied back.";
    command.options = {
        {.name = "with", .takes = Takes::one, .value_name = "DIR", .help = "the replica's keyring"},
        {.name = "with-vault",
         .takes = Takes::one,
         .value_name = "DIR",
         .help = "the vault that local:NAME means there; --vault when nothing is said"},
    };
    command.arguments = {"verb", 0, 2};
    command.examples = {
        {"signet keyring replica add east --with /e/keyring --with-vault /e/vault", "Rotation waits for this replica"},
        {"signet keyring replica promote -r /e/repository -k /e/keyring", "The first place is lost"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
