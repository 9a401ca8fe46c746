#include "keyring/keyring.h"

#include <sys/stat.h>
#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "core/file.h"
#include "format/encoding.h"
#include "keyring/access_state.h"
#include "keyring/identity_file.h"
#include "keyring/state_file.h"

namespace signet::keyring {
namespace {

constexpr const char* kFileName = "/keyring.json";
constexpr const char* kLockName = "/keyring.lock";
constexpr const char* kWriterName = "/writer.key";
constexpr const char* kWriterKeysKind = "signet-writer-keys";
constexpr const char* kOfficerName = "/officer.key";
constexpr const char* kAuditName = "/audit.log";
constexpr double kLockWaitSeconds = 30;
constexpr std::size_t kSecretSize = 32;
/// Under which name a vault keeps the officer.
constexpr const char* kOfficer = "officer";

// keyring.json

Json encode_link(const Link& link) {
    return {{"thumbprint", link.thumbprint.text()},
            {"name", link.name},
            {"role", text(link.role)},
            {"provider", link.provider},
            {"region", link.region},
            {"locations", link.locations},
            {"follow", link.follow},
            {"public_key", to_base64(link.spki)},
            {"linked", to_rfc3339(link.linked)},
            {"last_state", link.last_state},
            {"last_state_time", time_or_null(link.last_state_time)},
            {"last_proven", time_or_null(link.last_proven)},
            {"last_unwrapped", time_or_null(link.last_unwrapped)},
            {"lost_since", time_or_null(link.lost_since)},
            {"lost_why", link.lost_why}};
}

std::optional<LinkRole> parse_role(std::string_view name) {
    for (const LinkRole role : {LinkRole::default_, LinkRole::recovery, LinkRole::linked}) {
        if (text(role) == name) return role;
    }
    return std::nullopt;
}

Link decode_link(const Json& json, std::string_view what) {
    const JsonObject fields(json, what);
    Link link;
    link.name = fields.text("name");
    const auto role = parse_role(fields.text("role"));
    if (!role) fields.fail("role");
    link.role = *role;
    link.provider = fields.text("provider");
    link.region = fields.text("region");
    for (const Json& location : fields.array("locations")) {
        if (!location.is_string()) fields.fail("locations");
        link.locations.push_back(location.get<std::string>());
    }
    if (link.locations.empty()) fields.fail("locations");
    link.follow = fields.text("follow");
    link.spki = fields.base64("public_key");
    const auto thumbprint = format::Thumbprint::parse(fields.text("thumbprint"));
    if (!thumbprint || *thumbprint != format::Thumbprint{.digest = crypto::sha256(link.spki)})
        fields.fail("thumbprint");
    link.thumbprint = *thumbprint;
    link.linked = fields.time("linked");
    link.last_state = fields.text("last_state");
    link.last_state_time = fields.optional_time("last_state_time");
    // Absent in files of earlier versions.
    if (fields.has("last_proven")) link.last_proven = fields.optional_time("last_proven");
    if (fields.has("last_unwrapped")) link.last_unwrapped = fields.optional_time("last_unwrapped");
    if (fields.has("lost_since")) link.lost_since = fields.optional_time("lost_since");
    if (fields.has("lost_why")) link.lost_why = fields.text("lost_why");
    return link;
}

Json encode_own(const OwnJournal& own) {
    Json predecessors = Json::array();
    for (const IdentityId& identity : own.predecessors) predecessors.push_back(identity.hex());
    Json begun = Json::array();
    for (const OwnJournal::Begun& one : own.begun) {
        begun.push_back({{"run", one.run.hex()}, {"ended", one.ended ? Json(*one.ended) : Json(nullptr)}});
    }
    return {{"writer", own.writer.hex()},
            {"predecessors", std::move(predecessors)},
            {"accounted", own.accounted},
            {"begun", std::move(begun)}};
}

OwnJournal decode_own(const Json& json, std::string_view what) {
    const JsonObject fields(json, what);
    OwnJournal own;
    own.writer = fields.id<IdentityId>("writer");
    for (const Json& predecessor : fields.array("predecessors")) {
        const auto identity =
            predecessor.is_string() ? IdentityId::parse(predecessor.get<std::string>()) : std::nullopt;
        if (!identity) fields.fail("predecessors");
        own.predecessors.push_back(*identity);
    }
    own.accounted = fields.number("accounted");
    for (const Json& each : fields.array("begun")) {
        const JsonObject run(each, what);
        OwnJournal::Begun begun{run.id<format::RunId>("run"), std::nullopt};
        if (!run.member("ended").is_null()) begun.ended = run.number("ended");
        own.begun.push_back(begun);
    }
    return own;
}

Json encode_pin(const RepositoryPin& pin) {
    Json seen = Json::array();
    for (const auto& [identity, entry] : pin.seen) {
        seen.push_back({{"identity", identity.hex()}, {"sequence", entry.sequence}, {"entry", entry.entry.hex()}});
    }
    Json object = {{"repository", pin.repository.hex()},
                   {"officer", pin.officer.hex()},
                   {"config_hash", pin.config_hash.hex()},
                   {"seen", std::move(seen)}};
    if (!pin.own.writer.is_zero()) object["own"] = encode_own(pin.own);
    return object;
}

RepositoryPin decode_pin(const Json& json, std::string_view what) {
    const JsonObject fields(json, what);
    RepositoryPin pin{fields.id<RepositoryId>("repository"),
                      fields.id<IdentityId>("officer"),
                      fields.id<Digest>("config_hash"),
                      {},
                      {}};
    for (const Json& entry : fields.array("seen")) {
        const JsonObject seen(entry, what);
        pin.seen[seen.id<IdentityId>("identity")] = {seen.number("sequence"), seen.id<EntryId>("entry")};
    }
    if (fields.has("own")) pin.own = decode_own(fields.member("own"), what);
    return pin;
}

Json encode(const Keyring::Content& content) {
    Json links = Json::array();
    for (const Link& link : content.links) links.push_back(encode_link(link));
    Json pins = Json::array();
    for (const auto& [repository, pin] : content.pins) pins.push_back(encode_pin(pin));
    Json label_keys = Json::array();
    for (const auto& [whose, key] : content.label_keys) {
        label_keys.push_back(
            {{"repository", whose.first.hex()}, {"writer", whose.second.hex()}, {"key", to_base64(key)}});
    }
    Json locations = Json::array();
    for (const auto& [location, repository] : content.locations) {
        locations.push_back({{"location", location}, {"repository", repository.hex()}});
    }
    Json replicas = Json::array();
    for (const auto& [location, place] : content.replicas) {
        replicas.push_back({{"location", location},
                            {"repository", place.repository.hex()},
                            {"provider", place.region.provider},
                            {"region", place.region.region},
                            {"promoted", time_or_null(place.promoted)}});
    }
    Json replica_keyrings = Json::array();
    for (const auto& [region, replica] : content.replica_keyrings) {
        replica_keyrings.push_back({{"region", region},
                                    {"keyring", format::to_utf8(replica.folder)},
                                    {"vault", format::to_utf8(replica.vault)}});
    }
    Json refusals = Json::array();
    for (const Refusal& refusal : content.refusals) {
        refusals.push_back({{"location", refusal.location},
                            {"operation", refusal.operation},
                            {"outcome", text(refusal.outcome)},
                            {"since", to_rfc3339(refusal.since)}});
    }
    Json vault_places = Json::array();
    for (const auto& [folder, file_system] : content.vault_places) {
        vault_places.push_back({{"folder", folder}, {"file_system", file_system}});
    }
    Json told = Json::object();
    for (const auto& [channel, last] : content.told) {
        told[channel] = {{"state", last.state}, {"when", time_or_null(last.when)}};
    }
    return {{"signet_keyring", 1},
            {"generation", content.generation},
            {"links", std::move(links)},
            {"repositories", std::move(pins)},
            {"locations", std::move(locations)},
            {"replicas", std::move(replicas)},
            {"replica_keyrings", std::move(replica_keyrings)},
            {"label_keys", std::move(label_keys)},
            {"settings", Json(content.settings)},
            {"refusals", std::move(refusals)},
            {"vault_places", std::move(vault_places)},
            {"told", std::move(told)},
            {"state", content.state}};
}

Refusal decode_refusal(const Json& json, std::string_view what) {
    const JsonObject fields(json, what);
    const auto outcome = parse_outcome(fields.text("outcome"));
    if (!outcome || !is_refusal(*outcome)) fields.fail("outcome");
    return {fields.text("location"), fields.text("operation"), *outcome, fields.time("since")};
}

/// Both lists are absent in files of earlier versions.
void decode_replicas(const JsonObject& fields, Keyring::Content& content, std::string_view what) {
    if (fields.has("replicas")) {
        for (const Json& json : fields.array("replicas")) {
            const JsonObject place(json, what);
            content.replicas.insert_or_assign(place.text("location"),
                                              ReplicaPlace{place.id<RepositoryId>("repository"),
                                                           {place.text("provider"), place.text("region")},
                                                           place.optional_time("promoted")});
        }
    }
    if (fields.has("replica_keyrings")) {
        for (const Json& json : fields.array("replica_keyrings")) {
            const JsonObject replica(json, what);
            content.replica_keyrings.insert_or_assign(replica.text("region"),
                                                      ReplicaKeyring{replica.text("keyring"), replica.text("vault")});
        }
    }
}

std::map<std::string, Told> decode_told(const JsonObject& fields) {
    std::map<std::string, Told> told;
    if (!fields.has("told")) return told;  // a file of an earlier version
    const Json& channels = fields.member("told");
    if (!channels.is_object()) fields.fail("told");
    for (const auto& [channel, json] : channels.items()) {
        const JsonObject last(json, fields.what());
        told[channel] = {last.text("state"), last.optional_time("when")};
    }
    return told;
}

/// At most one default per provider and region, and no thumbprint twice.
bool is_consistent(const std::vector<Link>& links) {
    for (std::size_t i = 0; i < links.size(); ++i) {
        for (std::size_t j = i + 1; j < links.size(); ++j) {
            if (links[i].thumbprint == links[j].thumbprint) return false;
            const bool both_default = links[i].role == LinkRole::default_ && links[j].role == LinkRole::default_;
            const bool same_place =
                same_provider(links[i].provider, links[j].provider) && links[i].region == links[j].region;
            if (both_default && same_place) return false;
        }
    }
    return true;
}

Keyring::Content decode(const Json& body, std::string_view what) {
    const JsonObject fields(body, what);
    Keyring::Content content;
    content.generation = fields.number("generation");
    for (const Json& link : fields.array("links")) content.links.push_back(decode_link(link, what));
    if (!is_consistent(content.links)) fields.fail("links");
    for (const Json& json : fields.array("repositories")) {
        RepositoryPin pin = decode_pin(json, what);
        const RepositoryId repository = pin.repository;
        content.pins.insert_or_assign(repository, std::move(pin));
    }
    if (fields.has("locations")) {
        for (const Json& json : fields.array("locations")) {
            const JsonObject location(json, what);
            content.locations.insert_or_assign(location.text("location"), location.id<RepositoryId>("repository"));
        }
    }
    decode_replicas(fields, content, what);
    for (const Json& json : fields.array("label_keys")) {
        const JsonObject key(json, what);
        Bytes octets = key.base64("key");
        if (octets.size() != kSecretSize) key.fail("key");
        content.label_keys[{key.id<RepositoryId>("repository"), key.id<IdentityId>("writer")}] = std::move(octets);
    }
    const Json& settings = fields.member("settings");
    if (!settings.is_object()) fields.fail("settings");
    for (const auto& [name, value] : settings.items()) {
        if (!value.is_string()) fields.fail("settings");
        content.settings[name] = value.get<std::string>();
    }
    for (const Json& refusal : fields.array("refusals")) content.refusals.push_back(decode_refusal(refusal, what));
    content.told = decode_told(fields);
    if (fields.has("state")) content.state = fields.text("state");
    if (fields.has("vault_places")) {
        for (const Json& json : fields.array("vault_places")) {
            const JsonObject place(json, what);
            content.vault_places.insert_or_assign(place.text("folder"), place.text("file_system"));
        }
    }
    return content;
}

// Identities.

WriterIdentity writer_from(const IdentitySecrets& secrets) {
    return {crypto::SigningKey::from_seed(secrets.at("seed").clone()), secrets.at("secret").clone()};
}

/// A new one, in place of what is there.
WriterIdentity make_writer(const std::string& path) {
    IdentitySecrets secrets;
    secrets["seed"] = crypto::SigningKey::generate().seed().clone();
    secrets["secret"] = crypto::random_secret(kSecretSize);
    write_identity_file(path, "signet-writer", secrets);
    return writer_from(secrets);
}

/// The officer's seed in officer.key.
std::optional<SecretBytes> officer_file(const std::string& folder) {
    const auto secrets = read_identity_file(folder + kOfficerName, "signet-officer", {"seed"});
    if (!secrets) return std::nullopt;
    return secrets->at("seed").clone();
}

}  // namespace

// Reading and changing.

Keyring::Keyring(std::string folder, const Clock& clock)
    : folder_(std::move(folder)), clock_(&clock), audit_(folder_ + kAuditName, clock) {}

Keyring Keyring::open(const std::string& folder, bool must_exist, const Clock& clock) {
    Keyring keyring(folder, clock);
    keyring.refresh();
    if (must_exist && keyring.content_.generation == 0) {
        throw Error(ErrorCode::usage, "no keyring in " + folder);
    }
    return keyring;
}

Keyring::Content Keyring::read() const {
    Bytes bytes;
    if (!read_file_if_present(folder_ + kFileName, kMaxStateFile, bytes)) return {};
    const std::string what = "keyring " + folder_;
    Content content = decode(decode_state(bytes, "signet_keyring", what), what);
    wipe(bytes);
    return content;
}

void Keyring::refresh() { content_ = read(); }

void Keyring::take_notes_of_others() noexcept {
    try {
        Content now = read();
        if (now.generation > content_.generation) content_ = std::move(now);
    } catch (const std::exception&) {
        // What is known still holds.
    }
}

void Keyring::write(Content next) {
    ++next.generation;
    invariant(is_consistent(next.links), "links of a keyring agree with each other");
    const std::string encoded = encode_state(encode(next));
    replace_file(folder_ + kFileName, as_bytes(encoded), 0600);
    content_ = std::move(next);
}

void Keyring::change(const std::function<void(Content&)>& apply) {
    make_folders(folder_, 0700);
    const FileLock lock(folder_ + kLockName, kLockWaitSeconds,
                        "keyring " + folder_ + " is being changed by another process");
    Content next = read();
    // A folder that was there before may be open to others.
    if (next.generation == 0 && ::chmod(folder_.c_str(), 0700) != 0) {
        throw Error::from_errno("set the mode of", folder_, errno);
    }
    apply(next);
    write(std::move(next));
}

// Repositories, label keys, settings.

const RepositoryPin* Keyring::pin(const RepositoryId& repository) const {
    const auto found = content_.pins.find(repository);
    return found == content_.pins.end() ? nullptr : &found->second;
}

void Keyring::pin_repository(const RepositoryId& repository, const IdentityId& officer, const Digest& config_hash) {
    change([&](Content& next) {
        const auto [pin, is_new] =
            next.pins.try_emplace(repository, RepositoryPin{repository, officer, config_hash, {}, {}});
        if (!is_new && (pin->second.officer != officer || pin->second.config_hash != config_hash)) {
            throw Error(
                ErrorCode::refused,
                "repository " + repository.short_hex() + " is pinned to another officer: " + pin->second.officer.hex(),
                "if its officer really changed, remove the pin first");
        }
    });
}

void Keyring::unpin_repository(const RepositoryId& repository) {
    change([&](Content& next) { next.pins.erase(repository); });
}

void Keyring::repin_repository(const RepositoryId& repository, const IdentityId& officer, const Digest& config_hash) {
    change([&](Content& next) {
        const auto former = next.pins.find(repository);
        OwnJournal own = former == next.pins.end() ? OwnJournal{} : std::move(former->second.own);
        next.pins.insert_or_assign(repository, RepositoryPin{repository, officer, config_hash, {}, std::move(own)});
    });
}

const RepositoryId* Keyring::held_at(const std::string& location) const {
    const auto found = content_.locations.find(format::to_utf8(location));
    return found == content_.locations.end() ? nullptr : &found->second;
}

void Keyring::note_location(const std::string& location, const RepositoryId& repository) {
    const RepositoryId* known = held_at(location);
    if (known != nullptr && *known == repository) return;
    change([&](Content& next) { next.locations.insert_or_assign(format::to_utf8(location), repository); });
}

namespace {

/// returns  whether anything is newer
bool take_newer(RepositoryPin& pin, const std::map<IdentityId, SeenEntry>& entries) {
    bool changed = false;
    for (const auto& [identity, entry] : entries) {
        SeenEntry& seen = pin.seen[identity];
        if (entry.sequence <= seen.sequence) continue;
        seen = entry;
        changed = true;
    }
    return changed;
}

}  // namespace

void Keyring::note_seen(const RepositoryId& repository, const std::map<IdentityId, SeenEntry>& entries) {
    const RepositoryPin* known = pin(repository);
    if (known == nullptr) throw Error(ErrorCode::usage, "repository " + repository.short_hex() + " is not pinned");
    RepositoryPin trial = *known;
    if (!take_newer(trial, entries)) return;
    change([&](Content& next) {
        const auto found = next.pins.find(repository);
        if (found != next.pins.end()) take_newer(found->second, entries);
    });
}

void Keyring::note_proven(const format::Thumbprint& thumbprint, TimePoint when) {
    if (find(thumbprint) == nullptr) return;
    change([&](Content& next) {
        for (Link& link : next.links) {
            if (link.thumbprint == thumbprint) link.last_proven = link.last_unwrapped = when;
        }
    });
}

void Keyring::note_unwrapped(const format::Thumbprint& thumbprint) noexcept {
    constexpr std::int64_t kHourNs = 3600 * kNsPerSecond;
    const TimePoint now = clock_->now();
    const Link* known = find(thumbprint);
    if (known == nullptr || (known->last_unwrapped && now.ns - known->last_unwrapped->ns < kHourNs)) return;
    try {
        change([&](Content& next) {
            for (Link& link : next.links) {
                if (link.thumbprint == thumbprint) link.last_unwrapped = now;
            }
        });
    } catch (const std::exception&) {
        // A keyring on a medium that cannot be written still serves.
    }
}

std::optional<SecretBytes> Keyring::label_key(const RepositoryId& repository, const IdentityId& writer) const {
    const auto found = content_.label_keys.find({repository, writer});
    if (found == content_.label_keys.end()) return std::nullopt;
    return SecretBytes(ByteView(found->second));
}

void Keyring::learn_label_key(const RepositoryId& repository, const IdentityId& writer, const SecretBytes& key) {
    if (key.size() != kSecretSize) throw Error(ErrorCode::usage, "a label key has 32 octets");
    if (const auto known = label_key(repository, writer); known && known->equals(key.reveal())) return;
    change([&](Content& next) {
        next.label_keys[{repository, writer}] = Bytes(key.reveal().begin(), key.reveal().end());
    });
}

void Keyring::note_access(const format::Thumbprint& thumbprint, ProtectorStatus status, const std::string& why,
                          std::int64_t heal_window_ns) noexcept {
    const TimePoint now = clock_->now();
    const auto is_lost = [&](const Link& link) { return is_refused(status) && !link.lost_since; };
    const auto is_back = [&](const Link& link) {
        return link.lost_since && judge_access(status, link.lost_since, now, heal_window_ns) == AccessState::ok;
    };
    const Link* link = find(thumbprint);
    if (link == nullptr || (!is_lost(*link) && !is_back(*link))) return;
    try {
        change([&](Content& next) {
            for (Link& one : next.links) {
                if (one.thumbprint != thumbprint) continue;
                // Judged again: another process may have seen more.
                if (is_lost(one)) {
                    one.lost_since = now;
                    one.lost_why = format::to_utf8(why);
                } else if (is_back(one)) {
                    one.lost_since = std::nullopt;
                    one.lost_why.clear();
                }
            }
        });
    } catch (const std::exception&) {
        // A keyring on a medium that cannot be written still serves.
    }
}

void Keyring::revalidate(const format::Thumbprint& thumbprint, const std::string& by) {
    const Link* link = find(thumbprint);
    if (link == nullptr || !link->lost_since) return;
    const std::string place = link->locations.front();
    const std::string what = "by " + by + "; it was lost since " + to_rfc3339(*link->lost_since);
    change([&](Content& next) {
        for (Link& one : next.links) {
            if (one.thumbprint != thumbprint) continue;
            one.lost_since = std::nullopt;
            one.lost_why.clear();
        }
    });
    audit_.note({"revalidate", thumbprint, place, {}}, what);
}

void Keyring::note_state(std::string_view state, const std::optional<format::Thumbprint>& thumbprint,
                         const std::string& why) noexcept {
    try {
        const std::string before = content_.state.empty() ? "ok" : content_.state;
        const bool is_well = state == "ok" || state == "none";
        const std::string now(is_well ? "ok" : state);
        if (now == before) return;
        audit_.note({"access-" + now, thumbprint, {}, {}},
                    "it was " + before + (is_well || why.empty() ? "" : ": " + why));
        change([&](Content& next) { next.state = now; });
    } catch (const std::exception&) {
        // A keyring on a medium that cannot be written still serves.
    }
}

Told Keyring::told(const std::string& channel) const {
    const auto found = content_.told.find(channel);
    return found == content_.told.end() ? Told{} : found->second;
}

void Keyring::note_told(const std::string& channel, const std::string& state) {
    const TimePoint now = clock_->now();
    change([&](Content& next) { next.told[channel] = {state, now}; });
}

std::optional<std::string> Keyring::paused() const {
    const auto found = content_.settings.find("paused");
    return found == content_.settings.end() ? std::nullopt : std::optional(found->second);
}

void Keyring::require_not_paused() const {
    if (const auto since = paused()) {
        throw Error(ErrorCode::refused, "this keyring is paused since " + *since, "signet keyring resume ends it");
    }
}

void Keyring::set_setting(const std::string& name, const std::optional<std::string>& value) {
    change([&](Content& next) {
        if (value) {
            next.settings[name] = *value;
        } else {
            next.settings.erase(name);
        }
    });
}

// Identities.

std::optional<WriterIdentity> Keyring::writer_if_present() const {
    const auto secrets = read_identity_file(folder_ + kWriterName, "signet-writer", {"secret", "seed"});
    if (!secrets) return std::nullopt;
    return writer_from(*secrets);
}

WriterIdentity Keyring::writer() {
    if (auto present = writer_if_present()) return std::move(*present);
    make_folders(folder_, 0700);
    const FileLock lock(folder_ + kLockName, kLockWaitSeconds,
                        "keyring " + folder_ + " is being changed by another process");
    // Another process may have made it meanwhile; a second writer would split the journal.
    if (auto present = writer_if_present()) return std::move(*present);
    return make_writer(folder_ + kWriterName);
}

WriterIdentity Keyring::new_writer() {
    make_folders(folder_, 0700);
    const FileLock lock(folder_ + kLockName, kLockWaitSeconds,
                        "keyring " + folder_ + " is being changed by another process");
    for (const auto& [repository, pin] : content_.pins) {
        std::error_code failed;
        std::filesystem::remove(writer_keys_path(repository), failed);
        if (failed) throw Error::from_errno("remove", writer_keys_path(repository), failed.value());
    }
    return make_writer(folder_ + kWriterName);
}

// The writer's journal in a repository.

std::string Keyring::writer_keys_path(const RepositoryId& repository) const {
    return folder_ + "/writer-" + repository.hex() + ".key";
}

OwnJournal Keyring::own_journal(const RepositoryId& repository, const IdentityId& writer) const {
    const RepositoryPin* known = pin(repository);
    OwnJournal own = known == nullptr ? OwnJournal{} : known->own;
    if (own.writer != writer) own = {};
    own.writer = writer;
    return own;
}

format::WriterKeys Keyring::writer_keys(const RepositoryId& repository, const WriterIdentity& writer) const {
    if (own_journal(repository, writer.identity()).predecessors.empty())
        return format::WriterKeys::derive(writer.secret.reveal(), repository);
    const std::string path = writer_keys_path(repository);
    const auto keys = read_identity_file(path, kWriterKeysKind, {"id", "index", "label"});
    if (!keys) {
        throw Error(ErrorCode::damaged, path + ": gone, and it holds the keys of the writer whose place this one took",
                    "restore it from a copy, or take the place again with signet keyring adopt --new-identity and "
                    "signet keyring adopt " +
                        writer.identity().short_hex(16));
    }
    return {keys->at("id").clone(), keys->at("index").clone(), keys->at("label").clone()};
}

void Keyring::change_own(const RepositoryId& repository, const IdentityId& writer,
                         const std::function<void(OwnJournal&)>& apply) {
    change([&](Content& next) {
        const auto found = next.pins.find(repository);
        if (found == next.pins.end())
            throw Error(ErrorCode::usage, "repository " + repository.short_hex() + " is not pinned");
        OwnJournal& own = found->second.own;
        if (own.writer != writer) own = {};
        own.writer = writer;
        apply(own);
    });
}

void Keyring::take_over(const RepositoryId& repository, const IdentityId& writer, std::vector<IdentityId> predecessors,
                        const format::WriterKeys& keys) {
    make_folders(folder_, 0700);
    IdentitySecrets secrets;
    secrets["id"] = keys.id_key.clone();
    secrets["index"] = keys.index_key.clone();
    secrets["label"] = keys.label_key.clone();
    // Unused as long as keyring.json names no predecessors.
    write_identity_file(writer_keys_path(repository), kWriterKeysKind, secrets);
    change_own(repository, writer, [&](OwnJournal& own) { own.predecessors = std::move(predecessors); });
}

namespace {

void refuse_foreign(const OwnJournal& own, std::span<const OwnEntry> entries) {
    const OwnEntry* foreign = own.foreign(entries);
    if (foreign == nullptr) return;
    const std::string whose = own.writer.short_hex(16);
    throw Error(
        ErrorCode::refused,
        "another machine writes with this identity, " + whose + ", since entry " + std::to_string(foreign->sequence) +
            " of its journal (" + to_rfc3339(foreign->time) + ")",
        "on a machine that was cloned: signet keyring adopt --new-identity; if this is the only machine, and its "
        "keyring was brought back from an old copy: signet keyring adopt " +
            whose + "; if neither, somebody has this machine's writer.key");
}

}  // namespace

void Keyring::require_own(const RepositoryId& repository, const IdentityId& writer, std::span<const OwnEntry> entries) {
    // Runs that other processes began since this keyring was read count.
    refresh();
    refuse_foreign(own_journal(repository, writer), entries);
}

void Keyring::begin_run(const RepositoryId& repository, const IdentityId& writer, std::span<const OwnEntry> entries,
                        const format::RunId& run) {
    change_own(repository, writer, [&](OwnJournal& own) {
        refuse_foreign(own, entries);
        if (!entries.empty()) own.account(entries.back().sequence);
        own.begin(run);
    });
}

void Keyring::end_run(const RepositoryId& repository, const IdentityId& writer, const format::RunId& run,
                      const SeenEntry& last) {
    change([&](Content& next) {
        const auto found = next.pins.find(repository);
        if (found == next.pins.end()) return;
        if (found->second.own.writer == writer) found->second.own.end(run, last.sequence);
        if (last.sequence > 0) take_newer(found->second, {{writer, last}});
    });
}

void Keyring::account_for(const RepositoryId& repository, const IdentityId& writer, std::uint64_t last) {
    change_own(repository, writer, [&](OwnJournal& own) {
        // A journal that was rolled back ends earlier than it did.
        own.accounted = last;
        own.account(last);
    });
}

std::optional<IdentityId> Keyring::officer_identity(Vaults& vaults) const {
    if (const auto seed = officer_file(folder_)) {
        return crypto::SigningKey::from_seed(seed->clone()).verify_key().identity();
    }
    if (!vaults.has_local()) return std::nullopt;
    return vaults.local().vault().identity_of(kOfficer);
}

std::optional<crypto::SigningKey> Keyring::officer_if_present(Vaults& vaults) const {
    if (auto seed = officer_file(folder_)) return crypto::SigningKey::from_seed(std::move(*seed));
    if (!vaults.has_local() || !vaults.local().vault().identity_of(kOfficer)) return std::nullopt;
    auto seed = vaults.local().unlocked().get_identity(kOfficer);
    if (!seed) return std::nullopt;
    return crypto::SigningKey::from_seed(std::move(*seed));
}

crypto::SigningKey Keyring::officer(Vaults& vaults) {
    if (auto present = officer_if_present(vaults)) return std::move(*present);
    try {
        adopt_officer(crypto::SigningKey::generate().seed(), vaults);
    } catch (const Error& error) {
        // Another process may have been first: then its officer counts.
        if (error.code() != ErrorCode::refused || !officer_identity(vaults)) throw;
    }
    auto present = officer_if_present(vaults);
    invariant(present.has_value(), "an officer that was made is there");
    return std::move(*present);
}

void Keyring::adopt_officer(const SecretBytes& seed, Vaults& vaults) {
    const IdentityId identity = crypto::SigningKey::from_seed(seed.clone()).verify_key().identity();
    if (const auto known = officer_identity(vaults)) {
        if (*known == identity) return;
        throw Error(ErrorCode::refused, "this keyring has another officer: " + known->hex());
    }
    if (vaults.has_local()) {
        vaults.local().unlocked().put_identity(kOfficer, seed);
        return;
    }
    make_folders(folder_, 0700);
    const FileLock lock(folder_ + kLockName, kLockWaitSeconds,
                        "keyring " + folder_ + " is being changed by another process");
    if (officer_file(folder_)) throw Error(ErrorCode::refused, "this keyring has an officer already");
    IdentitySecrets secrets;
    secrets["seed"] = seed.clone();
    write_identity_file(folder_ + kOfficerName, "signet-officer", secrets);
}

// Several keyrings.

KeyringSet::KeyringSet(std::vector<Keyring> keyrings) : keyrings_(std::move(keyrings)) {
    invariant(!keyrings_.empty(), "a set of keyrings has the host's own");
}

void KeyringSet::take_notes_of_others() noexcept {
    for (Keyring& keyring : keyrings_) keyring.take_notes_of_others();
}

std::optional<KnownProtector> KeyringSet::find(const format::Thumbprint& thumbprint) const {
    std::optional<KnownProtector> known;
    for (const Keyring& keyring : keyrings_) {
        const Link* link = keyring.find(thumbprint);
        if (link == nullptr) continue;
        if (!known) known = KnownProtector{thumbprint, link->name, std::nullopt, {}, link->spki};
        if (&keyring == &keyrings_.front()) known->role = link->role;
        for (const std::string& location : link->locations) {
            const auto& all = known->locations;
            if (std::find(all.begin(), all.end(), location) == all.end()) known->locations.push_back(location);
        }
    }
    return known;
}

std::vector<KnownProtector> KeyringSet::protectors() const {
    std::vector<KnownProtector> all;
    for (const Keyring& keyring : keyrings_) {
        for (const Link& link : keyring.links()) {
            const bool known = std::any_of(all.begin(), all.end(), [&](const KnownProtector& protector) {
                return protector.thumbprint == link.thumbprint;
            });
            if (!known) all.push_back(*find(link.thumbprint));
        }
    }
    return all;
}

std::optional<SecretBytes> KeyringSet::label_key(const RepositoryId& repository, const IdentityId& writer) const {
    for (const Keyring& keyring : keyrings_) {
        if (auto key = keyring.label_key(repository, writer)) return key;
    }
    return std::nullopt;
}

}  // namespace signet::keyring
