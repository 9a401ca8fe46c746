// Logs: one object each, sealed frames in front and a public, signed trailer behind (docs/format.md section 16).
#pragma once

#include "core/aligned_buffer.h"
#include "core/clock.h"
#include "core/crypto/identity_key.h"
#include "format/compress.h"
#include "format/data_key.h"
#include "format/log_name.h"

#include <optional>
#include <string>
#include <vector>

namespace signet::format {

/// A log: SHA-256 of its object from the trailer on.
using LogId = Id<struct LogTag, 32>;

inline constexpr std::size_t kLogHeadSize = 88;
/// What follows the trailer: its length and the signature.
inline constexpr std::size_t kLogTailSize = 68;

/// The first octets of the object; the key of its frames depends on all of them.
struct LogHead {
    RepositoryId repository;
    DekId dek;
    std::uint64_t number = 0;  ///< in its epoch, from 1
    Digest salt;

    [[nodiscard]] Bytes encode() const;
    /// throws  Error{damaged}, Error{unsupported}
    [[nodiscard]] static LogHead decode(ByteView bytes, std::string_view what);
};

/// What everybody can read of a log.
struct LogTrailer {
    RepositoryId repository;
    DekId epoch;
    std::uint64_t place = 0;  ///< its number in the epoch
    crypto::VerifyKey signer;
    Digest before;   ///< SHA-256 of all octets before the trailer
    LogId previous;  ///< in its epoch; zero in the first
    LogKind kind = LogKind::generic;
    std::string name;
    TimePoint modified;
    TimePoint stored;
    std::uint64_t size = 0;
    Digest content_tag;
    // Of generic ones.
    std::optional<std::uint64_t> number;
    std::string first;
    std::string last;
    // Of PostgreSQL's.
    std::uint32_t timeline = 0;
    std::uint64_t position = 0;  ///< not of a history
    std::vector<TimelineSwitch> switches;

    [[nodiscard]] Bytes encode() const;
    /// throws  Error{damaged}
    [[nodiscard]] static LogTrailer decode(ByteView bytes, std::string_view what);
};

/// A log as its end shows it.
struct SignedLog {
    LogTrailer trailer;
    LogId id;
    std::uint64_t object_size = 0;
    std::uint64_t frames_end = 0;  ///< where the trailer starts
    Digest message;                ///< of what was signed
    crypto::Signature signature{};

    /// throws  Error{damaged}
    void require_signature(std::string_view what) const;
};

/// Octets that are enough for the end of most logs.
inline constexpr std::size_t kUsualLogEnd = 1024;
/// How many octets at the end of an object its trailer and what follows take.
/// end  the last kLogTailSize octets at least. throws  Error{damaged}
[[nodiscard]] std::size_t log_end_size(ByteView end, std::uint64_t object_size, std::string_view what);
/// end  the last octets of the object, log_end_size() of them at least. The signature is not verified here: ids of
/// those before follow from the last log of an epoch. throws  Error{damaged}
[[nodiscard]] SignedLog decode_log_end(ByteView end, std::uint64_t object_size, std::string_view what);
/// Trailer, its length, signature: all that follows the frames. trailer.signer is set from the key.
[[nodiscard]] Bytes make_log_end(LogTrailer trailer, const crypto::SigningKey& key);

/// "This is the same content", for the writer alone. content  SHA-256 of it
[[nodiscard]] Digest log_content_tag(const SecretBytes& id_key, const Digest& content);

/// The chain key of the next log of an epoch. It leads to those that follow, and never back.
class LogChain {
public:
    [[nodiscard]] static LogChain start(const DataKey& dek);
    /// key  the chain key of log `next`
    LogChain(const RepositoryId& repository, const DekId& dek, std::uint64_t next, SecretBytes key);

    [[nodiscard]] const RepositoryId& repository() const { return repository_; }
    [[nodiscard]] const DekId& dek() const { return dek_; }
    [[nodiscard]] std::uint64_t next() const { return next_; }
    [[nodiscard]] const SecretBytes& key() const { return key_; }
    /// The key of the next log's frames. head  as the object has it
    [[nodiscard]] SecretBytes frame_key(ByteView head) const;
    /// To the log after it; the key before is wiped.
    void advance();

private:
    RepositoryId repository_;
    DekId dek_;
    std::uint64_t next_;
    SecretBytes key_;
};

/// Seals the frames of one log. For one thread; several may work on one log, each with its own frames.
class LogFrameSealer {
public:
    LogFrameSealer(const SecretBytes& frame_key, int level);
    /// One frame with its length in front, opened again and compared. raw  1 to 1,048,576 octets
    /// returns  octets that hold until the next call
    [[nodiscard]] ByteView seal(std::uint32_t number, ByteView raw);

private:
    crypto::Aead aead_;
    Compressor compressor_;
    Decompressor decompressor_;
    AlignedBuffer payload_;
    AlignedBuffer sealed_;
    AlignedBuffer opened_;
    AlignedBuffer raw_;
};

/// A frame's length and codec, as they stand before it.
struct LogFrameHead {
    std::uint32_t sealed_size = 0;
    bool is_compressed = false;
    static constexpr std::size_t kSize = 4;
    /// raw_size  of the frame. throws  Error{damaged}: no such frame can be
    [[nodiscard]] static LogFrameHead decode(ByteView bytes, std::size_t raw_size, std::string_view what);
};

/// Opens the frames of one log.
class LogFrameOpener {
public:
    explicit LogFrameOpener(const SecretBytes& frame_key);
    /// out  as large as the frame's raw length. throws  Error{damaged}
    void open(std::uint32_t number, const LogFrameHead& head, ByteView sealed, MutableByteView out,
              std::string_view what);

private:
    crypto::Aead aead_;
    Decompressor decompressor_;
    AlignedBuffer payload_;
};

}  // namespace signet::format
