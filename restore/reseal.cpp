#include "restore/reseal.h"

#include <algorithm>

#include "keyring/access_state.h"
#include "restore/opener.h"

namespace signet::restore {
namespace {

using format::Thumbprint;

/// What is to be sealed anew of one writer.
struct WriterWork {
    std::map<EntryPlace, ReachedEntry> entries;
    std::vector<const Backup*> bodies;
    const Backup* example = nullptr;  ///< its body has the writer's keys
};

void merge(Bytes& into, const Bytes& bitmap) {
    for (std::size_t pack = 0; pack < bitmap.size() * 8; ++pack) {
        if (format::bitmap_has(bitmap, pack)) format::bitmap_set(into, pack);
    }
}

class Resealer {
public:
    Resealer(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
             const EntryAppender& append, const ResealOptions& options)
        : repository_(repository), planner_(planner), resolver_(resolver), append_(append), options_(options) {}

    ResealReport run(const std::vector<const Backup*>& backups) {
        const format::RepositoryConfig& config = repository_.config();
        report_.protectors = options_.protectors.empty() ? resolver_.wrapping_protectors(config.provider, config.region)
                                                         : options_.protectors;
        for (const Thumbprint& one : report_.protectors) require_fit(one);
        report_.backups = backups.size();
        for (const Backup* backup : backups) {
            try {
                look_at(*backup);
            } catch (const Error& error) {
                // One that is not whole must not keep the others under the protector that is to be left.
                if (error.code() != ErrorCode::damaged) throw;
                report_.failures.push_back(error);
            }
        }
        report_.left = left_.size();
        for (const auto& [writer, work] : work_) count(work);
        if (options_.dry_run) return std::move(report_);
        report_.packs = 0;
        report_.bodies = 0;
        report_.octets = 0;
        for (const auto& [writer, work] : work_) {
            if (report_.stopped) break;
            treat(writer, work);
        }
        return std::move(report_);
    }

private:
    void require_fit(const Thumbprint& thumbprint) const {
        const keyring::ProtectorReport& report = planner_.status(thumbprint);
        if (options_.opened_by.contains(thumbprint)) {
            throw Error(ErrorCode::refused,
                        "new data keys would be wrapped by " + report.name + " (" + thumbprint.short_text() +
                            "), the protector that is to be left",
                        "rotate first: signet key rotate");
        }
        if (!keyring::is_refused(report.status)) return;
        throw Error(ErrorCode::key_unavailable,
                    "protector " + report.name + " (" + thumbprint.short_text() + ") cannot wrap: " + report.detail,
                    report.hint);
    }

    [[nodiscard]] bool is_to_be_left(const RunKey& key) const {
        if (!options_.deks.empty()) return options_.deks.contains(key.dek);
        return std::any_of(key.openers.begin(), key.openers.end(), [&](const Opener& opener) {
            if (!options_.opened_by.empty()) return options_.opened_by.contains(opener.thumbprint);
            return std::find(report_.protectors.begin(), report_.protectors.end(), opener.thumbprint) ==
                   report_.protectors.end();
        });
    }

    [[nodiscard]] const RunKey& key_of_body(const Backup& backup) const {
        return planner_.key(*backup.body.entry, *backup.body.listed);
    }

    void look_at(const Backup& backup) {
        const Catalogue& catalogue = planner_.catalogue();
        catalogue.check_reach(backup);  // before anything is noted of it
        bool is_touched = false;
        for (ReachedEntry& reached : catalogue.reached_by(backup)) {
            const RunKey& key = planner_.key(*reached.entry, *reached.listed);
            if (!is_to_be_left(key)) continue;
            is_touched = true;
            left_.insert(&key);
            WriterWork& work = work_[reached.writer];
            work.example = &backup;
            const EntryPlace place{reached.entry->identity, reached.entry->head.sequence};
            const auto [known, is_new] = work.entries.try_emplace(place, reached);
            if (!is_new) merge(known->second.bitmap, reached.bitmap);
        }
        const RunKey& key = key_of_body(backup);
        if (is_to_be_left(key)) {
            is_touched = true;
            left_.insert(&key);
            WriterWork& work = work_[backup.writer];
            work.example = &backup;
            work.bodies.push_back(&backup);
        }
        if (is_touched) report_.touched += 1;
    }

    void count(const WriterWork& work) {
        report_.bodies += work.bodies.size();
        for (const auto& [place, entry] : work.entries) {
            for (std::size_t pack = 0; pack < entry.listed->packs.size(); ++pack) {
                if (!entry.has(pack)) continue;
                report_.packs += 1;
                report_.octets += entry.listed->packs[pack].size;
            }
        }
        octets_in_all_ = report_.octets;
    }

    /// Each data key is asked for once. returns  nullptr: it does not open, and that is noted
    const format::DataKey* open(const RunKey& key) {
        const auto known = opened_.find(&key);
        if (known != opened_.end()) return known->second ? &*known->second : nullptr;
        auto& opened = opened_[&key];
        try {
            opened = unwrap_key(repository_, planner_, resolver_, key);
        } catch (const Error& error) {
            if (!is_about_slots(error)) throw;
            report_.failures.push_back(error);
        }
        return opened ? &*opened : nullptr;
    }

    void treat(const IdentityId& writer, const WriterWork& work) {
        const format::DataKey* key = open(key_of_body(*work.example));
        if (key == nullptr) return;
        const format::BackupBody example = work.example->body.open(*key);
        const format::DataKey fresh = format::DataKey::generate(repository_.config().repository);
        std::vector<format::Slot> slots;
        for (const Thumbprint& one : report_.protectors) {
            slots.push_back(resolver_.wrap(fresh, one));
            repository_.put_slot(slots.back());
        }
        Repacker repacker({repository_, append_, writer, example.keys, fresh, std::move(slots), options_.piece_octets,
                           [this](const std::string& sentence) { warn(sentence); }, [this] { return stops(); },
                           [this](std::uint64_t octets) { progress(octets); }, options_.obey});
        repacker.open();
        seal_bodies(repacker, work);
        copy_packs(repacker, work);
        repacker.commit();
        if (repacker.entries() > 0) report_.made += 1;
        report_.packs += repacker.packs();
        report_.octets += repacker.octets();
        report_.entries += repacker.entries();
    }

    void seal_bodies(Repacker& repacker, const WriterWork& work) {
        for (const Backup* backup : work.bodies) {
            if (stops()) return;
            const format::DataKey* key = open(key_of_body(*backup));
            if (key == nullptr) continue;
            try {
                repacker.add_body(backup->sequence, backup->id, backup->body.open_octets(*key));
                ++report_.bodies;
            } catch (const Error& error) {
                if (error.code() != ErrorCode::damaged) throw;
                report_.failures.push_back(error);
            }
        }
    }

    void copy_packs(Repacker& repacker, const WriterWork& work) {
        for (const auto& [place, entry] : work.entries) {
            if (stops()) return;
            const format::DataKey* key = open(planner_.key(*entry.entry, *entry.listed));
            if (key == nullptr) continue;
            if (!repacker.add_packs(entry, *key, [this](const Error& error) { report_.failures.push_back(error); })) {
                return;
            }
        }
    }

    bool stops() {
        report_.stopped = report_.stopped || (options_.stop && options_.stop());
        return report_.stopped;
    }

    void progress(std::uint64_t octets) {
        octets_copied_ += octets;
        if (options_.on_progress) options_.on_progress(octets_copied_, octets_in_all_);
    }

    void warn(const std::string& sentence) const {
        if (options_.warn) options_.warn(sentence);
    }

    const storage::Repository& repository_;
    Planner& planner_;
    keyring::Resolver& resolver_;
    const EntryAppender& append_;
    const ResealOptions& options_;
    ResealReport report_;
    std::map<IdentityId, WriterWork> work_;
    std::set<const RunKey*> left_;
    std::map<const RunKey*, std::optional<format::DataKey>> opened_;
    std::uint64_t octets_copied_ = 0;
    std::uint64_t octets_in_all_ = 0;
};

}  // namespace

ResealReport reseal(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
                    const std::vector<const Backup*>& backups, const EntryAppender& append,
                    const ResealOptions& options) {
    return Resealer(repository, planner, resolver, append, options).run(backups);
}

}  // namespace signet::restore
