// Feeds the kept corpus to the parsers, each input as it is and altered in a few hundred ways; needs no fuzzer.
//
//   corpus FOLDER [--alterations N]      FOLDER/<parser>/* are inputs
#include "tests/fuzz/parsers.h"

#include "core/file.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <random>

namespace {

namespace fs = std::filesystem;
using signet::Bytes;

/// One more: a bit, an octet, a cut, an insertion, or a part of another input.
void alter(Bytes& octets, const Bytes& other, std::mt19937_64& random) {
    const auto any = [&](std::size_t below) { return below == 0 ? 0 : static_cast<std::size_t>(random() % below); };
    const auto at = static_cast<std::ptrdiff_t>(any(octets.size()));
    switch (random() % 6) {
        case 0:
            if (!octets.empty()) octets[static_cast<std::size_t>(at)] ^= static_cast<std::uint8_t>(1U << random() % 8);
            break;
        case 1:
            if (!octets.empty()) octets[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(random());
            break;
        case 2:
            octets.resize(any(octets.size() + 1));
            break;
        case 3:
            octets.insert(octets.begin() + at, static_cast<std::uint8_t>(random()));
            break;
        case 4:
            if (!octets.empty()) octets.erase(octets.begin() + at);
            break;
        default: {
            const std::size_t from = any(other.size());
            const std::size_t count = std::min(any(64), other.size() - from);
            octets.insert(octets.begin() + at, other.begin() + static_cast<std::ptrdiff_t>(from),
                          other.begin() + static_cast<std::ptrdiff_t>(from + count));
            break;
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    const std::size_t alterations = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 200;
    std::uint64_t kept = 0;
    std::uint64_t altered = 0;
    for (const auto& parser : signet::fuzz::parsers()) {
        std::vector<Bytes> inputs;
        const fs::path folder = fs::path(argv[1]) / parser.name;
        if (fs::is_directory(folder)) {
            for (const auto& file : fs::directory_iterator(folder))
                inputs.push_back(signet::read_file(file.path(), std::size_t{1} << 24U));
        }
        if (inputs.empty()) {
            std::fprintf(stderr, "corpus: no input for %s\n", parser.name);
            return 1;
        }
        std::sort(inputs.begin(), inputs.end());
        std::mt19937_64 random(1);
        // Those that do much for each input get fewer.
        const std::size_t each = std::string_view(parser.name) == "restore" ? alterations / 20 : alterations;
        for (const Bytes& input : inputs) {
            try {
                signet::fuzz::run(parser, input);
                ++kept;
                for (std::size_t i = 0; i < each; ++i, ++altered) {
                    Bytes octets = input;
                    for (std::size_t n = 1 + random() % 3; n > 0; --n)
                        alter(octets, inputs[random() % inputs.size()], random);
                    signet::fuzz::run(parser, octets);
                }
            } catch (const std::exception& error) {
                std::fprintf(stderr, "corpus: %s throws something else than an Error: %s\n", parser.name, error.what());
                return 1;
            }
        }
    }
    std::printf("corpus: 0 findings in %llu kept inputs and %llu alterations of them, %zu parsers\n",
                static_cast<unsigned long long>(kept), static_cast<unsigned long long>(altered),
                signet::fuzz::parsers().size());
    return 0;
}
