#include "restore/part_writer.h"

#include <fcntl.h>
#include <random>

#include "tests/support/temporary_folder.h"

#include <catch2/catch.hpp>

using namespace signet;
using namespace signet::restore;
using signet::test::TemporaryFolder;

TEST_CASE("parts written in any pieces and order make the file", "[restore][part_writer]") {
    const unsigned seed = Catch::rngSeed();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const bool past_cache = GENERATE(true, false);
    const bool sparse = GENERATE(false, true);
    CAPTURE(past_cache, sparse);
    const AlignedBuffer memory(5 * 1024 * 1024 + 777);
    const MutableByteView content = memory.octets().first(5 * 1024 * 1024 + 777);
    for (auto& octet : content) octet = static_cast<std::uint8_t>(random());
    std::fill(content.begin() + 100'000, content.begin() + 900'000, std::uint8_t{0});

    const TemporaryFolder folder;
    const std::string path = folder / "file";
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(fd);
    REQUIRE(::ftruncate(fd.get(), static_cast<off_t>(content.size())) == 0);
    const UniqueFd direct = past_cache ? open_directly(fd.get(), O_WRONLY) : UniqueFd();
    const AlignedBuffer buffer(PartWriter::kBuffer);

    // Three parts, the last one first, each in pieces of uneven lengths or of whole pages, which lie as they do in
    // frames.
    const std::size_t first_border = GENERATE(std::size_t{1'234'567}, std::size_t{1'228'800});
    const std::vector<std::size_t> borders{0, first_border, 3'000'001, content.size()};
    auto frame = std::make_shared<DecodedFrame>();
    std::uint64_t written = 0;
    for (std::size_t part = 3; part-- > 0;) {
        PartWriter writer(fd.get(), direct.get(), sparse, buffer, path);
        for (std::size_t at = borders[part]; at < borders[part + 1];) {
            const std::size_t wanted =
                random() % 3 == 0 ? 1 + random() % 300'000 : kDirectAlignment * (1 + random() % 100);
            const std::size_t length = std::min<std::size_t>(wanted, borders[part + 1] - at);
            if (random() % 3 == 0) frame = std::make_shared<DecodedFrame>();
            writer.add(frame, ByteView(content).subspan(at, length), at);
            at += length;
        }
        written += writer.flush();
    }
    CHECK(read_file(path, content.size()) == Bytes(content.begin(), content.end()));
    CHECK((sparse ? written < content.size() : written == content.size()));
}

TEST_CASE("a part that jumps over a gap leaves the gap alone", "[restore][part_writer]") {
    const TemporaryFolder folder;
    const std::string path = folder / "file";
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(fd);
    const UniqueFd direct = open_directly(fd.get(), O_WRONLY);
    const AlignedBuffer buffer(PartWriter::kBuffer);
    const Bytes octets(10'000, std::uint8_t{'x'});
    PartWriter writer(fd.get(), direct.get(), false, buffer, path);
    writer.add(nullptr, octets, 0);
    writer.add(nullptr, octets, 50'000);
    CHECK(writer.flush() == 20'000);
    const Bytes file = read_file(path, 100'000);
    REQUIRE(file.size() == 60'000);
    CHECK(std::count(file.begin(), file.end(), std::uint8_t{'x'}) == 20'000);
    CHECK(file[10'000] == 0);
    CHECK(file[49'999] == 0);
    CHECK(file[50'000] == 'x');
}
