// Which backups are meant: by filters, ids, names and times.
#include "restore/catalogue.h"

#include <algorithm>

namespace signet::restore {
namespace {

constexpr std::size_t kFewestIdDigits = 4;
constexpr std::size_t kFewestSeriesDigits = 8;

bool is_hex(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

BackupReference BackupReference::parse(std::string_view text) {
    BackupReference reference;
    const std::size_t colon = text.find(':');
    reference.backup = std::string(text.substr(0, colon));
    if (reference.backup != "latest" && !is_hex(reference.backup)) {
        throw Error(ErrorCode::usage,
                    "\"" + std::string(text) + "\" names no backup: give \"latest\" or the start of an id");
    }
    if (colon == std::string_view::npos) return reference;
    std::string_view rest = text.substr(colon + 1);
    if (!rest.starts_with('/')) throw Error(ErrorCode::usage, "\"" + std::string(rest) + "\" is not an absolute path");
    reference.path.clear();
    while (!rest.empty()) {
        const std::size_t start = std::min(rest.find_first_not_of('/'), rest.size());
        rest.remove_prefix(start);
        const std::string_view name = rest.substr(0, rest.find('/'));
        rest.remove_prefix(name.size());
        if (name.empty()) continue;
        if (!format::is_entry_name(name)) {
            throw Error(ErrorCode::usage, "\"" + std::string(text) + "\" has a part that no backup can have");
        }
        reference.path += "/" + std::string(name);
    }
    if (reference.path.empty()) reference.path = "/";
    return reference;
}

bool Catalogue::names_series(std::string_view word, const std::optional<format::Labels>& labels,
                             const SeriesId& series) {
    if (labels && labels->series == word) return true;
    return word.size() >= kFewestSeriesDigits && is_hex(word) && series.hex().starts_with(word);
}

bool Catalogue::is_series(const Backup& backup, const std::string& series) const {
    return names_series(series, backup.labels, backup.fields->series);
}

bool Catalogue::matches(const Backup& backup, const BackupFilter& filter) const {
    if (filter.from && backup.time() < *filter.from) return false;
    if (filter.at && backup.time() > *filter.at) return false;
    if (filter.as_of && backup.committed > *filter.as_of) return false;
    if (filter.series && !is_series(backup, *filter.series)) return false;
    // Who is not trusted stays: whether his is the newest of the series is for a person to say.
    if (filter.line && backup.trusted && line_of(backup.writer) != *filter.line) return false;
    if (!filter.host && filter.paths.empty() && filter.tags.empty()) return true;
    if (!backup.labels) return false;
    const auto has = [](const std::vector<std::string>& all, const std::string& one) {
        return std::find(all.begin(), all.end(), one) != all.end();
    };
    if (filter.host && backup.labels->host != *filter.host) return false;
    return std::all_of(filter.paths.begin(), filter.paths.end(),
                       [&](const std::string& path) { return has(backup.labels->paths, path); }) &&
           std::all_of(filter.tags.begin(), filter.tags.end(),
                       [&](const std::string& tag) { return has(backup.tags, tag); });
}

std::vector<const Backup*> Catalogue::select(const BackupFilter& filter) const {
    std::vector<const Backup*> selected;
    for (const Backup& backup : backups_) {
        if (matches(backup, filter)) selected.push_back(&backup);
    }
    return selected;
}

/// Nothing matches: says when the first one was made, where only the time is wrong.
void Catalogue::throw_none(const BackupFilter& filter) const {
    const std::string hint = "signet list shows what there is";
    BackupFilter of_any_time = filter;
    of_any_time.at.reset();
    const std::vector<const Backup*> later = select(of_any_time);
    if (!filter.at || later.empty()) throw Error(ErrorCode::usage, "there is no such backup", hint);
    throw Error(ErrorCode::usage,
                "no such backup is as old as " + to_rfc3339(*filter.at) + ": the first was made at " +
                    to_rfc3339(later.front()->time()),
                hint);
}

const Backup& Catalogue::latest(const BackupFilter& filter) const {
    require_no_doubt();
    const char* const hint = "name a backup by its id (signet list) to restore it all the same";
    for (const JournalFinding& finding : findings_) {
        if (!finding.trusted) continue;
        // What cannot be read was signed after this. Of which time its backups are, nobody knows.
        if (filter.as_of && finding.committed && *finding.committed > *filter.as_of) continue;
        throw Error(ErrorCode::damaged, std::string("a newer backup may be lost: ") + finding.error.what(), hint);
    }
    const std::vector<const Backup*> matching = select(filter);
    const Backup* newest = nullptr;
    for (const Backup* backup : matching) {
        if (backup->trusted) newest = backup;
    }
    if (!matching.empty() && !matching.back()->trusted) {
        const Backup& untrusted = *matching.back();
        throw Error(ErrorCode::refused, "the newest backup, " + untrusted.describe() + ", " + untrusted.distrust,
                    newest == nullptr
                        ? std::string("to trust its writer: signet keyring trust ") + untrusted.writer.hex()
                        : "to trust its writer: signet keyring trust " + untrusted.writer.hex() + "; or " + hint);
    }
    if (newest == nullptr) throw_none(filter);
    if (filter.series) require_one_series(matching);
    // Anybody can label backups with another's host and paths.
    if (filter.host || !filter.paths.empty()) require_one_line(matching);
    return *newest;
}

/// Among all, forgotten or not; nullptr when there is none.
const Backup* Catalogue::find_any(std::string_view id_prefix) const {
    std::string prefix(id_prefix);
    std::transform(prefix.begin(), prefix.end(), prefix.begin(),
                   [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (!is_hex(prefix) || prefix.size() < kFewestIdDigits) {
        throw Error(ErrorCode::usage,
                    "\"" + prefix + "\" is not the start of an id: give at least 4 hexadecimal digits");
    }
    const Backup* found = nullptr;
    for (const std::vector<Backup>* each : {&backups_, &forgotten_, &stranded_}) {
        for (const Backup& backup : *each) {
            if (!backup.id.hex().starts_with(prefix)) continue;
            if (found != nullptr) throw Error(ErrorCode::usage, "several backups' ids start with " + prefix);
            found = &backup;
        }
    }
    return found;
}

const Backup& Catalogue::find(std::string_view id_prefix, bool forgotten_too) const {
    const Backup* found = find_any(id_prefix);
    if (found != nullptr && !forgotten_too && tombstones_.is_forgotten(found->id)) {
        throw Error(ErrorCode::refused, "backup " + found->describe() + " was forgotten",
                    "an officer can take that back while its packs are there: signet undelete " + found->short_id());
    }
    if (found != nullptr && found->is_stranded && !beyond_damage_) throw_stranded(*found);
    if (found != nullptr) return *found;
    const std::string prefix(id_prefix);
    for (const auto& [entry, error] : refuted_stranded_) {
        if (!entry.hex().starts_with(prefix)) continue;
        throw Error(ErrorCode::damaged, "entry " + entry.short_hex(8) + " is not to be believed: " + error.what(),
                    "the storage, and whoever has the key of its writer, may show what never was: trust neither before "
                    "you know why");
    }
    if (!findings_.empty()) {
        throw Error(ErrorCode::damaged,
                    "no backup " + prefix + " among those that stand, but: " + findings_.front().error.what());
    }
    throw Error(ErrorCode::usage, "there is no backup " + prefix, "signet list shows what there is");
}

void Catalogue::throw_stranded(const Backup& backup) const {
    const auto journal = std::find_if(journals_.begin(), journals_.end(),
                                      [&](const storage::Journal& one) { return one.identity == backup.writer; });
    throw Error(
        ErrorCode::damaged,
        "backup " + backup.describe() + " stands behind damage in its writer's journal: " + journal->problem->what(),
        "bring that entry back from a copy of the repository; or signet restore " + backup.short_id() +
            " --salvage -t DIR, which restores what opens");
}

const Backup& Catalogue::find_forgotten(std::string_view id_prefix) const {
    const Backup* found = find_any(id_prefix);
    if (found != nullptr && tombstones_.is_forgotten(found->id)) return *found;
    throw Error(ErrorCode::usage, found == nullptr ? "there is no backup " + std::string(id_prefix)
                                                   : "backup " + found->describe() + " is not forgotten");
}

const Backup& Catalogue::resolve(const std::string& reference, const BackupFilter& filter) const {
    if (reference == "latest") return latest(filter);
    const Backup& backup = find(reference);
    require_trusted(backup);
    return backup;
}

}  // namespace signet::restore
