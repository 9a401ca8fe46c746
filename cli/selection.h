// The options that choose backups, the same for every command that takes a choice.
#pragma once

#include "cli/context.h"

#include <vector>

namespace signet::cli {

/// --series, --host, --path, --tag.
[[nodiscard]] std::vector<OptionSpec> selection_options();
/// `own` and the options that choose.
[[nodiscard]] std::vector<OptionSpec> with_selection(std::vector<OptionSpec> own);
/// What they chose. Times ("--at", "--from") are added where the command has them.
[[nodiscard]] restore::BackupFilter selection(const Context& context);
/// The tags of an option that takes TAG[,TAG] and may be repeated. throws  Error{usage}: one without any
[[nodiscard]] std::vector<std::string> tags_of(const Options& options, std::string_view name);
/// A time option. throws  Error{usage}
[[nodiscard]] std::optional<TimePoint> time_option(const Context& context, std::string_view name);

/// "a restore to 2026-03-14 09:30:05 (--at) is refused: …; hint": for commands that show a stretch of time, and that
/// must not call restorable what `restore --at` its end refuses (restore/latest.h).
[[nodiscard]] std::string refusal_text(const Error& refusal, const std::optional<TimePoint>& at);

/// The backup that a word names, and the path behind a colon.
struct Chosen {
    const restore::Backup& backup;
    std::string path;
};
/// throws  as Catalogue::resolve(); Error{usage}: an id, and a rule that chooses beside it
[[nodiscard]] Chosen choose(Context& context, const std::string& reference);
/// The same of a word that was parsed before.
[[nodiscard]] const restore::Backup& choose(Context& context, const restore::BackupReference& reference);
/// throws  Error{usage}: the word is an id, and a rule that chooses was given too
void refuse_rules_beside_id(const Context& context, const restore::BackupReference& reference);

/// The rules of commands that treat many backups: --all, --from, --to, and those of selection_options().
[[nodiscard]] std::vector<OptionSpec> with_rules(std::vector<OptionSpec> own);
/// Whether a rule was given.
[[nodiscard]] bool chooses_by_rule(const Context& context);
/// The trusted backups that the words name, or else the rules: nobody should vouch for another's keys. Untrusted ones
/// that a rule matches are left out with a warning.
/// throws  Error{usage}: words and rules, or neither; as Catalogue::resolve() for words
[[nodiscard]] std::vector<const restore::Backup*> trusted_choice(Context& context);

/// The words of a command that takes a backup and paths in it. A first word that starts with a slash is a path already,
/// of the latest backup.
struct BackupAndPaths {
    restore::BackupReference reference;
    std::vector<std::string> paths;  ///< in the backup; below the reference's own path
};
[[nodiscard]] BackupAndPaths backup_and_paths(const std::vector<std::string>& words);

/// A path in a backup: absolute, without "." and "..", and without a slash at its end.
/// throws  Error{usage}
[[nodiscard]] std::string path_in_backup(const std::string& text);

}  // namespace signet::cli
