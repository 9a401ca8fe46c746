// Who signs repack entries: asked for a passphrase once, when there is something to sign.
#pragma once

#include "cli/context.h"
#include "restore/repacker.h"

#include <optional>
#include <set>

namespace signet::cli {

/// Appends with the officer's key, which is asked for when it is first needed.
class RepackOfficer {
public:
    explicit RepackOfficer(Context& context);
    /// Asks for the key, before anything is stored for it. throws  as officer_of()
    void prepare();
    /// throws  as officer_of() and append_to_journal()
    void append(const restore::EntryMaker& make);
    /// What an entry may say that names these packs, of what officers have said by now.
    /// throws  Error{refused}: some of them was condemned
    [[nodiscard]] format::ReadJournals obey(const format::SealedPacks& listed) const;
    /// throws  Error{refused}: what was appended does not count
    void require_in_force() const;

private:
    Context& context_;
    TimePoint not_before_;
    std::set<restore::EntryPlace> said_;
    std::optional<crypto::SigningKey> key_;
};

}  // namespace signet::cli
