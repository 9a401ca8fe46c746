#include "restore/findings.h"

#include "format/names.h"

#include <algorithm>

namespace signet::restore {
namespace {

/// A damaged pack can touch every file of every backup: enough to see which.
constexpr std::size_t kMostFiles = 1000;

}  // namespace

bool are_about_logs(const std::vector<Finding>& findings) {
    return std::all_of(findings.begin(), findings.end(), [](const Finding& one) { return !one.series.empty(); });
}

std::string remedy_for(std::string_view object) {
    if (format::parse_pack_name(object)) {
        return "bring a good copy back (signet copy, from another place); or signet repair, then a backup of the same "
               "source, which stores again what was lost, and signet repair once more for the older backups";
    }
    if (format::parse_index_name(object))
        return "nothing is lost: signet repair, with the keys, makes it again from its packs";
    if (format::parse_slot_name(object))
        return "signet repair stores the copies that signed entries hold; one made later: signet rewrap";
    if (format::parse_escrow_name(object))
        return "signet repair sets it aside; the next backup with a passphrase at hand stores it anew";
    if (object.starts_with("journal")) {
        return "entries have no second copy here: bring it back (signet copy, from another place); until then name "
               "older backups by their ids, and salvage those behind it (signet restore ID --salvage). Where it is "
               "lost for good, its host goes on as another writer (signet keyring adopt --new-identity). When nothing "
               "behind it is wanted any more, and only then, signet keyring trust WRITER --until N, with the number of "
               "the entry before it, lets newest backups be chosen and prune run again: what stands behind it is "
               "refused from then on, and prune deletes what only that needs";
    }
    if (object.starts_with("logs/")) {
        return "push the file again, if its server still has it (signet log push --series S FILE); else make a new "
               "base, from which later moments start";
    }
    return "signet check --read-data says more; signet restore --salvage restores what opens";
}

std::string object_in(const Error& error) {
    const std::string_view text = error.what();
    const auto named_at = [&](std::string_view prefix, std::size_t length, const auto& parse) -> std::string {
        for (std::size_t at = text.find(prefix); at != std::string_view::npos; at = text.find(prefix, at + 1)) {
            const std::string_view name = text.substr(at, length);
            if (parse(name)) return std::string(name);
        }
        return {};
    };
    const std::string pack = named_at("packs/", format::pack_name({}).size(), format::parse_pack_name);
    return pack.empty() ? named_at("indexes/", format::index_name({}).size(), format::parse_index_name) : pack;
}

Finding& Findings::at(const std::string& object, const std::string& message) {
    const auto [found, is_new] = by_object_.try_emplace(object);
    if (is_new) {
        found->second.object = object;
        found->second.message = message;
        found->second.remedy = remedy_for(object);
    }
    return found->second;
}

void Findings::add(const std::string& object, const std::string& message, bool is_altered,
                   std::set<std::string> backups) {
    const std::lock_guard lock(mutex_);
    Finding& finding = at(object, message);
    finding.is_altered = finding.is_altered || is_altered;
    finding.backups.merge(backups);
}

void Findings::add_log(const std::string& object, const std::string& message, const LogLoss& loss) {
    const std::lock_guard lock(mutex_);
    Finding& finding = at(object, message + "; " + loss.sentence);
    finding.log = loss.name;
    finding.series = loss.series;
    finding.from = loss.from;
    finding.to = loss.to;
    finding.remedy = loss.remedy;
}

void Findings::add_file(const std::string& object, const std::string& message, const std::string& backup,
                        const std::string& path) {
    const std::lock_guard lock(mutex_);
    Finding& finding = at(object, message);
    finding.backups.insert(backup);
    std::set<std::string>& files = finding.files[backup];
    if (files.contains(path)) return;
    if (files.size() < kMostFiles)
        files.insert(path);
    else
        ++finding.more_files;
}

std::vector<Finding> Findings::all() const {
    const std::lock_guard lock(mutex_);
    std::vector<Finding> found;
    found.reserve(by_object_.size());
    for (const auto& [object, finding] : by_object_) found.push_back(finding);
    return found;
}

}  // namespace signet::restore
