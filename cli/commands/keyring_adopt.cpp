#include "cli/commands/commands.h"
#include "cli/officer.h"

namespace signet::cli {
namespace {

ExitCode run(Context& context) {
    const format::RepositoryConfig& config = context.any_repository().config();
    const auto expected = context.options().text("officer");
    if (expected && !is_fingerprint_of(*expected, config.officer)) {
        throw Error(ErrorCode::refused,
                    "the repository's officer is " + config.officer.hex() + ", not " + printable(*expected),
                    "is this the right repository?");
    }
    keyring::Keyring& keyring = context.keyring();
    const std::string location = canonical_location(context.any_repository().store());
    const RepositoryId* held = keyring.held_at(location);
    if (held != nullptr && *held != config.repository && !expected) {
        throw Error(
            ErrorCode::refused,
            location + " held repository " + held->hex() + ", and now it holds repository " + config.repository.hex(),
            "give --officer, with the fingerprint that signet init printed for the new one");
    }
    if (context.options().flag("replace")) {
        if (!expected) throw Error(ErrorCode::usage, "--replace needs --officer");
        keyring.unpin_repository(config.repository);
    }
    const bool is_new = keyring.pin(config.repository) == nullptr;
    if (is_new && !expected) {
        context.terminal().warning(
            "the officer's fingerprint was compared with nothing; compare it with what signet init printed");
    }
    keyring.pin_repository(config.repository, config.officer, context.any_repository().config_hash());
    keyring.note_location(location, config.repository);
    if (context.terminal().json()) {
        context.terminal().object(Json{{"message_type", "summary"},
                                       {"repository", config.repository.hex()},
                                       {"officer", config.officer.hex()},
                                       {"new", is_new}});
    } else {
        context.terminal().result("repository  " + config.repository.hex());
        context.terminal().result("officer     " + config.officer.hex());
    }
    return ExitCode::done;
}

}  // namespace

Command keyring_adopt_command() {
    Command command;
    command.name = "keyring adopt";
    command.synopsis = "[--officer FINGERPRINT] [--replace]";
    command.summary = "hold this keyring to a repository and its officer";
    command.description =
        "Remembers the repository, its place, its officer and its configuration: from now on this keyring refuses "
        "another one there, and this command, with --officer, accepts one that was put there on purpose. Every "
        "command does this at its first contact with a repository, with a warning that shows the fingerprint; this "
        "one compares it with what you know.";
    command.options = {
        {.name = "officer",
         .takes = Takes::one,
         .value_name = "FINGERPRINT",
         .help = "refuse any other officer (at least 16 digits)"},
        {.name = "replace", .help = "forget what was remembered of this repository before"},
    };
    command.examples = {{"signet keyring adopt -r /mnt/backup --officer 1c5e88a3b2d94f10", "On a second host"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
