// zstd, the only place that includes it. Frames always declare their content size (docs/format.md section 3).
#pragma once

#include "core/bytes.h"

#include <memory>
#include <string_view>

namespace signet::format {

/// Reusable compression state. Not for two threads at once.
class Compressor {
public:
    explicit Compressor(int level = 3);
    ~Compressor();
    Compressor(Compressor&&) noexcept;
    Compressor& operator=(Compressor&&) noexcept;
    /// Largest possible result for `raw_size` octets.
    [[nodiscard]] static std::size_t bound(std::size_t raw_size);
    /// returns  octets written to `out`, which has at least bound(raw.size())
    [[nodiscard]] std::size_t compress(ByteView raw, MutableByteView out);
    [[nodiscard]] Bytes compress(ByteView raw);
    /// Whether a sample says that compressing is not worth while (two samples of 16 KiB at level 1; from 128 KiB on).
    [[nodiscard]] bool looks_incompressible(ByteView raw);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Reusable decompression state. Not for two threads at once.
class Decompressor {
public:
    Decompressor();
    ~Decompressor();
    Decompressor(Decompressor&&) noexcept;
    Decompressor& operator=(Decompressor&&) noexcept;
    /// Decompresses exactly one frame that declares and yields exactly out.size() octets.
    /// returns  false otherwise; `out` is then unspecified
    [[nodiscard]] bool decompress(ByteView frame, MutableByteView out);
    /// Takes the size from the frame, at most `limit`. throws  Error{damaged}
    [[nodiscard]] Bytes decompress(ByteView frame, std::size_t limit, std::string_view what);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace signet::format
