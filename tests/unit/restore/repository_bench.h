// What the tests of restore share: a host with keys, a repository in memory, and a small writer that makes backups of
// trees described in code, also of trees that no file system could hold. It uses format/ alone: backup/ is a stranger
// here.
#pragma once

#include "format/backup_entry.h"
#include "format/officer_entry.h"
#include "keyring/resolver.h"
#include "restore/extractor.h"
#include "storage/repository.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/temporary_folder.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace signet::restore::test {

using signet::test::has_code;

/// A thing of a tree. Names and order are taken as they are, whatever they are.
struct Node {
    format::Entry entry;
    std::string data;                        ///< of a file, without its holes
    std::vector<Node> children;              ///< of a folder
    std::optional<std::string> raw_content;  ///< of a folder: its octets as they are

    Node& mode(std::uint32_t value) {
        entry.mode = value;
        return *this;
    }
    Node& modified(std::int64_t seconds, std::uint32_t nanoseconds = 0) {
        entry.modified = {seconds, nanoseconds};
        return *this;
    }
    Node& owner(std::uint32_t uid, std::uint32_t gid) {
        entry.uid = uid;
        entry.gid = gid;
        return *this;
    }
    Node& linked(std::uint64_t inode) {
        entry.link = format::LinkIdentity{1, inode};
        return *this;
    }
    Node& xattr(const std::string& name, const std::string& value) {
        entry.xattrs.push_back({name, value});
        return *this;
    }
    Node& extents(std::vector<format::Extent> value) {
        entry.extents = std::move(value);
        return *this;
    }
    Node& with(Node child) {
        children.push_back(std::move(child));
        return *this;
    }
};
[[nodiscard]] Node file(const std::string& name, const std::string& data = {});
[[nodiscard]] Node folder(const std::string& name, std::vector<Node> children = {});
[[nodiscard]] Node link_to(const std::string& name, const std::string& target);
[[nodiscard]] Node special(const std::string& name, format::EntryType type, std::uint32_t major = 0,
                           std::uint32_t minor = 0);
/// A folder whose name is empty: the root of a backup.
[[nodiscard]] Node root(std::vector<Node> children);
/// Octets that do not compress, the same for the same seed.
[[nodiscard]] std::string noise(std::size_t size, std::uint64_t seed);

/// How one backup is made.
struct RunOptions {
    TimePoint time{1'700'000'000 * kNsPerSecond};
    std::string series = "things";
    std::vector<std::string> protectors;  ///< names of vault keys; empty: the bench's default
    bool reuse = true;                    ///< refer to chunks of earlier runs
    bool partial = false;                 ///< an interrupted run: no tree
    std::vector<std::string> tags;
    std::size_t chunk_size = 4096;
    std::size_t frame_size = 16 * 1024;
    std::size_t pack_size = 64 * 1024;
    std::size_t list_size = 0;  ///< references in a list chunk; 0: no lists
    /// Not a fresh data key: what no honest writer does.
    std::shared_ptr<const format::DataKey> dek = nullptr;
    /// Changes the public fields or the body before they are sealed and signed.
    std::function<void(format::BackupPublic&, format::BackupBody&)> change;
    /// Changes the index segment before it is sealed and stored.
    std::function<void(format::IndexSegment&)> change_index;
};

class RepositoryBench {
public:
    RepositoryBench();

    signet::test::TemporaryFolder folder;
    std::shared_ptr<signet::test::MemoryStore> store = std::make_shared<signet::test::MemoryStore>();
    keyring::PassphraseSource passphrases{
        [](const keyring::PassphraseRequest&) { return SecretBytes(as_bytes("sesame")); },
        keyring::PassphraseSource::Manner::unattended};
    keyring::Vaults vaults{folder / "vault", passphrases};
    keyring::KeyringSet keyrings{open_keyring(folder / "keyring")};
    keyring::Resolver resolver{keyrings, vaults};
    std::optional<storage::Repository> repository;
    std::vector<std::string> notices;

    /// Makes and links a key, as the default if it is the first.
    format::Thumbprint add_protector(const std::string& name);
    format::Thumbprint thumbprint(const std::string& name);
    void unlink(const std::string& name);

    /// returns  the id of the entry
    EntryId back_up(const Node& tree, const RunOptions& options = {});
    /// Says that a writer is trusted up to an entry; back_up() does it for the bench's writer, once.
    void trust(const IdentityId& identity, std::uint64_t last = UINT64_MAX);
    /// Appends an entry by the officer.
    void officer_says(const std::function<Bytes(const format::EntryHead&, const crypto::SigningKey&)>& make);
    /// Links a protector as the default: what new data keys are wrapped by.
    void make_default(const std::string& name);
    /// Appends a remark by the writer.
    void tag(const EntryId& backup, const std::vector<std::string>& tags);
    /// Another writer from now on; not trusted by itself.
    void use_stranger();
    /// A successor of the writer from now on, who knows what it has stored; the writer is trusted for that, no further.
    void use_successor();
    /// A stranger from now on, who says to have taken that writer's place, and is not trusted by itself.
    void claim_succession(const IdentityId& former);
    /// Who makes backups.
    [[nodiscard]] IdentityId writer() const { return signing_key_->verify_key().identity(); }

    [[nodiscard]] Catalogue catalogue(bool remember = false, bool beyond_damage = false);
    /// Opens a backup, the newest when no id is given. Who salvages looks beyond damage.
    [[nodiscard]] std::unique_ptr<OpenBackup> open(const std::optional<EntryId>& id = {},
                                                   const OpenOptions& options = {});
    /// Restores the newest backup into folder/"target".
    RestoreReport restore(const RestoreRequest& request);
    RestoreReport restore() { return restore(RestoreRequest{}); }
    [[nodiscard]] std::string target() const { return folder / "target"; }
    /// Names of packs, oldest first.
    [[nodiscard]] std::vector<std::string> packs() const;

    std::vector<std::string> problems;
    std::vector<std::string> warnings;
    std::vector<std::string> actions;

private:
    class Run;
    struct Known {
        IdentityId writer;
        std::uint64_t sequence = 0;
        std::size_t pack = 0;
        DekId dek;
    };
    static std::vector<keyring::Keyring> open_keyring(const std::string& path);
    /// In reach: 0 for the writer, else the place among its predecessors.
    [[nodiscard]] std::uint64_t journal_of(const IdentityId& identity) const;
    void say(const crypto::SigningKey& key, const std::function<Bytes(format::EntryHead)>& make);

    std::map<std::string, crypto::RsaPublicKey> public_keys_;
    std::map<std::string, format::Thumbprint> thumbprints_;
    std::string default_protector_;
    std::optional<crypto::SigningKey> signing_key_;
    format::WriterKeys keys_;
    bool writer_is_trusted_ = false;
    std::map<ChunkId, Known> known_;
    std::vector<IdentityId> predecessors_;
};

/// Everything below a folder as text, for comparisons: path, type, mode, size or target, octets' digest.
[[nodiscard]] std::vector<std::string> listing(const std::string& folder);
[[nodiscard]] std::string content_of(const std::string& path);

}  // namespace signet::restore::test
