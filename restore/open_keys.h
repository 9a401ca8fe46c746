// Data keys and writers' keys of a repository, each opened when it is first asked for, once.
#pragma once

#include "restore/opener.h"

#include <map>
#include <variant>

namespace signet::restore {

/// Not for two threads at once.
class OpenKeys {
public:
    /// All outlive it.
    OpenKeys(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver)
        : repository_(repository), planner_(planner), resolver_(resolver) {}

    /// The data key that an entry lists its packs under.
    /// throws  as unwrap_key(); what failed once is not tried again
    [[nodiscard]] const format::DataKey& data_key(const format::SignedEntry& entry, const format::SealedPacks& listed);
    /// The keys of a writer, out of a body of its own or of a successor's.
    /// throws  Error{key_unavailable}: no body opens; Error{damaged}: none that opens is whole; Error{wrong_passphrase}
    [[nodiscard]] const format::WriterKeys& writer_keys(const IdentityId& writer);

private:
    using Opened = std::variant<format::DataKey, Error>;
    [[nodiscard]] std::vector<const Backup*> sources_of(const IdentityId& writer) const;
    [[nodiscard]] bool are_keys_of(const IdentityId& writer, const format::WriterKeys& keys) const;
    const storage::Repository& repository_;
    Planner& planner_;
    keyring::Resolver& resolver_;
    std::map<const RunKey*, Opened> data_keys_;
    std::map<IdentityId, std::variant<format::WriterKeys, Error>> writer_keys_;
};

}  // namespace signet::restore
