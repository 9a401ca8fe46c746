// Which writers are one line, and what is one series.
#include "restore/catalogue.h"

#include "format/officer_entry.h"
#include "restore/catalogue_parts.h"

#include <algorithm>

namespace signet::restore {
namespace {

/// A trust entry by which one writer ends and another takes its place; nothing where it says something else.
std::optional<std::pair<IdentityId, IdentityId>> succession_in(const format::SignedEntry& entry) {
    const auto fields = format::TrustFields::decode(entry.public_fields(), name_of(entry));
    if (fields.statements.size() != 2) return std::nullopt;
    const auto ends = [](const format::TrustStatement& one) { return one.last_sequence != UINT64_MAX; };
    const auto& one = fields.statements.front();
    const auto& other = fields.statements.back();
    if (one.role != format::Role::writer || other.role != format::Role::writer || ends(one) == ends(other))
        return std::nullopt;
    return ends(one) ? std::pair(one.identity, other.identity) : std::pair(other.identity, one.identity);
}

std::string title_of(const Backup& backup) {
    if (!backup.labels) return "a series without a name";
    return backup.labels->series + " of host " + backup.labels->host;
}

}  // namespace

bool Catalogue::has_succeeded(const IdentityId& writer, const IdentityId& former) const {
    if (successions_.contains({former, writer})) return true;
    const SecretBytes* key = label_key(writer);
    const SecretBytes* formers = label_key(former);
    return key != nullptr && formers != nullptr && std::ranges::equal(key->reveal(), formers->reveal());
}

void Catalogue::find_lines() {
    visit_statements(journals_, [&](const format::SignedEntry& entry, const StatementOrder&) {
        if (entry.kind != format::EntryKind::trust) return;
        if (!trust_.trusts(entry.identity, format::Role::officer, entry.head.sequence)) return;
        try {
            if (const auto found = succession_in(entry)) successions_.insert(*found);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;  // a finding already, where it counts
        }
    });
    const auto join = [&](const IdentityId& writer, const IdentityId& former) {
        if (line_of(writer) == line_of(former) || !has_succeeded(writer, former)) return;
        const IdentityId line = std::min(line_of(writer), line_of(former));
        const IdentityId other = std::max(line_of(writer), line_of(former));
        for (auto& [member, founder] : lines_) {
            if (founder == other) founder = line;
        }
        lines_[writer] = lines_[former] = line;
    };
    for (const auto& [place, run] : runs_) {
        if (!trust_.trusts(place.first, format::Role::writer, place.second)) continue;
        for (const IdentityId& former : run.fields.predecessors) join(place.first, former);
    }
    for (const LogEpoch& epoch : log_epochs_) {
        if (!epoch.trusted) continue;
        for (const IdentityId& former : epoch.fields.predecessors) join(epoch.entry->identity, former);
    }
}

const IdentityId& Catalogue::line_of(const IdentityId& writer) const {
    const auto found = lines_.find(writer);
    return found == lines_.end() ? writer : found->second;
}

SeriesKey Catalogue::series_of(const Backup& backup) const { return {backup.fields->series, line_of(backup.writer)}; }

SeriesKey Catalogue::series_of(const LogEpoch& epoch) const {
    return {epoch.fields.series, line_of(epoch.entry->identity)};
}

void Catalogue::require_one_series(const std::vector<const Backup*>& backups) const {
    std::map<SeriesKey, const Backup*> series;
    for (const Backup* backup : backups) {
        // Whoever is not trusted must not make a name ambiguous.
        if (backup->trusted) series[series_of(*backup)] = backup;
    }
    if (series.size() <= 1) return;
    // In their order: the first and the last differ where any do.
    const bool is_one_id = series.begin()->first.first == series.rbegin()->first.first;
    std::string names;
    for (const auto& [key, backup] : series) {
        names += (names.empty() ? "" : ", ") + title_of(*backup) + " (" + key.first.short_hex(16) + ")";
        if (is_one_id) names += " by writer " + backup->writer.short_hex(16);
    }
    throw Error(ErrorCode::usage, "several series match: " + names,
                is_one_id ? "writers share a series where one took another's place, and nothing proves that here: an "
                            "officer says so by signet keyring trust NEW --instead-of OLD, or ends the trust in who "
                            "claims it wrongly"
                          : "choose one by --host NAME, or by --series and the digits behind its name");
}

void Catalogue::require_one_line(const std::vector<const Backup*>& backups) const {
    std::map<IdentityId, const Backup*> lines;
    for (const Backup* backup : backups) {
        if (backup->trusted) lines[line_of(backup->writer)] = backup;
    }
    if (lines.size() <= 1) return;
    std::string names;
    for (const auto& [line, backup] : lines)
        names += (names.empty() ? "" : ", ") + backup->writer.short_hex(16) + " with " + title_of(*backup) + " (" +
                 backup->fields->series.short_hex(16) + ")";
    throw Error(ErrorCode::usage, "backups of several writers match: " + names,
                "hosts and paths are what a writer says of itself: choose by --series and the digits behind its name");
}

}  // namespace signet::restore
