#include "core/command_output.h"

#include <chrono>

#include "tests/support/matchers.h"

using namespace signet;
using signet::test::has_code;

TEST_CASE("what a command prints is returned, whatever octets", "[core][command]") {
    CHECK(command_output("printf 'a\\000b'").equals(as_bytes(std::string_view("a\0b", 3))));
    CHECK(command_output("true").empty());
    CHECK(command_output("cat").empty());  // there is no standard input
}

TEST_CASE("a command that fails is told by its end, without its line", "[core][command]") {
    for (const auto& [line, end] : {std::pair{"exit 3 # secret", "ended with status 3"},
                                    std::pair{"kill -9 $$ # secret", "was ended by signal 9"},
                                    std::pair{"/no/such/secret", "ended with status 127"}}) {
        try {
            static_cast<void>(command_output(line));
            FAIL("it did not fail");
        } catch (const Error& error) {
            CHECK(error.code() == ErrorCode::failed);
            CHECK(std::string(error.what()).find(end) != std::string::npos);
            CHECK(std::string(error.what()).find("secret") == std::string::npos);
        }
    }
}

TEST_CASE("a command that prints too much or does not end is killed, and what it started", "[core][command]") {
    const auto start = std::chrono::steady_clock::now();
    CHECK_THROWS_MATCHES(command_output("cat /dev/zero", {.output = 1000}), Error, has_code(ErrorCode::failed));
    CHECK_THROWS_MATCHES(command_output("sleep 60 & sleep 60", {.time = std::chrono::milliseconds(200)}), Error,
                         has_code(ErrorCode::failed));
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
    CHECK(command_output("head -c 1000 /dev/zero", {.output = 1000}).size() == 1000);
}
