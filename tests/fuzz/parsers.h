// Everything that reads octets which somebody else may have made, one by one: for libFuzzer (fuzz_main.cpp) and for the
// kept corpus (corpus_main.cpp).
#pragma once

#include "core/bytes.h"

#include <string>
#include <string_view>
#include <vector>

namespace signet::fuzz {

/// What is sealed is sealed here, under keys that everybody knows: so the octets are those of who has the keys, and
/// reach the parser behind the seal.
struct Parser {
    const char* name;
    /// Takes any octets. An Error is an answer. Anything else is a finding: another exception, a crash, and octets that
    /// are taken although the same values are not written that way.
    void (*run)(ByteView octets);
};

[[nodiscard]] const std::vector<Parser>& parsers();
/// nullptr: there is none of that name
[[nodiscard]] const Parser* find_parser(std::string_view name);
/// Runs it; whatever is an answer is swallowed.
void run(const Parser& parser, ByteView octets);

}  // namespace signet::fuzz
