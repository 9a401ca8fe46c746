#include "keyring/unreachable_vault.h"

namespace signet::keyring {
namespace {

constexpr const char* kWhy = "out of reach as this drill has it";

}  // namespace

Answer<KeyDescription> UnreachableVault::describe(const Location& location) {
    if (!is_away(location)) return behind_.describe(location);
    return Answer<KeyDescription>::refuse(Outcome::unavailable, kWhy);
}

Answer<Bytes> UnreachableVault::wrap(const Location& location, ByteView plaintext, const Binding& binding) {
    if (!is_away(location)) return behind_.wrap(location, plaintext, binding);
    return Answer<Bytes>::refuse(Outcome::unavailable, kWhy);
}

Answer<SecretBytes> UnreachableVault::unwrap(const Location& location, ByteView wrapped, const Binding& binding) {
    if (!is_away(location)) return behind_.unwrap(location, wrapped, binding);
    return Answer<SecretBytes>::refuse(Outcome::unavailable, kWhy);
}

}  // namespace signet::keyring
