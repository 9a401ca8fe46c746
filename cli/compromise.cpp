#include "cli/compromise.h"

#include "cli/key_file.h"
#include "cli/key_rotation.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/officer.h"
#include "cli/resealing.h"
#include "cli/retirement.h"
#include "cli/signals.h"
#include "cli/table.h"

#include <algorithm>
#include <map>

namespace signet::cli {
namespace {

constexpr int kSteps = 7;
constexpr std::size_t kNamedAtMost = 20;

class Procedure {
public:
    Procedure(Context& context, const NamedProtector& protector, const CompromiseOptions& options)
        : context_(context), protector_(protector), options_(options), places_(places(context)) {
        if (places_.empty()) {
            throw Error(ErrorCode::usage, "no repository was named, and this keyring knows none",
                        "give --repo DIR, or set SIGNET_REPOSITORY");
        }
    }

    void run() {
        replace();
        fence();
        list();
        say_what_stays_readable();
        if (context_.dry_run()) {
            context_.terminal().message("nothing was changed (--dry-run)");
            return;
        }
        reseal();
        prove();
        back_up();
        remove();
    }

private:
    void say(int step, const std::string& sentence) {
        Terminal& terminal = context_.terminal();
        if (terminal.json()) {
            Json line = {{"message_type", "step"}, {"step", step}, {"of", kSteps}};
            set_text(line, "done", sentence);
            terminal.object(line);
        } else {
            terminal.result(std::to_string(step) + "/" + std::to_string(kSteps) + " " + sentence);
        }
    }

    void note(const std::string& operation, const std::string& detail) {
        context_.keyring().audit().note({operation, protector_.thumbprint, protector_.name, {}}, detail);
    }

    /// 1: something else wraps.
    void replace() {
        const keyring::Link* link = context_.keyring().find(protector_.thumbprint);
        if (link == nullptr || link->role != keyring::LinkRole::default_) {
            say(1, protector_.name + " is not the default protector of this keyring");
            if (link != nullptr && link->wraps()) {
                context_.terminal().warning(protector_.name +
                                            " is a recovery protector: link another one (signet keyring link LOCATION "
                                            "--recovery) and unlink it");
            }
            return;
        }
        if (context_.dry_run()) return say(1, "another protector would become the default");
        const keyring::Link before = *link;
        if (options_.replace_by) {
            keyring::LinkOptions link_options;
            link_options.role = keyring::LinkRole::default_;
            link_options.region = before.region;
            const keyring::LinkReport report = context_.keyring().link(keyring::Location::parse(*options_.replace_by),
                                                                       link_options, context_.vaults());
            for (const std::string& warning : report.warnings) context_.terminal().warning(warning);
        } else if (protector_.key) {
            const KeyRotated rotated = rotate_key(context_, {protector_.key->name});
            if (!rotated.waiting.empty()) stop_before_primary(rotated.key, rotated.waiting);
        } else {
            throw Error(ErrorCode::usage,
                        protector_.name + " is not a key of the local vault, and cannot be rotated here",
                        "name its successor: --replace-by LOCATION");
        }
        const keyring::Link* now = context_.keyring().default_link(before.provider, before.region);
        if (now == nullptr || now->thumbprint == protector_.thumbprint)
            throw Error(ErrorCode::refused, protector_.name + " is still the default protector",
                        "name another: --replace-by LOCATION");
        say(1, now->name + " (" + now->thumbprint.short_text() + ") is the default protector in its place");
        remind_of_key_backup(context_, keyring::Link(*now));
    }

    /// 2: every writer learns of it before its next run.
    void fence() {
        std::size_t signed_now = 0;
        for (const Place& place : places_) {
            try {
                context_.turn_to(place.location);
                if (is_replica_here(context_)) {
                    replicas_.push_back(place);
                    continue;
                }
                if (context_.dry_run())
                    (void)context_.repository();
                else if (raise_fence(context_, protector_, FenceKind::compromised))
                    ++signed_now;
                reached_.push_back(place);
            } catch (const Error& error) {
                leave_out(place, error);
            }
        }
        const std::string where = counted(reached_.size(), "repository", "repositories");
        if (context_.dry_run()) return say(2, "the policy of " + where + " would say that it is compromised");
        say(2, "the policy of " + where + " says that it is compromised" + (signed_now == 0 ? " (as before)" : ""));
    }

    /// What a person has named must be there; a place that is merely remembered stands in the way at the end.
    void leave_out(const Place& place, const Error& error) {
        if (place.was_named || error.code() == ErrorCode::usage || error.code() == ErrorCode::wrong_passphrase ||
            error.code() == ErrorCode::interrupted)
            throw error;
        context_.terminal().warning(place.location + ": " + error.what());
        left_out_.push_back(place.location);
    }

    /// 3: whose data keys it opens.
    void list() {
        std::size_t count = 0;
        exposures_.clear();
        for (const Place& place : reached_) {
            context_.turn_to(place.location);
            Exposure exposure = exposure_of(place);
            count += exposure.backups.size();
            warn_of_untrusted(exposure);
            warn_of_logs(place);
            if (!exposure.backups.empty()) exposures_.push_back(std::move(exposure));
        }
        if (!replicas_.empty()) {
            context_.terminal().message(
                counted(replicas_.size(), "replica") +
                " of it: what is said and sealed anew in the primary gets there by signet copy; run this again then");
        }
        say(3, count == 0 ? "no backup has a data key that it opens"
                          : "the data keys of " + counted(count, "backup") + " were exposed");
        for (const Exposure& exposure : exposures_) print(exposure);
    }

    Exposure exposure_of(const Place& place) {
        Exposure exposure{place, context_.repository().config().repository.hex(), {}, Json::array(), 0, {}};
        KnownKeys known;
        for (const restore::Backup& backup : context_.catalogue().backups()) {
            try {
                if (is_exposed(backup, known)) add(exposure, backup);
            } catch (const Error& error) {
                if (error.code() != ErrorCode::damaged) throw;
                // What is not whole is never restored. A trusted one is in the way at step 5; a stranger's is not.
                if (backup.trusted) context_.terminal().warning(error.what());
            }
        }
        return exposure;
    }

    /// Whether a data key is exposed, as a trusted backup asks and as another.
    using KnownKeys = std::map<std::pair<const restore::RunKey*, bool>, bool>;

    bool is_exposed(const restore::Backup& backup, KnownKeys& known) {
        const auto keys = context_.planner().keys_of(backup);
        return std::any_of(keys.begin(), keys.end(), [&](const restore::RunKey* key) {
            const auto [found, is_new] = known.try_emplace({key, backup.trusted}, false);
            // Nobody who merely stores objects makes this host open data keys.
            if (is_new) found->second = backup.trusted ? opens(*key) : is_named_by(*key);
            return found->second;
        });
    }

    void add(Exposure& exposure, const restore::Backup& backup) {
        if (!backup.trusted) {
            ++exposure.untrusted;
            if (context_.catalogue().trust().find(backup.writer, format::Role::writer) == nullptr)
                exposure.undecided.insert(backup.writer.short_hex(16));
            return;
        }
        exposure.backups.push_back(backup.describe());
        Json row = {{"id", backup.id.hex()}, {"time", to_rfc3339(backup.time())}};
        set_text(row, "series", backup.series());
        exposure.rows.push_back(std::move(row));
    }

    void warn_of_untrusted(const Exposure& exposure) {
        if (exposure.untrusted == 0) return;
        std::vector<std::string> some(exposure.undecided.begin(), exposure.undecided.end());
        const std::size_t more = some.size() > kNamedAtMost ? some.size() - kNamedAtMost : 0;
        some.resize(some.size() - more);
        context_.terminal().warning(
            exposure.place.location + ": " + counted(exposure.untrusted, "backup") +
            " by writers who are not trusted have data keys that it opens too, and are not sealed anew" +
            (some.empty() ? ""
                          : "; nobody has decided yet about " + join(some, ", ") +
                                (more > 0 ? " and " + std::to_string(more) + " more" : "") +
                                ": signet keyring trust WRITER first, if it is one of yours"));
    }

    void warn_of_logs(const Place& place) {
        std::size_t count = 0;
        for (const restore::LogEpoch& epoch : context_.catalogue().log_epochs()) {
            if (epoch.trusted && !epoch.is_released() &&
                is_named_by(context_.planner().key(*epoch.entry, epoch.fields)))
                ++count;
        }
        if (count == 0) return;
        context_.terminal().warning(place.location + ": " + counted(count, "log epoch") +
                                    (count == 1 ? " has a data key" : " have data keys") +
                                    " that it opens, and logs are not sealed anew: whoever has " + protector_.name +
                                    " and the repository reads them");
    }

    [[nodiscard]] bool is_named_by(const restore::RunKey& key) const {
        return std::any_of(key.openers.begin(), key.openers.end(),
                           [&](const restore::Opener& one) { return one.thumbprint == protector_.thumbprint; });
    }

    /// A slot that somebody stored counts unless the protector is at hand and shows that it holds something else.
    bool opens(const restore::RunKey& key) {
        const auto opener = std::find_if(key.openers.begin(), key.openers.end(), [&](const restore::Opener& one) {
            return one.thumbprint == protector_.thumbprint;
        });
        if (opener == key.openers.end()) return false;
        if (opener->is_signed) return true;
        try {
            (void)restore::unwrap_key_by(context_.repository(), context_.planner(), context_.resolver(), key,
                                         protector_.thumbprint);
            return true;
        } catch (const Error& error) {
            if (!restore::is_about_slots(error)) throw;
            return error.code() == ErrorCode::key_unavailable;
        }
    }

    void print(const Exposure& exposure) {
        Terminal& terminal = context_.terminal();
        if (terminal.json()) {
            Json line = {{"message_type", "exposed"}, {"repository", exposure.repository}, {"backups", exposure.rows}};
            set_text(line, "location", exposure.place.location);
            terminal.object(line);
            return;
        }
        terminal.result("    " + printable(exposure.place.location) + ": " +
                        counted(exposure.backups.size(), "backup"));
        for (std::size_t i = 0; i < exposure.backups.size() && i < kNamedAtMost; ++i)
            terminal.result("      " + printable(exposure.backups[i]));
        if (exposure.backups.size() > kNamedAtMost)
            terminal.result("      and " + std::to_string(exposure.backups.size() - kNamedAtMost) +
                            " more: --json names all");
    }

    void say_what_stays_readable() {
        context_.terminal().message(
            "copies of a repository that were taken before stay readable to whoever has " + protector_.name +
            ": nothing that is done here reaches them. With each backup that it opened the label, index and id keys of "
            "that backup's writer were exposed: with them the names of all its backups, and which chunks it stores, "
            "can "
            "be told, also of backups to come, until that host gets a new keyring and so a new writer");
    }

    /// 4: under data keys that it never wrapped.
    void reseal() {
        if (exposures_.empty()) return say(4, "nothing is left to be sealed anew");
        std::uint64_t touched = 0;
        for (const Exposure& exposure : exposures_) {
            context_.turn_to(exposure.place.location);
            touched += reseal_at(exposure.place);
        }
        note("key-compromised", counted(touched, "backup") + " sealed anew");
        say(4, counted(touched, "backup") + " sealed anew under data keys that it never wrapped");
    }

    /// returns  how many backups left data keys
    std::uint64_t reseal_at(const Place& place) {
        std::vector<const restore::Backup*> backups;
        for (const restore::Backup& backup : context_.catalogue().backups()) {
            if (backup.trusted) backups.push_back(&backup);
        }
        const restore::ResealReport report = reseal_backups(context_, backups, {{protector_.thumbprint}, {}});
        stop_if_interrupted();
        if (report.failures.empty()) return report.touched;
        for (const Error& error : report.failures) context_.terminal().warning(error.what());
        throw Error(ErrorCode::refused,
                    "4/" + std::to_string(kSteps) + " not every backup in " + place.location +
                        " could be sealed anew, as said above",
                    "bring what is missing within reach and run this again, or give up those backups: signet forget");
    }

    /// 5: with data keys that really open.
    void prove() {
        std::vector<std::string> reasons;
        for (const std::string& location : left_out_) reasons.push_back(location + " could not be looked at");
        for (const Place& place : reached_) judge(place, reasons);
        for (const Place& place : replicas_) judge_replica(place, reasons);
        if (!reasons.empty()) {
            throw Error(
                ErrorCode::refused,
                "5/" + std::to_string(kSteps) + " " + protector_.name + " is still needed: " + join(reasons, "; "),
                "signet key retire " + protector_.name + " -n shows what is waited for; then run this again");
        }
        note("key-compromised", "nothing needs it in " + counted(reached_.size(), "repository", "repositories"));
        say(5, "no backup needs it, and no writer will refer to what it opens");
    }

    /// reasons  takes why the protector is still needed there
    void judge(const Place& place, std::vector<std::string>& reasons) {
        context_.turn_to(place.location);
        const Retirement one = judge_retirement(context_, protector_, restore::FenceWord::compromised);
        for (const std::string& sentence : untrusted_sentences(one.untrusted, protector_.name))
            context_.terminal().warning(place.location + ": " + sentence);
        if (!one.free) reasons.push_back(place.location + ": " + why_not_free(one));
        // A writer that had not obeyed yet may have made one since step 3, and a replica may be behind.
        const std::size_t more = one.free ? exposure_of(place).backups.size() : 0;
        if (more > 0) reasons.push_back(place.location + ": " + counted(more, "backup") + " not sealed anew yet");
    }

    /// Nothing is said or sealed there; it must have what the primary has.
    void judge_replica(const Place& place, std::vector<std::string>& reasons) {
        try {
            judge(place, reasons);
        } catch (const Error& error) {
            if (error.code() != ErrorCode::damaged) throw;
            reasons.push_back(place.location + ": " + why_not_judged(context_, error));
        }
    }

    /// 6: whatever was overlooked can be opened once more, from a safe.
    void back_up() {
        if (!protector_.key)
            return say(6, protector_.name + " is not a key of the local vault: keep a copy as its vault does that");
        if (protector_.key->attributes.deleted) return say(6, "it was deleted before");
        const keyring::LocalVault& keys = vault(context_);
        const std::string& name = protector_.key->name;
        if (keys.backup_state(name) == keyring::KeyBackupState::current)
            return say(6, "there is a key backup of " + name + " as it is");
        if (!options_.backup_to) {
            throw Error(ErrorCode::refused,
                        "6/" + std::to_string(kSteps) + " key " + name + " has no key backup of its present state",
                        "give --backup-to FILE, or make one: signet key backup " + name + " -o FILE");
        }
        require_new_file(*options_.backup_to);
        (void)store_key_backup(context_, name, *options_.backup_to);
        say(6, "a key backup of " + name + " is in " + printable(*options_.backup_to));
    }

    /// 7: it can be recovered for as long as any deleted key.
    void remove() {
        if (!protector_.key) return say(7, "delete " + protector_.name + " in its vault now: nothing needs it");
        keyring::LocalVault& keys = unlocked_vault(context_);
        const std::string reference = protector_.key->reference();
        if (!protector_.key->attributes.deleted) {
            audit_key_change(context_, "key-delete", {*protector_.key}, "compromised");
            keys.soft_delete(reference);
            remember_answers(context_, {*protector_.key});
        }
        const auto until = keys.get(reference).attributes.purge_date();
        say(7, reference + " is deleted" +
                   (until ? "; it can be recovered until " + to_table_time(*until) : std::string()));
        warn_of_copies();
    }

    /// Nothing needs them either, and who has them has the key.
    void warn_of_copies() {
        const keyring::Link* link = context_.keyring().find(protector_.thumbprint);
        if (link == nullptr) return;
        for (const std::string& place : link->locations) {
            if (is_in_another_vault(context_, keyring::Location::parse(place)))
                context_.terminal().warning(protector_.name + " is in " + printable(place) +
                                            " too: delete it there as well");
        }
    }

    Context& context_;
    const NamedProtector& protector_;
    const CompromiseOptions& options_;
    const std::vector<Place> places_;
    std::vector<Place> reached_;
    std::vector<Place> replicas_;
    std::vector<std::string> left_out_;
    std::vector<Exposure> exposures_;
};

}  // namespace

void treat_compromise(Context& context, const NamedProtector& protector, const CompromiseOptions& options) {
    Procedure(context, protector, options).run();
}

}  // namespace signet::cli
