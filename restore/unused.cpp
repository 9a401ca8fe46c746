#include "restore/unused.h"

#include <algorithm>
#include <map>
#include <set>

#include "format/names.h"
#include "restore/holdings.h"
#include "restore/opener.h"
#include "restore/place_loader.h"
#include "restore/sieve.h"

namespace signet::restore {
namespace {

bool is_damage(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported;
}

bool have_equal_ids(const format::WriterKeys& left, const format::WriterKeys& right) {
    return left.id_key.equals(right.id_key.reveal()) && left.index_key.equals(right.index_key.reveal());
}

/// Packs of one entry, and which backups need which of them.
struct UsedEntry {
    ReachedEntry reached;  ///< all that are needed
    std::vector<std::pair<const Backup*, Bytes>> users;
};

/// Writers who name chunks alike: one, and those who took its place.
struct Line {
    std::vector<const Backup*> backups;  ///< that were read
    std::map<EntryPlace, UsedEntry> entries;
    std::map<DekId, format::DataKey> keys;
    std::optional<format::WriterKeys> writer;
    ReferencedChunks needed;
};

/// A needed pack that holds what nobody needs.
struct Candidate {
    Line* line = nullptr;
    EntryPlace place;
    std::size_t pack = 0;  ///< number in the entry's list
    std::uint64_t size = 0;
    std::uint64_t needed = 0;
    [[nodiscard]] double share() const { return static_cast<double>(size - needed) / static_cast<double>(size); }
};

void merge(Bytes& into, const Bytes& bitmap) {
    for (std::size_t pack = 0; pack < bitmap.size() * 8; ++pack) {
        if (format::bitmap_has(bitmap, pack)) format::bitmap_set(into, pack);
    }
}

/// The first of a line: each successor lists all of its predecessors, the oldest first.
const IdentityId& founder(const Backup& backup) {
    return backup.fields->predecessors.empty() ? backup.writer : backup.fields->predecessors.front();
}

class Repacking {
public:
    Repacking(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
              const storage::CompleteListing& listing, const EntryAppender& append, const UnusedOptions& options)
        : repository_(repository),
          planner_(planner),
          resolver_(resolver),
          listing_(listing),
          append_(append),
          options_(options),
          catalogue_(planner.catalogue()) {}

    UnusedReport run() {
        spare_runs_under_way();
        std::map<IdentityId, std::vector<const Backup*>> families;
        for (const Backup& backup : catalogue_.backups()) {
            if (backup.trusted)
                families[founder(backup)].push_back(&backup);
            else
                spare(catalogue_.reached_by(backup));  // what it refers to nobody reads
        }
        for (const auto& [first, backups] : families) require_keys(backups);
        for (const auto& [first, backups] : families) look_at(lines_[first], backups);
        spare_what_is_shared();
        measure();
        choose();
        if (options_.dry_run || chosen_.empty()) return std::move(report_);
        if (options_.prepare) options_.prepare();
        report_.repacked = report_.repacked_octets = report_.kept_octets = 0;
        for (auto& [first, line] : lines_) copy(line);
        return std::move(report_);
    }

private:
    void stop_if_interrupted() const {
        if (options_.interrupted != nullptr && *options_.interrupted)
            throw Error(ErrorCode::interrupted, "interrupted");
    }

    void spare(const std::vector<ReachedEntry>& entries) {
        for (const ReachedEntry& entry : entries) {
            for (std::size_t pack = 0; pack < entry.listed->packs.size(); ++pack) {
                if (entry.has(pack)) spared_.insert(entry.listed->packs[pack].id);
            }
        }
    }

    /// What a run under way has stored it refers to, and nobody knows what that is.
    void spare_runs_under_way() {
        const Holdings holdings(repository_, catalogue_, listing_);
        for (const auto& [place, entry] : holdings.entries()) {
            if (!entry.is_live || !entry.run) continue;
            spare(catalogue_.repacks().follow({{catalogue_.run(place.first, place.second)->entry, entry.listed,
                                                entry.owner, all_packs(*entry.listed)}}));
        }
    }

    /// Before anything is read: as far as can be said without trying.
    void require_keys(const std::vector<const Backup*>& backups) {
        for (const Backup* backup : backups) {
            if (planner_.outlook(*backup) == Outlook::blocked) throw KeyUnavailable(planner_.plan(*backup));
        }
    }

    void fail(const Backup& backup, const Error& error) {
        spare(catalogue_.reached_by(backup));
        report_.failures.emplace_back(
            error.code(),
            "what backup " + backup.describe() + " refers to is not known, and its packs stay: " + error.what(),
            error.hint());
    }

    /// Opens what the backups need and reads their trees. One that cannot be read keeps its packs.
    void look_at(Line& line, const std::vector<const Backup*>& backups) {
        std::vector<std::pair<const Backup*, format::BackupBody>> bodies;
        for (const Backup* backup : backups) {
            stop_if_interrupted();
            try {
                bodies.emplace_back(backup, open(line, *backup));
            } catch (const Error& error) {
                if (!is_damage(error)) throw;
                fail(*backup, error);
            }
        }
        for (const auto& [backup, body] : bodies) note_uses(line, *backup);
        if (bodies.empty()) return;
        ChunkTable table;
        load_places(line, table);
        FrameReader frames(repository_.store(), table, line.keys, repository_.config().repository);
        ChunkReader chunks(frames, line.writer->id_key);
        for (const auto& [backup, body] : bodies) {
            try {
                line.needed.add(chunks, body.root, options_.interrupted);
                line.backups.push_back(backup);
                ++report_.backups;
            } catch (const Error& error) {
                if (!is_damage(error)) throw;
                fail(*backup, error);
            }
        }
    }

    format::BackupBody open(Line& line, const Backup& backup) {
        for (const RunKey* key : planner_.keys_of(backup)) {
            const auto known = line.keys.find(key->dek);
            if (known == line.keys.end()) {
                line.keys.emplace(key->dek, unwrap(backup, *key));
            } else if (known->second.commitment() != key->commitment) {
                throw Error(ErrorCode::damaged, "two data keys have one id, " + key->dek.hex());
            }
        }
        format::BackupBody body = backup.body.open(line.keys.at(backup.body.listed->dek));
        if (!line.writer) {
            line.writer = body.keys.clone();
        } else if (!have_equal_ids(*line.writer, body.keys)) {
            throw Error(ErrorCode::damaged,
                        "it names chunks otherwise than the writer whose place it says it has taken");
        }
        return body;
    }

    format::DataKey unwrap(const Backup& backup, const RunKey& key) {
        try {
            return unwrap_key(repository_, planner_, resolver_, key);
        } catch (const Error& error) {
            if (error.code() == ErrorCode::key_unavailable) throw KeyUnavailable(planner_.plan(backup));
            throw;
        }
    }

    void note_uses(Line& line, const Backup& backup) {
        for (ReachedEntry& reached : catalogue_.reached_by(backup)) {
            const EntryPlace place{reached.entry->identity, reached.entry->head.sequence};
            UsedEntry& used = line.entries[place];
            used.users.emplace_back(&backup, reached.bitmap);
            if (used.reached.entry == nullptr)
                used.reached = std::move(reached);
            else
                merge(used.reached.bitmap, reached.bitmap);
        }
    }

    void load_places(const Line& line, ChunkTable& table) {
        PlaceLoader places(repository_, *line.writer, line.keys, true, options_.warn, table);
        for (const auto& [place, used] : line.entries) {
            stop_if_interrupted();
            places.load(used.reached);
        }
    }

    /// Writers of two lines who need one pack: each line knows of its own backups alone.
    void spare_what_is_shared() {
        std::map<PackId, const Line*> owners;
        for (const auto& [first, line] : lines_) {
            for (const auto& [place, used] : line.entries) {
                for (std::size_t pack = 0; pack < used.reached.listed->packs.size(); ++pack) {
                    if (!used.reached.has(pack)) continue;
                    const PackId& id = used.reached.listed->packs[pack].id;
                    if (owners.try_emplace(id, &line).first->second != &line) spared_.insert(id);
                }
            }
        }
    }

    /// How much of each pack is needed. One of which no index tells what it holds is taken to be needed whole.
    void measure() {
        for (auto& [first, line] : lines_) {
            for (const auto& [place, used] : line.entries) {
                stop_if_interrupted();
                measure(line, place, used);
            }
        }
    }

    void measure(Line& line, const EntryPlace& place, const UsedEntry& used) {
        std::map<PackId, std::size_t> numbers;
        const auto& packs = used.reached.listed->packs;
        for (std::size_t pack = 0; pack < packs.size(); ++pack) {
            const storage::ObjectInfo* info = listing_.find(format::pack_name(packs[pack].id));
            if (!used.reached.has(pack) || info == nullptr || info->size != packs[pack].size) continue;
            report_.packs += 1;
            report_.octets += packs[pack].size;
            if (!spared_.contains(packs[pack].id)) numbers.emplace(packs[pack].id, pack);
        }
        const auto take = [&](PackRows&& rows) {
            const auto number = numbers.find(rows.pack.id);
            if (number == numbers.end()) return true;
            const std::uint64_t needed = needed_octets(rows, line.needed);
            if (needed < rows.pack.size) {
                candidates_.push_back({&line, place, number->second, rows.pack.size, needed});
                report_.unused += rows.pack.size - needed;
            }
            numbers.erase(number);
            return !numbers.empty();
        };
        if (!numbers.empty())
            read_index(repository_, used.reached, line.writer->index_key, {take, [](const auto&, const Error&) {}});
    }

    /// Those first of which least is needed: so most is won with what has to be copied.
    void choose() {
        report_.tolerated = options_.limit.tolerated(report_.octets - report_.unused);
        report_.unused_left = report_.unused;
        std::stable_sort(candidates_.begin(), candidates_.end(),
                         [](const Candidate& left, const Candidate& right) { return left.share() > right.share(); });
        for (const Candidate& one : candidates_) {
            if (report_.unused_left <= report_.tolerated) break;
            if (one.size > options_.limit.most - report_.repacked_octets) continue;
            chosen_[one.line][one.place].insert(one.pack);
            report_.repacked += 1;
            report_.repacked_octets += one.size;
            report_.kept_octets += one.needed;
            report_.unused_left -= one.size - one.needed;
        }
        octets_in_all_ = report_.repacked_octets;
    }

    /// A piece holds packs of one writer: each has a data key of its own.
    void copy(Line& line) {
        const auto chosen = chosen_.find(&line);
        if (chosen == chosen_.end()) return;
        std::map<IdentityId, std::vector<EntryPlace>> by_writer;
        for (const auto& [place, packs] : chosen->second)
            by_writer[line.entries.at(place).reached.writer].push_back(place);
        for (const auto& [writer, places] : by_writer) copy(line, writer, places, chosen->second);
    }

    using Chosen = std::map<EntryPlace, std::set<std::size_t>>;

    void copy(Line& line, const IdentityId& writer, const std::vector<EntryPlace>& places, const Chosen& chosen) {
        const format::DataKey fresh = format::DataKey::generate(repository_.config().repository);
        std::vector<format::Slot> slots;
        for (const format::Thumbprint& one : options_.protectors) {
            slots.push_back(resolver_.wrap(fresh, one));
            repository_.put_slot(slots.back());
        }
        Repacker repacker({repository_, append_, writer, *line.writer, fresh, std::move(slots), options_.piece_octets,
                           options_.warn, [] { return false; }, [](std::uint64_t) {}, options_.obey});
        repacker.open();
        Sieve sieve(repacker, line.writer->id_key, line.needed);
        std::uint64_t in_piece = 0;
        const auto end_piece = [&] {
            sieve.finish();
            repacker.commit();
            in_piece = 0;
        };
        for (const EntryPlace& place : places) {
            const UsedEntry& used = line.entries.at(place);
            const std::set<std::size_t>& packs = chosen.at(place);
            const auto take = [&](PackRows&& rows) {
                const auto number = std::find_if(packs.begin(), packs.end(), [&](std::size_t pack) {
                    return used.reached.listed->packs[pack].id == rows.pack.id;
                });
                if (number == packs.end()) return true;
                stop_if_interrupted();
                if (!copy_pack(line, used, *number, rows, repacker, sieve)) return true;
                in_piece += rows.pack.size;
                if (in_piece >= options_.piece_octets) end_piece();
                return true;
            };
            read_index(repository_, used.reached, line.writer->index_key, {take, [](const auto&, const Error&) {}});
        }
        end_piece();
        if (repacker.entries() > 0) report_.made += 1;
        report_.entries += repacker.entries();
        report_.kept_octets += repacker.octets();
    }

    /// returns  whether the new packs stand for it
    bool copy_pack(const Line& line, const UsedEntry& used, std::size_t pack, const PackRows& rows, Repacker& repacker,
                   Sieve& sieve) {
        const format::PackInfo& info = used.reached.listed->packs[pack];
        try {
            PackReader source(repository_.store(), info.id, info.size, line.keys.at(used.reached.listed->dek));
            sieve.take(source, rows);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            report_.failures.push_back(error);
            return false;
        }
        repacker.replace(used.reached, pack);
        for (const auto& [backup, bitmap] : used.users) {
            if (format::bitmap_has(bitmap, pack)) repacker.serve({backup->writer, backup->sequence, backup->id});
        }
        report_.repacked += 1;
        report_.repacked_octets += info.size;
        if (options_.on_progress) options_.on_progress(report_.repacked_octets, octets_in_all_);
        return true;
    }

    const storage::Repository& repository_;
    Planner& planner_;
    keyring::Resolver& resolver_;
    const storage::CompleteListing& listing_;
    const EntryAppender& append_;
    const UnusedOptions& options_;
    const Catalogue& catalogue_;
    UnusedReport report_;
    std::map<IdentityId, Line> lines_;  ///< by their founders
    std::set<PackId> spared_;           ///< stay, whatever is needed of them
    std::vector<Candidate> candidates_;
    std::map<Line*, Chosen> chosen_;
    std::uint64_t octets_in_all_ = 0;
};

}  // namespace

std::uint64_t UnusedLimit::tolerated(std::uint64_t used) const {
    if (!share) return octets;
    return static_cast<std::uint64_t>(*share / (1 - *share) * static_cast<double>(used));
}

UnusedReport repack_unused(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
                           const storage::CompleteListing& listing, const EntryAppender& append,
                           const UnusedOptions& options) {
    return Repacking(repository, planner, resolver, listing, append, options).run();
}

}  // namespace signet::restore
