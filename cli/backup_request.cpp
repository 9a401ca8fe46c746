#include "cli/backup_request.h"

#include "cli/lists.h"
#include "cli/places.h"
#include "cli/selection.h"
#include "cli/size.h"
#include "cli/state_notice.h"
#include "format/tree.h"

#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <charconv>

namespace signet::cli {
namespace {

constexpr int kUsualLevel = 3;
constexpr int kHighestLevel = 22;
constexpr int kMaxLevel = 19;

backup::ExcludeRules exclude_rules(const Options& options) {
    backup::ExcludeRules rules;
    for (const std::string& pattern : options.list("exclude")) rules.patterns.add(pattern, false);
    for (const std::string& pattern : options.list("iexclude")) rules.patterns.add(pattern, true);
    for (const std::string& path : options.list("exclude-file")) {
        for (const std::string& pattern : read_patterns(path)) rules.patterns.add(pattern, false);
    }
    for (const std::string& path : options.list("iexclude-file")) {
        for (const std::string& pattern : read_patterns(path)) rules.patterns.add(pattern, true);
    }
    rules.caches = options.flag("exclude-caches");
    rules.if_present = options.list("exclude-if-present");
    if (const auto size = options.text("exclude-larger-than")) rules.larger_than = parse_size(*size);
    return rules;
}

std::vector<std::string> sources(const Context& context) {
    const Options& options = context.options();
    std::vector<std::string> paths = context.arguments();
    for (const std::string& file : options.list("files-from")) {
        for (std::string& path : read_paths(file)) paths.push_back(std::move(path));
    }
    for (const std::string& file : options.list("files-from-verbatim")) {
        for (std::string& path : read_lines(file)) {
            if (!path.empty()) paths.push_back(std::move(path));
        }
    }
    for (const std::string& file : options.list("files-from-raw")) {
        for (std::string& path : read_lines(file, '\0')) paths.push_back(std::move(path));
    }
    return paths;
}

/// Where nothing of what was named is there, somebody made a mistake. What is missing beside others is for the engine
/// to report.
void refuse_missing(const std::vector<std::string>& paths) {
    struct stat status {};
    const auto is_missing = [&](const std::string& path) {
        return ::lstat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
    };
    if (paths.empty() || !std::all_of(paths.begin(), paths.end(), is_missing)) return;
    throw Error(ErrorCode::usage, "nothing to back up: " + printable(paths.front()) + " does not exist");
}

bool is_base(const Options& options) {
    const std::string kind = options.text_or("kind", "files");
    if (kind == "postgres") return true;
    if (kind == "files") return false;
    throw Error(ErrorCode::usage, "--kind is files or postgres: " + kind);
}

/// A base backup comes from standard input, or from the command behind --, or from the usual one.
void check_base(const Context& context) {
    const Options& options = context.options();
    if (!options.given("series"))
        throw Error(ErrorCode::usage, "--kind postgres needs --series NAME", "the one that signet log push is given");
    if (options.given("stdin-from-command") || options.given("stdin-filename"))
        throw Error(
            ErrorCode::usage,
            "--kind postgres takes the command behind -- as it is, without --stdin-from-command and --stdin-filename");
    if (options.arguments().size() != options.after_dashes().size())
        throw Error(ErrorCode::usage,
                    "--kind postgres and a path cannot be given together: " + context.arguments().front());
}

const std::vector<std::string>& base_command() {
    static const std::vector<std::string> command = {"pg_basebackup", "-D", "-", "-Ft", "-X", "none", "-c", "fast"};
    return command;
}

void check(const Context& context) {
    const Options& options = context.options();
    const bool base = is_base(options);
    if (base) check_base(context);
    const bool stream = base || options.flag("stdin") || options.flag("stdin-from-command");
    if (!stream && options.given("stdin-filename")) {
        throw Error(ErrorCode::usage, "--stdin-filename needs --stdin or --stdin-from-command");
    }
    if (options.flag("stdin-from-command") && context.arguments().empty()) {
        throw Error(ErrorCode::usage, "--stdin-from-command needs a command",
                    "signet backup --stdin-from-command -- pg_dump prod");
    }
    if (options.flag("stdin") && !context.arguments().empty()) {
        throw Error(ErrorCode::usage, "--stdin and a path cannot be given together: " + context.arguments().front());
    }
    if (!stream) return;
    for (const char* name :
         {"files-from", "files-from-verbatim", "files-from-raw", "exclude", "iexclude", "exclude-file", "iexclude-file",
          "exclude-caches", "exclude-if-present", "exclude-larger-than", "one-file-system"}) {
        if (options.given(name)) {
            throw Error(ErrorCode::usage, "--" + std::string(name) + " means nothing for a stream",
                        "leave out --stdin or --" + std::string(name));
        }
    }
}

}  // namespace

int compression_level(const std::string& text) {
    if (text == "auto") return kUsualLevel;
    if (text == "off") return 0;
    if (text == "max") return kMaxLevel;
    int level = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), level);
    if (end.ec != std::errc() || end.ptr != text.data() + text.size() || level < 1 || level > kHighestLevel) {
        throw Error(ErrorCode::usage, "--compression is auto, off, max, or a level from 1 to 22: " + text);
    }
    return level;
}

std::vector<OptionSpec> backup_options() {
    std::vector<OptionSpec> options = {
        {.name = "series",
         .takes = Takes::one,
         .value_name = "NAME",
         .help = "what this is a backup of; host and paths when nothing is said"},
        {.name = "tag",
         .takes = Takes::many,
         .value_name = "TAG[,TAG]",
         .help = "a word to find the backup by, or several; may be repeated"},
        {.name = "time",
         .takes = Takes::one,
         .value_name = "T",
         .help = "the moment that the backup stands for; now when nothing is said"},
        {.name = "host",
         .takes = Takes::one,
         .value_name = "NAME",
         .help = "the name of the host; its own when nothing is said"},
        {.name = "checkpoint-file",
         .takes = Takes::one,
         .value_name = "FILE",
         .help = "append a line to it that proves later that this backup was there"},
        {.name = "exclude",
         .letter = 'e',
         .takes = Takes::many,
         .value_name = "PATTERN",
         .help = "leave out what matches",
         .adds_up = true},
        {.name = "iexclude",
         .takes = Takes::many,
         .value_name = "PATTERN",
         .help = "the same, whatever the case of letters",
         .adds_up = true},
        {.name = "exclude-file",
         .takes = Takes::many,
         .value_name = "FILE",
         .help = "patterns, one a line",
         .adds_up = true},
        {.name = "iexclude-file",
         .takes = Takes::many,
         .value_name = "FILE",
         .help = "the same, whatever the case of letters",
         .adds_up = true},
        {.name = "exclude-caches", .help = "leave out what is in folders with a CACHEDIR.TAG"},
        {.name = "exclude-if-present",
         .takes = Takes::many,
         .value_name = "NAME[:HEADER]",
         .help = "leave out what is in folders with a file of that name (that starts with HEADER)",
         .adds_up = true},
        {.name = "exclude-larger-than",
         .takes = Takes::one,
         .value_name = "SIZE",
         .help = "leave out files over this size (500K, 10M, 2G)"},
        {.name = "one-file-system", .letter = 'x', .help = "stay in the file systems of the paths"},
        {.name = "files-from",
         .takes = Takes::many,
         .value_name = "FILE",
         .help = "paths, one a line, with wildcards; - for standard input"},
        {.name = "files-from-verbatim",
         .takes = Takes::many,
         .value_name = "FILE",
         .help = "paths, one a line, as they are"},
        {.name = "files-from-raw",
         .takes = Takes::many,
         .value_name = "FILE",
         .help = "paths, each ended by a zero octet"},
        {.name = "kind",
         .takes = Takes::one,
         .value_name = "KIND",
         .help = "files (as when nothing is said), or postgres: a base backup, by pg_basebackup, by the command behind "
                 "--, or "
                 "from --stdin"},
        {.name = "stdin", .help = "back up standard input"},
        {.name = "stdin-from-command",
         .help = "run the command behind -- and back up its output, if its exit status is 0"},
        {.name = "stdin-filename",
         .takes = Takes::one,
         .value_name = "NAME",
         .help = "the name of the stream; stdin when nothing is said"},
        {.name = "compression",
         .takes = Takes::one,
         .value_name = "LEVEL",
         .help = "auto (as when nothing is said), off, max, or 1 to 22"},
        {.name = "skip-if-unchanged", .help = "make no backup when it would be like the one before"},
        {.name = "force", .letter = 'f', .help = "read every file again, also those that look unchanged"},
        {.name = "lock-wait",
         .takes = Takes::one,
         .value_name = "SPAN",
         .help = "how long to wait for another run of this series (30s, 5m)"},
        {.name = "run-before",
         .takes = Takes::many,
         .value_name = "CMD",
         .help = "a shell command to run first; when it fails, no backup is made"},
        {.name = "run-after",
         .takes = Takes::many,
         .value_name = "CMD",
         .help = "a shell command to run after a backup"},
        {.name = "run-failed",
         .takes = Takes::many,
         .value_name = "CMD",
         .help = "a shell command to run when no backup could be made"},
    };
    for (const OptionSpec& option : state_notice_options()) options.push_back(option);
    return options;
}

backup::BackupRequest backup_request(const Context& context) {
    check(context);
    const Options& options = context.options();
    const bool base = is_base(options);
    const bool stream = base || options.flag("stdin") || options.flag("stdin-from-command");
    backup::BackupRequest request;
    request.is_base = base;
    if (options.flag("stdin-from-command")) request.stream_command = context.arguments();
    if (base && !options.flag("stdin"))
        request.stream_command = context.arguments().empty() ? base_command() : context.arguments();
    if (!stream) request.paths = sources(context);
    if (!stream && request.paths.empty()) {
        throw Error(ErrorCode::usage, "nothing to back up", "signet backup PATH…");
    }
    refuse_missing(request.paths);
    request.working_directory = working_folder();
    request.series = options.text("series");
    request.tags = tags_of(options, "tag");
    request.time = time_option(context, "time");
    request.host = options.text_or("host", host_name());
    request.user = user_name();
    request.program = "signet " SIGNET_VERSION;
    request.excludes = exclude_rules(options);
    request.one_file_system = options.flag("one-file-system");
    request.skip_if_unchanged = options.flag("skip-if-unchanged");
    request.force = options.flag("force");
    request.dry_run = context.dry_run();
    request.compression_level = compression_level(options.text_or("compression", "auto"));
    request.jobs = context.jobs();
    request.cache_directory = context.cache_folder();
    request.lock_wait_seconds = options.seconds("lock-wait").value_or(0);
    request.stream_name = options.text_or("stdin-filename", "stdin");
    if (options.flag("stdin")) request.stream_fd = STDIN_FILENO;
    if (!format::is_entry_name(request.stream_name)) {
        throw Error(ErrorCode::usage, "--stdin-filename " + printable(request.stream_name) + ": not a name",
                    "a name is 1 to 255 octets without /, and not . or ..");
    }
    return request;
}

}  // namespace signet::cli
