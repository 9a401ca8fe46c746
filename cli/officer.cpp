#include "cli/officer.h"

#include "cli/replicas.h"
#include "cli/signals.h"
#include "format/limits.h"
#include "format/names.h"

#include <algorithm>
#include <list>

namespace signet::cli {
namespace {

constexpr std::size_t kShortestFingerprint = 16;

EntryId policy_in_force(const keyring::Trust& trust) { return trust.policy() ? trust.policy()->entry : EntryId{}; }

/// A journal shorter than what was seen would be forked by the next entry.
void check_not_rolled_back(Context& context, const IdentityId& identity, const storage::Journal& journal) {
    const keyring::RepositoryPin* pin = context.keyring().pin(context.repository().config().repository);
    if (pin == nullptr) return;
    const auto seen = pin->seen.find(identity);
    if (seen == pin->seen.end() || seen->second.sequence <= journal.entries.size()) return;
    throw Error(ErrorCode::damaged, "journal/" + identity.hex() + ": entries up to " +
                                        std::to_string(seen->second.sequence) + " were seen, and " +
                                        std::to_string(journal.entries.size()) + " are there");
}

}  // namespace

TimePoint just_after(TimePoint time) { return after(time, 1); }

format::SignedEntry append_to_journal(Context& context, const crypto::SigningKey& key, const EntryMaker& make,
                                      TimePoint not_before) {
    require_primary(context);
    const storage::Repository& repository = context.repository();
    const IdentityId identity = key.verify_key().identity();
    const EntryId policy = policy_in_force(load_officers(context).trust);
    for (;;) {
        stop_if_interrupted();
        storage::Journal journal = repository.load_journal(identity);
        if (journal.problem) throw *journal.problem;
        check_not_rolled_back(context, identity, journal);
        format::EntryHead head;
        head.repository = repository.config().repository;
        head.config_hash = repository.config_hash();
        head.signer = key.verify_key();
        head.sequence = journal.entries.size() + 1;
        if (!journal.entries.empty()) head.previous = journal.entries.back().id;
        head.time = std::max(context.clock().now(), not_before);
        head.audit_head = context.keyring().audit().head();
        head.policy = policy;
        Bytes object = make(head, key);
        format::SignedEntry entry = format::decode_entry(object, format::journal_name(identity, head.sequence));
        if (!repository.append_entry(identity, head.sequence, object)) continue;
        context.keyring().note_seen(head.repository, {{identity, {head.sequence, entry.id}}});
        return entry;
    }
}

namespace {

/// What was seen once is held against the repository from now on.
void note_seen(Context& context, const keyring::Officers& officers) {
    const RepositoryId& repository = context.repository().config().repository;
    if (context.keyring().pin(repository) == nullptr) return;
    try {
        context.keyring().note_seen(repository, officers.newest);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::io) throw;
        context.terminal().warning(std::string("what was seen of the repository is not remembered: ") + error.what());
    }
}

}  // namespace

keyring::Officers load_officers(Context& context) { return load_officers(context, context.repository()); }

keyring::Officers load_officers(Context& context, const storage::Repository& repository) {
    std::vector<const keyring::RepositoryPin*> pins;
    for (const keyring::Keyring& keyring : context.keyrings().all()) {
        const keyring::RepositoryPin* pin = keyring.pin(repository.config().repository);
        if (pin != nullptr) pins.push_back(pin);
    }
    std::list<storage::Journal> journals;
    const auto read = [&](const IdentityId& identity) -> keyring::OfficerJournal {
        const storage::Journal& journal = journals.emplace_back(repository.load_journal(identity));
        return {journal.entries, journal.problem};
    };
    return keyring::read_officers(repository.config().officer, read, pins);
}

keyring::Trust load_trust(Context& context) {
    keyring::Officers officers = load_officers(context);
    officers.require_whole();
    note_seen(context, officers);
    return std::move(officers.trust);
}

crypto::SigningKey officer_of(Context& context, format::EntryKind kind) {
    const storage::Repository& repository = context.repository();
    const auto own = context.keyring().officer_identity(context.vaults());
    const keyring::Officers officers = load_officers(context);
    if (officers.doubt) {
        // An officer whose journal is broken can be withdrawn; whether the first officer's own is whole is seen when it
        // is appended to.
        if (kind != format::EntryKind::trust || own != repository.config().officer) throw *officers.doubt;
        context.terminal().warning(officers.doubt->what());
    }
    if (!own) context.keyring().require_no_hidden_officer(context.vaults());
    // One who was withdrawn is still known, and what he signs has no effect.
    if (!own || !officers.trust.trusts(*own, format::Role::officer, repository.load_journal(*own).entries.size() + 1)) {
        throw Error(ErrorCode::refused,
                    own ? "this keyring's officer " + own->short_hex(16) + " is no officer of the repository"
                        : "this keyring has no officer, and only an officer can do this",
                    "run this with the keyring of the officer " + repository.config().officer.hex());
    }
    return context.keyring().officer(context.vaults());
}

format::SignedEntry append_officer_entry(Context& context, format::EntryKind kind, const Bytes& fields,
                                         TimePoint not_before) {
    return append_officer_entry(
        context, kind, [&] { return fields; }, not_before);
}

format::SignedEntry append_officer_entry(Context& context, format::EntryKind kind,
                                         const std::function<Bytes()>& make_fields, TimePoint not_before) {
    pin_on_first_contact(context);
    const crypto::SigningKey key = officer_of(context, kind);
    const EntryMaker make = [&](const format::EntryHead& head, const crypto::SigningKey& signer) {
        return format::make_plain_entry(kind, head, make_fields(), signer);
    };
    return append_to_journal(context, key, make, not_before);
}

Error not_in_force(const std::string& what, const restore::LastWord* winner, format::Role said_as) {
    const std::string text = "it was signed, but does not count: " + what;
    if (winner == nullptr) {
        return {ErrorCode::refused, text,
                "its signer is not trusted for it: signet keyring trust, by the repository's first officer"};
    }
    const auto& [time, identity, sequence] = winner->order;
    std::string hint = "a clock is far ahead there: say it with the keyring of " + identity.short_hex(16);
    if (said_as == format::Role::officer) {
        hint += ", or let the first officer end the trust in it before that entry: signet keyring trust " +
                identity.short_hex(16) + " --role officer --until " + std::to_string(sequence - 1);
    }
    return {ErrorCode::refused,
            text + ", as entry " + std::to_string(sequence) + " of " + identity.hex() + " (" +
                winner->entry.short_hex(16) + ", " + to_rfc3339(time) + ") says",
            hint};
}

NumberedPolicy current_policy(Context& context) {
    const keyring::Trust trust = load_trust(context);
    if (!trust.policy()) return {};
    return {keyring::Policy::from_values(trust.policy()->values), trust.policy()->number};
}

namespace {

Bytes encode_policy(const NumberedPolicy& policy) {
    const std::map<std::string, std::string> values = policy.policy.values();
    if (values.size() > format::kMaxPolicyValues) {
        throw Error(ErrorCode::usage, "a policy has at most " + std::to_string(format::kMaxPolicyValues) + " values");
    }
    format::PolicyFields fields;
    fields.number = policy.number;
    fields.values.assign(values.begin(), values.end());
    return fields.encode();
}

NumberedPolicy next_policy(Context& context, const PolicyChange& change) {
    NumberedPolicy next = current_policy(context);
    change(next.policy);
    if (next.number == UINT64_MAX) {
        throw Error(ErrorCode::refused, "no policy can follow: the one in force has the highest number there is",
                    "whoever signed it did so on purpose; the first officer can end the trust in that officer: signet "
                    "keyring trust OFFICER --role officer --until N");
    }
    ++next.number;
    return next;
}

/// Two officers have a journal each, and one can sign while the other does.
void require_in_force(Context& context, const SaidPolicy& said) {
    const keyring::Trust trust = load_officers(context).trust;
    const std::string number = std::to_string(said.policy.number);
    const std::string hint = "see what is in force now (signet keyring policy), and say again what is lacking";
    if (!trust.policy() || trust.policy()->entry != said.entry) {
        throw Error(ErrorCode::refused,
                    "policy " + number +
                        " was signed and is not in force: another one was signed just now, or this officer is "
                        "trusted no more",
                    hint);
    }
    for (const auto& [entry, other] : trust.policies()) {
        if (entry == said.entry || other.number < said.policy.number) continue;
        throw Error(ErrorCode::refused,
                    "policy " + number + " is in force, and officer " + other.officer.short_hex(16) +
                        " signed one at the same time, which is not",
                    hint);
    }
}

}  // namespace

SaidPolicy change_policy(Context& context, const PolicyChange& change) {
    // What is wrong with it is told before a passphrase is asked for.
    (void)encode_policy(next_policy(context, change));
    SaidPolicy said;
    said.entry = append_officer_entry(context, format::EntryKind::policy, [&] {
                     said.policy = next_policy(context, change);
                     return encode_policy(said.policy);
                 }).id;
    require_in_force(context, said);
    return said;
}

void pin_on_first_contact(Context& context) {
    const storage::Repository& repository = context.repository();
    const format::RepositoryConfig& config = repository.config();
    const keyring::RepositoryPin* pin = context.keyring().pin(config.repository);
    if (pin != nullptr && pin->officer == config.officer && pin->config_hash == repository.config_hash()) {
        return context.note_location();
    }
    if (pin == nullptr) {
        context.terminal().warning("first contact with repository " + config.repository.hex() + ": its officer is " +
                                   config.officer.hex() + "; compare this with what signet init printed");
    }
    context.keyring().pin_repository(config.repository, config.officer, repository.config_hash());
    context.note_location();
}

bool is_fingerprint_of(std::string_view text, const IdentityId& identity) {
    return text.size() >= kShortestFingerprint && identity.hex().compare(0, text.size(), text) == 0;
}

}  // namespace signet::cli
