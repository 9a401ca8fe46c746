#include "cli/commands/commands.h"
#include "cli/officer.h"
#include "cli/succession.h"

namespace signet::cli {
namespace {

/// returns  whether nothing was remembered of the repository, or no longer is
bool hold_to_repository(Context& context) {
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
    const bool is_replaced = context.options().flag("replace");
    const bool is_new = is_replaced || keyring.pin(config.repository) == nullptr;
    if (is_replaced) {
        if (!expected) throw Error(ErrorCode::usage, "--replace needs --officer");
        keyring.repin_repository(config.repository, config.officer, context.any_repository().config_hash());
    }
    if (is_new && !expected) {
        context.terminal().warning(
            "the officer's fingerprint was compared with nothing; compare it with what signet init printed");
    }
    keyring.pin_repository(config.repository, config.officer, context.any_repository().config_hash());
    keyring.note_location(location, config.repository);
    return is_new;
}

/// What the keyring remembers of a journal that the repository was brought back without counts no more.
void forget_lost_entries(Context& context) {
    const auto writer = context.keyring().writer_if_present();
    if (!writer) return;
    const RepositoryId& repository = context.repository().config().repository;
    const std::uint64_t entries = context.repository().load_journal(writer->identity()).entries.size();
    if (context.keyring().own_journal(repository, writer->identity()).accounted <= entries) return;
    context.keyring().account_for(repository, writer->identity(), entries);
}

ExitCode run(Context& context) {
    const Options& options = context.options();
    if (options.flag("new-identity")) {
        for (const char* other : {"officer", "replace"}) options.refuse_together({"new-identity", other});
        if (!context.arguments().empty()) throw Error(ErrorCode::usage, "--new-identity takes no writer");
        return make_new_identity(context);
    }
    const bool is_new = hold_to_repository(context);
    if (options.flag("replace")) forget_lost_entries(context);
    if (!context.arguments().empty()) return take_place(context, context.arguments().front());
    const format::RepositoryConfig& config = context.repository().config();
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
    command.synopsis = "[WRITER] [--officer FINGERPRINT] [--replace] | --new-identity";
    command.summary = "hold this keyring to a repository, or take the place of a writer that was lost";
    command.description =
        "Remembers the repository, its place, its officer and its configuration: from now on this keyring refuses "
        "another one there, and this command, with --officer, accepts one that was put there on purpose. Every "
        "command does this at its first contact with a repository, with a warning that shows the fingerprint; this "
        "one compares it with what you know.\n\n"
        "WRITER is the fingerprint, or its first 16 digits at least, of the writer of a host that was lost, as signet "
        "list --json shows it. This keyring's writer takes its place: it goes on with the other's series and finds "
        "again what the other stored, so the next backup is no full one. One of the newest backups of the other is "
        "opened for this, which takes its protectors. Where this keyring holds the officer, it closes the other writer "
        "at its last entry and trusts this one; else an officer says signet keyring trust NEW --instead-of WRITER. "
        "From then on nothing more of the other writer is accepted.\n\n"
        "An identity signs on one machine. When the writer's journal has entries that this keyring did not make, "
        "backups are refused: on a machine that is a clone of another, --new-identity makes a writer of its own; on "
        "the only machine, whose keyring was brought back from an old copy, give its own writer as WRITER.";
    command.options = {
        {.name = "officer",
         .takes = Takes::one,
         .value_name = "FINGERPRINT",
         .help = "refuse any other officer (at least 16 digits)"},
        {.name = "replace", .help = "forget what was remembered of this repository before"},
        {.name = "new-identity", .help = "make a new writer in place of this keyring's, whose key is removed here"},
    };
    command.arguments = {"writer", 0, 1};
    command.examples = {{"signet keyring adopt -r /mnt/backup --officer 1c5e88a3b2d94f10", "On a second host"},
                        {"signet keyring adopt -r /mnt/backup 81d2b7…", "On a host that was rebuilt"},
                        {"signet keyring adopt --new-identity", "On a clone of another machine"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
