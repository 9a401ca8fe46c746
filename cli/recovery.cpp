#include "cli/recovery.h"

#include "cli/log_series.h"
#include "cli/places.h"
#include "cli/shell.h"
#include "core/file.h"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <filesystem>

namespace signet::cli {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kClusterMode = 0700;
constexpr std::size_t kMostEpochsBeyond = 32;

/// For a command that PostgreSQL expands: % is its sign.
std::string without_percent(const std::string& text) {
    std::string result;
    for (const char c : text) result += c == '%' ? std::string("%%") : std::string(1, c);
    return result;
}

/// A value in postgresql.conf.
std::string in_conf(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text)
        quoted += c == '\'' ? std::string("''") : c == '\\' ? std::string("\\\\") : std::string(1, c);
    return quoted + "'";
}

/// "2026-11-22 18:00:00.123456+00": PostgreSQL knows microseconds.
std::string target_text(TimePoint at) {
    const TimePoint micro{at.ns - ((at.ns % 1000) + 1000) % 1000};
    std::string text = to_rfc3339(micro);
    text[text.find('T')] = ' ';
    text.replace(text.size() - 1, 1, "+00");
    return text;
}

std::string settings(Context& context, const Moment& moment, const std::string& keys_file) {
    const std::string fetch = without_percent(in_shell(own_path()) + " log fetch -r " +
                                              in_shell(canonical_place(context.repository_location())) +
                                              " --keys-file " + in_shell(keys_file)) +
                              " %f %p";
    std::string text = "\n# Written by signet restore: recovery to " + to_rfc3339(moment.at()) + "\n";
    text += "restore_command = " + in_conf(fetch) + "\n";
    text += "recovery_end_command = " + in_conf("rm -f " + without_percent(in_shell(keys_file))) + "\n";
    text += "recovery_target_timeline = '" + std::to_string(moment.path.timeline) + "'\n";
    if (moment.path.target) {
        text += "recovery_target_time = " + in_conf(target_text(*moment.path.target)) + "\n";
        text += "recovery_target_action = 'promote'\n";
    }
    // Its logs would go into the same series as those of the cluster that it was.
    if (!context.options().flag("keep-archiving")) text += "archive_mode = off\n";
    return text;
}

void append(const std::string& path, const std::string& text,
            const std::optional<std::pair<unsigned, unsigned>>& owner) {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, kFileMode));
    if (!fd) throw Error::from_errno("open", path, errno);
    if (owner && ::fchown(fd.get(), owner->first, owner->second) != 0)
        throw Error::from_errno("set the owner of", path, errno);
    write_full(fd.get(), as_bytes(text), path);
    if (::fsync(fd.get()) != 0) throw Error::from_errno("sync", path, errno);
    fd.close(path);
}

void add(const restore::Log& log, restore::LogKeys& keys) {
    keys.add_log(log.name(), {log.epoch->fields.dek, log.number, log.log.id});
}

/// As far as there are keys for them: every commit up to the moment is there without, and recovery, which also reads
/// ahead, must not stop for one that it does not need.
void add_beyond(Context& context, const Moment& moment, restore::LogKeys& keys) {
    std::size_t more = 0;
    for (const restore::Log* log : moment.path.beyond) {
        const restore::LogEpoch& epoch = *log->epoch;
        if (!keys.has_key(epoch.fields.dek)) {
            if (++more > kMostEpochsBeyond) return;
            if (!context.planner().can_open(context.planner().key(*epoch.entry, epoch.fields))) return;
            try {
                keys.add_key(open_epoch(context, epoch));
            } catch (const Error& error) {
                if (error.code() == ErrorCode::interrupted) throw;
                return;
            }
        }
        add(*log, keys);
    }
}

}  // namespace

std::vector<OptionSpec> recovery_options() {
    return {timeline_option(),
            {.name = "keys-file",
             .takes = Takes::one,
             .value_name = "FILE",
             .help = "of a series with logs: where the keys for recovery are kept; in memory when nothing is said"},
            {.name = "keep-archiving", .help = "of a series with logs: leave archive_mode as it was"}};
}

restore::LogKeys open_logs(Context& context, const Moment& moment) {
    const storage::Repository& repository = context.repository();
    restore::LogKeys keys(repository.config().repository, repository.config_hash(), moment.logs.name);
    for (const restore::NeededLogs& some : moment.path.needed()) {
        try {
            keys.add_key(open_epoch(context, *some.epoch));
        } catch (const Error& error) {
            if (error.code() != ErrorCode::key_unavailable) throw;
            throw restore::KeyUnavailable(plan_moment(context.planner(), moment));
        }
    }
    for (const auto* logs : {&moment.path.histories, &moment.path.segments}) {
        for (const restore::Log* log : *logs) add(*log, keys);
    }
    add_beyond(context, moment, keys);
    return keys;
}

OpenMoment open_moment(Context& context, const Moment& moment) {
    restore::Plan plan = plan_moment(context.planner(), moment);
    if (!plan.restorable) throw restore::KeyUnavailable(std::move(plan));
    restore::LogKeys keys = open_logs(context, moment);
    return {std::move(keys), context.open(*moment.path.base)};
}

void make_recoverable(Context& context, const Moment& moment, const OpenMoment& opened, const std::string& keys_file,
                      const restore::RestoreRequest& request) {
    std::optional<std::pair<unsigned, unsigned>> owner;
    if (::geteuid() == 0 && !request.plain) owner = {opened.open->root().uid, opened.open->root().gid};
    prepare_recovery(context, moment, opened.keys, keys_file, request.target, owner);
}

void require_empty_target(const std::string& folder) {
    std::error_code failed;
    const bool is_there = std::filesystem::exists(folder, failed);
    if (!is_there && !failed) return;
    if (!failed && std::filesystem::is_directory(folder, failed) && std::filesystem::is_empty(folder, failed)) return;
    throw Error(ErrorCode::refused,
                "a cluster is restored into an empty folder, and " + folder + " is none; nothing was written",
                "name another one, or empty it when no server runs there");
}

std::string choose_keys_file(Context& context) {
    if (!context.options().given("keys-file")) return restore::new_log_keys_path();
    std::string path = absolute_path(context.options().text_or("keys-file", ""));
    if (::access(path.c_str(), F_OK) == 0)
        throw Error(ErrorCode::refused, path + " is there already; nothing was written",
                    "it may hold the keys of another recovery: name another file, or remove it");
    if (context.dry_run()) return path;
    const UniqueFd tried(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, kFileMode));
    if (!tried) throw Error::from_errno("create", path, errno);
    static_cast<void>(::unlink(path.c_str()));
    return path;
}

void prepare_recovery(Context& context, const Moment& moment, const restore::LogKeys& keys,
                      const std::string& keys_file, const std::string& folder,
                      const std::optional<std::pair<unsigned, unsigned>>& owner) {
    if (!restore::is_in_memory(keys_file))
        context.terminal().warning(keys_file +
                                   " is not in memory: the keys of these logs will be on a disk until recovery ends");
    keys.save(keys_file, owner);
    try {
        append(folder + "/postgresql.auto.conf", settings(context, moment, keys_file), owner);
        append(folder + "/recovery.signal", "", owner);
        if (::chmod(folder.c_str(), kClusterMode) != 0) throw Error::from_errno("set the mode of", folder, errno);
        if (owner && ::chown(folder.c_str(), owner->first, owner->second) != 0)
            throw Error::from_errno("set the owner of", folder, errno);
        sync_folder(folder);
    } catch (const Error&) {
        static_cast<void>(::unlink(keys_file.c_str()));
        throw;
    }
}

}  // namespace signet::cli
