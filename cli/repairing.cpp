#include "cli/repairing.h"

#include "cli/access.h"
#include "cli/checking.h"
#include "cli/config_repair.h"
#include "cli/repack_officer.h"
#include "cli/signals.h"
#include "format/hashed_name.h"
#include "format/names.h"
#include "storage/quarantine.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace signet::cli {
namespace {

class Repairing {
public:
    Repairing(Context& context, const RepairOptions& options) : context_(context), options_(options) {}

    RepairReport run() {
        if (!repair_config()) return std::move(report_);
        check();
        for (const restore::Finding& finding : report_.before.findings) left_.emplace(finding.object, finding);
        set_aside();
        store_slots();
        mend_with_keys();
        for (auto& [object, finding] : left_) report_.remaining.push_back(std::move(finding));
        return std::move(report_);
    }

private:
    void read_catalogue() {
        context_.forget_catalogue();
        restore::CatalogueOptions options;
        options.tolerate_rollback = true;
        context_.load_catalogue(options);
    }

    /// returns  whether the repository can be opened now, as far as that is known
    bool repair_config() {
        const ConfigRepair repaired = cli::repair_config(context_);
        if (repaired == ConfigRepair::not_needed) return true;
        const std::string how = "again from what a keyring knows of it: its hash is the one that every entry names";
        note(std::string(format::kConfigName), "config-stored", (is_dry() ? "would be made " : "made ") + how);
        if (repaired == ConfigRepair::done) return true;
        report_.information.emplace_back("the rest is looked at when config.json is back");
        return false;
    }

    void check() {
        report_.before = run_check(context_, {}, [](restore::Checker& checker) { checker.check_objects(); });
        report_.unreadable = report_.before.unreadable;
        report_.information = report_.before.information;
    }

    [[nodiscard]] bool is_dry() const { return context_.dry_run(); }
    void note(const std::string& object, const char* action, std::string message) {
        report_.done.push_back({object, action, std::move(message)});
    }
    /// Nothing is wrong with it any more.
    void mended(const std::string& object) { left_.erase(object); }

    /// Journal entries and config.json stay where they are: a damaged entry that is gone would look like one that never
    /// was.
    void set_aside() {
        for (const restore::Finding& finding : report_.before.findings) {
            stop_if_interrupted();
            const auto hashed = format::parse_hashed_name(finding.object);
            if (!finding.is_altered || !hashed) continue;
            try {
                set_aside(finding, *hashed);
            } catch (const Error& error) {
                if (error.code() != ErrorCode::io) throw;
                report_.unreadable.emplace_back(error.what());
            }
        }
    }

    void set_aside(const restore::Finding& finding, const format::HashedName& hashed) {
        const std::string& object = finding.object;
        storage::Store& store = context_.repository().store();
        const bool is_needed =
            !finding.backups.empty() && (format::parse_pack_name(object) || format::parse_index_name(object));
        if (is_dry()) {
            note(object, "set-aside", "would be set aside, below quarantine/");
        } else if (const auto aside = storage::set_aside(store, object, hashed)) {
            note(object, "set-aside", "set aside as " + *aside);
        } else if (!store.exists(object)) {
            return;
        } else if (format::parse_slot_name(object) && is_of_two()) {
            // A slot of this repository and of another look alike when config.json is the other's.
            report_.information.push_back(object + ": stays, while entries of two repositories are here");
            return;
        } else if (format::parse_slot_name(object)) {
            // Its octets are those of its name, and say what cannot be.
            note(object, "set-aside", "set aside as " + storage::set_aside_as_found(store, object, hashed));
        } else {
            report_.information.push_back(object + ": reads well now; test the disk and the memory of this machine");
            return mended(object);
        }
        if (!is_needed) mended(object);
    }

    /// Found out where it matters, once.
    bool is_of_two() {
        if (!is_of_two_) is_of_two_ = has_entries_of_another(context_);
        return *is_of_two_;
    }

    /// What a signed entry says of its own data key is as good as the object.
    void store_slots() {
        std::set<std::string> lost;
        for (const restore::Finding& finding : report_.before.findings) {
            if (format::parse_slot_name(finding.object)) lost.insert(finding.object);
        }
        if (lost.empty()) return;
        const restore::Catalogue& catalogue = context_.catalogue();
        for (const auto& [place, run] : catalogue.runs()) {
            if (catalogue.trust().trusts(place.first, format::Role::writer, place.second))
                store_slots(run.fields, lost);
        }
        for (const auto& [place, repack] : catalogue.repacks().entries()) store_slots(repack.fields, lost);
        for (const restore::LogEpoch& epoch : catalogue.log_epochs()) {
            if (epoch.trusted) store_slots(epoch.fields, lost);
        }
    }

    void store_slots(const format::SlottedKey& listed, const std::set<std::string>& lost) {
        for (const format::Slot& slot : listed.slots) {
            const std::string name = format::slot_name(slot.thumbprint, slot.dek, crypto::sha256(slot.encode()));
            if (!lost.contains(name)) continue;
            if (!is_dry()) context_.repository().put_slot(slot);
            note(name, "slot-stored",
                 is_dry() ? "would be stored again from its entry" : "stored again from its entry");
            mended(name);
        }
    }

    /// What is lost of packs and index segments that trusted backups need.
    template <class Id>
    std::set<Id> lost_objects(std::optional<Id> (*parse)(std::string_view)) const {
        std::set<Id> lost;
        for (const auto& [object, finding] : left_) {
            const auto id = parse(object);
            if (id && !finding.backups.empty()) lost.insert(*id);
        }
        return lost;
    }

    void mend_with_keys() {
        const auto indexes = lost_objects<IndexId>(format::parse_index_name);
        const auto packs = lost_objects<PackId>(format::parse_pack_name);
        if (indexes.empty() && packs.empty()) return;
        if (options_.without_keys) {
            report_.information.emplace_back(
                "index segments are made again, and packs from what is left elsewhere, only with the keys: without "
                "--no-keys");
            return;
        }
        // Everything that is damaged is out of the way by now.
        read_catalogue();
        if (context_.catalogue().doubt()) {
            report_.information.push_back(std::string("nothing is opened while it is open who is trusted: ") +
                                          context_.catalogue().doubt()->what());
            return;
        }
        restore::HealOptions options;
        options.dry_run = is_dry();
        options.interrupted = &interrupted();
        options.warn = [this](const std::string& sentence) { context_.terminal().warning(sentence); };
        take(healer(options).rebuild_indexes(indexes), "index-rebuilt");
        if (!packs.empty()) restore_packs(packs, options);
    }

    restore::Healer healer(const restore::HealOptions& options) {
        return {context_.repository(), context_.planner(), context_.resolver(), options};
    }

    /// Looks first, so that nobody is asked for the officer's key in vain, and nothing stored without it.
    void restore_packs(const std::set<PackId>& packs, restore::HealOptions options) {
        const restore::EntryAppender none = [](const restore::EntryMaker&) {};
        options.dry_run = true;
        std::vector<restore::Mended> foreseen = healer(options).restore_packs(packs, none);
        const bool is_worth_it =
            std::any_of(foreseen.begin(), foreseen.end(), [](const restore::Mended& one) { return one.is_mended; });
        if (is_dry() || !is_worth_it) return take(std::move(foreseen), "pack-restored");
        RepackOfficer officer(context_);
        try {
            officer.prepare();
        } catch (const Error& error) {
            if (error.code() != ErrorCode::refused && error.code() != ErrorCode::key_unavailable) throw;
            for (restore::Mended& one : foreseen) {
                if (!one.is_mended) continue;
                one.is_mended = false;
                one.message += "; but an officer has to sign that: " + std::string(error.what());
            }
            return take(std::move(foreseen), "pack-restored");
        }
        options.dry_run = false;
        options.protectors = require_wrapping(context_);
        options.obey = [&](const format::SealedPacks& listed) { return officer.obey(listed); };
        take(healer(options).restore_packs(packs, [&](const restore::EntryMaker& make) { officer.append(make); }),
             "pack-restored");
        officer.require_in_force();
    }

    void take(std::vector<restore::Mended> results, const char* action) {
        for (restore::Mended& one : results) {
            const auto finding = left_.find(one.object);
            if (finding == left_.end()) continue;
            if (one.is_mended) {
                note(one.object, action, std::move(one.message));
                left_.erase(finding);
                continue;
            }
            report_.wants_keys = report_.wants_keys || one.is_about_keys;
            finding->second.message = one.object + ": damaged or lost; " + one.message;
            if (one.is_about_keys)
                finding->second.remedy = "run signet repair again with the protectors: signet timeline names them";
        }
    }

    Context& context_;
    const RepairOptions& options_;
    RepairReport report_;
    std::map<std::string, restore::Finding> left_;
    std::optional<bool> is_of_two_;
};

}  // namespace

RepairReport repair_repository(Context& context, const RepairOptions& options) {
    return Repairing(context, options).run();
}

}  // namespace signet::cli
