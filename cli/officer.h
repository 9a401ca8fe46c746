// What officers say in a repository: trust and policy, appended to a journal.
#pragma once

#include "cli/context.h"
#include "format/officer_entry.h"
#include "keyring/officers.h"
#include "keyring/policy.h"

#include <functional>
#include <map>
#include <string>

namespace signet::cli {

/// A journal's entry that is to be made, given its head.
using EntryMaker = std::function<Bytes(const format::EntryHead&, const crypto::SigningKey&)>;

/// Signs an entry with `key` and appends it to that identity's journal, after what stands there. Loses no race: who
/// finds the sequence number taken reads again. returns  the entry, verified.
/// not_before  the entry claims this time, or the present where that is later: what it says follows what a colleague
///             said whose clock is ahead
/// throws  Error{damaged}: the journal has a problem; Error{io}
format::SignedEntry append_to_journal(Context& context, const crypto::SigningKey& key, const EntryMaker& make,
                                      TimePoint not_before = {});
/// The first moment after another.
[[nodiscard]] TimePoint just_after(TimePoint time);

/// The officers' entries alone: who is trusted, and which policy is in force. Cheap: reads officers' journals only.
/// throws  Error{damaged}: a journal that this depends on has a problem (keyring/officers.h)
[[nodiscard]] keyring::Trust load_trust(Context& context);
/// The same, doubts and all.
[[nodiscard]] keyring::Officers load_officers(Context& context);
/// The same of a repository elsewhere.
[[nodiscard]] keyring::Officers load_officers(Context& context, const storage::Repository& repository);

/// This keyring's officer. Asks for a passphrase where a vault holds the key.
/// kind  what it is to sign: while trust is in doubt, the first officer alone may speak, and about trust alone
/// throws  Error{refused}: it is not an officer of the repository, or not for its next entry; Error{damaged}: as
/// load_trust()
[[nodiscard]] crypto::SigningKey officer_of(Context& context, format::EntryKind kind);

/// An entry of the officer without a sealed part. not_before  as in append_to_journal()
format::SignedEntry append_officer_entry(Context& context, format::EntryKind kind, const Bytes& fields,
                                         TimePoint not_before = {});
/// The same where the fields depend on what stands in the repository: they are made when the passphrase was given and
/// the officer's journal was read, and made again when another process was faster.
format::SignedEntry append_officer_entry(Context& context, format::EntryKind kind,
                                         const std::function<Bytes()>& make_fields, TimePoint not_before = {});
/// That what was signed does not count, and how that ends. what  "backup … is not forgotten"
/// winner  the entry that counts instead; nullptr: none does, so the signer is not trusted for its own
/// said_as  whether officers alone say such things
[[nodiscard]] Error not_in_force(const std::string& what, const restore::LastWord* winner,
                                 format::Role said_as = format::Role::officer);

/// The values of the policy in force, and its number; the defaults and 0 where there is none.
struct NumberedPolicy {
    keyring::Policy policy;
    std::uint64_t number = 0;
};
/// throws  as load_trust(); Error{unsupported}: a value that this version cannot obey
[[nodiscard]] NumberedPolicy current_policy(Context& context);

/// What a command changes in the policy in force, whatever that says by then. May be called more than once.
using PolicyChange = std::function<void(keyring::Policy&)>;
/// What was signed.
struct SaidPolicy {
    NumberedPolicy policy;
    EntryId entry;
};
/// Signs the policy in force with a change, as the officer, under the next number. Waits for a passphrase before it
/// reads the policy that counts, and loses nothing that another process signed meanwhile.
/// throws  as officer_of(), as `change`; Error{refused}: it was signed and is not in force, or has put out of force
///         what another officer signed at the same time
SaidPolicy change_policy(Context& context, const PolicyChange& change);

/// Pins a repository that this keyring does not know, with a notice that shows the officer's fingerprint; or compares.
/// throws  Error{refused}: pinned to another officer or config
void pin_on_first_contact(Context& context);

/// Whether a fingerprint, or its first 16 digits at least, names this identity.
[[nodiscard]] bool is_fingerprint_of(std::string_view text, const IdentityId& identity);

}  // namespace signet::cli
