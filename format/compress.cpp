#include "format/compress.h"

#include "core/error.h"
#include "core/handle.h"
#include "format/encoding.h"

#include <zstd.h>

#include <algorithm>
#include <array>

namespace signet::format {
namespace {

using CompressContext = Handle<ZSTD_CCtx, ZSTD_freeCCtx>;
using DecompressContext = Handle<ZSTD_DCtx, ZSTD_freeDCtx>;

constexpr std::array<std::uint8_t, 4> kFrameMagic{0x28, 0xb5, 0x2f, 0xfd};
constexpr std::uint64_t kMaxWindow = std::uint64_t{128} * 1024 * 1024;
constexpr std::size_t kSampleFrom = std::size_t{128} * 1024;
constexpr std::size_t kSampleSize = std::size_t{16} * 1024;

std::size_t checked(std::size_t result, const char* action) {
    if (ZSTD_isError(result) != 0) {
        throw Error(ErrorCode::failed, std::string(action) + ": " + ZSTD_getErrorName(result));
    }
    return result;
}

CompressContext make_compress_context(int level) {
    CompressContext context(ZSTD_createCCtx());
    if (!context) throw Error(ErrorCode::failed, "zstd: out of memory");
    checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level), "zstd level");
    if (level == 3) {
        // Tables of twice the size suit frames of many small files: 0.4 to 0.8 % smaller for 3 to 5 % more time.
        checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_hashLog, 18), "zstd hash table");
        checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_chainLog, 17), "zstd chain table");
    }
    checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 1), "zstd content size");
    // What is compressed here is authenticated afterwards; a checksum would add nothing.
    checked(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 0), "zstd checksum");
    return context;
}

/// Whether a frame's window is within what every decoder must be ready for (RFC 8878 section 3.1.1.1.2).
bool is_window_in_limits(ByteView frame) {
    constexpr unsigned kSingleSegment = 0x20;
    if (frame.size() < 6) return false;
    // Without a window of its own, the window is the content, and that has its limit already.
    if ((frame[4] & kSingleSegment) != 0) return true;
    const std::uint64_t base = std::uint64_t{1} << (10U + (frame[5] >> 3U));
    return base + base / 8 * (frame[5] & 7U) <= kMaxWindow;
}

/// The size that the one zstd frame in `frame` declares.
/// returns  false: not exactly one frame, a skippable or older frame, a dictionary, too large a window,
///          or no declared size
bool declared_size(ByteView frame, std::uint64_t& size) {
    if (frame.size() < kFrameMagic.size() || !std::equal(kFrameMagic.begin(), kFrameMagic.end(), frame.begin())) {
        return false;
    }
    const unsigned long long declared = ZSTD_getFrameContentSize(frame.data(), frame.size());
    if (declared == ZSTD_CONTENTSIZE_UNKNOWN || declared == ZSTD_CONTENTSIZE_ERROR) return false;
    if (ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size()) return false;
    if (ZSTD_getDictID_fromFrame(frame.data(), frame.size()) != 0) return false;
    if (!is_window_in_limits(frame)) return false;
    size = declared;
    return true;
}

}  // namespace

struct Compressor::State {
    CompressContext context;
    CompressContext sampler;  // made when first needed
    Bytes scratch;
};

Compressor::Compressor(int level) : state_(new State{make_compress_context(level), nullptr, {}}) {}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;
Compressor& Compressor::operator=(Compressor&&) noexcept = default;

std::size_t Compressor::bound(std::size_t raw_size) { return ZSTD_compressBound(raw_size); }

std::size_t Compressor::compress(ByteView raw, MutableByteView out) {
    return checked(ZSTD_compress2(state_->context.get(), out.data(), out.size(), raw.data(), raw.size()), "zstd");
}

Bytes Compressor::compress(ByteView raw) {
    Bytes out(bound(raw.size()));
    out.resize(compress(raw, out));
    return out;
}

bool Compressor::looks_incompressible(ByteView raw) {
    if (raw.size() < kSampleFrom) return false;
    if (!state_->sampler) {
        state_->sampler = make_compress_context(1);
        state_->scratch.resize(bound(kSampleSize));
    }
    std::size_t compressed = 0;
    for (const std::size_t quarter : {1U, 3U}) {
        const ByteView sample = raw.subspan(raw.size() / 4 * quarter, kSampleSize);
        compressed += checked(ZSTD_compress2(state_->sampler.get(), state_->scratch.data(), state_->scratch.size(),
                                             sample.data(), sample.size()),
                              "zstd sample");
    }
    // Saving less than one part in 32 costs more time on every read than it is worth.
    return compressed > 2 * kSampleSize - 2 * kSampleSize / 32;
}

struct Decompressor::State {
    DecompressContext context;
};

Decompressor::Decompressor() : state_(new State{DecompressContext(ZSTD_createDCtx())}) {
    if (!state_->context) throw Error(ErrorCode::failed, "zstd: out of memory");
}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;

bool Decompressor::decompress(ByteView frame, MutableByteView out) {
    std::uint64_t size = 0;
    if (!declared_size(frame, size) || size != out.size()) return false;
    // ZSTD_decompressDCtx fails with an error code, never equal to a size.
    return ZSTD_decompressDCtx(state_->context.get(), out.data(), out.size(), frame.data(), frame.size()) == out.size();
}

Bytes Decompressor::decompress(ByteView frame, std::size_t limit, std::string_view what) {
    std::uint64_t size = 0;
    if (!declared_size(frame, size)) throw_damaged(what, "not one zstd frame with its size");
    if (size > limit) throw_damaged(what, "declares more octets than its limit");
    Bytes out(static_cast<std::size_t>(size));
    if (!decompress(frame, out)) throw_damaged(what, "does not decompress");
    return out;
}

}  // namespace signet::format
