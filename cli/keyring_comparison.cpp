#include "cli/keyring_comparison.h"

#include "cli/replicas.h"
#include "cli/signals.h"
#include "restore/opener.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace signet::cli {
namespace {

using format::Thumbprint;

/// One keyring with its vaults, and what it can open.
struct Side {
    keyring::KeyringSet& keyrings;
    keyring::Vaults& vaults;
    keyring::Resolver& resolver;
    restore::Planner& planner;
    bool may_unwrap = false;  ///< claims are tried
    std::map<const restore::RunKey*, bool> opened = {};
};

/// The stored slots that this machine made or opened, with either keyring.
using KnownSlots = std::vector<keyring::ProvenSlots>;

keyring::ProvenSlots known_to(Context& context, keyring::Keyring& keyring) {
    const RepositoryId& repository = context.repository().config().repository;
    const auto writer = keyring.writer_if_present();
    // Without a writer it has made none, and looking at it makes no writer.
    if (!writer) return {std::string(), SecretBytes(Bytes(32))};
    return {keyring::ProvenSlots::path_in(context.cache_folder(), repository, writer->identity()),
            format::derive_cache_key(writer->secret.reveal(), repository)};
}

/// Whether the data key opens on this side by more than a claim: by a slot that a trusted writer signed, or one that
/// this machine made or opened itself.
bool opens(Context& context, Side& side, const KnownSlots& known, const restore::RunKey& key) {
    const bool is_known = std::any_of(key.openers.begin(), key.openers.end(), [&](const restore::Opener& opener) {
        if (!side.planner.may_open(opener)) return false;
        if (opener.is_signed) return true;
        return std::any_of(opener.names.begin(), opener.names.end(), [&](const format::SlotName& name) {
            return std::any_of(known.begin(), known.end(), [&](const auto& proven) { return proven.has(name); });
        });
    });
    if (is_known || !side.may_unwrap) return is_known;
    const auto [found, is_new] = side.opened.try_emplace(&key, false);
    if (!is_new) return found->second;
    try {
        (void)restore::unwrap_key(context.repository(), side.planner, side.resolver, key);
        found->second = true;
    } catch (const Error& error) {
        if (!restore::is_about_slots(error)) throw;
    }
    return found->second;
}

restore::Outlook outlook_of(Context& context, Side& side, const KnownSlots& known, const restore::Backup& backup) {
    const restore::Outlook outlook = side.planner.outlook(backup);
    if (outlook != restore::Outlook::unproven) return outlook;
    const auto keys = side.planner.keys_of(backup);
    const bool all_open = std::all_of(keys.begin(), keys.end(),
                                      [&](const restore::RunKey* key) { return opens(context, side, known, *key); });
    // What was tried in vain is no claim any more.
    return all_open ? restore::Outlook::restorable : side.planner.outlook(backup);
}

void describe(const Side& side, SideView& view) {
    for (const std::string& place : view.report.locations) {
        const keyring::Location location = keyring::Location::parse(place);
        if (!location.can_unwrap()) continue;
        const auto answer = side.vaults.at(location).describe(location);
        if (!answer.ok() || answer.value->thumbprint != view.report.thumbprint) continue;
        view.key = *answer.value;
        if (location.scheme == keyring::Location::Scheme::local)
            view.purge_protection = side.vaults.local(location.folder).vault().purge_protection();
        return;
    }
}

std::optional<SideView> look(const Side& side, const Thumbprint& thumbprint, bool test) {
    const keyring::Link* link = side.keyrings.own().find(thumbprint);
    const auto known = side.keyrings.find(thumbprint);
    if (!known) return std::nullopt;
    SideView view;
    view.name = known->name;
    view.role = link == nullptr ? "" : std::string(keyring::text(link->role));
    view.region = link == nullptr ? "" : link->provider + "/" + link->region;
    view.report = side.resolver.status(thumbprint);
    describe(side, view);
    if (test && link != nullptr && view.key) view.test = side.keyrings.own().test(thumbprint, side.vaults);
    return view;
}

std::string time_text(const std::optional<TimePoint>& time) { return time ? to_rfc3339(*time) : "no date"; }

/// What two vaults say of the same key.
std::vector<std::string> differences(const SideView& here, const SideView& there) {
    std::vector<std::string> found;
    if (!here.key || !there.key) return found;
    const auto compare = [&](const std::string& what, const std::string& left, const std::string& right) {
        if (left != right) found.push_back(what + ": " + left + " here, " + right + " there");
    };
    const keyring::KeyDescription& left = *here.key;
    const keyring::KeyDescription& right = *there.key;
    compare("state", std::string(keyring::text(left.state)), std::string(keyring::text(right.state)));
    compare("not before", time_text(left.attributes.not_before), time_text(right.attributes.not_before));
    compare("expires", time_text(left.attributes.expires), time_text(right.attributes.expires));
    compare("kind of vault", left.location.provider(), right.location.provider());
    if (here.purge_protection && there.purge_protection) {
        const auto word = [](bool on) { return std::string(on ? "on" : "off"); };
        compare("purge protection", word(*here.purge_protection), word(*there.purge_protection));
    }
    return found;
}

/// Who opens data keys that it needs.
std::set<Thumbprint> openers_of(const restore::Planner& planner, const restore::Backup& backup) {
    std::set<Thumbprint> openers;
    for (const restore::RunKey* key : planner.keys_of(backup)) {
        for (const restore::Opener& opener : key->openers) openers.insert(opener.thumbprint);
    }
    return openers;
}

/// Which thumbprints matter, and for how many backups.
std::map<Thumbprint, std::uint64_t> needed(Context& context, Comparison& comparison, Side& here, Side& there) {
    KnownSlots known;
    for (Side* side : {&here, &there}) known.push_back(known_to(context, side->keyrings.own()));
    std::map<Thumbprint, std::uint64_t> backups;
    for (const restore::Backup& backup : context.catalogue().backups()) {
        stop_if_interrupted();
        if (!backup.trusted) continue;
        ++comparison.backups;
        try {
            for (const Thumbprint& one : openers_of(here.planner, backup)) ++backups[one];
        } catch (const Error& error) {
            // One backup that is not whole must not hide what becomes of the others.
            if (error.code() != ErrorCode::damaged) throw;
            comparison.broken.push_back(error);
            continue;
        }
        const restore::Outlook at_home = outlook_of(context, here, known, backup);
        const restore::Outlook abroad = outlook_of(context, there, known, backup);
        // A claim makes no side ready: whoever can write to the place can store slots that open nothing.
        const bool opens_here = at_home == restore::Outlook::restorable;
        const bool opens_there = abroad == restore::Outlook::restorable;
        if (opens_here && !opens_there) ++comparison.only_here;
        if (opens_there && !opens_here) ++comparison.only_there;
        if (at_home == restore::Outlook::unproven) ++comparison.claimed_here;
        if (abroad == restore::Outlook::unproven) ++comparison.claimed_there;
    }
    for (const Side* side : {&here, &there}) {
        for (const keyring::Link& link : side->keyrings.own().links()) {
            if (link.wraps()) backups.try_emplace(link.thumbprint, 0);
        }
    }
    return backups;
}

/// What `region`'s default and the recovery protectors of this side wrap, seen from the other side.
Arrangement judge(const Side& here, const Comparison& comparison, const keyring::ProtectorRegion& region) {
    const keyring::Link* chosen = here.keyrings.own().default_link(region.provider, region.region);
    Arrangement best = Arrangement::none;
    for (const ComparedProtector& one : comparison.protectors) {
        if (!one.there || !one.there->can_open() || !one.here) continue;
        if (chosen != nullptr && one.thumbprint == chosen->thumbprint) return Arrangement::same_keys;
        if (one.here->role == keyring::text(keyring::LinkRole::recovery)) best = Arrangement::own_keys;
    }
    return best;
}

}  // namespace

std::string_view text(Arrangement arrangement) {
    switch (arrangement) {
        case Arrangement::same_keys:
            return "same-keys";
        case Arrangement::own_keys:
            return "own-keys";
        case Arrangement::none:
            return "none";
    }
    invariant(false, "an arrangement has a name");
    return {};
}

bool Comparison::differ() const {
    return std::any_of(protectors.begin(), protectors.end(),
                       [](const ComparedProtector& one) { return !one.differences.empty(); });
}

Comparison compare_keyrings(Context& context, const ComparisonOptions& options) {
    restore::CatalogueOptions reading;
    reading.remember = false;
    reading.tolerate_rollback = true;  // a replica is behind what this keyring has seen of the primary
    (void)context.load_catalogue(std::move(reading));
    keyring::KeyringSet other({keyring::Keyring::open(options.keyring, true, context.clock())});
    keyring::Vaults vaults(options.vault, context.passphrases(), context.clock());
    keyring::Resolver resolver(other, vaults);
    restore::Planner planner(context.catalogue(), context.repository(), resolver);
    Side here{context.keyrings(), context.vaults(), context.resolver(), context.planner(), options.test};
    Side there{other, vaults, resolver, planner, options.test};

    context.catalogue().require_no_doubt();
    Comparison comparison;
    for (const auto& [thumbprint, backups] : needed(context, comparison, here, there)) {
        ComparedProtector one{
            thumbprint, backups, look(here, thumbprint, options.test), look(there, thumbprint, options.test), {}};
        if (one.here && one.there) one.differences = differences(*one.here, *one.there);
        comparison.protectors.push_back(std::move(one));
    }
    comparison.arrangement = judge(here, comparison, region_of(context, context.repository()));
    return comparison;
}

}  // namespace signet::cli
