#include "keyring/unreachable_vault.h"

namespace signet::keyring {
namespace {

constexpr const char* kWhy = "out of reach as this drill has it";

}  // namespace

Answer<KeyDescription> UnreachableVault::describe(const Location& location) {
    static_cast<void>(location);
    return Answer<KeyDescription>::refuse(Outcome::unavailable, kWhy);
}

Answer<Bytes> UnreachableVault::wrap(const Location& location, ByteView plaintext, const Binding& binding) {
    static_cast<void>(location);
    static_cast<void>(plaintext);
    static_cast<void>(binding);
    return Answer<Bytes>::refuse(Outcome::unavailable, kWhy);
}

Answer<SecretBytes> UnreachableVault::unwrap(const Location& location, ByteView wrapped, const Binding& binding) {
    static_cast<void>(location);
    static_cast<void>(wrapped);
    static_cast<void>(binding);
    return Answer<SecretBytes>::refuse(Outcome::unavailable, kWhy);
}

}  // namespace signet::keyring
