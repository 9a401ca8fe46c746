#include "cli/caller.h"

namespace signet::cli {
namespace {

constexpr int kMostOfArchiver = 125;
constexpr int kRecoveryStops = 200;

}  // namespace

Caller caller_of(const std::vector<std::string>& words) {
    for (std::size_t i = 0; i + 1 < words.size() && words[i] != "--"; ++i) {
        if (words[i] != "log") continue;
        if (words[i + 1] == "push") return Caller::archiver;
        if (words[i + 1] == "fetch") return Caller::recovery;
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
