#include "cli/commands/commands.h"
#include "cli/officer.h"
#include "cli/table.h"
#include "keyring/policy.h"

namespace signet::cli {
namespace {

using Values = std::map<std::string, std::string>;

struct Current {
    Values values;
    std::uint64_t number = 0;
};

Current current_policy(Context& context) {
    const keyring::Trust trust = load_trust(context);
    if (!trust.policy()) return {};
    return {trust.policy()->values, trust.policy()->number};
}

ExitCode show(Context& context) {
    const Current current = current_policy(context);
    Json values = Json::object();
    Table table({"NAME", "VALUE", "MEANING"});
    for (const keyring::PolicyName& name : keyring::policy_names()) {
        const auto set = current.values.find(std::string(name.name));
        const std::string value = set == current.values.end() ? std::string(name.default_value) : set->second;
        values[std::string(name.name)] = value;
        table.add({std::string(name.name), value + (set == current.values.end() ? " (default)" : ""),
                   std::string(name.meaning)});
    }
    for (const auto& [name, value] : current.values) {
        if (values.contains(name)) continue;
        values[name] = value;
        table.add({name, printable(value), "unknown to this version"});
    }
    if (context.terminal().json())
        context.terminal().object(Json{{"number", current.number}, {"policy", std::move(values)}});
    else
        table.print(context.terminal());
    return ExitCode::done;
}

ExitCode set(Context& context) {
    const std::vector<std::string>& words = context.arguments();
    if (words.size() < 2)
        throw Error(ErrorCode::usage, "keyring policy set needs NAME=VALUE",
                    "signet keyring policy set after-rotation=rewrap");
    const Current before = current_policy(context);
    keyring::Policy policy = keyring::Policy::from_values(before.values);
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::size_t equals = words[i].find('=');
        if (equals == std::string::npos || equals == 0)
            throw Error(ErrorCode::usage, "not NAME=VALUE: " + printable(words[i]));
        policy.set(words[i].substr(0, equals), words[i].substr(equals + 1));
    }
    format::PolicyFields fields;
    fields.number = before.number + 1;
    const Values values = policy.values();
    fields.values.assign(values.begin(), values.end());
    const format::SignedEntry entry = append_officer_entry(context, format::EntryKind::policy, fields.encode());
    if (context.terminal().json()) {
        context.terminal().object(Json{
            {"message_type", "summary"}, {"number", fields.number}, {"entry", entry.id.hex()}, {"policy", values}});
    } else {
        context.terminal().result("policy " + std::to_string(fields.number) + " is in force");
    }
    return ExitCode::done;
}

ExitCode run(Context& context) {
    const std::string verb = context.arguments().empty() ? "show" : context.arguments().front();
    if (verb == "show" && context.arguments().size() <= 1) return show(context);
    if (verb == "set") return set(context);
    throw Error(ErrorCode::usage, "keyring policy is followed by show, or by set NAME=VALUE…: " + printable(verb));
}

}  // namespace

Command keyring_policy_command() {
    Command command;
    command.name = "keyring policy";
    command.synopsis = "[show | set NAME=VALUE…]";
    command.summary = "show or sign the policy of a repository";
    command.description =
        "Policy is signed by the officer and kept in the repository; every backup obeys it and says so. Names:\n\n";
    for (const keyring::PolicyName& name : keyring::policy_names()) {
        command.description += "  " + std::string(name.name) + " = " + std::string(name.default_value) + "\n    " +
                               std::string(name.meaning) + "\n";
    }
    command.arguments = {"name=value", 0, Arguments::kAnyNumber};
    command.examples = {{"signet keyring policy set after-rotation=fresh", "A full backup after each rotation"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
