#include "format/data_key.h"

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "core/error.h"
#include "format/encoding.h"

namespace signet::format {
namespace {

constexpr std::size_t kKeySize = 32;

SecretBytes derive_writer_key(ByteView writer_secret, ByteView key_label, const RepositoryId& repository) {
    invariant(writer_secret.size() == kKeySize, "a writer's secret has 32 octets");
    return crypto::hkdf_expand(writer_secret, {key_label, repository.view()}, kKeySize);
}

}  // namespace

DataKey DataKey::generate(const RepositoryId& repository) {
    return {repository, crypto::random_id<DekId>(), crypto::random_secret(kKeySize)};
}

DataKey::DataKey(const RepositoryId& repository, const DekId& id, SecretBytes secret)
    : repository_(repository), id_(id), secret_(std::move(secret)) {
    invariant(secret_.size() == kKeySize, "a data key has 32 octets");
    const SecretBytes commitment = crypto::hkdf_expand(
        secret_.reveal(), {label("signet/dek-commit/v1"), repository_.view(), id_.view()}, Digest::kSize);
    commitment_ = Digest::from(commitment.reveal());
}

WriterKeys WriterKeys::derive(ByteView writer_secret, const RepositoryId& repository) {
    return {derive_writer_key(writer_secret, label("signet/writer/id/v1"), repository),
            derive_writer_key(writer_secret, label("signet/writer/index/v1"), repository),
            derive_writer_key(writer_secret, label("signet/writer/label/v1"), repository)};
}

SecretBytes derive_cut_key(const SecretBytes& id_key, const RepositoryId& repository) {
    return derive_writer_key(id_key.reveal(), label("signet/writer/cut/v1"), repository);
}

SecretBytes derive_cache_key(ByteView writer_secret, const RepositoryId& repository) {
    return derive_writer_key(writer_secret, label("signet/writer/cache/v1"), repository);
}

SeriesId series_id(const SecretBytes& label_key, std::string_view series_name) {
    crypto::HmacSha256 hmac(label_key.reveal());
    const Digest digest = hmac.compute({label("signet/series/v1"), as_bytes(series_name)});
    return SeriesId::from(digest.view().first(SeriesId::kSize));
}

}  // namespace signet::format
