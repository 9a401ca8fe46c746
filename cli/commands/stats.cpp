#include "cli/commands/commands.h"
#include "cli/selection.h"
#include "cli/signals.h"
#include "restore/list.h"

#include <array>
#include <set>

namespace signet::cli {
namespace {

struct Kind {
    const char* name;
    const char* prefix;
};
constexpr std::array<Kind, 6> kKinds = {{{"packs", "packs/"},
                                         {"indexes", "indexes/"},
                                         {"logs", "logs/"},
                                         {"slots", "slots/"},
                                         {"journal", "journal/"},
                                         {"escrow", "escrow/"}}};

/// What the repository holds: needs no key.
ExitCode repository_statistics(Context& context) {
    Terminal& terminal = context.terminal();
    const restore::Catalogue& catalogue = context.catalogue(false);
    std::set<SeriesId> series;
    std::set<IdentityId> writers;
    for (const restore::Backup& backup : catalogue.backups()) {
        series.insert(backup.fields->series);
        writers.insert(backup.writer);
    }
    Json objects = Json::object();
    std::uint64_t total = 0;
    std::vector<std::string> lines;
    for (const Kind& kind : kKinds) {
        const storage::CompleteListing listing = context.repository().store().list(kind.prefix);
        std::uint64_t size = 0;
        for (const storage::ObjectInfo& info : listing) size += info.size;
        total += size;
        objects[kind.name] = {{"count", listing.size()}, {"size", size}};
        lines.push_back(std::string(kind.name) + std::string(9 - std::string_view(kind.name).size(), ' ') +
                        counted(listing.size(), "object") + ", " + human_size(size));
    }
    if (terminal.json()) {
        terminal.object(Json{{"message_type", "summary"},
                             {"repository", catalogue.repository().hex()},
                             {"backups", catalogue.backups().size()},
                             {"series", series.size()},
                             {"writers", writers.size()},
                             {"total_size", total},
                             {"objects", std::move(objects)}});
        return ExitCode::done;
    }
    terminal.result(counted(catalogue.backups().size(), "backup") + " of " +
                    counted(series.size(), "series", "series") + " by " + counted(writers.size(), "writer"));
    for (const std::string& line : lines) terminal.result("  " + line);
    terminal.result("in all " + human_size(total));
    return ExitCode::done;
}

ExitCode backup_statistics(Context& context) {
    Terminal& terminal = context.terminal();
    const Chosen chosen = choose(context, context.arguments().front());
    const auto open = context.open(chosen.backup);
    const restore::TreeStatistics s = restore::tree_statistics(*open, &interrupted());
    const double ratio =
        s.sealed_size > 0 ? static_cast<double>(s.logical_size) / static_cast<double>(s.sealed_size) : 0;
    if (terminal.json()) {
        terminal.object(Json{{"message_type", "summary"},
                             {"backup_id", chosen.backup.id.hex()},
                             {"total_files", s.files},
                             {"total_dirs", s.folders},
                             {"total_others", s.others},
                             {"hard_links", s.hard_links},
                             {"total_size", s.logical_size},
                             {"total_blobs", s.stored_chunks},
                             {"total_uncompressed_size", s.raw_size},
                             {"total_stored_size", s.sealed_size},
                             {"ratio", ratio}});
        return ExitCode::done;
    }
    terminal.result(printable(chosen.backup.describe()));
    terminal.result("  files    " + counted(s.files, "file") + ", " + counted(s.folders, "folder") + ", " +
                    counted(s.others, "other", "others") + ", " + counted(s.hard_links, "hard link"));
    terminal.result("  size     " + human_size(s.logical_size));
    terminal.result("  chunks   " + counted(s.stored_chunks, "chunk") + ", " + human_size(s.raw_size));
    terminal.result("  stored   " + human_size(s.sealed_size) + ", shared with other backups where they have the same");
    return ExitCode::done;
}

ExitCode run(Context& context) {
    return context.arguments().empty() ? repository_statistics(context) : backup_statistics(context);
}

}  // namespace

Command stats_command() {
    Command command;
    command.name = "stats";
    command.synopsis = "[BACKUP|latest]";
    command.summary = "say how much is stored, and of what";
    command.description =
        "Without a backup: what the repository holds, by kind of object; needs no key. With one: its files, their "
        "size, and what their content takes in the repository.";
    command.options = selection_options();
    command.arguments = {"backup", 0, 1};
    command.examples = {{"signet stats", "The repository"}, {"signet stats latest", "The newest backup"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
