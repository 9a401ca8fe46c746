#include "core/direct_io.h"

#include <fcntl.h>
#include <unistd.h>
#include <random>

#include "tests/support/temporary_folder.h"

#include <catch2/catch.hpp>

using namespace signet;
using signet::test::TemporaryFolder;

namespace {

Bytes random_octets(std::size_t size) {
    std::mt19937_64 random(Catch::rngSeed());
    Bytes result(size);
    for (auto& octet : result) octet = static_cast<std::uint8_t>(random());
    return result;
}

/// Asks the kernel to drop the file's pages, as far as it will.
void drop_from_cache(int fd) {
    REQUIRE(::fsync(fd) == 0);
    REQUIRE(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
}

}  // namespace

TEST_CASE("an uncached reader gives the file's octets at any offset and length, cached or not", "[core][direct_io]") {
    const TemporaryFolder folder;
    const std::string path = folder / "file";
    const Bytes content = random_octets(3 * 1024 * 1024 + 1234);
    replace_file(path, content, 0600);
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(fd);
    const UncachedReader reader(fd.get(), content.size());
    const AlignedBuffer buffer(2 * 1024 * 1024);
    const bool in_cache = GENERATE(false, true);
    CAPTURE(in_cache, reader.can_bypass());
    for (const std::size_t at :
         {std::size_t{0}, std::size_t{4096}, std::size_t{1024 * 1024}, std::size_t{77}, content.size() - 100}) {
        for (const std::size_t wanted :
             {std::size_t{1}, std::size_t{4096}, std::size_t{100'001}, std::size_t{1024 * 1024}}) {
            if (!in_cache) drop_from_cache(fd.get());
            CAPTURE(at, wanted);
            const std::size_t expected = std::min(wanted, content.size() - at);
            REQUIRE(reader.read(buffer.octets(), wanted, at) == static_cast<ssize_t>(expected));
            CHECK(std::equal(content.begin() + static_cast<std::ptrdiff_t>(at),
                             content.begin() + static_cast<std::ptrdiff_t>(at + expected), buffer.octets().begin()));
        }
    }
}

TEST_CASE("an uncached reader ends where a file ends that was cut short meanwhile", "[core][direct_io]") {
    const TemporaryFolder folder;
    const std::string path = folder / "file";
    const Bytes content = random_octets(1024 * 1024);
    replace_file(path, content, 0600);
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    REQUIRE(fd);
    const UncachedReader reader(fd.get(), content.size());
    REQUIRE(::ftruncate(fd.get(), 300'000) == 0);
    drop_from_cache(fd.get());
    const AlignedBuffer buffer(content.size());
    CHECK(reader.read(buffer.octets(), content.size(), 0) == 300'000);
    CHECK(reader.read(buffer.octets(), 4096, 512 * 1024) == 0);
}

TEST_CASE("an uncached reader fails like read(2) where nothing can be read", "[core][direct_io]") {
    const UniqueFd folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const UncachedReader reader(folder.get(), 1024 * 1024);
    const AlignedBuffer buffer(4096);
    CHECK(reader.read(buffer.octets(), 4096, 0) == -1);
    CHECK(errno == EISDIR);
}

TEST_CASE("what is written past the cache is read back through it", "[core][direct_io]") {
    const TemporaryFolder folder;
    const std::string path = folder / "file";
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(fd);
    const UniqueFd direct = open_directly(fd.get(), O_WRONLY);
    if (!direct) {
        WARN("this file system has no way past the cache: not tested");
        return;
    }
    const Bytes content = random_octets(64 * 1024);
    const AlignedBuffer buffer(content.size());
    std::copy(content.begin(), content.end(), buffer.octets().begin());
    REQUIRE(try_pwrite_directly(direct.get(), buffer.octets(), 8192));
    Bytes back(content.size());
    REQUIRE(pread_full(fd.get(), back, 8192, path) == back.size());
    CHECK(back == content);
    CHECK_FALSE(try_pwrite_directly(direct.get(), ByteView(buffer.octets()).first(100), 0));
    CHECK_FALSE(try_pwrite_directly(-1, buffer.octets(), 0));
}
