#include "format/compress.h"

#include "tests/support/matchers.h"
#include "tests/unit/format/allocation_watch.h"
#include "tests/unit/format/samples.h"

#include <zstd.h>

using namespace signet;
using namespace signet::format;
using namespace signet::test;

namespace {

Bytes compressible(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i / 7 % 50);
    return bytes;
}

/// SHA-256 output in a row, longer than one HKDF gives.
Bytes incompressible(std::size_t size) {
    Bytes bytes;
    for (std::size_t i = 0; bytes.size() < size; ++i) {
        const Bytes part = sample_octets("incompressible " + std::to_string(i), 8000);
        bytes.insert(bytes.end(), part.begin(), part.end());
    }
    bytes.resize(size);
    return bytes;
}

Bytes with_skippable(Bytes frame) {
    const Bytes skippable = from_hex_text("502a4d1801000000ff");
    frame.insert(frame.end(), skippable.begin(), skippable.end());
    return frame;
}

Bytes without_size(const Bytes& raw) {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    Bytes out(ZSTD_compressBound(raw.size()));
    out.resize(ZSTD_compress2(context, out.data(), out.size(), raw.data(), raw.size()));
    ZSTD_freeCCtx(context);
    return out;
}

Bytes with_dictionary(const Bytes& raw) {
    // Any dictionary with an id will do; this is the smallest there is: magic, id, entropy tables from a trained one
    // would be needed, so the id is set in the header of a plain frame instead.
    Bytes frame = Compressor().compress(raw);
    frame[4] = static_cast<std::uint8_t>(frame[4] | 1);
    const std::size_t after_descriptor = (frame[4] & 0x20) != 0 ? 5 : 6;
    frame.insert(frame.begin() + static_cast<std::ptrdiff_t>(after_descriptor), 7);
    return frame;
}

}  // namespace

TEST_CASE("octets come back from zstd as they were", "[format][compress]") {
    const std::size_t size = GENERATE(as<std::size_t>{}, 0, 1, 2, 255, 256, 65'535, 65'536, 131'072, 1'048'576);
    Compressor compressor;
    Decompressor decompressor;
    for (const Bytes& raw : {compressible(size), incompressible(size)}) {
        const Bytes frame = compressor.compress(raw);
        CHECK(frame.size() <= Compressor::bound(size));
        CHECK(decompressor.decompress(frame, size, "frame") == raw);
        Bytes out(size);
        REQUIRE(decompressor.decompress(frame, out));
        CHECK(out == raw);
    }
}

TEST_CASE("a compressor is used again and again with the same result", "[format][compress]") {
    Compressor compressor;
    const Bytes raw = compressible(50'000);
    const Bytes first = compressor.compress(raw);
    (void)compressor.compress(incompressible(300'000));
    CHECK(compressor.compress(raw) == first);
    Compressor moved = std::move(compressor);
    CHECK(moved.compress(raw) == first);
}

TEST_CASE("a zstd frame is refused when its size is not what is wanted", "[format][compress]") {
    const Bytes frame = Compressor().compress(compressible(1000));
    Decompressor decompressor;
    Bytes shorter(999);
    Bytes longer(1001);
    CHECK_FALSE(decompressor.decompress(frame, shorter));
    CHECK_FALSE(decompressor.decompress(frame, longer));
    REQUIRE_THROWS_MATCHES(decompressor.decompress(frame, 999, "frame"), Error, has_code(ErrorCode::damaged));
    CHECK(decompressor.decompress(frame, 1000, "frame").size() == 1000);
}

TEST_CASE("anything but exactly one zstd frame with its size is refused", "[format][compress]") {
    const Bytes raw = compressible(1000);
    const Bytes frame = Compressor().compress(raw);
    Bytes two = frame;
    two.insert(two.end(), frame.begin(), frame.end());
    Bytes longer = frame;
    longer.push_back(0);
    const Bytes skippable = from_hex_text("502a4d1800000000");
    Decompressor decompressor;
    for (const Bytes& bad : {Bytes{}, Bytes{0x28, 0xb5, 0x2f}, two, longer, with_skippable(frame), skippable,
                             without_size(raw), with_dictionary(raw), raw}) {
        CAPTURE(to_hex(ByteView(bad).first(std::min<std::size_t>(bad.size(), 16))), bad.size());
        Bytes out(raw.size());
        CHECK_FALSE(decompressor.decompress(bad, out));
        Bytes nothing;
        CHECK_FALSE(decompressor.decompress(bad, nothing));
        REQUIRE_THROWS_MATCHES(decompressor.decompress(bad, 4000, "frame"), Error, has_code(ErrorCode::damaged));
    }
    // And afterwards it still works.
    CHECK(decompressor.decompress(frame, 1000, "frame") == raw);
}

TEST_CASE("every truncation of a zstd frame is refused", "[format][compress]") {
    const Bytes frame = Compressor().compress(compressible(3000));
    Decompressor decompressor;
    Bytes out(3000);
    each_truncation(frame, [&](const Bytes& cut) {
        if (decompressor.decompress(cut, out)) FAIL(cut.size() << " octets");
    });
}

TEST_CASE("a declared size over its limit allocates nothing", "[format][compress][hostile]") {
    const Bytes bomb = Compressor().compress(Bytes(8 * 1024 * 1024));
    CHECK(bomb.size() < 2000);
    Decompressor decompressor;
    const AllocationWatch watch;
    REQUIRE_THROWS_MATCHES(decompressor.decompress(bomb, 8 * 1024 * 1024 - 1, "bomb"), Error,
                           has_code(ErrorCode::damaged));
    CHECK(watch.largest() < 64 * 1024);
}

TEST_CASE("a sample tells what is not worth compressing, from 128 KiB on", "[format][compress]") {
    Compressor compressor;
    CHECK(compressor.looks_incompressible(incompressible(1 << 20)));
    CHECK(compressor.looks_incompressible(incompressible(128 * 1024)));
    CHECK_FALSE(compressor.looks_incompressible(incompressible(128 * 1024 - 1)));
    CHECK_FALSE(compressor.looks_incompressible(compressible(1 << 20)));
    CHECK_FALSE(compressor.looks_incompressible({}));
    Bytes half = incompressible(1 << 20);
    std::fill(half.begin() + (1 << 19), half.end(), std::uint8_t{0});
    CHECK_FALSE(compressor.looks_incompressible(half));
}
