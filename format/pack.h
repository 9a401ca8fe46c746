// Packs: sealed frames of one run (docs/format.md section 9).
#pragma once

#include "core/crypto/aead.h"
#include "format/content.h"
#include "format/data_key.h"
#include "format/limits.h"

#include <array>
#include <span>
#include <vector>

namespace signet::format {

inline constexpr std::size_t kPackHeaderSize = 128;
inline constexpr std::size_t kPackTrailerSize = 16;

enum class FrameKind : std::uint8_t { data = 1, metadata = 2 };
enum class Codec : std::uint8_t { raw = 0, zstd = 1 };

/// What the directory and the index say of one frame.
struct FrameRecord {
    FrameKind kind = FrameKind::data;
    Codec codec = Codec::raw;
    std::uint32_t sealed_size = 0;  ///< with the tag
    std::uint32_t raw_size = 0;
    std::vector<std::uint32_t> chunk_lengths;

    void encode(ByteWriter& writer) const;
    [[nodiscard]] static FrameRecord decode(ByteReader& reader);
};

/// The keys of one pack and its header. Immutable once made; make one FrameCipher for each thread.
class PackKeys {
public:
    /// A new pack: random salt. counter  different in all packs of this DEK.
    [[nodiscard]] static PackKeys create(const DataKey& key, std::uint32_t counter);
    /// An existing pack. header  its first 128 octets.
    /// throws  Error{damaged}: magic, reserved octets, repository, DEK or commitment differ; Error{unsupported}
    [[nodiscard]] static PackKeys open(const DataKey& key, ByteView header, std::string_view what);
    /// The DEK that a pack header names, before any key is at hand.
    [[nodiscard]] static DekId dek_of(ByteView header, std::string_view what);

    [[nodiscard]] ByteView header() const { return header_; }
    [[nodiscard]] const SecretBytes& frame_key() const { return frame_key_; }
    [[nodiscard]] const SecretBytes& directory_key() const { return directory_key_; }
    [[nodiscard]] const RepositoryId& repository() const { return repository_; }
    [[nodiscard]] const DekId& dek() const { return dek_; }

private:
    PackKeys() = default;
    std::array<std::uint8_t, kPackHeaderSize> header_{};
    RepositoryId repository_;
    DekId dek_;
    SecretBytes frame_key_;
    SecretBytes directory_key_;
};

/// Seals and opens frames of one pack. One for each thread and pack.
class FrameCipher {
public:
    explicit FrameCipher(const PackKeys& keys);
    struct Position {
        std::uint32_t number = 0;
        FrameKind kind = FrameKind::data;
        Codec codec = Codec::raw;
        std::uint32_t raw_size = 0;
    };
    /// sealed  exactly payload.size() + 16 octets
    void seal(const Position& position, ByteView payload, MutableByteView sealed);
    /// returns  false when it does not authenticate; nothing is released
    [[nodiscard]] bool open(const Position& position, ByteView sealed, MutableByteView payload);

private:
    RepositoryId repository_;
    DekId dek_;
    crypto::Aead aead_;
};

/// The sealed directory and trailer that end a pack whose frames take `frames_size` octets.
[[nodiscard]] Bytes seal_pack_end(const PackKeys& keys, const std::vector<FrameRecord>& frames,
                                  std::uint64_t frames_size);
/// Opens the directory of a whole pack, or of its end. `end` holds the last octets of the object (directory and
/// trailer). object_size  of the whole object. throws  Error{damaged}: also when the frames do not tile the object
[[nodiscard]] std::vector<FrameRecord> open_pack_directory(const PackKeys& keys, ByteView end,
                                                           std::uint64_t object_size, std::string_view what);
/// D from the trailer (the last 16 octets). throws  Error{damaged}
[[nodiscard]] std::uint32_t directory_size(ByteView trailer, std::uint64_t object_size, std::string_view what);

}  // namespace signet::format
