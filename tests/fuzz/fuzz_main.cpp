// libFuzzer's entry points. SIGNET_FUZZ_PARSER names the parser.
#include "tests/fuzz/parsers.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace {
const signet::fuzz::Parser* chosen = nullptr;
}

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    const char* const name = std::getenv("SIGNET_FUZZ_PARSER");
    chosen = name == nullptr ? nullptr : signet::fuzz::find_parser(name);
    if (chosen != nullptr) return 0;
    std::fputs("SIGNET_FUZZ_PARSER is to be one of:", stderr);
    for (const auto& parser : signet::fuzz::parsers()) std::fprintf(stderr, " %s", parser.name);
    std::fputs("\n", stderr);
    std::exit(2);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
    signet::fuzz::run(*chosen, {octets, size});
    return 0;
}
