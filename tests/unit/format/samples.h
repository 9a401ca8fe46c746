// What the tests of format/ share: keys and ids that are always the same, objects made with them, and changes to them.
#pragma once

#include "core/crypto/identity_key.h"
#include "core/crypto/rsa.h"
#include "core/error.h"
#include "format/backup_entry.h"
#include "format/data_key.h"
#include "format/index.h"
#include "format/pack.h"

#include <functional>
#include <optional>
#include <string>

namespace signet::test {

/// Octets that stand for something random: SHA-256 of `name`, cut to the id's size.
template <class IdType>
[[nodiscard]] IdType sample_id(std::string_view name);
[[nodiscard]] Bytes sample_octets(std::string_view name, std::size_t size);
[[nodiscard]] SecretBytes sample_secret(std::string_view name);

[[nodiscard]] RepositoryId sample_repository();
[[nodiscard]] format::DataKey sample_dek(std::string_view name = "dek");
[[nodiscard]] crypto::SigningKey sample_signer(std::string_view name = "writer");
[[nodiscard]] format::WriterKeys sample_writer_keys();
/// tests/vectors/format/protector.pem
[[nodiscard]] const crypto::RsaPrivateKey& sample_protector();
/// A slot of `dek` under sample_protector().
[[nodiscard]] format::Slot sample_slot(const format::DataKey& dek);

/// A pack of three frames (raw, compressed, metadata) with all that describes it.
struct SamplePack {
    Bytes object;
    std::vector<format::FrameRecord> frames;
    std::vector<Bytes> raw;  ///< octets of each frame
};
[[nodiscard]] SamplePack sample_pack(const format::DataKey& dek, std::uint32_t counter = 0);
/// Opens everything in a pack: the directory and all frames. throws  Error{damaged}, Error{unsupported}
[[nodiscard]] std::vector<Bytes> open_whole_pack(const format::DataKey& dek, ByteView object);

[[nodiscard]] format::EntryHead sample_head(std::uint64_t sequence = 2);
[[nodiscard]] format::BackupPublic sample_public(const format::DataKey& dek);
[[nodiscard]] format::Labels sample_labels();
[[nodiscard]] format::BackupBody sample_body();
/// A backup entry by sample_signer(), and its name.
struct NamedObject {
    std::string name;
    Bytes object;
};
[[nodiscard]] NamedObject sample_backup(const format::DataKey& dek, std::uint64_t sequence = 2);

[[nodiscard]] Bytes from_hex_text(std::string_view hex);

/// How an action ended: nothing when it threw no Error.
[[nodiscard]] std::optional<ErrorCode> outcome(const std::function<void()>& action);

/// Calls `visit` with each object that differs from `object` in one bit.
void each_bit_flip(const Bytes& object, const std::function<void(const Bytes& changed, std::size_t bit)>& visit);
/// Calls `visit` with each proper prefix of `object`.
void each_truncation(const Bytes& object, const std::function<void(const Bytes& cut)>& visit);
/// Requires that every bit flip, every truncation and an octet more make `open` throw damaged or unsupported.
void require_all_changes_refused(const Bytes& object, const std::function<void(const Bytes&)>& open);

template <class IdType>
IdType sample_id(std::string_view name) {
    return IdType::from(sample_octets(name, IdType::kSize));
}

}  // namespace signet::test
