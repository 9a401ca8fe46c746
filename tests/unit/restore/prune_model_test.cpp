// Random histories of writers, prunes, forgets, repacking, kills and clock jumps: nothing that is committed and not
// forgotten is ever lost, nobody removes a lock, and in the end nothing stays that nothing needs.
#include "tests/unit/restore/prune_model.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <tuple>

#include "tests/support/temporary_folder.h"

using namespace signet;
using namespace signet::restore::test;

namespace {

/// SIGNET_PRUNE_SEED=N runs that history alone, N+COUNT so many from there on.
std::optional<std::pair<std::uint64_t, std::uint64_t>> wanted_seeds() {
    const char* text = std::getenv("SIGNET_PRUNE_SEED");
    if (text == nullptr) return std::nullopt;
    char* rest = nullptr;
    const std::uint64_t first = std::strtoull(text, &rest, 10);
    return std::pair(first, *rest == '+' ? std::strtoull(rest + 1, nullptr, 10) : 1);
}

void run_histories(std::uint64_t first, std::uint64_t count) {
    const signet::test::TemporaryFolder folder;
    std::vector<keyring::Keyring> keyrings;
    keyrings.push_back(keyring::Keyring::open(folder / "keyring"));
    keyring::KeyringSet set(std::move(keyrings));
    if (const auto wanted = wanted_seeds()) std::tie(first, count) = *wanted;
    std::map<std::string, std::uint64_t> counts;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        PruneModel model(seed, set);
        model.run();
        for (const auto& [what, many] : model.counts()) counts[what] += many;
        INFO("SIGNET_PRUNE_SEED=" << seed);
        for (const std::string& violation : model.violations()) UNSCOPED_INFO(violation);
        REQUIRE(model.violations().empty());
    }
    std::cout << count << " histories from seed " << first << ":";
    for (const auto& [what, many] : counts) std::cout << "  " << many << " " << what;
    std::cout << std::endl;
    if (wanted_seeds()) return;
    // A history in which nothing happens proves nothing.
    for (const char* what : {"backups", "forgotten", "prunes", "condemnations", "verdicts", "removals", "kills",
                             "taken back", "repacks", "lossy repacks", "something left behind", "borrowing",
                             "acknowledgements", "races for a number", "closed", "successors"})
        CHECK(counts[what] > 0);
}

}  // namespace

TEST_CASE("no history of backups, prunes and kills loses what is not forgotten", "[restore][prune]") {
    run_histories(1, 300);
}

TEST_CASE("no history of 10,000 of backups, prunes and kills loses what is not forgotten", "[restore][.slow][slow]") {
    run_histories(1'000, 10'000);
}
