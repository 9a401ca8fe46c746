#include "cli/succession.h"

#include "cli/officer.h"
#include "format/limits.h"

#include <algorithm>
#include <exception>
#include <set>

namespace signet::cli {
namespace {

/// How many of a writer's backups are tried before it is said that none opens.
constexpr int kTries = 5;

/// Who is nearer to the first officer has the last word, and so may a clock: what was said need not count.
void require_in_force(Context& context, const keyring::Trust& trust, const format::TrustStatement& statement,
                      const format::SignedEntry& entry) {
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

bool is_in_force(const keyring::Trust& trust, const format::TrustStatement& statement) {
    const keyring::TrustedIdentity* found = trust.find(statement.identity, statement.role);
    return found != nullptr && found->first_sequence == statement.first_sequence &&
           found->last_sequence == statement.last_sequence;
}

bool holds_officer(Context& context, const keyring::Trust& trust) {
    const auto officer = context.keyring().officer_identity(context.vaults());
    return officer && trust.find(*officer, format::Role::officer) != nullptr &&
           context.keyring().has_officer(context.vaults());
}

/// What a takeover needs to know of the former writer.
struct Former {
    format::WriterKeys keys;
    std::vector<IdentityId> predecessors;
};

/// Its keys are in every backup: the newest one that opens tells them.
Former open_former(Context& context, const IdentityId& identity) {
    const std::vector<restore::Backup>& backups = context.catalogue().backups();
    std::exception_ptr failure;
    int tries = 0;
    for (auto backup = backups.rbegin(); backup != backups.rend() && tries < kTries; ++backup) {
        if (backup->writer != identity || !backup->trusted) continue;
        ++tries;
        try {
            const auto open = context.open(*backup);
            return {open->body().keys.clone(), backup->fields->predecessors};
        } catch (const Error& error) {
            if (!restore::is_about_slots(error)) throw;
            if (!failure) failure = std::current_exception();
        }
    }
    if (failure) std::rethrow_exception(failure);
    throw Error(ErrorCode::refused,
                "writer " + identity.hex() + " has no trusted backup here whose place could be taken",
                "signet list shows what there is");
}

void require_unused(Context& context, const IdentityId& writer) {
    const auto& runs = context.catalogue().runs();
    const auto first = runs.lower_bound({writer, 0});
    if (first == runs.end() || first->first.first != writer) return;
    throw Error(
        ErrorCode::refused,
        "this keyring's writer " + writer.short_hex(16) + " has made backups here already, under keys of its own",
        "signet keyring adopt --new-identity makes a writer that has not; then run this again");
}

/// The journal holds entries that this keyring does not remember, and a person says that they are its own.
ExitCode confirm_own(Context& context, const IdentityId& writer) {
    const storage::Repository& repository = context.repository();
    const storage::Journal journal = repository.load_journal(writer);
    if (journal.problem) throw *journal.problem;
    context.keyring().account_for(repository.config().repository, writer, journal.entries.size());
    if (context.terminal().json()) {
        context.terminal().object(Json{{"message_type", "summary"},
                                       {"repository", repository.config().repository.hex()},
                                       {"writer", writer.hex()},
                                       {"entries", journal.entries.size()}});
    } else {
        context.terminal().result("writer      " + writer.hex());
        context.terminal().result("            its journal of " + counted(journal.entries.size(), "entry", "entries") +
                                  " is this machine's");
    }
    return ExitCode::done;
}

void print(Context& context, const IdentityId& writer, const IdentityId& former,
           const std::vector<format::TrustStatement>& statements, bool is_trusted) {
    Terminal& terminal = context.terminal();
    const std::uint64_t last = statements.front().last_sequence;
    if (terminal.json()) {
        terminal.object(Json{{"message_type", "summary"},
                             {"repository", context.repository().config().repository.hex()},
                             {"writer", writer.hex()},
                             {"instead_of", former.hex()},
                             {"instead_of_last", last},
                             {"trusted", is_trusted}});
        return;
    }
    terminal.result("writer      " + writer.hex());
    terminal.result("instead of  " + former.hex() + ", up to its entry " + std::to_string(last));
    if (!is_trusted) {
        terminal.result("still to be said by an officer, before the next backup:  signet keyring trust " +
                        writer.hex() + " --instead-of " + former.hex());
    }
}

}  // namespace

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

format::SignedEntry say_trust(Context& context, const std::vector<format::TrustStatement>& statements) {
    const format::TrustFields fields{statements};
    format::SignedEntry entry = append_officer_entry(context, format::EntryKind::trust, fields.encode());
    const keyring::Trust trust = load_officers(context).trust;
    for (const format::TrustStatement& statement : statements) require_in_force(context, trust, statement, entry);
    return entry;
}

std::vector<format::TrustStatement> succession(Context& context, const IdentityId& former, const IdentityId& next) {
    if (former == next) throw Error(ErrorCode::usage, "a writer cannot take its own place: " + former.hex());
    const keyring::Trust trust = load_trust(context);
    const keyring::TrustedIdentity* known = trust.find(former, format::Role::writer);
    const storage::Journal journal = context.repository().load_journal(former);
    // What stands behind damage was made by it too: closed before that, nobody could salvage it.
    const std::uint64_t entries =
        journal.stranded.empty() ? journal.entries.size() : journal.stranded.back().head.sequence;
    if (known == nullptr || entries < known->first_sequence || known->last_sequence < known->first_sequence) {
        throw Error(ErrorCode::refused, "writer " + former.hex() + " is not trusted for any of its entries here",
                    "what it made can be referred to only when it is: signet keyring trust " + former.hex());
    }
    return {{former, format::Role::writer, known->first_sequence, std::min(known->last_sequence, entries)},
            {next, format::Role::writer, 1, UINT64_MAX}};
}

ExitCode take_place(Context& context, const std::string& text) {
    const IdentityId former = find_identity(context, text);
    keyring::Keyring& keyring = context.keyring();
    const IdentityId writer = keyring.writer().identity();
    if (former == writer) return confirm_own(context, writer);

    const RepositoryId& repository = context.repository().config().repository;
    const std::vector<format::TrustStatement> statements = succession(context, former, writer);
    const std::vector<IdentityId> known = keyring.own_journal(repository, writer).predecessors;
    // Run again, because an officer was not at hand or the passphrase wrong: the rest alone is done.
    if (known.empty() || known.back() != former) {
        require_unused(context, writer);
        Former opened = open_former(context, former);
        opened.predecessors.push_back(former);
        if (opened.predecessors.size() > format::kMaxPredecessors) {
            throw Error(ErrorCode::refused,
                        "writer " + former.hex() + " has " + std::to_string(format::kMaxPredecessors) +
                            " predecessors, as many as can be",
                        "back up without taking its place: the first backup is then a full one");
        }
        if (std::find(opened.predecessors.begin(), opened.predecessors.end(), writer) != opened.predecessors.end()) {
            throw Error(ErrorCode::refused, "writer " + former.hex() + " has itself taken the place of this one",
                        "signet keyring adopt --new-identity makes another; then run this again");
        }
        keyring.take_over(repository, writer, std::move(opened.predecessors), opened.keys);
    }
    const keyring::Trust trust = load_trust(context);
    bool is_trusted = is_in_force(trust, statements.front()) && is_in_force(trust, statements.back());
    if (!is_trusted && holds_officer(context, trust)) {
        (void)say_trust(context, statements);
        is_trusted = true;
    }
    print(context, writer, former, statements, is_trusted);
    return ExitCode::done;
}

ExitCode make_new_identity(Context& context) {
    const auto former = context.keyring().writer_if_present();
    const IdentityId writer = context.keyring().new_writer().identity();
    if (context.terminal().json()) {
        context.terminal().object(Json{{"message_type", "summary"},
                                       {"writer", writer.hex()},
                                       {"former", former ? Json(former->identity().hex()) : Json(nullptr)}});
    } else {
        context.terminal().result("writer      " + writer.hex());
        context.terminal().result("            an officer has to trust it: signet keyring trust " + writer.hex());
    }
    return ExitCode::done;
}

}  // namespace signet::cli
