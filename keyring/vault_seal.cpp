#include "keyring/vault_seal.h"

#include "core/byte_io.h"
#include "core/crypto/aead.h"
#include "core/crypto/digest.h"
#include "core/crypto/random.h"

namespace signet::keyring {
namespace {

constexpr std::size_t kSaltSize = 32;
constexpr std::size_t kScryptSaltSize = 16;

constexpr std::string_view kMacLabel("signet/vault-mac/v1\0", 20);
constexpr std::string_view kSlotLabel("signet/vault-slot/v1\0", 21);
constexpr std::string_view kKeyLabel("signet/vault-key/v1\0", 20);
constexpr std::string_view kIdentityLabel("signet/vault-identity/v1\0", 25);
constexpr std::string_view kCheckLabel("signet/check/v1\0", 16);

Bytes context_of(std::string_view label, const VaultId& vault, ByteView name) {
    ByteWriter writer;
    writer.raw(label);
    writer.id(vault);
    writer.raw(name);
    return writer.take();
}

Bytes random_bytes(std::size_t size) {
    Bytes bytes(size);
    crypto::random_fill(bytes);
    return bytes;
}

/// A passphrase makes 64 octets: a key, and octets whose hash tells a wrong passphrase from damage.
struct SlotKey {
    SecretBytes key;
    Digest check;
};

SlotKey derive_slot_key(const SecretBytes& passphrase, ByteView salt, const crypto::ScryptCost& cost) {
    const SecretBytes derived = crypto::scrypt(passphrase.reveal(), salt, cost, 2 * kVaultKeySize);
    return {SecretBytes(derived.reveal().first(kVaultKeySize)),
            crypto::sha256({as_bytes(kCheckLabel), derived.reveal().subspan(kVaultKeySize)})};
}

}  // namespace

Bytes key_context(const VaultId& vault, const format::Thumbprint& thumbprint) {
    ByteWriter name;
    thumbprint.encode(name);
    return context_of(kKeyLabel, vault, name.view());
}

Bytes identity_context(const VaultId& vault, const IdentityId& identity) {
    return context_of(kIdentityLabel, vault, identity.view());
}

Sealed seal(const SecretBytes& vault_key, const Bytes& context, ByteView plaintext) {
    Sealed sealed{random_bytes(kSaltSize), {}};
    crypto::Aead aead(crypto::hkdf_expand(vault_key.reveal(), {context, sealed.salt}, kVaultKeySize).reveal());
    sealed.octets = aead.seal(crypto::Nonce::counter(0), context, plaintext);
    return sealed;
}

SecretBytes open_sealed(const SecretBytes& vault_key, const Bytes& context, const Sealed& sealed,
                        std::string_view what) {
    crypto::Aead aead(crypto::hkdf_expand(vault_key.reveal(), {context, sealed.salt}, kVaultKeySize).reveal());
    return aead.open_secret(crypto::Nonce::counter(0), context, sealed.octets, what);
}

Json make_passphrase_slot(const VaultId& vault, const SecretBytes& vault_key, const SecretBytes& passphrase,
                          const crypto::ScryptCost& cost) {
    if (passphrase.empty()) throw Error(ErrorCode::usage, "an empty passphrase protects nothing");
    const Bytes salt = random_bytes(kScryptSaltSize);
    const SlotKey slot = derive_slot_key(passphrase, salt, cost);
    crypto::Aead aead(slot.key.reveal());
    const Bytes sealed =
        aead.seal(crypto::Nonce::counter(0), context_of(kSlotLabel, vault, as_bytes("passphrase")), vault_key.reveal());
    return {{"kind", "passphrase"},       {"scrypt_log2_n", cost.log2_n}, {"scrypt_r", cost.r},
            {"scrypt_p", cost.p},         {"salt", to_base64(salt)},      {"check", slot.check.hex()},
            {"sealed", to_base64(sealed)}};
}

bool is_passphrase_slot(const Json& slot) {
    const auto kind = slot.find("kind");
    return slot.is_object() && kind != slot.end() && *kind == "passphrase";
}

std::optional<SecretBytes> try_passphrase_slot(const Json& slot, const VaultId& vault, const SecretBytes& passphrase,
                                               std::string_view what) {
    const JsonObject fields(slot, what);
    const crypto::ScryptCost cost{static_cast<std::uint8_t>(fields.number("scrypt_log2_n", 20)),
                                  static_cast<std::uint8_t>(fields.number("scrypt_r", 32)),
                                  static_cast<std::uint8_t>(fields.number("scrypt_p", 16))};
    const SlotKey key = derive_slot_key(passphrase, fields.base64("salt"), cost);
    if (!constant_time_equal(key.check.view(), fields.id<Digest>("check").view())) return std::nullopt;
    crypto::Aead aead(key.key.reveal());
    SecretBytes vault_key =
        aead.open_secret(crypto::Nonce::counter(0), context_of(kSlotLabel, vault, as_bytes("passphrase")),
                         fields.base64("sealed"), what);
    if (vault_key.size() != kVaultKeySize) fields.fail("sealed");
    return vault_key;
}

Digest mac_of(const SecretBytes& vault_key, const VaultId& vault, const Json& body_without_mac) {
    const SecretBytes key = crypto::hkdf_expand(vault_key.reveal(), {as_bytes(kMacLabel), vault.view()}, kVaultKeySize);
    return crypto::HmacSha256(key.reveal()).compute({as_bytes(kMacLabel), as_bytes(compact(body_without_mac))});
}

}  // namespace signet::keyring
