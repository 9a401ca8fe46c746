// Copies what is needed of packs into new ones: frames that are needed whole as they are, and of the others the chunks
// that are needed, gathered in new frames.
#pragma once

#include "core/crypto/digest.h"
#include "format/compress.h"
#include "restore/index_rows.h"
#include "restore/pack_reader.h"
#include "restore/referenced_chunks.h"
#include "restore/repacker.h"

#include <array>
#include <memory>
#include <vector>

namespace signet::restore {

/// What is needed of a pack's octets, as far as its index tells: of a frame that is needed in part, that part.
/// returns  at most the pack's size
[[nodiscard]] std::uint64_t needed_octets(const PackRows& rows, const ReferencedChunks& needed);

/// For one thread. Makes packs of one repacker's data key.
class Sieve {
public:
    /// All outlive it. id_key  of the writer whose chunks these are
    Sieve(Repacker& repacker, const SecretBytes& id_key, const ReferencedChunks& needed);

    /// Takes what is needed of a pack. Each chunk is compared with its id, and each frame that was sealed is opened
    /// again and compared. source  at its first frame; rows  what the index says of it
    /// throws  Error{damaged}: a frame or a needed chunk is not what it should be; what was taken of the pack until
    ///         then is in new packs, and harms nothing; Error{failed}; Error{io}
    void take(PackReader& source, const PackRows& rows);
    /// Ends the packs that are open: all that was taken is in packs that the repacker has.
    void finish();

private:
    /// Packs of one kind of frames, so that whoever reads folders need not read files.
    struct Lane {
        format::FrameKind kind{};
        std::unique_ptr<PackMaker> pack;
        std::vector<ChunkId> ids;  ///< of the pack's frames
        std::size_t frames = 0;
        std::uint64_t octets = 0;
        // The frame that is being gathered.
        Bytes raw;
        std::vector<std::uint32_t> lengths;
        std::vector<ChunkId> gathered;
    };
    struct Wanted {
        ByteView octets;
        ChunkId id;
    };
    void require_id(format::FrameKind kind, const Wanted& chunk, const std::string& name);
    void gather(Lane& lane, const Wanted& chunk);
    void end_frame(Lane& lane);
    void add(Lane& lane, const format::FrameRecord& record, ByteView payload, const std::vector<ChunkId>& ids);
    void end_pack(Lane& lane);

    Repacker& repacker_;
    crypto::HmacSha256 hmac_;
    const ReferencedChunks& needed_;
    format::Compressor compressor_;
    std::array<Lane, 2> lanes_;
};

}  // namespace signet::restore
