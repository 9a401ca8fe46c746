#include "format/slot.h"

#include "core/crypto/digest.h"
#include "format/encoding.h"
#include "format/limits.h"

#include <algorithm>

namespace signet::format {
namespace {

constexpr std::string_view kMagic = "SIGNETSL";
constexpr std::size_t kSecretSize = 32;
constexpr std::size_t kWrapPlaintextSize = kSecretSize + Digest::kSize;

/// What a wrapped key was made for; stands beside the DEK inside the wrapping.
Digest wrap_context(const RepositoryId& repository, const DekId& dek, const Thumbprint& thumbprint) {
    if (thumbprint.kind == Thumbprint::Kind::kms)
        return crypto::sha256({label("signet/wrap-kms/v1"), repository.view(), dek.view()});
    ByteWriter encoded;
    thumbprint.encode(encoded);
    return crypto::sha256({label("signet/wrap/v1"), repository.view(), dek.view(), encoded.view()});
}

}  // namespace

std::string WrapBinding::text() const { return "signet:repository=" + repository.hex() + ",signet:dek=" + dek.hex(); }

WrapAlgorithm algorithm_for(const Thumbprint& thumbprint) {
    return thumbprint.kind == Thumbprint::Kind::kms ? WrapAlgorithm::kms_context : WrapAlgorithm::rsa_oaep_256;
}

Bytes Slot::encode() const {
    invariant(!wrapped.empty() && wrapped.size() <= kMaxWrapped, "a wrapped key has 1 to 4,096 octets");
    invariant(location.size() <= kMaxLocation, "a location has at most 1,024 octets");
    ByteWriter writer;
    writer.raw(kMagic);
    writer.u16(1);
    writer.u16(static_cast<std::uint16_t>(algorithm));
    writer.id(repository);
    writer.id(dek);
    thumbprint.encode(writer);
    writer.id(commitment);
    write_text(writer, location, "the location of a protector");
    writer.blob(wrapped);
    return writer.take();
}

Slot Slot::decode(ByteView bytes, std::string_view what) {
    ByteReader reader(bytes, what);
    read_magic(reader, kMagic, what);
    const std::uint16_t algorithm = reader.u16();
    if (algorithm == 0) reader.fail("no wrap algorithm");
    if (algorithm > static_cast<std::uint16_t>(WrapAlgorithm::kms_context)) {
        throw_unsupported(what, "unknown wrap algorithm " + std::to_string(algorithm));
    }
    Slot slot;
    slot.algorithm = static_cast<WrapAlgorithm>(algorithm);
    slot.repository = reader.id<RepositoryId>();
    slot.dek = reader.id<DekId>();
    slot.thumbprint = Thumbprint::decode(reader);
    slot.commitment = reader.id<Digest>();
    slot.location = read_text(reader, kMaxLocation);
    const ByteView wrapped = reader.blob(kMaxWrapped);
    if (wrapped.empty()) reader.fail("no wrapped key");
    slot.wrapped.assign(wrapped.begin(), wrapped.end());
    reader.expect_end();
    return slot;
}

SecretBytes wrap_plaintext(const DataKey& key, const Thumbprint& thumbprint) {
    const Digest context = wrap_context(key.repository(), key.id(), thumbprint);
    SecretBytes plaintext(kWrapPlaintextSize);
    const auto out = plaintext.mutable_view();
    const ByteView secret = key.secret().reveal();
    std::copy(secret.begin(), secret.end(), out.begin());
    std::copy(context.octets.begin(), context.octets.end(), out.begin() + kSecretSize);
    return plaintext;
}

DataKey accept_unwrapped(const Slot& slot, const SecretBytes& plaintext) {
    const std::string what = "slot of " + slot.thumbprint.short_text() + " for data key " + slot.dek.short_hex();
    if (plaintext.size() != kWrapPlaintextSize) throw_damaged(what, "the unwrapped key has another size");
    const Digest context = wrap_context(slot.repository, slot.dek, slot.thumbprint);
    if (!constant_time_equal(plaintext.reveal().subspan(kSecretSize), context.view())) {
        throw_damaged(what, "the wrapped key was made for something else");
    }
    DataKey key(slot.repository, slot.dek, SecretBytes(plaintext.reveal().first(kSecretSize)));
    if (!constant_time_equal(key.commitment().view(), slot.commitment.view())) {
        throw_damaged(what, "the unwrapped key is not the one that the slot commits to");
    }
    return key;
}

}  // namespace signet::format
