#include "core/secret.h"

#include <unistd.h>
#include <algorithm>
#include <type_traits>
#include <vector>

#include "core/file.h"
#include "tests/support/matchers.h"

using namespace signet;

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes>);

TEST_CASE("a secret holds what it was given, at every size of its arena", "[core][secret]") {
    const std::size_t size = GENERATE(as<std::size_t>{}, 0, 1, 31, 32, 33, 64, 65, 4095, 4096, 4097, 8192, 100'000);
    Bytes content(size);
    for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<std::uint8_t>(i * 7);
    const SecretBytes secret{ByteView(content)};
    CHECK(secret.size() == size);
    CHECK(secret.equals(content));
    const SecretBytes copy = secret.clone();
    CHECK(copy.equals(content));
    if (size > 0) CHECK(copy.reveal().data() != secret.reveal().data());
}

TEST_CASE("a new secret is zero, also where another one was before", "[core][secret]") {
    const std::size_t size = GENERATE(as<std::size_t>{}, 32, 33, 4096, 5000);
    for (int round = 0; round < 3; ++round) {
        std::vector<SecretBytes> secrets;
        for (int i = 0; i < 300; ++i) {
            SecretBytes secret(size);
            const ByteView view = secret.reveal();
            REQUIRE(std::all_of(view.begin(), view.end(), [](std::uint8_t octet) { return octet == 0; }));
            std::fill(secret.mutable_view().begin(), secret.mutable_view().end(), std::uint8_t{0xee});
            secrets.push_back(std::move(secret));
        }
    }
}

TEST_CASE("a released secret is wiped from its memory [R27]", "[core][secret]") {
    // The arena keeps its pages, so that the memory can be looked at after the release.
    const std::uint8_t* memory = nullptr;
    {
        SecretBytes secret(std::size_t{64});
        std::fill(secret.mutable_view().begin(), secret.mutable_view().end(), std::uint8_t{0x5a});
        memory = secret.reveal().data();
    }
    // All but the link of the free list, which is a pointer.
    const auto is_left = [](std::uint8_t octet) { return octet == 0x5a; };
    CHECK(std::none_of(memory + sizeof(void*), memory + 64, is_left));
}

TEST_CASE("a moved-from secret is empty", "[core][secret]") {
    SecretBytes first{as_bytes("correct horse")};
    SecretBytes second(std::move(first));
    CHECK(first.empty());  // NOLINT(bugprone-use-after-move): that is what is promised
    CHECK(second.equals(as_bytes("correct horse")));
    SecretBytes third(std::size_t{5});
    third = std::move(second);
    CHECK(second.empty());  // NOLINT(bugprone-use-after-move)
    CHECK(third.equals(as_bytes("correct horse")));
}

TEST_CASE("a failed assertion prints a secret's length and nothing else", "[core][secret]") {
    const SecretBytes secret{as_bytes("correct horse")};
    CHECK(Catch::Detail::stringify(secret) == "<secret of 13 octets>");
}

TEST_CASE("comparison needs equal size and equal octets", "[core][secret]") {
    CHECK(constant_time_equal({}, {}));
    CHECK(constant_time_equal(as_bytes("abc"), as_bytes("abc")));
    CHECK_FALSE(constant_time_equal(as_bytes("abc"), as_bytes("abd")));
    CHECK_FALSE(constant_time_equal(as_bytes("abc"), as_bytes("abcd")));
    CHECK_FALSE(constant_time_equal(as_bytes("abc"), {}));
}

TEST_CASE("secret pages are locked and left out of core dumps [R27]", "[core][secret]") {
    const SecretBytes secret{as_bytes("where am I")};
    const auto address = reinterpret_cast<std::uintptr_t>(secret.reveal().data());
    const Bytes maps = read_file("/proc/self/smaps", std::size_t{16} << 20U);
    // Each mapping starts with "<start>-<end> ", and "dd" among its flags means: not in a core dump.
    std::string_view text = as_text(maps);
    bool inside = false;
    bool found = false;
    while (!text.empty()) {
        const std::string line(text.substr(0, text.find('\n')));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        unsigned long start = 0;
        unsigned long end = 0;
        // NOLINTNEXTLINE(cert-err34-c): the kernel writes it
        if (line.find(':') > line.find('-') && std::sscanf(line.c_str(), "%lx-%lx ", &start, &end) == 2) {
            inside = start <= address && address < end;
        } else if (inside && line.starts_with("VmFlags:")) {
            found = true;
            CHECK(line.find(" dd") != std::string::npos);
        }
    }
    CHECK(found);
}
