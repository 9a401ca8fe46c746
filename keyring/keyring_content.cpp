#include "keyring/keyring_content.h"

#include "core/crypto/digest.h"
#include "format/encoding.h"

namespace signet::keyring {
namespace {

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
    // A symmetric key of a key manager has no public half to agree with.
    const bool is_symmetric = thumbprint && thumbprint->kind == format::Thumbprint::Kind::kms && link.spki.empty();
    if (!thumbprint || (!is_symmetric && *thumbprint != format::Thumbprint{.digest = crypto::sha256(link.spki)}))
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

Refusal decode_refusal(const Json& json, std::string_view what) {
    const JsonObject fields(json, what);
    const auto outcome = parse_outcome(fields.text("outcome"));
    if (!outcome || !is_refusal(*outcome)) fields.fail("outcome");
    std::string folder = fields.has("folder") ? fields.text("folder") : std::string();
    return {fields.text("location"), std::move(folder), fields.text("operation"), *outcome, fields.time("since")};
}

/// Absent in files of earlier versions.
std::optional<VaultOfficer> decode_officer(const JsonObject& fields, std::string_view what) {
    if (!fields.has("officer")) return std::nullopt;
    const JsonObject officer(fields.member("officer"), what);
    return VaultOfficer{officer.id<IdentityId>("identity"), officer.text("vault")};
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

}  // namespace

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
                            {"folder", refusal.folder},
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
    Json body = {{"signet_keyring", 1},
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
    if (content.officer) {
        body["officer"] = {{"identity", content.officer->identity.hex()}, {"vault", content.officer->vault}};
    }
    return body;
}

Keyring::Content decode_content(const Json& body, std::string_view what) {
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
    content.officer = decode_officer(fields, what);
    if (fields.has("state")) content.state = fields.text("state");
    if (fields.has("vault_places")) {
        for (const Json& json : fields.array("vault_places")) {
            const JsonObject place(json, what);
            content.vault_places.insert_or_assign(place.text("folder"), place.text("file_system"));
        }
    }
    return content;
}

}  // namespace signet::keyring
