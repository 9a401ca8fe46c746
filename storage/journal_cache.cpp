#include "storage/journal_cache.h"

#include "core/crypto/aead.h"
#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "core/file.h"
#include "format/limits.h"
#include "format/names.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace signet::storage {
namespace {

// header: magic 8, repository 16, identity 32, salt 32; then blocks: u32 length of the sealed block, sealed block.
// Block 0 holds the number of the others; each of those holds records: entry id 32, varint length, what is kept.
constexpr std::string_view kMagic = "SIGNETJ1";
constexpr std::size_t kSaltSize = 32;
constexpr std::size_t kHeaderSize = 8 + 16 + 32 + kSaltSize;
constexpr std::size_t kBlockTarget = format::kMiB;
constexpr std::size_t kMostOctets = 256 * format::kMiB;
constexpr const char* kWhat = "cache of a journal";

Bytes header_of(const RepositoryId& repository, const IdentityId& identity, ByteView salt) {
    ByteWriter writer;
    writer.raw(kMagic);
    writer.id(repository);
    writer.id(identity);
    writer.raw(salt);
    return writer.take();
}

/// A key for this very file: its salt is new each time, so blocks are counted from zero.
crypto::Aead cipher_for(const SecretBytes& key, ByteView header) {
    const auto label = as_bytes(std::string_view("signet/journal-cache/v1\0", 24));
    return crypto::Aead(crypto::hkdf_expand(key.reveal(), {label, header}, crypto::kAeadKeySize).reveal());
}

/// Appends sealed blocks to a file's content.
class Sealer {
public:
    Sealer(ByteWriter& out, crypto::Aead cipher) : out_(out), cipher_(std::move(cipher)) {}
    void block(ByteView plaintext) {
        const Bytes sealed = cipher_.seal(crypto::Nonce::counter(next_++), {}, plaintext);
        out_.u32(static_cast<std::uint32_t>(sealed.size()));
        out_.raw(sealed);
    }

private:
    ByteWriter& out_;
    crypto::Aead cipher_;
    std::uint64_t next_ = 0;
};

/// Opens the blocks of a file one after another.
class Opener {
public:
    Opener(ByteView file, crypto::Aead cipher) : file_(file, kWhat), cipher_(std::move(cipher)) {}
    /// throws  Error{damaged}: cut or altered
    [[nodiscard]] ByteView block() {
        const ByteView sealed = file_.raw(file_.u32());
        if (sealed.size() < crypto::kAeadTagSize) file_.fail("a block without a tag");
        plaintext_.resize(sealed.size() - crypto::kAeadTagSize);
        if (!cipher_.open(crypto::Nonce::counter(next_++), {}, sealed, plaintext_)) file_.fail("altered");
        return plaintext_;
    }
    void expect_end() const { file_.expect_end(); }

private:
    ByteReader file_;
    crypto::Aead cipher_;
    std::uint64_t next_ = 0;
    Bytes plaintext_;
};

std::vector<format::SignedEntry> read_blocks(Opener& opener, const IdentityId& identity) {
    std::vector<format::SignedEntry> entries;
    ByteReader first(opener.block(), kWhat);
    const std::uint64_t blocks = first.u64();
    first.expect_end();
    for (std::uint64_t i = 0; i < blocks; ++i) {
        ByteReader records(opener.block(), kWhat);
        while (!records.at_end()) {
            const auto id = records.id<EntryId>();
            const ByteView kept = records.blob(format::kMaxEntry);
            const std::string name = format::journal_name(identity, entries.size() + 1);
            entries.push_back(format::resume_entry(Bytes(kept.begin(), kept.end()), id, name));
            const EntryId previous = entries.size() == 1 ? EntryId{} : entries[entries.size() - 2].id;
            if (entries.back().head.previous != previous) records.fail("an entry that follows another");
        }
    }
    opener.expect_end();
    return entries;
}

/// Blocks of about 1 MiB. returns  nothing when all of it would be too large
std::optional<std::vector<Bytes>> blocks_of(const std::vector<format::SignedEntry>& entries) {
    std::vector<Bytes> blocks;
    std::size_t total = 0;
    ByteWriter block;
    for (const format::SignedEntry& entry : entries) {
        total += entry.object.size();
        if (total > kMostOctets) return std::nullopt;
        block.id(entry.id);
        block.blob(entry.object);
        if (block.size() >= kBlockTarget) blocks.push_back(std::exchange(block, {}).take());
    }
    if (block.size() > 0) blocks.push_back(block.take());
    return blocks;
}

}  // namespace

JournalCache::JournalCache(std::string folder, const RepositoryId& repository, const SecretBytes& cache_key)
    : folder_(std::move(folder)), repository_(repository), key_(cache_key.clone()) {}

std::string JournalCache::path_of(const IdentityId& identity) const {
    return folder_ + "/journal-" + identity.short_hex(16);
}

std::vector<format::SignedEntry> JournalCache::load(const IdentityId& identity) const noexcept {
    try {
        Bytes file;
        // Salts, ids and tags add little to what is kept.
        if (!read_file_if_present(path_of(identity), 2 * kMostOctets, file) || file.size() < kHeaderSize) return {};
        const ByteView header = ByteView(file).first(kHeaderSize);
        if (header_of(repository_, identity, header.last(kSaltSize)) != Bytes(header.begin(), header.end())) return {};
        Opener opener(ByteView(file).subspan(kHeaderSize), cipher_for(key_, header));
        return read_blocks(opener, identity);
    } catch (const std::exception&) {
        return {};
    }
}

void JournalCache::save(const IdentityId& identity, const std::vector<format::SignedEntry>& entries) const noexcept {
    try {
        const auto blocks = blocks_of(entries);
        if (!blocks) return;
        const auto salt = crypto::random_id<Digest>();
        const Bytes header = header_of(repository_, identity, salt.view());
        ByteWriter file;
        file.raw(header);
        Sealer sealer(file, cipher_for(key_, header));
        ByteWriter first;
        first.u64(blocks->size());
        sealer.block(first.view());
        for (const Bytes& block : *blocks) sealer.block(block);
        make_folders(folder_, 0700);
        replace_file(path_of(identity), file.view(), 0600);
    } catch (const std::exception&) {
        // It will be read and verified again.
    }
}

}  // namespace signet::storage
