#include "cli/commands/commands.h"
#include "cli/copying.h"
#include "cli/replicas.h"
#include "format/names.h"
#include "storage/open_store.h"

namespace signet::cli {
namespace {

/// The folder of the target; nullptr when there is none.
std::shared_ptr<storage::Store> open_if_there(const std::string& place) {
    try {
        return storage::open_store(place, storage::OpenMode::existing);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::no_repository) throw;
        return nullptr;
    }
}

bool holds_repository(const std::shared_ptr<storage::Store>& store) {
    return store != nullptr && store->exists(format::kConfigName);
}

[[noreturn]] void refuse_empty(const std::string& place, const storage::Repository& source) {
    throw Error(ErrorCode::no_repository, "no repository in " + place,
                "a replica in another region: signet init --replica-of " + source.store().location() + " -r " + place +
                    " --region R; a further copy in the same region: copy --init");
}

/// What a replica has may flow back to the primary; nothing else is filled from it.
void refuse_chain(Context& context, const storage::Repository& source, const storage::Repository* target) {
    if (!is_replica(context, source) || (target != nullptr && !is_replica(context, *target))) return;
    throw Error(ErrorCode::refused, source.store().location() + " is a replica, and no replica is made of a replica",
                "copy from the primary; once that is lost: signet keyring replica promote");
}

ExitCode run(Context& context) {
    const storage::Repository& source = context.repository();
    const auto place = context.options().text("to");
    if (!place) throw Error(ErrorCode::usage, "copy needs to know where to", "signet copy --to DIR");

    std::shared_ptr<storage::Store> store = open_if_there(*place);
    std::optional<storage::Repository> target;
    if (holds_repository(store)) target = open_elsewhere(context, store);
    if (!target && !context.options().flag("init")) refuse_empty(*place, source);
    if (store != nullptr && canonical_location(*store) == canonical_location(source.store()))
        throw Error(ErrorCode::usage, "source and target are the same place: " + *place);
    refuse_chain(context, source, target ? &*target : nullptr);
    if (!target && !context.dry_run()) {
        if (store == nullptr) store = storage::open_store(*place, storage::OpenMode::create);
        create_like(*store, source);
        target = open_elsewhere(context, store);
    }

    const CopyResult result = copy_to(context, source, target ? &*target : nullptr, *place);
    if (context.terminal().json())
        context.terminal().object(copy_json(result, context.dry_run()));
    else
        print_copy(context.terminal(), result, context.dry_run());
    require_complete(result);
    return ExitCode::done;
}

}  // namespace

Command copy_command() {
    Command command;
    command.name = "copy";
    command.synopsis = "--to DIR [--init] [--no-rewrap]";
    command.summary = "copy a repository to a second place";
    command.description =
        "Copies to another place of the same repository what that lacks: the same octets under the same names. Each "
        "object is compared with its name, or its signature, on the way; nothing is overwritten and nothing removed, "
        "and what only forgotten backups need is not brought over. "
        "What entries refer to is there before they are, and officers' entries come first, so the target is a whole "
        "repository at every moment. Stopped or killed, the command goes on where it was. It needs no key.\n\n"
        "A damaged object is named and left out, and the rest is copied (14). An entry that differs in both places "
        "means that somebody wrote to both: then nothing is copied (14). Where the target holds no repository, signet "
        "init --replica-of makes a replica of another region, and --init a further copy in the same one. No replica "
        "is made of a replica (17).\n\n"
        "Where the host's keyring knows the target as a replica, data keys without a slot for its region's default "
        "protector get one, if a keyring at hand opens them; else the exit code is 13, with everything copied.";
    command.options = {
        {.name = "to", .takes = Takes::one, .value_name = "DIR", .help = "the place that is to have what it lacks"},
        {.name = "init", .help = "make the repository there when there is none"},
        no_rewrap_option(),
    };
    command.examples = {
        {"signet copy -r /w/repository --to /e/repository -k /e/keyring", "Bring a replica up to date, from cron"},
        {"signet copy -r /e/repository --to /w/repository --init", "Give a lost primary back what its replica has"},
        {"signet copy --to /e/repository -n", "How much there is to copy"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
