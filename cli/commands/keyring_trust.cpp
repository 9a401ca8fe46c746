#include "cli/commands/commands.h"
#include "cli/officer.h"
#include "cli/succession.h"
#include "cli/table.h"

#include <algorithm>
#include <map>

namespace signet::cli {
namespace {

/// Backups behind damage in a writer's journal are salvaged only while it is trusted for them, and kept only so long.
void warn_of_stranded(Context& context, const format::TrustStatement& statement) {
    if (statement.role != format::Role::writer) return;
    const keyring::Trust trust = load_officers(context).trust;
    const storage::Journal journal = context.repository().load_journal(statement.identity);
    const auto cut_off = std::count_if(journal.stranded.begin(), journal.stranded.end(), [&](const auto& entry) {
        const std::uint64_t sequence = entry.head.sequence;
        const bool is_kept = statement.first_sequence <= sequence && sequence <= statement.last_sequence;
        return entry.kind == format::EntryKind::backup && !is_kept &&
               trust.trusts(statement.identity, format::Role::writer, sequence);
    });
    if (cut_off == 0) return;
    context.terminal().warning(counted(static_cast<std::uint64_t>(cut_off), "backup") +
                               " behind damage in this writer's journal can be salvaged no more, and the next prune "
                               "deletes what only such backups need; to take this back: signet keyring trust " +
                               statement.identity.hex());
}

/// What counts no more when an officer is trusted for fewer entries: everything that it said beyond them.
void warn_of_voided(Context& context, const format::TrustStatement& statement) {
    // Nobody can take anything from the first officer.
    if (statement.role != format::Role::officer || statement.identity == context.repository().config().officer) return;
    const keyring::Trust trust = load_officers(context).trust;
    std::map<format::EntryKind, std::uint64_t> voided;
    const storage::Journal journal = context.repository().load_journal(statement.identity);
    for (const format::SignedEntry& entry : journal.entries) {
        const std::uint64_t sequence = entry.head.sequence;
        const bool is_kept = statement.first_sequence <= sequence && sequence <= statement.last_sequence;
        if (!is_kept && trust.trusts(statement.identity, format::Role::officer, sequence)) ++voided[entry.kind];
    }
    const auto warn = [&](format::EntryKind kind, const char* one, const char* several, const char* consequence) {
        const std::uint64_t count = voided[kind];
        if (count == 0) return;
        context.terminal().warning(counted(count, one, several) + " of this officer " +
                                   (count == 1 ? "counts" : "count") + " no more: " + consequence);
    };
    warn(format::EntryKind::repack, "repack entry", "repack entries",
         "what it resealed needs its old data keys and their protectors again");
    warn(format::EntryKind::tombstone, "tombstone", "tombstones",
         "what it forgot is back, and what it took back is forgotten again");
    warn(format::EntryKind::verdict, "verdict", "verdicts", "what was deleted by it and is needed again is damage");
    warn(format::EntryKind::policy, "policy", "policies",
         "protectors that it fenced, and its other values, are as before");
    warn(format::EntryKind::trust, "statement about trust", "statements about trust", "whom it let in is not trusted");
}

ExitCode run(Context& context) {
    const Options& options = context.options();
    for (const char* other : {"role", "from", "until"}) options.refuse_together({"instead-of", other});
    const std::string role = options.text_or("role", "writer");
    if (role != "writer" && role != "officer")
        throw Error(ErrorCode::usage, "--role is writer or officer: " + printable(role));
    format::TrustStatement statement;
    statement.identity = find_identity(context, context.arguments().front());
    statement.role = role == "officer" ? format::Role::officer : format::Role::writer;
    statement.first_sequence = options.integer("from", 1, UINT64_MAX).value_or(1);
    statement.last_sequence = options.integer("until", 0, UINT64_MAX).value_or(UINT64_MAX);
    // Up to entry 0 is none at all: that withdraws the trust.
    if (statement.last_sequence < statement.first_sequence && (options.given("from") || statement.last_sequence != 0))
        throw Error(ErrorCode::usage, "--until is before --from");

    std::vector<format::TrustStatement> statements = {statement};
    if (const auto former = options.text("instead-of")) {
        statements = succession(context, find_identity(context, *former), statement.identity);
    } else {
        warn_of_voided(context, statement);
        warn_of_stranded(context, statement);
    }
    const format::SignedEntry entry = say_trust(context, statements);
    if (context.terminal().json()) {
        Json summary = {
            {"message_type", "summary"},
            {"identity", statement.identity.hex()},
            {"role", role},
            {"first_sequence", statement.first_sequence},
            {"last_sequence", statement.last_sequence == UINT64_MAX ? Json(nullptr) : Json(statement.last_sequence)},
            {"officer", entry.identity.hex()},
            {"entry", entry.id.hex()}};
        if (statements.size() > 1) {
            summary["instead_of"] = statements.front().identity.hex();
            summary["instead_of_last"] = statements.front().last_sequence;
        }
        context.terminal().object(summary);
    } else {
        const bool ends = statement.last_sequence != UINT64_MAX && statement.last_sequence != 0;
        context.terminal().result(
            (statement.last_sequence == 0 ? "no longer trusted as " : "trusted as ") + role +
            (ends ? " up to its entry " + std::to_string(statement.last_sequence) + ", and no further"
                  : std::string()) +
            ": " + statement.identity.hex());
        if (statements.size() > 1) {
            context.terminal().result("instead of " + statements.front().identity.hex() +
                                      ", which is trusted up to its entry " +
                                      std::to_string(statements.front().last_sequence));
        }
    }
    return ExitCode::done;
}

}  // namespace

Command keyring_trust_command() {
    Command command;
    command.name = "keyring trust";
    command.synopsis = "IDENTITY [--role writer|officer] [--from N] [--until N] [--instead-of WRITER]";
    command.summary = "let restores believe what an identity writes";
    command.description =
        "Signs, as the officer of the repository, that an identity is trusted. Restores accept only backups of "
        "trusted writers. IDENTITY is the fingerprint that signet keyring show prints on the writer's host, or its "
        "first 16 digits at least when it has made backups here.\n\n"
        "A later statement about the same identity replaces an earlier one: with --until, entries after that number "
        "of its journal are trusted no more. Of an officer, what it said after that counts no more either: how much "
        "that is "
        "is told before it is signed.\n\n"
        "--instead-of trusts a writer that takes the place of one that was lost (signet keyring adopt, on its host): "
        "the "
        "same entry ends the trust in the lost one at its last entry, so that nobody who finds its key can go on.";
    command.options = {
        {.name = "role",
         .takes = Takes::one,
         .value_name = "ROLE",
         .help = "writer (as when nothing is said) or officer"},
        {.name = "from", .takes = Takes::one, .value_name = "N", .help = "from this entry of its journal on"},
        {.name = "until",
         .takes = Takes::one,
         .value_name = "N",
         .help = "up to this entry of its journal; 0 withdraws the trust"},
        {.name = "instead-of",
         .takes = Takes::one,
         .value_name = "WRITER",
         .help = "it takes the place of this writer, who is trusted up to its last entry and no further"},
    };
    command.arguments = {"identity", 1, 1};
    command.examples = {{"signet keyring trust 3f9a0c…", "Trust the writer of another host"},
                        {"signet keyring trust 3f9a0c… --instead-of 81d2b7…", "It was rebuilt"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
