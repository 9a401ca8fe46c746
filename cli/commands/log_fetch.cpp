#include "cli/commands/commands.h"
#include "cli/log_series.h"
#include "cli/table.h"
#include "format/tree.h"
#include "restore/log_keys.h"
#include "storage/open_store.h"

#include <sys/stat.h>

namespace signet::cli {
namespace {

ExitCode absent(Context& context, const std::string& name, const char* why) {
    if (context.terminal().verbosity() > 0) context.terminal().message(printable(name) + why);
    return ExitCode::absent;
}

/// By the plan of a restore: needs no keyring, and asks no vault.
ExitCode fetch_planned(Context& context, const std::string& name, const std::string& path) {
    const auto keys = restore::LogKeys::load(*context.options().text("keys-file"));
    const auto repository =
        storage::Repository::open(storage::open_store(context.repository_location(), storage::OpenMode::existing));
    if (repository.config().repository != keys.repository() || repository.config_hash() != keys.config_hash())
        throw Error(ErrorCode::refused, repository.store().location() + " is not the repository of that restore");
    const restore::LogKeys::Entry* log = keys.find(name);
    // The plan has all that leads to the moment that is restored, and what follows it: what is not in it came later.
    if (log == nullptr) return absent(context, name, " is not among the logs of that restore");
    const restore::LogPlace place{keys.repository(), log->epoch, log->number, log->id};
    restore::write_log(repository.store(), place, restore::chain_at(keys.key(log->epoch), log->number), path);
    return ExitCode::done;
}

void write_one(Context& context, const restore::Log& log, const std::string& path) {
    const format::DataKey key = open_epoch(context, *log.epoch);
    restore::write_log(context.repository().store(), place_of(context.repository(), log),
                       restore::chain_at(key, log.number), path);
}

ExitCode fetch_any(Context& context, const std::string& name, const std::string& path) {
    const restore::LogSeries series = load_log_series(context, log_series_name(context));
    const restore::Log* log = series.find(name);
    if (log == nullptr) {
        // What is damaged, missing or not trusted may be what is asked for.
        if (!series.problems.empty()) throw series.problems.front().error;
        if (series.is_in_gap(name))
            throw Error(ErrorCode::damaged,
                        name + " is missing from series " + series.name + ", and later logs are there",
                        series.has_released ? "signet prune let go what no backup needed; signet log list --gaps"
                                            : "signet log list --gaps");
        return absent(context, name, " was never stored");
    }
    const std::vector<const restore::Log*> copies = series.copies(name);
    for (std::size_t i = 0;; ++i) {
        try {
            write_one(context, *copies[i], path);
            return ExitCode::done;
        } catch (const Error& error) {
            // It may have been stored again.
            const bool may_go_on = error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported ||
                                   error.code() == ErrorCode::key_unavailable;
            if (!may_go_on || i + 1 == copies.size()) throw;
            context.terminal().warning(std::string(error.what()) + "; trying " + copies[i + 1]->object());
        }
    }
}

/// Under the name of a device there would be a file afterwards.
void require_place_for_file(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return;
    throw Error(ErrorCode::usage, printable(path) + " is there, and is no regular file",
                "a log is written to a new file, or in the place of one");
}

ExitCode run(Context& context) {
    const std::string& name = context.arguments()[0];
    const std::string& path = context.arguments()[1];
    if (!format::is_entry_name(name))
        throw Error(ErrorCode::usage, "a log cannot be called \"" + printable(name) + "\"");
    require_place_for_file(path);
    return context.options().given("keys-file") ? fetch_planned(context, name, path) : fetch_any(context, name, path);
}

}  // namespace

Command log_fetch_command() {
    Command command;
    command.name = "log fetch";
    command.synopsis = "NAME DEST --series S | --keys-file FILE";
    command.summary = "bring back a piece of a continuous record";
    command.description =
        "Writes the log of that name to DEST: beside it first, and under that name when all of it was opened and is "
        "what "
        "its writer signed.\n\n"
        "For PostgreSQL's restore_command, which takes every status from 1 to 125 for the end of the logs and would "
        "come "
        "up short without a word. So this ends with 0; with 1 only where the log was never stored and nothing shows "
        "that "
        "it should have been; and with 200 and more for everything else, so that recovery stops and can be started "
        "again: 200 and the code of the table (201 failed, 202 usage, 210 no repository, 212 passphrase, 213 key, 214 "
        "damage or a gap, 217 trust, 230 interrupted).\n\n"
        "signet restore writes such a restore_command with --keys-file: the keys of its plan, for as long as recovery "
        "takes. Without it, keyring and vault are asked each time.";
    command.options = {
        {.name = "series", .takes = Takes::one, .value_name = "NAME", .help = "whose log it is"},
        {.name = "keys-file",
         .takes = Takes::one,
         .value_name = "FILE",
         .help = "what signet restore left for recovery: its plan, and the keys of it"},
    };
    command.arguments = {"name", 2, 2};
    command.examples = {{"restore_command = 'signet log fetch -r /srv/backup --keys-file /dev/shm/signet-….keys %f %p'",
                         "As signet restore writes it"},
                        {"signet log fetch --series shop binlog.000042 /tmp/binlog.000042", "One log"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
