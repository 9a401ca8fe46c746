#include "cli/commands/commands.h"
#include "cli/entry_view.h"
#include "cli/selection.h"
#include "cli/signals.h"
#include "core/zone.h"

namespace signet::cli {
namespace {

std::optional<format::EntryType> type_option(const Options& options) {
    const auto text = options.text("type");
    if (!text) return std::nullopt;
    using format::EntryType;
    for (const EntryType type : {EntryType::file, EntryType::directory, EntryType::symlink, EntryType::fifo,
                                 EntryType::socket, EntryType::character, EntryType::block}) {
        // The whole word, or the letter of find(1).
        static constexpr std::string_view kLetters = "?fdlpscb";
        if (*text == type_text(type) ||
            (text->size() == 1 && text->front() == kLetters[static_cast<std::size_t>(type)]))
            return type;
    }
    throw Error(ErrorCode::usage, "--type is file, dir, symlink, fifo, socket, chardev or dev: " + *text);
}

restore::ListRequest request_of(Context& context) {
    restore::ListRequest request;
    for (const std::string& pattern : context.arguments())
        request.patterns.add(pattern, context.options().flag("ignore-case"));
    request.type = type_option(context.options());
    request.oldest = time_option(context, "oldest");
    request.newest = time_option(context, "newest");
    request.interrupted = &interrupted();
    return request;
}

std::vector<const restore::Backup*> chosen(Context& context) {
    const std::vector<std::string> named = context.options().list("backup");
    std::vector<const restore::Backup*> backups;
    backups.reserve(named.size());
    for (const std::string& reference : named) backups.push_back(&choose(context, reference).backup);
    if (!named.empty()) return backups;
    context.catalogue().require_no_doubt();
    for (const restore::Backup* backup : context.catalogue().select(selection(context))) {
        if (backup->trusted) backups.push_back(backup);
    }
    return backups;
}

/// returns  the hits
Json search(Context& context, const restore::Backup& backup, const restore::ListRequest& request) {
    Terminal& terminal = context.terminal();
    const auto open = context.open(backup);
    const Owners owners(open->body());
    Json matches = Json::array();
    bool is_first = true;
    restore::list_tree(*open, request, [&](const restore::ListedItem& item) {
        if (terminal.json()) {
            matches.push_back(entry_json(item, owners));
            return;
        }
        if (is_first)
            terminal.result(terminal.paint(
                Terminal::Colour::bold,
                backup.short_id() + "  " + first_second_text(backup.time()) + "  " + printable(backup.series())));
        is_first = false;
        terminal.result("  " + (context.options().flag("long") ? long_line(item, owners) : printable(item.path)));
    });
    return matches;
}

ExitCode run(Context& context) {
    const restore::ListRequest request = request_of(context);
    const bool is_named = !context.options().list("backup").empty();
    ExitCode code = ExitCode::done;
    Json found = Json::array();
    for (const restore::Backup* backup : chosen(context)) {
        try {
            Json matches = search(context, *backup, request);
            const std::size_t hits = matches.size();
            if (hits > 0)
                found.push_back({{"backup", backup->id.hex()}, {"hits", hits}, {"matches", std::move(matches)}});
        } catch (const Error& error) {
            // Those whose keys are gone, or that are damaged, must not hide what others hold.
            const bool is_damaged = error.code() == ErrorCode::damaged;
            if (is_named || (!is_damaged && error.code() != ErrorCode::key_unavailable)) throw;
            context.terminal().problem("backup " + backup->short_id(), error.what(), "find");
            if (is_damaged)
                code = ExitCode::damaged;
            else if (code == ExitCode::done)
                code = ExitCode::incomplete;
        }
    }
    if (context.terminal().json()) context.terminal().object(found);
    return code;
}

}  // namespace

Command find_files_command() {
    Command command;
    command.name = "find";
    command.synopsis = "PATTERN… [--backup B]… [-i] [--type T] [--oldest T] [--newest T]";
    command.summary = "find files in backups by pattern";
    command.description =
        "Searches all backups, or those named by --backup, for paths that match a pattern: as --exclude of signet "
        "backup understands them. Backups whose keys are missing are reported, and the exit code is 3; 14 when one is "
        "damaged.";
    command.options = with_selection({
        {.name = "backup", .takes = Takes::many, .value_name = "B", .help = "in this backup alone; may be repeated"},
        {.name = "ignore-case", .letter = 'i', .help = "whatever the case of letters"},
        {.name = "type",
         .takes = Takes::one,
         .value_name = "T",
         .help = "file, dir, symlink, fifo, socket, chardev or dev"},
        {.name = "oldest", .takes = Takes::one, .value_name = "T", .help = "not modified before this"},
        {.name = "newest", .takes = Takes::one, .value_name = "T", .help = "not modified after this"},
        {.name = "long", .letter = 'l', .help = "permissions, owner, size and time too"},
    });
    command.arguments = {"pattern", 1, Arguments::kAnyNumber};
    command.examples = {{"signet find 'letter*.odt'", "In every backup"},
                        {"signet find --backup latest '/etc/**/*.conf'", "In the newest"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
