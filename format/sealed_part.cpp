#include "format/sealed_part.h"

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "format/encoding.h"

namespace signet::format {
namespace {

constexpr std::size_t kSaltSize = 32;

crypto::Aead labels_cipher(const HalfContext& context, const SecretBytes& label_key, ByteView salt) {
    const SecretBytes key = crypto::hkdf_expand(label_key.reveal(),
                                                {label("signet/labels/v1"), context.repository.view(),
                                                 context.identity.view(), u64_octets(context.sequence), salt},
                                                crypto::kAeadKeySize);
    return crypto::Aead(key.reveal());
}

crypto::Aead body_cipher(const HalfContext& context, const DataKey& dek, ByteView salt) {
    const SecretBytes key = crypto::hkdf_expand(dek.secret().reveal(),
                                                {label("signet/body/v1"), context.repository.view(), dek.id().view(),
                                                 context.identity.view(), u64_octets(context.sequence), salt},
                                                crypto::kAeadKeySize);
    return crypto::Aead(key.reveal());
}

void append_half(ByteWriter& out, const Digest& salt, crypto::Aead cipher, ByteView associated, ByteView plaintext) {
    const Bytes sealed = cipher.seal(crypto::Nonce::counter(0), associated, plaintext);
    out.id(salt);
    out.u32(static_cast<std::uint32_t>(sealed.size()));
    out.raw(sealed);
}

std::optional<SecretBytes> open_half(const Half& half, crypto::Aead cipher, ByteView associated) {
    SecretBytes plaintext(half.sealed.size() - crypto::kAeadTagSize);
    if (!cipher.open(crypto::Nonce::counter(0), associated, half.sealed, plaintext.mutable_view())) return std::nullopt;
    return plaintext;
}

HalfContext context_of(const SignedEntry& entry) {
    return {entry.head.repository, entry.identity, entry.head.sequence};
}

}  // namespace

std::size_t half_size(std::size_t plaintext_size) { return kSaltSize + 4 + plaintext_size + crypto::kAeadTagSize; }

void seal_labels_half(ByteWriter& out, const HalfContext& context, const SecretBytes& label_key, ByteView associated,
                      ByteView plaintext) {
    const auto salt = crypto::random_id<Digest>();
    append_half(out, salt, labels_cipher(context, label_key, salt.view()), associated, plaintext);
}

void seal_body_half(ByteWriter& out, const HalfContext& context, const DataKey& dek, ByteView associated,
                    ByteView plaintext) {
    const auto salt = crypto::random_id<Digest>();
    append_half(out, salt, body_cipher(context, dek, salt.view()), associated, plaintext);
}

Bytes make_entry_of_halves(EntryKind kind, const EntryHead& head, ByteView public_part, const SecretBytes& label_key,
                           ByteView labels, Bytes body, const DataKey& dek, const crypto::SigningKey& key) {
    const std::size_t sealed_size = half_size(labels.size()) + half_size(body.size());
    Bytes prefix = entry_prefix(kind, public_part, sealed_size);
    const IdentityId identity = head.signer.identity();
    const HalfContext context{head.repository, identity, head.sequence};
    ByteWriter sealed;
    seal_labels_half(sealed, context, label_key, prefix, labels);
    seal_body_half(sealed, context, dek, prefix, body);
    wipe(body);
    return sign_entry(std::move(prefix), sealed.view(), key);
}

Half Half::decode(ByteReader& reader) {
    Half half;
    half.salt = reader.raw(kSaltSize);
    half.sealed = reader.raw(reader.u32());
    if (half.sealed.size() <= crypto::kAeadTagSize) reader.fail("nothing sealed");
    return half;
}

std::optional<SecretBytes> open_labels_half(const Half& half, const SignedEntry& entry, const SecretBytes& label_key) {
    return open_half(half, labels_cipher(context_of(entry), label_key, half.salt), entry.associated());
}

SecretBytes open_body_half(const Half& half, const SignedEntry& entry, const DataKey& dek, std::string_view what) {
    auto plaintext = open_half(half, body_cipher(context_of(entry), dek, half.salt), entry.associated());
    if (!plaintext) throw_damaged(what, "its body does not authenticate");
    return std::move(*plaintext);
}

}  // namespace signet::format
