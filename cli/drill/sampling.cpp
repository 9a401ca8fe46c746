#include "cli/drill/sampling.h"

#include "core/crypto/random.h"
#include "restore/list.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <random>
#include <set>

namespace signet::cli {
namespace {

std::mt19937_64 seeded() {
    std::array<std::uint8_t, 8> octets{};
    crypto::random_fill(octets);
    std::uint64_t seed = 0;
    for (const std::uint8_t octet : octets) seed = seed << 8U | octet;
    return std::mt19937_64(seed);
}

/// Files by their first names: one with several is one file.
void each_file(restore::OpenBackup& backup, const restore::ListRequest& request,
               const std::function<void(const std::string& path)>& visit) {
    std::set<format::LinkIdentity> seen;
    restore::list_tree(backup, request, [&](const restore::ListedItem& item) {
        if (!item.entry.link || seen.insert(*item.entry.link).second) visit(item.path);
    });
}

}  // namespace

DrillSample parse_drill_sample(const std::string& text) {
    const bool is_part = !text.empty() && text.back() == '%';
    const std::string digits = text.substr(0, text.size() - (is_part ? 1 : 0));
    const bool is_number = !digits.empty() && digits.size() <= 9 &&
                           digits.find_first_not_of(is_part ? "0123456789." : "0123456789") == std::string::npos &&
                           std::count(digits.begin(), digits.end(), '.') <= 1 && digits != ".";
    const double number = is_number ? std::stod(digits) : 0;
    if (number <= 0 || (is_part && number > 100))
        throw Error(ErrorCode::usage, "--sample is a number of files or a part of them, 100 or 5%: " + text);
    DrillSample sample;
    if (is_part) sample.part = number / 100;
    if (!is_part) sample.files = std::min<std::uint64_t>(static_cast<std::uint64_t>(number), kMostSampled);
    return sample;
}

std::vector<std::string> sample_files(restore::OpenBackup& backup, const DrillSample& sample,
                                      const std::atomic<bool>* interrupted) {
    restore::ListRequest request;
    request.type = format::EntryType::file;
    request.interrupted = interrupted;
    std::uint64_t wanted = sample.files;
    if (sample.part) {
        std::uint64_t files = 0;
        each_file(backup, request, [&](const std::string&) { ++files; });
        const double share = std::ceil(static_cast<double>(files) * *sample.part);
        wanted = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(share), 1, kMostSampled);
    }
    // A reservoir: one walk, and no more paths in memory than are wanted.
    std::mt19937_64 random = seeded();
    std::vector<std::string> chosen;
    std::uint64_t seen = 0;
    each_file(backup, request, [&](const std::string& path) {
        ++seen;
        if (chosen.size() < wanted) {
            chosen.push_back(path);
            return;
        }
        const std::uint64_t at = std::uniform_int_distribution<std::uint64_t>(0, seen - 1)(random);
        if (at < wanted) chosen[at] = path;
    });
    return chosen;
}

}  // namespace signet::cli
