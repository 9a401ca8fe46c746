// What is done to the links of a keyring: linking, unlinking, the default, going on with a twin.
#include "core/error.h"
#include "format/config.h"
#include "keyring/keyring.h"
#include "keyring/pkcs11_vault.h"
#include "keyring/remote_error.h"
#include "keyring/vault_place.h"

#include <algorithm>

namespace signet::keyring {
namespace {

constexpr std::int64_t kExpiryWarningNs = 30LL * 86'400 * kNsPerSecond;

std::string quoted(std::string_view value) { return "\"" + std::string(value) + "\""; }

/// What would undo a refusal.
std::string remedy(Outcome outcome, const Location& location) {
    if (location.scheme == Location::Scheme::pkcs11) return pkcs11_hint(outcome, location);
    if (location.is_remote()) return remote_hint(outcome, location);
    const std::string key = location.name + (location.version ? "/" + std::to_string(*location.version) : "");
    switch (outcome) {
        case Outcome::key_disabled:
            return "signet key enable " + key;
        case Outcome::key_deleted:
            return "signet key recover " + key;
        case Outcome::key_expired:
            return "make a new version: signet key rotate " + location.name;
        case Outcome::not_found:
            return "see what is there: signet key list";
        default:
            return {};
    }
}

[[noreturn]] void throw_refusal(Outcome outcome, const std::string& detail, const Location& location) {
    ErrorCode code = ErrorCode::key_unavailable;
    if (outcome == Outcome::integrity) code = ErrorCode::damaged;
    if (outcome == Outcome::misuse) code = ErrorCode::refused;
    throw Error(code, location.text() + ": " + detail, remedy(outcome, location));
}

/// A symmetric key is one of a key manager, and has no size to choose.
void check_kind(const KeyDescription& key) {
    const std::string place = key.location.text();
    if (!key.public_key && key.thumbprint.kind == format::Thumbprint::Kind::kms) return;
    if (key.kind != "rsa") throw Error(ErrorCode::refused, place + " is a " + key.kind + " key, not an RSA key");
    if (key.size_bits != 2048 && key.size_bits != 3072 && key.size_bits != 4096) {
        throw Error(ErrorCode::refused, place + " has " + std::to_string(key.size_bits) + " bits",
                    "protectors are RSA keys of 2048, 3072 or 4096 bits");
    }
}

/// What wraps must not be lost by one command: it can be recovered for a while, and nobody can end that early.
void check_recovery(const KeyDescription& key, LinkRole role, bool may_be_purged, std::vector<std::string>& warnings) {
    if (!key.recovery || (key.recovery->soft_delete && key.recovery->purge_protection)) return;
    const std::string why =
        key.location.text() + (key.recovery->soft_delete ? " can be purged while it is deleted: its vault has no purge "
                                                           "protection"
                                                         : " is lost when it is deleted: its vault has no soft delete");
    if (role == LinkRole::linked || (may_be_purged && key.recovery->soft_delete)) {
        warnings.push_back(why);
        return;
    }
    throw Error(ErrorCode::refused, why, remote_recovery_hint(key.location));
}

/// The rules on a protector, for the role that it is to have.
void check_rules(const KeyDescription& key, LinkRole role, TimePoint now, std::vector<std::string>& warnings) {
    const std::string place = key.location.text();
    check_kind(key);
    if (!may_unwrap(key.state)) {
        throw_refusal(refusal_of(key.state), "the key is " + std::string(text(key.state)), key.location);
    }
    if (!may_wrap(key.state)) {
        const std::string problem = "the key is " + std::string(text(key.state));
        if (role != LinkRole::linked) throw_refusal(refusal_of(key.state), problem, key.location);
        warnings.push_back(place + ": " + problem + "; it unwraps, and cannot wrap");
    }
    if (role != LinkRole::linked && key.attributes.expires && key.attributes.expires->ns - now.ns < kExpiryWarningNs) {
        warnings.push_back(place + " expires at " + to_rfc3339(*key.attributes.expires));
    }
    if (role == LinkRole::recovery && key.can_unwrap && key.public_key) {
        warnings.push_back(place +
                           " holds the private half: a recovery protector is safer with its public half alone here");
    }
}

/// In the place of one that is written otherwise, whose refusals are over, as this one was tested; else behind all.
void put_location(Keyring::Content& next, Link& link, const std::string& place, const std::string& instead_of) {
    auto& all = link.locations;
    if (std::find(all.begin(), all.end(), place) != all.end()) return;
    const auto former = std::find(all.begin(), all.end(), instead_of);
    if (former == all.end()) return all.push_back(place);
    *former = place;
    std::erase_if(next.refusals, [&](const Refusal& refusal) { return refusal.location == instead_of; });
}

/// Makes it the default of its provider and region. returns  the one that was
std::optional<format::Thumbprint> make_default(std::vector<Link>& links, Link& chosen) {
    std::optional<format::Thumbprint> former;
    for (Link& link : links) {
        const bool same_place = same_provider(link.provider, chosen.provider) && link.region == chosen.region;
        if (link.role != LinkRole::default_ || !same_place || link.thumbprint == chosen.thumbprint) continue;
        link.role = LinkRole::linked;
        former = link.thumbprint;
    }
    chosen.role = LinkRole::default_;
    return former;
}

/// Where a link's key is asked for first; empty where only its public half is linked.
std::string first_that_unwraps(const Link& link) {
    const auto first = std::find_if(link.locations.begin(), link.locations.end(),
                                    [](const std::string& text) { return Location::parse(text).can_unwrap(); });
    return first == link.locations.end() ? std::string() : *first;
}

/// A recovery protector that has a newer version wraps no more.
void step_down(Keyring::Content& content, const format::Thumbprint& former, const Link& next) {
    Link* before = content.find(former);
    if (before == nullptr || before == &next || next.role != LinkRole::recovery) return;
    if (before->role == LinkRole::recovery) before->role = LinkRole::linked;
}

/// One link follows one place. Another that follows it already keeps on, and hands over when it meets this version,
/// unless this one takes over the default now.
void follow_place(std::vector<Link>& links, Link& chosen, const std::string& place, LinkRole role) {
    for (Link& link : links) {
        if (link.follow != place || link.thumbprint == chosen.thumbprint) continue;
        if (role != LinkRole::default_) return;
        link.follow.clear();
    }
    chosen.follow = place;
}

void check_role_change(const Link& link, LinkRole wanted) {
    if (link.role == wanted || link.role == LinkRole::linked) return;
    if (link.role == LinkRole::default_) {
        throw Error(ErrorCode::refused, "protector " + link.thumbprint.short_text() + " is the default",
                    "make another one the default first: signet keyring default THUMBPRINT");
    }
    throw Error(ErrorCode::refused, "protector " + link.thumbprint.short_text() + " is a recovery protector",
                "unlink it first: signet keyring unlink " + link.thumbprint.short_text());
}

/// Which location of a link is the place of a key, written in another way: by way of a symbolic link, with another PIN
/// file. Empty when there is none.
std::string written_otherwise(const Link& link, const KeyDescription& key, Vaults& vaults) {
    const std::string place = key.can_unwrap ? vaults.at(key.location).place_of(key.location) : std::string();
    if (place.empty()) return {};
    const auto found = std::find_if(link.locations.begin(), link.locations.end(), [&](const std::string& text) {
        const Location known = Location::parse(text);
        return text != key.location.text() && known.can_unwrap() && vaults.at(known).place_of(known) == place;
    });
    return found == link.locations.end() ? std::string() : *found;
}

/// What is to be linked, as what, and where.
struct Wish {
    Location asked;
    KeyDescription key;
    LinkRole role = LinkRole::linked;
    std::string provider;
    std::string region;
    std::string same_place;  ///< the location that is linked already and is this one, written otherwise
    bool is_new_default = false;
};

/// throws  Error{refused}: it is not the key that was meant
void check_identity(const Keyring& keyring, const KeyDescription& key, const LinkOptions& options) {
    if (options.thumbprint && !key.thumbprint.matches_prefix(*options.thumbprint)) {
        throw Error(ErrorCode::refused,
                    key.location.text() + " is " + key.thumbprint.text() + ", not " + *options.thumbprint);
    }
    if (options.twin_of && keyring.get(*options.twin_of).thumbprint != key.thumbprint) {
        throw Error(ErrorCode::refused, key.location.text() + " is not a twin of " + *options.twin_of +
                                            ": its key material is another one, " + key.thumbprint.short_text());
    }
}

/// throws  Error{usage}: no region is called so; Error{refused}: the default of a region has to be in it
void check_region(const Wish& wish, const Link* existing, const LinkOptions& options) {
    if (!format::is_region_name(wish.region) || !format::is_region_name(wish.provider)) {
        throw Error(ErrorCode::usage, quoted(wish.region) + " cannot name a region",
                    "use lower-case letters, digits and '-'");
    }
    const KeyDescription& key = wish.key;
    const bool elsewhere =
        (existing != nullptr && existing->region != wish.region) || (key.region && *key.region != wish.region);
    if (elsewhere && wish.role == LinkRole::default_ && options.role) {
        throw Error(ErrorCode::refused,
                    key.location.text() + " is a twin in another region than " + key.thumbprint.short_text() +
                        " was linked for, and cannot be the default there",
                    "link a protector of region " + wish.region);
    }
}

/// What is linked already may not be allowed to become what is wished.
void check_existing(const Wish& wish, const Link& existing, const LinkOptions& options) {
    const KeyDescription& key = wish.key;
    if (options.twin_of && !wish.same_place.empty()) {
        throw Error(
            ErrorCode::refused,
            key.location.text() + " is no twin: it is the same place as " + wish.same_place + ", written otherwise",
            "a twin is the same key in a second vault or token");
    }
    check_role_change(existing, wish.role);
    if (options.settings_wait && !existing.lost_since) {
        throw Error(ErrorCode::refused,
                    "protector " + key.thumbprint.short_text() +
                        " is linked already, and while access is lost no setting is changed",
                    "to go on with it: signet keyring revalidate --use-key " + key.thumbprint.short_text());
    }
}

/// Asks the vault what is there. asked  absolute. throws  as Keyring::link() before it tests
Wish wished(const Keyring& keyring, const Location& asked, const LinkOptions& options, Vaults& vaults) {
    const auto described = vaults.at(asked).describe(asked);
    if (!described.ok()) throw_refusal(described.outcome, described.detail, asked);
    Wish wish{asked, *described.value, {}, {}, {}, {}, false};
    check_identity(keyring, wish.key, options);
    const Link* existing = keyring.find(wish.key.thumbprint);
    wish.role = options.role.value_or(existing != nullptr ? existing->role : LinkRole::linked);
    wish.provider = options.provider.value_or(existing != nullptr ? existing->provider : asked.provider());
    wish.region = options.region.value_or(existing != nullptr ? existing->region : wish.key.region.value_or("local"));
    check_region(wish, existing, options);
    if (existing != nullptr) {
        wish.same_place = written_otherwise(*existing, wish.key, vaults);
        check_existing(wish, *existing, options);
    }
    wish.is_new_default =
        wish.role == LinkRole::default_ && (existing == nullptr || existing->role != LinkRole::default_);
    return wish;
}

/// The link of that key, made where there is none. report  is told what came of it
Link& put_link(Keyring::Content& next, const Wish& wish, const LinkOptions& options, TimePoint now,
               LinkReport& report) {
    const KeyDescription& key = wish.key;
    Link* link = next.find(key.thumbprint);
    report.is_new = link == nullptr;
    if (link == nullptr) {
        next.links.emplace_back();
        link = &next.links.back();
        link->thumbprint = key.thumbprint;
        link->name = key.name;
        link->role = LinkRole::linked;
        link->provider = wish.provider;
        link->region = wish.region;
        if (key.public_key) link->spki = key.public_key->spki();
        link->linked = now;
    }
    check_role_change(*link, wish.role);
    if (!options.name.empty()) link->name = options.name;
    put_location(next, *link, key.location.text(), wish.same_place);
    // A twin is the same key elsewhere: newer versions are looked for where the key is asked for first.
    const bool is_first = first_that_unwraps(*link) == key.location.text();
    if (options.follow) {
        follow_place(next.links, *link, *options.follow, wish.role);
    } else if (wish.asked.follows_newest() && is_first) {
        follow_place(next.links, *link, wish.asked.text(), wish.role);
    }
    if (wish.role == LinkRole::default_) {
        report.former_default = make_default(next.links, *link);
    } else {
        link->role = wish.role;
        // A replica may have no other way in than the version before.
        const bool has_replicas = !next.replica_keyrings.empty();
        if (options.instead_of && !has_replicas) step_down(next, *options.instead_of, *link);
    }
    return *link;
}

}  // namespace

KeyDescription require_key(Answer<KeyDescription> answer, const Location& location) {
    if (!answer.ok()) throw_refusal(answer.outcome, answer.detail, location);
    return std::move(*answer.value);
}

std::string state_after(const Answer<KeyDescription>& answer) {
    return std::string(answer.ok() ? text(answer.value->state) : text(answer.outcome));
}

LinkReport Keyring::link(const Location& location, const LinkOptions& options, Vaults& vaults) {
    refresh();
    const Wish wish = wished(*this, location.absolute(), options, vaults);
    const KeyDescription& key = wish.key;
    LinkReport report;
    check_rules(key, wish.role, clock_->now(), report.warnings);
    check_recovery(key, wish.role, options.may_be_purged, report.warnings);
    const auto tested = audited_test(key.thumbprint, key.location, vaults);
    if (!tested.ok()) throw_refusal(tested.outcome, tested.detail, key.location);
    report.proven = key.can_unwrap;
    if (wish.is_new_default) require_replicas_ready(key.thumbprint, vaults);
    change([&](Content& next) {
        Link& link = put_link(next, wish, options, clock_->now(), report);
        link.note_state(state_after(tested), clock_->now());
        if (report.proven) link.last_unwrapped = clock_->now();
        report.link = link;
    });
    if (const std::string folder = vault_folder(key.location, vaults.default_folder()); !folder.empty())
        note_vault_place(folder);
    audit_.note({"link", key.thumbprint, key.location.text(), {}}, std::string(text(wish.role)));
    return report;
}

Link Keyring::unlink(const format::Thumbprint& thumbprint, bool allow_default) {
    Link removed;
    change([&](Content& next) {
        removed = next.require(thumbprint);
        if (removed.role == LinkRole::default_ && !allow_default) {
            throw Error(ErrorCode::refused, "protector " + thumbprint.short_text() + " is the default",
                        "make another one the default first: signet keyring default THUMBPRINT");
        }
        std::erase_if(next.links, [&](const Link& link) { return link.thumbprint == thumbprint; });
        std::erase_if(next.refusals, [&](const Refusal& refusal) {
            const auto& all = removed.locations;
            return std::find(all.begin(), all.end(), refusal.location) != all.end();
        });
    });
    audit_.note({"unlink", thumbprint, removed.locations.front(), {}}, std::string(text(removed.role)));
    return removed;
}

LinkReport Keyring::set_default(const format::Thumbprint& thumbprint, Vaults& vaults) {
    refresh();
    const Link link = content_.require(thumbprint);
    check_role_change(link, LinkRole::default_);
    if (link.role != LinkRole::default_) require_replicas_ready(thumbprint, vaults);

    LinkReport report;
    bool answered = false;
    bool passed_over = false;
    if (link.wrap_only()) {
        audited_wrap(link.public_key(), link.locations.front(), "test");
        answered = true;
    }
    for (const std::string& place : link.locations) {
        const Location location = Location::parse(place);
        if (!location.can_unwrap()) continue;
        const auto tested = audited_test(thumbprint, location, vaults);
        if (may_fail_over(tested.outcome)) {
            // An outage after a refusal opens no way to a twin.
            if (const Refusal* known = refusal(place, vaults))
                throw_refusal(known->outcome, tested.detail + "; refused since " + to_rfc3339(known->since), location);
            passed_over = true;
            continue;
        }
        if (!tested.ok()) throw_refusal(tested.outcome, tested.detail, location);
        check_rules(*tested.value, LinkRole::default_, clock_->now(), report.warnings);
        report.proven = tested.value->can_unwrap;
        answered = true;
        break;
    }
    if (!answered) {
        throw Error(ErrorCode::key_unavailable, "protector " + thumbprint.short_text() + " cannot be reached in " +
                                                    link.locations.front() + ", so it was not tested");
    }
    change([&](Content& next) {
        Link& chosen = next.require(thumbprint);
        check_role_change(chosen, LinkRole::default_);
        report.former_default = make_default(next.links, chosen);
        chosen.note_state("enabled", clock_->now());
        if (report.proven) chosen.last_unwrapped = clock_->now();
        if (!passed_over) {
            chosen.lost_since = std::nullopt;  // what refused was tested just now
            chosen.lost_why.clear();
        }
        report.link = chosen;
    });
    audit_.note({"default", thumbprint, link.locations.front(), {}});
    return report;
}

// Going on with a twin.

std::string Keyring::use_twin(const format::Thumbprint& thumbprint, const std::string& by, Vaults& vaults) {
    const LinkTest tested = test(thumbprint, vaults);
    const auto is_well = [](const LinkTest::Result& result) { return result.proven; };
    const auto twin = std::find_if(tested.results.begin(), tested.results.end(), is_well);
    const LinkTest::Result& first = tested.results.front();
    if (twin == tested.results.end()) {
        throw Error(ErrorCode::key_unavailable,
                    "no location of protector " + thumbprint.short_text() + " unwraps: " + first.location + ", " +
                        std::string(text(first.outcome)),
                    "signet keyring test says what each vault answers");
    }
    // One that is out of reach stays the first: it is asked again when it is back.
    const bool moves = !is_well(first) && !may_fail_over(first.outcome);
    std::string asked_first = first.location;
    change([&](Content& next) {
        Link& link = next.require(thumbprint);
        auto& all = link.locations;
        std::erase_if(next.refusals, [&](const Refusal& refusal) {
            return std::any_of(all.begin(), all.end(),
                               [&](const std::string& place) { return is_of(refusal, place, vaults); });
        });
        const auto found = std::find(all.begin(), all.end(), twin->location);
        if (moves && found != all.end()) std::rotate(all.begin(), found, found + 1);
        asked_first = all.front();
        link.lost_since = std::nullopt;
        link.lost_why.clear();
    });
    audit_.note({"use-twin", thumbprint, twin->location, {}},
                "by " + by + "; " + first.location + " says " + std::string(text(first.outcome)));
    return asked_first;
}

}  // namespace signet::keyring
