#include "cli/commands/commands.h"
#include "cli/officer.h"

#include <set>

namespace signet::cli {
namespace {

/// A fingerprint, or the first digits of one of an identity that has a journal here (or is this keyring's writer).
IdentityId find_identity(Context& context, const std::string& text) {
    if (const auto whole = IdentityId::parse(text)) return *whole;
    std::set<IdentityId> known;
    for (const storage::Journal& journal : context.repository().load_journals()) known.insert(journal.identity);
    if (const auto writer = context.keyring().writer_if_present()) known.insert(writer->identity());
    std::vector<IdentityId> found;
    for (const IdentityId& identity : known) {
        if (is_fingerprint_of(text, identity)) found.push_back(identity);
    }
    if (found.size() == 1) return found.front();
    throw Error(ErrorCode::usage,
                found.empty() ? "no such identity: " + printable(text) : "several identities start with " + text,
                "give the whole fingerprint, or at least 16 digits of one that has made backups here");
}

/// Who is nearer to the first officer has the last word, and so may a clock: what was said need not count.
void require_in_force(Context& context, const format::TrustStatement& statement, const format::SignedEntry& entry) {
    const keyring::Trust trust = load_officers(context).trust;
    const keyring::TrustedIdentity* found = trust.find(statement.identity, statement.role);
    if (found != nullptr && found->said_by == entry.id) return;
    const std::string by = found == nullptr || found->said_by == EntryId{}
                               ? std::string()
                               : " (entry " + found->said_by.short_hex(16) + ")";
    throw Error(ErrorCode::failed,
                "the statement was signed (entry " + entry.id.short_hex(16) +
                    "), but it is not in force: what an officer nearer to " +
                    "the first one, or a later entry of another, says about " + statement.identity.hex() + by +
                    " counts instead",
                "say it as the repository's first officer, " + context.repository().config().officer.hex() +
                    "; a colleague's clock may be ahead");
}

ExitCode run(Context& context) {
    const Options& options = context.options();
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

    const format::TrustFields fields{{statement}};
    const format::SignedEntry entry = append_officer_entry(context, format::EntryKind::trust, fields.encode());
    require_in_force(context, statement, entry);
    if (context.terminal().json()) {
        context.terminal().object(Json{
            {"message_type", "summary"},
            {"identity", statement.identity.hex()},
            {"role", role},
            {"first_sequence", statement.first_sequence},
            {"last_sequence", statement.last_sequence == UINT64_MAX ? Json(nullptr) : Json(statement.last_sequence)},
            {"officer", entry.identity.hex()},
            {"entry", entry.id.hex()}});
    } else {
        context.terminal().result((statement.last_sequence == 0 ? "no longer trusted as " : "trusted as ") + role +
                                  ": " + statement.identity.hex());
    }
    return ExitCode::done;
}

}  // namespace

Command keyring_trust_command() {
    Command command;
    command.name = "keyring trust";
    command.synopsis = "IDENTITY [--role writer|officer] [--from N] [--until N]";
    command.summary = "let restores believe what an identity writes";
    command.description =
        "Signs, as the officer of the repository, that an identity is trusted. Restores accept only backups of "
        "trusted writers. IDENTITY is the fingerprint that signet keyring show prints on the writer's host, or its "
        "first 16 digits at least when it has made backups here.\n\n"
        "A later statement about the same identity replaces an earlier one: with --until, entries after that number "
        "of its journal are trusted no more.";
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
    };
    command.arguments = {"identity", 1, 1};
    command.examples = {{"signet keyring trust 3f9a0c…", "Trust the writer of another host"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
