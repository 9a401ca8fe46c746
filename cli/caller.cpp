#include "cli/caller.h"

#include <algorithm>

namespace signet::cli {
namespace {

constexpr int kMostOfArchiver = 125;
constexpr int kRecoveryStops = 200;

}  // namespace

Caller caller_of(const std::vector<std::string>& words) {
    // Also where options stand between them, which is refused: a database must not mistake that for the end of the
    // logs.
    const auto end = std::find(words.begin(), words.end(), "--");
    for (auto word = std::find(words.begin(), end, "log"); word != end; ++word) {
        if (*word == "list" || *word == "check") break;
        if (*word == "push") return Caller::archiver;
        if (*word == "fetch") return Caller::recovery;
    }
    return Caller::person;
}

int number_for(Caller caller, ExitCode code) {
    if (code == ExitCode::done) return 0;
    if (caller == Caller::archiver) return number(code) > kMostOfArchiver ? kMostOfArchiver : number(code);
    if (caller == Caller::recovery) return code == ExitCode::absent ? 1 : kRecoveryStops + number(code);
    return number(code);
}

}  // namespace signet::cli
