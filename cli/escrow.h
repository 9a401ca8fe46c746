// The escrow protector: made when the customer has linked none, kept in the local vault and, under the passphrase, in
// the repository, so that repository and passphrase alone restore everything.
#pragma once

#include "cli/context.h"
#include "format/escrow.h"
#include "format/names.h"

#include <set>
#include <string>
#include <vector>

namespace signet::cli {

/// Makes the escrow protector of a region in the local vault (which is made as well when there is none) and links it as
/// the default. Asks for the passphrase.
[[nodiscard]] format::Thumbprint make_escrow_protector(Context& context, const std::string& region);

/// Stores the private half and the officer's seed in a repository, sealed under the vault's passphrase.
void store_escrow(Context& context, storage::Store& store, const RepositoryId& repository,
                  const format::Thumbprint& thumbprint);

/// Whether the repository has an escrow object of this protector.
[[nodiscard]] bool has_escrow(const storage::Store& store, const format::Thumbprint& thumbprint);

/// What stands in an escrow object.
struct OpenEscrow {
    format::Thumbprint thumbprint;
    format::EscrowSecret secret;
};
/// What one passphrase opens.
struct OpenEscrows {
    std::vector<OpenEscrow> opened;
    std::set<format::Thumbprint> sealed;  ///< whose every object is under another passphrase
};
/// Opens every escrow object of the repository that this passphrase opens.
/// throws  Error{key_unavailable}: there is none; Error{wrong_passphrase}: it opens none; Error{damaged}
[[nodiscard]] OpenEscrows open_escrows(Context& context, const storage::Repository& repository,
                                       const SecretBytes& passphrase);

}  // namespace signet::cli
