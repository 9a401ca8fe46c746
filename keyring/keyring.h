// A keyring: the protectors that a host or fleet has linked, the repositories it knows, and its own identities.
//
//   DIR/              0700
//   DIR/keyring.json  0600: links, pins, label keys, settings
//   DIR/writer.key    0600: the writer identity of this host; made when first needed
//   DIR/writer-<repository>.key  0600: the keys of a writer whose place it took there (`keyring adopt WRITER`)
//   DIR/officer.key   0600: the officer's seed, only where no local vault holds it
//   DIR/audit.log     0600: every use of a protector
//
// Every change takes the lock, reads the file again, and replaces it; on failure the old one is intact.
#pragma once

#include "core/crypto/identity_key.h"
#include "core/error.h"
#include "core/file.h"
#include "format/config.h"
#include "format/data_key.h"
#include "format/thumbprint.h"
#include "keyring/audit_log.h"
#include "keyring/own_journal.h"
#include "keyring/replica.h"
#include "keyring/vault.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace signet::keyring {

enum class ProtectorStatus;

/// Octets of a writer's secret, and of the key of its labels.
inline constexpr std::size_t kSecretSize = 32;

/// What a link is for.
enum class LinkRole {
    default_,  ///< wraps; one per provider and region
    recovery,  ///< wraps as well; kept offline
    linked,    ///< unwraps only
};
/// "default", "recovery", "linked".
[[nodiscard]] std::string_view text(LinkRole role);

/// A linked protector.
struct Link {
    format::Thumbprint thumbprint;
    std::string name;
    LinkRole role = LinkRole::linked;
    std::string provider = "local";
    std::string region = "local";
    std::vector<std::string> locations;  ///< with versions, the first is the primary; further ones are twins
    std::string follow;                  ///< the location without a version whose newest version this was; else empty
    Bytes spki;                          ///< public half, DER; empty: a symmetric key of a key manager
    TimePoint linked;                    ///< when
    std::string last_state;              ///< what the last test or use found: "enabled", "key-disabled", …
    std::optional<TimePoint> last_state_time;
    std::optional<TimePoint> last_proven;     ///< when it last opened a data key of a backup, by `keyring check`
    std::optional<TimePoint> last_unwrapped;  ///< when it last really unwrapped here: a test, a restore, a proof
    std::optional<TimePoint> lost_since;      ///< since when it is refused as a wrapping protector; see access_state.h
    std::string lost_why;                     ///< what its vault said then

    /// Only where there is one: see spki.
    [[nodiscard]] crypto::RsaPublicKey public_key() const { return crypto::RsaPublicKey::from_spki(spki); }
    [[nodiscard]] bool follow_newest() const { return !follow.empty(); }
    /// Whether no location holds the private half.
    [[nodiscard]] bool wrap_only() const;
    /// Whether new data keys are wrapped with it.
    [[nodiscard]] bool wraps() const { return role != LinkRole::linked; }
    /// Sets last_state and when.
    void note_state(std::string state, TimePoint now);
};

/// The last entry of a journal that this keyring has seen.
struct SeenEntry {
    std::uint64_t sequence = 0;
    EntryId entry;
    friend bool operator==(const SeenEntry&, const SeenEntry&) = default;
};

/// What a keyring holds a repository to.
struct RepositoryPin {
    RepositoryId repository;
    IdentityId officer;
    Digest config_hash;
    std::map<IdentityId, SeenEntry> seen;
    OwnJournal own = {};  ///< absent in older files
    /// returns  whether any of them was newer than what has been seen
    bool take_newer(const std::map<IdentityId, SeenEntry>& entries);
};

/// Holds a repository's config.json to what is known of it. hash  of its octets
/// throws  Error{refused}: it names another officer; Error{damaged}: it differs otherwise
void require_pinned(const RepositoryPin& pin, const format::RepositoryConfig& config, const Digest& hash);

/// This host's writer: who it is, and the secret that its keys come from (format::WriterKeys::derive).
struct WriterIdentity {
    crypto::SigningKey key;
    SecretBytes secret;  ///< 32 octets
    [[nodiscard]] IdentityId identity() const { return key.verify_key().identity(); }
};

/// The officer that a local vault holds. Its identity outlives the vault's absence: no other is made meanwhile.
struct VaultOfficer {
    IdentityId identity;
    std::string vault;  ///< folder
    friend bool operator==(const VaultOfficer&, const VaultOfficer&) = default;
};

/// What hooks were told of the state of access, and when.
struct Told {
    std::string state;
    std::optional<TimePoint> when;
};

/// A location that refused, remembered until it answers well again, or its link is removed: an outage after a refusal
/// opens no way to a twin.
struct Refusal {
    std::string location;   ///< as the link has it
    std::string folder;     ///< of the local vault that the location meant then; empty: no local one, or an older file
    std::string operation;  ///< "describe", "login", "unwrap", "test"
    Outcome outcome = Outcome::denied;
    TimePoint since;
};

/// Whether a refusal is one of this location: the same key in the same vault. One that an older file holds knows no
/// vault, and is one of the text.
[[nodiscard]] bool is_of(const Refusal& refusal, const std::string& location, const Vaults& vaults);

/// How to link.
struct LinkOptions {
    std::optional<LinkRole> role = std::nullopt;           ///< unset: what it is already, or `linked`
    std::optional<std::string> provider = std::nullopt;    ///< unset: of the location
    std::optional<std::string> region = std::nullopt;      ///< unset: what it is already, or "local"
    std::optional<std::string> thumbprint = std::nullopt;  ///< what it must be: whole or a prefix
    std::optional<std::string> twin_of = std::nullopt;     ///< the link that has the same key: thumbprint or name
    std::string name = {};                                 ///< empty: the vault's name for it
    std::optional<std::string> follow = std::nullopt;      ///< the place whose newest version it is; unset: as located
    /// The version that it follows: where both are recovery protectors, that one only unwraps from now on; but where
    /// this keyring names replicas, which may have no other way in.
    std::optional<format::Thumbprint> instead_of = std::nullopt;
    bool may_be_purged = false;  ///< a wrapping protector may be in a vault without purge protection
    bool settings_wait = false;  ///< access is lost: only what helps to get out, a new link or a twin of what is lost
};

/// What linking did.
struct LinkReport {
    Link link;
    bool is_new = false;                               ///< the thumbprint was not linked before
    bool proven = false;                               ///< unwrapped as well as wrapped
    std::optional<format::Thumbprint> former_default;  ///< that is now `linked`
    std::vector<std::string> warnings;
};

/// What a test of a link found at each of its locations.
struct LinkTest {
    struct Result {
        std::string location;
        Outcome outcome = Outcome::ok;
        std::string detail;
        bool proven = false;                          ///< unwrapped as well as wrapped
        std::string state;                            ///< "enabled", "expired", …, or what refused
        std::optional<TimePoint> refused_since = {};  ///< out of reach now, after it had refused
        [[nodiscard]] bool leads_on() const;          ///< no answer, and no refusal before it: a twin may be asked
    };
    format::Thumbprint thumbprint;
    std::vector<Result> results;
    [[nodiscard]] bool ok() const;  ///< the first location that answers, or has refused, is well
};

/// What following a newer version changed, or why it did not.
struct FollowReport {
    struct Change {
        format::Thumbprint from, to;
        std::string location;              ///< of the new version
        LinkRole role = LinkRole::linked;  ///< that the new version has taken over
    };
    std::vector<Change> changes;
    std::vector<std::string> warnings;
};

/// One keyring. Not for two threads at once. Pointers and references into it hold until its next change.
class Keyring {
public:
    /// Reads it; a folder without a keyring is an empty one, and is made by the first change.
    /// must_exist  for keyrings named besides the host's own
    /// throws  Error{damaged}; Error{unsupported}; Error{usage}: must exist and does not; Error{io}
    [[nodiscard]] static Keyring open(const std::string& folder, bool must_exist = false,
                                      const Clock& clock = Clock::system());

    /// Reads it again, if another process changed it. Pointers and references into it are void afterwards, as after any
    /// change.
    void refresh();
    /// The same, for what other processes have noted meanwhile. A file that is gone or cannot be read changes nothing.
    void take_notes_of_others() noexcept;

    [[nodiscard]] const std::string& folder() const { return folder_; }
    [[nodiscard]] AuditLog& audit() { return audit_; }
    [[nodiscard]] const AuditLog& audit() const { return audit_; }

    // Links.
    [[nodiscard]] const std::vector<Link>& links() const { return content_.links; }
    [[nodiscard]] const Link* find(const format::Thumbprint& thumbprint) const;
    /// A thumbprint (whole or prefix) or a link's name. throws  Error{usage}: none, or several
    [[nodiscard]] const Link& get(std::string_view reference) const;
    [[nodiscard]] const Link* default_link(std::string_view provider, std::string_view region) const;

    /// Tests first, then records: describe, rules, wrap, unwrap, compare. Nothing is kept when one fails. A protector
    /// with a wrapping role must be enabled and within its dates; one that only unwraps may be outside them (a
    /// warning). A new default must be one whose backups every replica could open (replicas_waiting_for).
    /// throws  Error{key_unavailable}: not there, disabled, …; Error{refused}: a rule;
    /// Error{wrong_passphrase}; Error{usage}
    LinkReport link(const Location& location, const LinkOptions& options, Vaults& vaults);
    /// throws  Error{refused}: it is the default and `allow_default` is not set
    Link unlink(const format::Thumbprint& thumbprint, bool allow_default = false);
    /// Tests, then makes it the default of its provider and region; the old default becomes `linked`.
    /// throws  as link()
    LinkReport set_default(const format::Thumbprint& thumbprint, Vaults& vaults);
    /// Describes, wraps, unwraps and compares at every location, and remembers the state.
    LinkTest test(const format::Thumbprint& thumbprint, Vaults& vaults);
    /// Remembers that it has opened a data key of a backup. A thumbprint that is not linked here is left out.
    void note_proven(const format::Thumbprint& thumbprint, TimePoint when);
    /// Remembers that it has unwrapped, to the hour. A keyring that cannot be written is left.
    void note_unwrapped(const format::Thumbprint& thumbprint) noexcept;
    /// Before each backup: where a link follows the newest version and there is a newer enabled one, that is tested by
    /// wrap, linked, and takes over the role; the old version stays `linked`. A default waits for replicas (a warning).
    /// Never asks for a passphrase.
    FollowReport refresh_followed(Vaults& vaults);

    // What vaults answered.
    /// What a vault says about a protector that this keyring or one beside it has linked. Remembers where a local vault
    /// was; one that is missing from the file system that held it is `not_found`, not an outage: see vault_place.h.
    [[nodiscard]] Answer<KeyDescription> describe(const Location& location, Vaults& vaults,
                                                  Login login = Login::allowed);
    /// Whether a local vault is missing from the file system that held it, as this keyring remembers that.
    [[nodiscard]] bool is_taken_away(const std::string& folder) const;
    [[nodiscard]] static Answer<KeyDescription> taken_away(const std::string& folder);
    /// Whether a local vault is or was in that folder, as far as this keyring knows.
    /// default_folder  of locations that name no folder
    [[nodiscard]] bool knows_vault(const std::string& folder, const std::string& default_folder) const;
    /// Whether it was there, and now neither the vault nor the file system that held it is. Nothing must be made in its
    /// place: that would be hidden, or hide the vault, once the disk is back.
    [[nodiscard]] bool is_out_of_reach(const std::string& folder, const std::string& default_folder) const;
    /// The refusal that is remembered of a location; one that stops unwrapping before one that only stops wrapping.
    /// vaults  say which vault a location without a folder means: another one (--vault) has refused nothing
    [[nodiscard]] const Refusal* refusal(const std::string& location, const Vaults& vaults) const;
    /// Whether it is remembered that the location did not take a passphrase or PIN.
    [[nodiscard]] bool has_refused_login(const std::string& location, const Vaults& vaults) const;
    /// Remembers a refusal of a location that this keyring or one beside it has linked, or clears it after `ok`. Writes
    /// only on a change; a keyring that cannot be written is left.
    void note_answer(const std::string& location, const std::string& operation, Outcome outcome,
                     const Vaults& vaults) noexcept;
    /// Remembers that a passphrase or PIN was not taken, when a file or command gave it: what a person types wrong is
    /// no answer of the vault.
    void note_rejected(const Location& location, const std::string& operation, const Error& error,
                       const Vaults& vaults) noexcept;

    // The state of access (access_state.h).
    /// Remembers since when a wrapping protector is refused, or that it is well again within the heal window. Writes
    /// only on a change; a keyring that cannot be written is left.
    void note_access(const format::Thumbprint& thumbprint, ProtectorStatus status, const std::string& why,
                     std::int64_t heal_window_ns) noexcept;
    /// Forgets that it was refused: a person has looked. by  who, for the audit log. throws  Error{io}
    void revalidate(const format::Thumbprint& thumbprint, const std::string& by);
    /// Lifts what its locations are remembered to have refused: a person has decided that it was not meant. Every
    /// location is tested first. Where the first one refuses now, and another unwraps, that one becomes the first.
    /// by  who; it stands in the audit log. returns  the location that is asked first from now on
    /// throws  Error{key_unavailable}: no location unwraps
    std::string use_twin(const format::Thumbprint& thumbprint, const std::string& by, Vaults& vaults);
    /// Writes a change of the state of access into the audit log, once. thumbprint  of the protector that decides
    void note_state(std::string_view state, const std::optional<format::Thumbprint>& thumbprint,
                    const std::string& why) noexcept;
    /// What a channel ("on-state-change", "webhook") was told last; nothing told: an empty state.
    [[nodiscard]] Told told(const std::string& channel) const;
    void note_told(const std::string& channel, const std::string& state);

    // Repositories.
    [[nodiscard]] const RepositoryPin* pin(const RepositoryId& repository) const;
    [[nodiscard]] const std::map<RepositoryId, RepositoryPin>& pins() const { return content_.pins; }
    /// throws  Error{refused}: pinned already to another officer or config
    void pin_repository(const RepositoryId& repository, const IdentityId& officer, const Digest& config_hash);
    void unpin_repository(const RepositoryId& repository);
    /// The same as it stands now, whatever was pinned and seen before. What the own writer did there stays known.
    void repin_repository(const RepositoryId& repository, const IdentityId& officer, const Digest& config_hash);
    /// Which repository a place held when this keyring last had to do with it; nullptr when that is not known.
    /// location  canonical: one spelling for one place
    [[nodiscard]] const RepositoryId* held_at(const std::string& location) const;
    /// Places and what they held.
    [[nodiscard]] const std::map<std::string, RepositoryId>& locations() const { return content_.locations; }
    /// Remembers it. Writes only on a change.
    void note_location(const std::string& location, const RepositoryId& repository);
    // Replicas (replica.h).
    /// What a place was made by `init --replica-of`; nullptr: it is no replica to this keyring.
    /// location  canonical, as for held_at()
    [[nodiscard]] const ReplicaPlace* replica_at(const std::string& location) const;
    [[nodiscard]] const std::map<std::string, ReplicaPlace>& replica_places() const { return content_.replicas; }
    void note_replica(const std::string& location, const ReplicaPlace& place);
    /// Keyrings of replicas, by region: every rotation here waits for them.
    [[nodiscard]] const std::map<std::string, ReplicaKeyring>& replica_keyrings() const {
        return content_.replica_keyrings;
    }
    /// throws  Error{refused}: a fifth one; Error{usage}: no keyring there, or this one; Error{damaged}
    void add_replica_keyring(const std::string& region, const ReplicaKeyring& replica);
    /// throws  Error{usage}: none of that region
    void remove_replica_keyring(const std::string& region);
    /// Why a protector must not become the default yet: a sentence for each replica that could open neither what it
    /// wraps nor what a recovery protector does. Their vaults are asked to describe, never to unwrap.
    [[nodiscard]] std::vector<std::string> replicas_waiting_for(const format::Thumbprint& next, Vaults& vaults) const;
    /// throws  Error{refused}: some are waiting
    void require_replicas_ready(const format::Thumbprint& next, Vaults& vaults) const;

    /// Remembers newer entries, all in one write. Older ones change nothing. throws  Error{usage}: not pinned
    void note_seen(const RepositoryId& repository, const std::map<IdentityId, SeenEntry>& entries);

    // Label keys of other writers, learnt from sealed bodies or given by them.
    [[nodiscard]] std::optional<SecretBytes> label_key(const RepositoryId& repository, const IdentityId& writer) const;
    void learn_label_key(const RepositoryId& repository, const IdentityId& writer, const SecretBytes& key);

    // Settings of this keyring (policy overrides, heal window, …): plain names and values.
    [[nodiscard]] const std::map<std::string, std::string>& settings() const { return content_.settings; }
    void set_setting(const std::string& name, const std::optional<std::string>& value);
    /// Since when, and why, no backup is to be made (`keyring pause`): "2026-03-14T09:30:00Z moving the vault".
    [[nodiscard]] std::optional<std::string> paused() const;
    /// throws  Error{refused}: paused
    void require_not_paused() const;

    // Identities.
    /// The writer, made when there is none. throws  Error{refused}: the file can be read by others; Error{damaged}
    [[nodiscard]] WriterIdentity writer();
    [[nodiscard]] std::optional<WriterIdentity> writer_if_present() const;
    /// Another writer from now on: for a machine that was cloned. The former one is forgotten here, with all its keys.
    WriterIdentity new_writer();

    // The writer's journal in a repository (own_journal.h). All of these: `writer` is this keyring's.
    /// What is known of it; empty when nothing is.
    [[nodiscard]] OwnJournal own_journal(const RepositoryId& repository, const IdentityId& writer) const;
    /// The keys that the writer uses there: from its secret, or those of the writer whose place it has taken.
    /// throws  Error{damaged}: the file that holds those is gone or altered
    [[nodiscard]] format::WriterKeys writer_keys(const RepositoryId& repository, const WriterIdentity& writer) const;
    /// Takes the place of other writers: `keys` are theirs. throws  Error{usage}: not pinned; Error{io}
    void take_over(const RepositoryId& repository, const IdentityId& writer, std::vector<IdentityId> predecessors,
                   const format::WriterKeys& keys);
    /// entries  of the journal, read before the call
    /// throws  Error{refused}: one of them was made by another machine
    void require_own(const RepositoryId& repository, const IdentityId& writer, std::span<const OwnEntry> entries);
    /// Before the first entry of a run: as require_own(), and notes the run as this keyring's.
    void begin_run(const RepositoryId& repository, const IdentityId& writer, std::span<const OwnEntry> entries,
                   const format::RunId& run);
    /// A run has ended, well or not. last  the newest entry of the journal that it saw; it counts as seen
    void end_run(const RepositoryId& repository, const IdentityId& writer, const format::RunId& run,
                 const SeenEntry& last);
    /// A person says that all entries up to `last` are this keyring's.
    void account_for(const RepositoryId& repository, const IdentityId& writer, std::uint64_t last);

    /// Who the officer is, without unlocking anything: that of officer.key, of the default vault, or else the one that
    /// this keyring remembers. Remembers the one of a vault; pointers and references into the keyring are void then.
    [[nodiscard]] std::optional<IdentityId> officer_identity(Vaults& vaults);
    /// Whether officer.key or the default vault holds the officer's seed.
    [[nodiscard]] bool has_officer(Vaults& vaults) const;
    /// The officer's key; asks for the passphrase when a vault holds it. Made when there never was one: in the default
    /// vault where that exists, else in officer.key.
    /// throws  Error{key_unavailable}: an officer is known, or a vault that may hold one, and is not there
    [[nodiscard]] crypto::SigningKey officer(Vaults& vaults);
    /// throws  Error{key_unavailable}: an officer is known, and its vault is not there
    [[nodiscard]] std::optional<crypto::SigningKey> officer_if_present(Vaults& vaults);
    /// Takes over an officer's seed (from an escrow object). throws  Error{refused}: there is another officer
    void adopt_officer(const SecretBytes& seed, Vaults& vaults);
    /// throws  Error{key_unavailable}: no officer is known, and a vault that may hold one is not there
    void require_no_hidden_officer(const Vaults& vaults) const;

    struct Content {
        std::uint64_t generation = 0;
        std::vector<Link> links;
        std::map<RepositoryId, RepositoryPin> pins;
        std::map<std::string, RepositoryId> locations;           ///< places of repositories; absent in older files
        std::map<std::string, ReplicaPlace> replicas;            ///< by place; absent in older files
        std::map<std::string, ReplicaKeyring> replica_keyrings;  ///< by region; absent in older files
        std::map<std::pair<RepositoryId, IdentityId>, Bytes> label_keys;
        std::map<std::string, std::string> settings;
        std::vector<Refusal> refusals;
        std::map<std::string, Told> told;  ///< by channel: the state of access, as hooks were told of it last
        std::string state;                 ///< of access, as the audit log has it; empty: ok
        std::map<std::string, std::string> vault_places;  ///< folders of local vaults and the file systems they were on
        std::optional<VaultOfficer> officer;              ///< absent in older files

        [[nodiscard]] Link* find(const format::Thumbprint& thumbprint);
        /// throws  Error{usage}: not linked; another process may have unlinked it meanwhile
        [[nodiscard]] Link& require(const format::Thumbprint& thumbprint);
    };

private:
    Keyring(std::string folder, const Clock& clock);
    /// Makes the folder where it is missing. throws  Error{busy}
    [[nodiscard]] FileLock lock_folder() const;
    void change(const std::function<void(Content&)>& apply);
    [[nodiscard]] Content read() const;
    void write(Content next);
    [[nodiscard]] std::string writer_keys_path(const RepositoryId& repository) const;
    void change_own(const RepositoryId& repository, const IdentityId& writer,
                    const std::function<void(OwnJournal&)>& apply);
    [[nodiscard]] Answer<KeyDescription> audited_test(const format::Thumbprint& thumbprint, const Location& location,
                                                      Vaults& vaults);
    void audited_wrap(const crypto::RsaPublicKey& key, const std::string& location, const std::string& object);
    [[nodiscard]] LinkTest::Result test_location(const Link& link, const std::string& location, Vaults& vaults);
    [[nodiscard]] Answer<KeyDescription> newest_at(const Location& place, const std::string& linked, Vaults& vaults);
    void follow(const Link& link, Vaults& vaults, FollowReport& report);
    [[nodiscard]] std::string why_not_followed(const Link& link, const KeyDescription& key, Vaults& vaults);
    void note_vault_place(const std::string& folder) noexcept;
    void note_officer(const VaultOfficer& officer) noexcept;
    std::string folder_;
    const Clock* clock_;
    AuditLog audit_;
    Content content_;
};

/// A protector as all keyrings together know it.
struct KnownProtector {
    format::Thumbprint thumbprint;
    std::string name;
    std::optional<LinkRole> role;        ///< in the host's own keyring
    std::vector<std::string> locations;  ///< the own keyring's first
    Bytes spki;
};

/// Several keyrings: the first is the host's own, the others only add locations for unwrapping.
class KeyringSet {
public:
    explicit KeyringSet(std::vector<Keyring> keyrings);
    [[nodiscard]] Keyring& own() { return keyrings_.front(); }
    [[nodiscard]] const Keyring& own() const { return keyrings_.front(); }
    [[nodiscard]] const std::vector<Keyring>& all() const { return keyrings_; }
    /// Of each. Pointers and references into them are void afterwards.
    void take_notes_of_others() noexcept;
    [[nodiscard]] std::optional<KnownProtector> find(const format::Thumbprint& thumbprint) const;
    /// Every protector, the own keyring's links first.
    [[nodiscard]] std::vector<KnownProtector> protectors() const;
    [[nodiscard]] std::optional<SecretBytes> label_key(const RepositoryId& repository, const IdentityId& writer) const;

private:
    std::vector<Keyring> keyrings_;
};

}  // namespace signet::keyring
