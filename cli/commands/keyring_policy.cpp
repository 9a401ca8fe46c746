#include "cli/access.h"
#include "cli/commands/commands.h"
#include "cli/officer.h"
#include "cli/table.h"

#include <algorithm>

namespace signet::cli {
namespace {

std::string short_value(const std::string& name, const std::string& value) {
    return name.starts_with("public-key:") ? "(public half)" : printable(value);
}

ExitCode show(Context& context) {
    const NumberedPolicy current = current_policy(context);
    const std::map<std::string, std::string> set_values = current.policy.values();
    Json values = Json::object();
    Table table({"NAME", "VALUE", "MEANING"});
    for (const keyring::PolicyName& name : keyring::policy_names()) {
        const auto set = set_values.find(std::string(name.name));
        const std::string value = set == set_values.end() ? std::string(name.default_value) : set->second;
        values[std::string(name.name)] = value;
        table.add(
            {std::string(name.name), value + (set == set_values.end() ? " (default)" : ""), std::string(name.meaning)});
    }
    for (const auto& [name, value] : set_values) {
        if (values.contains(name)) continue;
        values[name] = value;
        const bool is_proof = name.starts_with("proven:");
        table.add({printable(name), short_value(name, value),
                   is_proof                               ? "when an officer last proved this protector"
                   : current.policy.others.contains(name) ? "unknown to this version"
                                                          : "hosts may link it, for wrapping alone"});
    }
    if (context.terminal().json())
        context.terminal().object(Json{{"number", current.number}, {"policy", std::move(values)}});
    else
        table.print(context.terminal());
    return ExitCode::done;
}

/// Whether a word of the command line sets it.
bool is_named(const Context& context, const std::string& name) {
    const std::vector<std::string>& words = context.arguments();
    return std::any_of(words.begin(), words.end(),
                       [&](const std::string& word) { return word.starts_with(name + "="); });
}

/// So that hosts that cannot see the vault of a default protector can wrap under it.
void carry_public_half(Context& context, keyring::Policy& policy) {
    if (!policy.default_protector) return;
    const keyring::Link* link = context.keyring().find(*policy.default_protector);
    if (link != nullptr && !link->spki.empty()) policy.public_keys[link->thumbprint] = link->spki;
}

/// word  NAME=VALUE
void set_value(keyring::Policy& policy, const std::string& word) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) throw Error(ErrorCode::usage, "not NAME=VALUE: " + printable(word));
    policy.set(word.substr(0, equals), word.substr(equals + 1));
}

/// What is in force as soon as it is signed must not stop the backups of every host without a vault.
void require_sense(const keyring::Policy& policy) {
    const auto& chosen = policy.default_protector;
    if (!chosen || !policy.is_fenced(*chosen)) return;
    throw Error(ErrorCode::refused,
                "the policy would name " + chosen->short_text() + " as the default protector, and say that it is " +
                    (policy.is_compromised(*chosen) ? "compromised" : "to go"),
                "name another one, or none: signet keyring policy set default-protector=none");
}

/// A name that was mistyped must not look as if it held.
void warn_of_unknown(Context& context, const keyring::Policy& policy) {
    for (const auto& [name, value] : policy.others) {
        if (name.starts_with("proven:") || !is_named(context, name)) continue;
        context.terminal().warning("policy " + printable(name) +
                                   " is not known to this version: it was signed, and nothing here obeys it");
    }
}

ExitCode set(Context& context) {
    const std::vector<std::string>& words = context.arguments();
    if (words.size() < 2)
        throw Error(ErrorCode::usage, "keyring policy set needs NAME=VALUE",
                    "signet keyring policy set after-rotation=rewrap");
    require_settings_open(look_at_access(context));
    const SaidPolicy said = change_policy(context, [&](keyring::Policy& policy) {
        for (std::size_t i = 1; i < words.size(); ++i) set_value(policy, words[i]);
        carry_public_half(context, policy);
        require_sense(policy);
    });
    warn_of_unknown(context, said.policy.policy);
    if (context.terminal().json()) {
        context.terminal().object(Json{{"message_type", "summary"},
                                       {"number", said.policy.number},
                                       {"entry", said.entry.hex()},
                                       {"policy", said.policy.policy.values()}});
    } else {
        context.terminal().result("policy " + std::to_string(said.policy.number) + " is in force");
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
    command.description +=
        "\nWith a default-protector that this keyring has linked, its public half is signed as well.\n";
    command.arguments = {"name=value", 0, Arguments::kAnyNumber};
    command.examples = {{"signet keyring policy set after-rotation=fresh", "A full backup after each rotation"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
