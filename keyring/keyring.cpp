#include "keyring/keyring.h"

#include <sys/stat.h>
#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "core/crypto/digest.h"
#include "core/file.h"
#include "format/encoding.h"
#include "keyring/access_state.h"
#include "keyring/keyring_content.h"
#include "keyring/state_file.h"

namespace signet::keyring {
namespace {

constexpr const char* kFileName = "/keyring.json";
constexpr const char* kLockName = "/keyring.lock";
constexpr const char* kAuditName = "/audit.log";
constexpr double kLockWaitSeconds = 30;

}  // namespace

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
    Content content = decode_content(decode_state(bytes, "signet_keyring", what), what);
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

FileLock Keyring::lock_folder() const {
    make_folders(folder_, 0700);
    return {folder_ + kLockName, kLockWaitSeconds, "keyring " + folder_ + " is being changed by another process"};
}

void Keyring::change(const std::function<void(Content&)>& apply) {
    const FileLock lock = lock_folder();
    Content next = read();
    // A folder that was there before may be open to others.
    if (next.generation == 0 && ::chmod(folder_.c_str(), 0700) != 0) {
        throw Error::from_errno("set the mode of", folder_, errno);
    }
    apply(next);
    write(std::move(next));
}

void require_pinned(const RepositoryPin& pin, const format::RepositoryConfig& config, const Digest& hash) {
    if (pin.officer != config.officer)
        throw Error(ErrorCode::refused,
                    "config.json of repository " + config.repository.hex() +
                        " is not the one that this keyring knows: its officer was " + pin.officer.hex() +
                        " and now is said to be " + config.officer.hex(),
                    "do not trust this repository before you know why");
    if (pin.config_hash != hash)
        throw Error(ErrorCode::damaged,
                    "config.json of repository " + config.repository.hex() +
                        " was changed: its octets are not those that this keyring has seen, though it names the same "
                        "officer",
                    "signet repair makes it again; or bring it back from a copy of the repository: it never changes, and "
                    "is the same in every copy of one region");
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
                "if its officer really changed: signet keyring adopt --replace --officer FINGERPRINT");
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

bool RepositoryPin::take_newer(const std::map<IdentityId, SeenEntry>& entries) {
    bool changed = false;
    for (const auto& [identity, entry] : entries) {
        SeenEntry& known = seen[identity];
        if (entry.sequence <= known.sequence) continue;
        known = entry;
        changed = true;
    }
    return changed;
}

void Keyring::note_seen(const RepositoryId& repository, const std::map<IdentityId, SeenEntry>& entries) {
    const RepositoryPin* known = pin(repository);
    if (known == nullptr) throw Error(ErrorCode::usage, "repository " + repository.short_hex() + " is not pinned");
    RepositoryPin trial = *known;
    if (!trial.take_newer(entries)) return;
    change([&](Content& next) {
        const auto found = next.pins.find(repository);
        if (found != next.pins.end()) (void)found->second.take_newer(entries);
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

}  // namespace signet::keyring
