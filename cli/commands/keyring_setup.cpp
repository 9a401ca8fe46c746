#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/setup.h"
#include "core/crypto/random.h"
#include "keyring/key_record.h"

namespace signet::cli {
namespace {

struct Manager {
    const char* name;
    const char* vault;  ///< the vault's name where none is given; "*" ends in something random
    std::string (*commands)(const SetupPlan&);
    std::string (*form)(const SetupPlan&);
};
constexpr Manager kManagers[] = {{"azure", "signet-*", setup_azure, setup_template_azure},
                                 {"aws", "", setup_aws, setup_template_aws},
                                 {"transit", "transit", setup_transit, setup_template_transit}};

const Manager& manager_of(const std::string& name) {
    for (const Manager& manager : kManagers) {
        if (manager.name == name) return manager;
    }
    throw Error(ErrorCode::usage, "no key manager: " + printable(name), "azure, aws or transit");
}

/// It goes into commands that a person copies.
std::string plain(const Options& options, const char* name, const std::string& otherwise) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@";
    std::string value = options.text_or(name, otherwise);
    if (value.find_first_not_of(kPlain) != std::string::npos || value.starts_with('-'))
        throw Error(ErrorCode::usage, std::string("--") + name + ": " + printable(value) + " is no name");
    return value;
}

/// Names of vaults are the world's: a random end keeps them apart.
std::string proposed(const std::string& form) {
    if (!form.ends_with('*')) return form;
    return form.substr(0, form.size() - 1) + crypto::random_id<DekId>().short_hex(6);
}

ExitCode run(Context& context) {
    const Options& options = context.options();
    const Manager& manager = manager_of(context.arguments().front());
    SetupPlan plan;
    plan.vault = plain(options, "vault-name", proposed(manager.vault));
    plan.key = plain(options, "key", "backup");
    plan.group = plain(options, "group", "");
    plan.region = plain(options, "region", "");
    plan.identity = plain(options, "identity", "");
    plan.twin_region = plain(options, "twin-region", "");
    plan.backup_identity = plain(options, "backup-identity", "");
    const std::string text = options.flag("template") ? manager.form(plan) : manager.commands(plan);
    if (context.terminal().json()) {
        context.terminal().object({{"message_type", "setup"},
                                   {"manager", manager.name},
                                   {"vault", plan.vault},
                                   {"key", plan.key},
                                   {"text", text}});
    } else {
        context.terminal().raw(as_bytes(text));
    }
    return ExitCode::done;
}

}  // namespace

Command keyring_setup_command() {
    Command command;
    command.name = "keyring setup";
    command.synopsis = "azure|aws|transit [--vault-name V] [--key K] [--identity ID] [--template]";
    command.summary = "print how a key manager is prepared";
    command.description =
        "Prints the exact commands that make a vault and a key in it, admit this host with the least permissions, on "
        "the key alone, and link it. Nothing is asked and nothing is done. With --template it prints what can be "
        "deployed in their place: an ARM template, a key policy, a policy of Vault.";
    command.options = {
        {.name = "vault-name",
         .takes = Takes::one,
         .value_name = "V",
         .help = "the vault, or where Transit is mounted; else one is proposed"},
        {.name = "key", .takes = Takes::one, .value_name = "K", .help = "the key's name there (backup)"},
        {.name = "group",
         .takes = Takes::one,
         .value_name = "G",
         .help = "resource group, account number, or namespace"},
        {.name = "region", .takes = Takes::one, .value_name = "R", .help = "where it is to be"},
        {.name = "identity",
         .takes = Takes::one,
         .value_name = "ID",
         .help = "who this host is there: an object id, an ARN"},
        {.name = "twin-region",
         .takes = Takes::one,
         .value_name = "R",
         .help = "aws: where the same key is to be as well, for an outage of the first region"},
        {.name = "backup-identity",
         .takes = Takes::one,
         .value_name = "ID",
         .help = "aws: another host, which only makes backups"},
        {.name = "template", .help = "what can be deployed, and nothing else"},
    };
    command.arguments = {"manager", 1, 1};
    command.examples = {
        {"signet keyring setup azure --vault-name prod-weu --region westeurope", "Commands for an Azure Key Vault"},
        {"signet keyring setup azure --template > vault.json", "The same as an ARM template"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
