// Data keys and everything derived from them (docs/format.md sections 6, 8, 9).
#pragma once

#include "core/crypto/aead.h"
#include "core/id.h"
#include "core/secret.h"

namespace signet::format {

/// 32 octets that seal one run's packs. Move-only.
class DataKey {
public:
    [[nodiscard]] static DataKey generate(const RepositoryId& repository);
    /// From an unwrapped secret of 32 octets.
    DataKey(const RepositoryId& repository, const DekId& id, SecretBytes secret);

    [[nodiscard]] const RepositoryId& repository() const { return repository_; }
    [[nodiscard]] const DekId& id() const { return id_; }
    [[nodiscard]] const Digest& commitment() const { return commitment_; }
    [[nodiscard]] const SecretBytes& secret() const { return secret_; }
    [[nodiscard]] DataKey clone() const { return {repository_, id_, secret_.clone()}; }

private:
    RepositoryId repository_;
    DekId id_;
    SecretBytes secret_;
    Digest commitment_;
};

/// The keys of one writer. They come from one secret in its identity file; every sealed body carries the first three.
struct WriterKeys {
    SecretBytes id_key;     ///< names chunks
    SecretBytes index_key;  ///< seals index segments
    SecretBytes label_key;  ///< seals names; also makes series ids
    [[nodiscard]] WriterKeys clone() const { return {id_key.clone(), index_key.clone(), label_key.clone()}; }
    /// "signet/writer/{id,index,label}/v1"\0 ‖ repository id under HKDF-Expand(secret).
    [[nodiscard]] static WriterKeys derive(ByteView writer_secret, const RepositoryId& repository);
};

/// How contents are cut: from the writer's id key, so that its successor cuts them alike.
[[nodiscard]] SecretBytes derive_cut_key(const SecretBytes& id_key, const RepositoryId& repository);
/// A key of the host alone, for its caches.
[[nodiscard]] SecretBytes derive_cache_key(ByteView writer_secret, const RepositoryId& repository);

[[nodiscard]] SeriesId series_id(const SecretBytes& label_key, std::string_view series_name);

}  // namespace signet::format
