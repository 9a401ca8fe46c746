#include "cli/key_impact.h"

#include "cli/access.h"
#include "cli/table.h"

#include <algorithm>
#include <filesystem>
#include <map>

namespace signet::cli {
namespace {

constexpr std::size_t kNamedAtMost = 10;

DoomedKeys doomed(const std::vector<keyring::KeyVersion>& versions) {
    DoomedKeys doomed;
    for (const keyring::KeyVersion& key : versions) {
        doomed.names.push_back(key.reference());
        doomed.keys.insert(key.thumbprint);
    }
    return doomed;
}

/// Looks at each data key once, however many backups share it.
class Assessor {
public:
    Assessor(Context& context, const DoomedKeys& doomed, OpenerProof proof)
        : context_(context),
          proof_(proof),
          planner_(context.catalogue(false), context.repository(), context.resolver()),
          doomed_(doomed) {}

    KeyImpact assess() {
        KeyImpact impact;
        const restore::Catalogue& catalogue = context_.catalogue(false);
        // Who counts is not known then.
        if (catalogue.doubt()) impact.unknown.emplace_back(catalogue.doubt()->what());
        for (const restore::JournalFinding& finding : catalogue.findings()) {
            if (finding.trusted) impact.unknown.emplace_back(finding.error.what());
        }
        for (const restore::Backup& backup : catalogue.backups()) {
            try {
                if (backup.trusted)
                    judge(backup, impact);
                else
                    note_untrusted(backup);
            } catch (const Error& error) {
                if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
                // What is not whole and not trusted needs nothing: it is never restored.
                if (backup.trusted) impact.unknown.emplace_back(error.what());
            }
        }
        for (const restore::LogEpoch& epoch : catalogue.log_epochs()) {
            if (epoch.trusted && !epoch.is_released()) judge(epoch, impact);
        }
        for (const bool is_undecided : {true, false}) {
            for (const auto& [writer, need] : untrusted_) {
                if (need.is_undecided == is_undecided) impact.untrusted.push_back(need);
            }
        }
        return impact;
    }

private:
    /// By what is described alone: nobody who merely stores objects makes this host open data keys.
    void note_untrusted(const restore::Backup& backup) {
        const std::vector<const restore::RunKey*> keys = planner_.keys_of(backup);
        const bool would_be_lost = std::any_of(keys.begin(), keys.end(), [&](const restore::RunKey* key) {
            return needs_doomed(*key) && !is_described_by_others(*key);
        });
        if (!would_be_lost) return;
        UntrustedNeed& need = untrusted_[backup.writer];
        need.writer = backup.writer;
        if (backup.labels) need.host = backup.labels->host;
        ++need.backups;
        need.is_undecided = context_.catalogue(false).trust().find(backup.writer, format::Role::writer) == nullptr;
    }

    [[nodiscard]] bool counts_as_other(const restore::Opener& opener) const {
        return !doomed_.keys.contains(opener.thumbprint) && !doomed_.not_counted.contains(opener.thumbprint);
    }

    bool is_described_by_others(const restore::RunKey& key) {
        return std::any_of(key.openers.begin(), key.openers.end(), [&](const restore::Opener& opener) {
            return counts_as_other(opener) && planner_.status(opener.thumbprint).can_unwrap;
        });
    }

    void judge(const restore::Backup& backup, KeyImpact& impact) {
        bool is_affected = false;
        bool is_lost = false;
        for (const restore::RunKey* key : planner_.keys_of(backup)) {
            if (!needs_doomed(*key)) continue;
            is_affected = true;
            if (opens_without_doomed(*key)) continue;
            is_lost = true;
            if (is_reachable(*key)) impact.reachable = std::max(impact.reachable.value_or(key->made), key->made);
        }
        if (!is_affected) return;
        if (impact.backups++ == 0) impact.from = backup.time();
        impact.to = backup.time();
        if (is_lost) impact.lost.push_back(&backup);
    }

    void judge(const restore::LogEpoch& epoch, KeyImpact& impact) {
        const restore::RunKey& key = planner_.key(*epoch.entry, epoch.fields);
        if (!needs_doomed(key) || opens_without_doomed(key)) return;
        impact.lost_logs.push_back("the logs of series " + epoch.series() + " from " + to_table_time(epoch.opened()) +
                                   " on (epoch " + epoch.fields.dek.short_hex() + ")");
    }

    /// A run counts every signed slot of a protector that stays: it does not unwrap. Slots that somebody stored say
    /// nothing here either.
    [[nodiscard]] bool is_reachable(const restore::RunKey& key) const {
        return std::any_of(key.openers.begin(), key.openers.end(),
                           [&](const restore::Opener& opener) { return opener.is_signed && counts_as_other(opener); });
    }

    [[nodiscard]] bool needs_doomed(const restore::RunKey& key) const {
        return std::any_of(key.openers.begin(), key.openers.end(),
                           [&](const restore::Opener& opener) { return doomed_.keys.contains(opener.thumbprint); });
    }

    bool opens_without_doomed(const restore::RunKey& key) {
        const auto [place, is_new] = opens_.try_emplace(&key, false);
        if (is_new) place->second = try_others(key) || (!doomed_.everywhere && try_twins(key));
        return place->second;
    }

    bool try_others(const restore::RunKey& key) {
        if (proof_ == OpenerProof::described) return is_described_by_others(key);
        restore::RunKey others = key;
        std::erase_if(others.openers, [&](const restore::Opener& opener) { return !counts_as_other(opener); });
        if (others.openers.empty()) return false;
        try {
            (void)restore::unwrap_key(context_.repository(), planner_, context_.resolver(), others);
            return true;
        } catch (const Error& error) {
            if (!restore::is_about_slots(error)) throw;
            return false;
        }
    }

    /// The same material in another vault opens what this vault's copy opens.
    bool try_twins(const restore::RunKey& key) {
        for (const restore::Opener& opener : key.openers) {
            const auto known = context_.keyrings().find(opener.thumbprint);
            if (!known || !doomed_.keys.contains(opener.thumbprint)) continue;
            for (const std::string& text : known->locations) {
                const keyring::Location location = keyring::Location::parse(text);
                if (is_in_another_vault(context_, location) && opens_at(location, key, opener)) return true;
            }
        }
        return false;
    }

    /// Slot by slot, those that the writer signed first: what somebody else stored is looked at when they fail, and
    /// what is not readable there opens nothing and hides nothing.
    bool opens_at(const keyring::Location& location, const restore::RunKey& key, const restore::Opener& opener) {
        if (std::any_of(opener.slots.begin(), opener.slots.end(),
                        [&](const format::Slot* slot) { return slot_opens_at(location, key, *slot); })) {
            return true;
        }
        return std::any_of(opener.names.begin(), opener.names.end(), [&](const format::SlotName& name) {
            try {
                return slot_opens_at(location, key, context_.repository().load_slot(name));
            } catch (const Error& error) {
                if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
                return false;
            }
        });
    }

    bool slot_opens_at(const keyring::Location& location, const restore::RunKey& key, const format::Slot& slot) {
        keyring::AuditLog& audit = context_.keyring().audit();
        const auto intent = audit.intent({"unwrap", slot.thumbprint, location.text(), "dek " + slot.dek.hex()});
        try {
            const auto answer = context_.vaults().at(location).unwrap(location, slot.wrapped, slot.binding());
            audit.outcome(intent, answer.outcome, audit_text(answer));
            return answer.ok() && is_data_key(slot, *answer.value, key);
        } catch (const Error& error) {
            audit.outcome(intent, keyring::Outcome::credential_rejected, error.what());
            throw;
        }
    }

    static bool is_data_key(const format::Slot& slot, const SecretBytes& plaintext, const restore::RunKey& key) {
        try {
            return format::accept_unwrapped(slot, plaintext).commitment() == key.commitment;
        } catch (const Error&) {
            return false;  // a slot that is not what it claims opens nothing
        }
    }

    Context& context_;
    OpenerProof proof_;
    restore::Planner planner_;
    const DoomedKeys& doomed_;
    std::map<const restore::RunKey*, bool> opens_;
    std::map<IdentityId, UntrustedNeed> untrusted_;
};

std::string first_few(const std::vector<const restore::Backup*>& backups) {
    std::vector<std::string> names;
    for (const restore::Backup* backup : backups) {
        if (names.size() < kNamedAtMost) names.push_back(backup->describe());
    }
    const std::size_t more = backups.size() - names.size();
    return join(names, ", ") + (more == 0 ? "" : " and " + std::to_string(more) + " more");
}

/// Why the keys must stay; empty when they may go.
std::string objection(const KeyImpact& impact) {
    const std::string keys = join(impact.keys, ", ");
    if (!impact.lost.empty()) {
        return counted(impact.lost.size(), "backup") + " could not be restored without " + keys + ": " +
               first_few(impact.lost);
    }
    if (!impact.lost_logs.empty()) {
        return counted(impact.lost_logs.size(), "log epoch") + " could not be opened without " + keys + ": " +
               impact.lost_logs.front() +
               (impact.lost_logs.size() == 1 ? "" : " and " + std::to_string(impact.lost_logs.size() - 1) + " more");
    }
    if (!impact.unknown.empty()) return "not every backup could be judged: " + impact.unknown.front();
    return {};
}

/// "until 2027-01-02", where the policy promises that the backups may be forgotten then; else "while these backups are
/// kept".
std::string how_long(Context& context, const KeyImpact& impact) {
    const auto keep_within = impact.lost.empty() ? std::nullopt : policy_in_force(context).keep_within_ns;
    if (!keep_within) return "while these backups are kept";
    TimePoint newest = impact.lost.front()->committed;
    for (const restore::Backup* backup : impact.lost) newest = std::max(newest, backup->committed);
    return "until " + to_table_time(after(newest, *keep_within)).substr(0, 10) +
           ", when the newest of these may be forgotten";
}

Json backup_json(const restore::Backup& backup) {
    Json object = {{"id", backup.id.hex()}, {"time", to_rfc3339(backup.time())}};
    set_text(object, "series", backup.series());
    return object;
}

}  // namespace

bool is_in_another_vault(Context& context, const keyring::Location& location) {
    if (!location.can_unwrap()) return false;
    if (location.scheme != keyring::Location::Scheme::local) return true;
    if (location.folder.empty()) return false;
    std::error_code error;
    const bool is_same = std::filesystem::equivalent(location.folder + "/vault.json",
                                                     context.vaults().default_folder() + "/vault.json", error);
    return !error && !is_same;
}

std::vector<std::string> untrusted_sentences(const std::vector<UntrustedNeed>& needs, const std::string& keys) {
    std::vector<std::string> sentences;
    for (const UntrustedNeed& need : needs) {
        if (sentences.size() == kNamedAtMost) {
            sentences.push_back("and so have " + counted(needs.size() - kNamedAtMost, "other writer") + " who " +
                                (needs.size() - kNamedAtMost == 1 ? "is" : "are") + " not trusted");
            break;
        }
        const std::string who =
            "writer " + need.writer.short_hex(16) + (need.host.empty() ? "" : " (" + need.host + ")");
        std::string& sentence = sentences.emplace_back(who);
        sentence += ", who is not trusted for ";
        sentence += need.backups == 1 ? "it" : "them";
        sentence += ", has " + counted(need.backups, "backup") + " that would need " + keys + " too";
        if (need.is_undecided) {
            sentence += "; nobody has decided about this writer yet: signet keyring trust " +
                        need.writer.short_hex(16) + ", and keep " + keys + ", if it is one of yours";
        }
    }
    return sentences;
}

Json untrusted_json(const std::vector<UntrustedNeed>& needs) {
    Json rows = Json::array();
    for (const UntrustedNeed& need : needs) {
        Json row = {{"writer", need.writer.hex()}, {"backups", need.backups}, {"undecided", need.is_undecided}};
        set_text(row, "host", need.host);
        rows.push_back(std::move(row));
    }
    return rows;
}

KeyImpact impact_of(Context& context, const DoomedKeys& keys, OpenerProof proof) {
    KeyImpact impact = Assessor(context, keys, proof).assess();
    impact.keys = keys.names;
    return impact;
}

void print_impact(Context& context, const KeyImpact& impact) {
    Terminal& terminal = context.terminal();
    if (terminal.json()) {
        Json lost = Json::array();
        for (const restore::Backup* backup : impact.lost) lost.push_back(backup_json(*backup));
        const bool any = impact.backups != 0;
        terminal.object(Json{{"message_type", "key_impact"},
                             {"keys", impact.keys},
                             {"backups", impact.backups},
                             {"from", any ? Json(to_rfc3339(impact.from)) : Json(nullptr)},
                             {"to", any ? Json(to_rfc3339(impact.to)) : Json(nullptr)},
                             {"lost", std::move(lost)},
                             {"lost_log_epochs", impact.lost_logs.size()},
                             {"unknown", impact.unknown},
                             {"untrusted", untrusted_json(impact.untrusted)}});
        return;
    }
    const std::string keys = join(impact.keys, ", ");
    for (const std::string& sentence : untrusted_sentences(impact.untrusted, keys)) terminal.warning(sentence);
    if (!impact.lost_logs.empty()) {
        terminal.message(counted(impact.lost_logs.size(), "log epoch") + " open with nothing else than " + keys + ": " +
                         impact.lost_logs.front());
    }
    if (impact.backups == 0) {
        terminal.message("no backup in " + context.repository_location() + " needs " + keys);
        return;
    }
    std::string sentence = keys + (impact.keys.size() == 1 ? " opens " : " open ") + counted(impact.backups, "backup") +
                           ", " + to_table_time(impact.from) + " to " + to_table_time(impact.to) + "; ";
    if (impact.lost.empty())
        sentence += impact.backups == 1 ? "it has another opener" : "each has another opener";
    else
        sentence += std::to_string(impact.lost.size()) + " of them without another opener";
    terminal.message(sentence);
}

void warn_of_impact(Context& context, const std::vector<keyring::KeyVersion>& versions) {
    if (!context.has_repository() || versions.empty()) return;
    try {
        print_impact(context, impact_of(context, doomed(versions), OpenerProof::described));
    } catch (const Error& error) {
        if (error.code() == ErrorCode::interrupted) throw;
        context.terminal().warning("which backups need the key could not be seen: " + std::string(error.what()));
    }
}

std::string require_expendable(Context& context, const std::vector<keyring::KeyVersion>& versions,
                               const std::string& verb) {
    const bool force = context.options().flag("force");
    if (!context.has_repository()) return {};
    const KeyImpact impact = impact_of(context, doomed(versions), OpenerProof::opened);
    print_impact(context, impact);
    const std::string reason = objection(impact);
    if (reason.empty()) return {};
    if (force) {
        context.terminal().warning("--force: " + reason);
        return "forced; " + reason;
    }
    throw Error(ErrorCode::refused, join(impact.keys, ", ") + " must not be " + verb + ": " + reason,
                "keep it " + how_long(context, impact) +
                    ", or bring another opener within reach (-k, --passphrase-file); "
                    "--force does it all the same");
}

}  // namespace signet::cli
