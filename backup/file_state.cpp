#include "backup/file_state.h"

#include "core/byte_io.h"
#include "core/crypto/digest.h"
#include "core/crypto/random.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace signet::backup {
namespace {

// header: magic 8, repository 16, writer 32, series 32, salt 32; then the root digest block; then blocks:
// u32 length of the sealed block, sealed block. Block 0 is written last and holds the root digest and the block count.
constexpr std::string_view kMagic = "SIGNETC1";
constexpr std::size_t kHeaderSize = 8 + 16 + 32 + 32 + 32;
constexpr std::size_t kFirstBlock = 40;  // root digest and number of blocks
constexpr std::size_t kBlockTarget = std::size_t{256} * 1024;
constexpr std::size_t kBlockMax = std::size_t{256} * 1024 * 1024;
constexpr std::uint8_t kFolderTag = 1;
constexpr std::uint8_t kEntryTag = 2;

std::uint64_t mix(std::uint64_t value) {
    // splitmix64: spreads every bit over all.
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

std::uint64_t nanoseconds(const format::FileTime& time) {
    return static_cast<std::uint64_t>(time.seconds) * 1'000'000'000u + time.nanoseconds;
}

Bytes header_of(const StateIdentity& identity, ByteView salt) {
    ByteWriter writer;
    writer.raw(kMagic);
    writer.id(identity.repository);
    writer.id(identity.writer);
    writer.id(identity.series);
    writer.raw(salt);
    return writer.take();
}

crypto::Aead cipher_for(const SecretBytes& cache_key, ByteView header) {
    return crypto::Aead(
        crypto::hkdf_expand(cache_key.reveal(), {as_bytes(std::string_view("signet/state/v1\0", 16)), header}, 32)
            .reveal());
}

/// Folders in the order of the walk: a slash sorts below every other octet.
bool walks_before(std::string_view left, std::string_view right) {
    const auto common = std::mismatch(left.begin(), left.end(), right.begin(), right.end());
    if (common.second == right.end()) return false;
    if (common.first == left.end()) return true;
    const auto rank = [](char c) { return c == '/' ? -1 : static_cast<int>(static_cast<unsigned char>(c)); };
    return rank(*common.first) < rank(*common.second);
}

}  // namespace

Fingerprint Fingerprint::of(const SourceStat& stat, std::uint64_t file_system) {
    std::uint64_t rest = mix(nanoseconds(stat.modified));
    rest = mix(rest ^ stat.size);
    rest = mix(rest ^ stat.inode);
    rest = mix(rest ^ stat.device);
    rest = mix(rest ^ (file_system + 1) ^ (std::uint64_t{stat.mode} << 32));
    return {nanoseconds(stat.changed), rest};
}

struct OldState::Reader {
    Reader(UniqueFd file, crypto::Aead key) : fd(std::move(file)), cipher(std::move(key)) {}
    UniqueFd fd;
    crypto::Aead cipher;
    std::uint64_t blocks = 0;
    std::uint64_t next_block = 1;
    Bytes sealed;
    Bytes block;
    std::optional<ByteReader> records;

    bool load_block() {
        if (next_block > blocks) return false;
        std::uint8_t length_octets[4];
        if (read_full(fd.get(), length_octets, "cache") != 4) return false;
        const auto length = ByteReader(length_octets, "cache").u32();
        if (length < crypto::kAeadTagSize || length > kBlockMax) return false;
        sealed.resize(length);
        if (read_full(fd.get(), sealed, "cache") != length) return false;
        block.resize(length - crypto::kAeadTagSize);
        if (!cipher.open(crypto::Nonce::counter(next_block), {}, sealed, block)) return false;
        ++next_block;
        records.emplace(block, "cache");
        return true;
    }
};

OldState::OldState(const std::string& path, const StateIdentity& identity, const SecretBytes& cache_key) {
    try {
        UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
        struct stat status {};
        if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
        (void)::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
        Bytes header(kHeaderSize);
        Bytes sealed(kFirstBlock + crypto::kAeadTagSize);
        if (read_full(fd.get(), header, path) != header.size() || read_full(fd.get(), sealed, path) != sealed.size())
            return;
        if (header != header_of(identity, ByteView(header).last(32))) return;
        auto reader = std::make_unique<Reader>(std::move(fd), cipher_for(cache_key, header));
        Bytes first(kFirstBlock);
        if (!reader->cipher.open(crypto::Nonce::counter(0), {}, sealed, first)) return;
        ByteReader fields(first, "cache");
        root_ = fields.id<Digest>();
        reader->blocks = fields.u64();
        reader_ = std::move(reader);
        if (!advance()) reader_.reset();
    } catch (const Error&) {
        reader_.reset();
        root_.reset();
    }
}

OldState::~OldState() = default;

bool OldState::advance() {
    has_entry_ = has_folder_ = returned_ = false;
    if (!reader_) return false;
    try {
        while (!reader_->records || reader_->records->at_end()) {
            if (!reader_->load_block()) {
                reader_.reset();
                return false;
            }
        }
        auto& records = *reader_->records;
        if (records.u8() == kFolderTag) {
            folder_ = std::string(as_text(records.blob(1 << 24)));
            has_folder_ = true;
            return true;
        }
        entry_.fingerprint.changed = records.u64();
        entry_.fingerprint.rest = records.u64();
        entry_.encoded = records.blob(1 << 24);
        ByteReader encoded(entry_.encoded, "cache");
        entry_.name = std::string(as_text(encoded.blob(255)));
        const auto count = records.varint(1 << 28);
        const auto offset = records.varint(1 << 24);  // 0: the ids follow; else they stand at that offset of `encoded`
        entry_.chunks.clear();
        if (count > 0) {
            const std::size_t size = count * ChunkId::kSize;
            if (offset > entry_.encoded.size() || (offset > 0 && size > entry_.encoded.size() - offset)) {
                records.fail("chunk ids that are not there");
            }
            const auto ids = offset == 0 ? records.raw(size) : entry_.encoded.subspan(offset).first(size);
            entry_.chunks.resize(count);
            for (std::size_t i = 0; i < count; ++i) entry_.chunks[i] = ChunkId::from(ids.subspan(i * ChunkId::kSize));
        }
        has_entry_ = true;
        return true;
    } catch (const Error&) {
        reader_.reset();
        return false;
    }
}

bool OldState::enter(const std::string& folder) {
    inside_ = false;
    lost_entries_ = false;
    while (reader_ && (has_entry_ || walks_before(folder_, folder))) {
        if (!advance()) return false;
    }
    if (!reader_ || !has_folder_ || folder_ != folder) return false;
    inside_ = true;
    (void)advance();
    return true;
}

const StateEntry* OldState::find(std::string_view name) {
    if (!inside_) return nullptr;
    while (reader_ && has_entry_ && entry_.name < name) {
        lost_entries_ = lost_entries_ || !returned_;
        if (!advance()) return nullptr;
    }
    if (!reader_ || !has_entry_ || entry_.name != name) return nullptr;
    returned_ = true;
    return &entry_;
}

bool OldState::folder_lost_entries() {
    return inside_ && (lost_entries_ || (reader_ && has_entry_ && (!returned_ || (advance() && has_entry_))));
}

struct NewState::Writer {
    explicit Writer(crypto::Aead key) : cipher(std::move(key)) {}
    std::string path;
    std::string temporary;
    UniqueFd fd;
    crypto::Aead cipher;
    std::uint64_t blocks = 0;
    ByteWriter block;
    Bytes sealed;
    bool failed = false;
    std::uint64_t newest = UINT64_MAX;  ///< change times from here on are not recorded
};

NewState::NewState(const std::string& path, const StateIdentity& identity, const SecretBytes& cache_key) {
    if (path.empty()) return;
    try {
        make_folders(path.substr(0, path.rfind('/')), 0700);
        Bytes salt(32);
        crypto::random_fill(salt);
        const auto header = header_of(identity, salt);
        auto writer = std::make_unique<Writer>(cipher_for(cache_key, header));
        writer->path = path;
        writer->temporary = path + ".new." + std::to_string(::getpid());
        writer->fd =
            UniqueFd(::open(writer->temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!writer->fd) return;
        write_full(writer->fd.get(), header, path);
        write_full(writer->fd.get(), Bytes(kFirstBlock + crypto::kAeadTagSize), path);
        writer_ = std::move(writer);
    } catch (const Error&) {
        writer_.reset();  // no cache this time
    }
}

NewState::~NewState() {
    if (writer_ && writer_->fd) ::unlink(writer_->temporary.c_str());
}

void NewState::folder(const std::string& path) {
    if (!writer_) return;
    if (writer_->block.size() > kBlockTarget) flush_block();
    writer_->block.u8(kFolderTag);
    writer_->block.blob(path);
}

void NewState::ignore_changed_after(TimePoint time) {
    if (writer_) writer_->newest = static_cast<std::uint64_t>(time.ns);
}

void NewState::entry(const Fingerprint& fingerprint, ByteView encoded, const std::vector<ChunkId>& chunks) {
    if (!writer_ || fingerprint.changed >= writer_->newest) return;
    if (writer_->block.size() > kBlockTarget) flush_block();
    auto& out = writer_->block;
    out.u8(kEntryTag);
    out.u64(fingerprint.changed);
    out.u64(fingerprint.rest);
    out.blob(encoded);
    out.varint(chunks.size());
    std::size_t offset = 0;
    if (!chunks.empty()) {
        // ChunkId is an array of octets, so a vector of them is one run of octets.
        const ByteView ids(chunks.front().octets.data(), chunks.size() * ChunkId::kSize);
        const void* found = ::memmem(encoded.data(), encoded.size(), ids.data(), ids.size());
        if (found != nullptr)
            offset = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - encoded.data());
        out.varint(offset);
        if (offset == 0) out.raw(ids);
    } else {
        out.varint(0);
    }
}

void NewState::flush_block() {
    auto& w = *writer_;
    if (w.failed || w.block.size() == 0) return;
    try {
        const auto plain = w.block.view();
        const auto length = static_cast<std::uint32_t>(plain.size() + crypto::kAeadTagSize);
        w.sealed.resize(4 + length);
        ByteWriter length_octets;
        length_octets.u32(length);
        std::memcpy(w.sealed.data(), length_octets.view().data(), 4);
        w.cipher.seal(crypto::Nonce::counter(++w.blocks), {}, plain, MutableByteView(w.sealed).subspan(4));
        write_full(w.fd.get(), w.sealed, w.path);
    } catch (const Error&) {
        w.failed = true;
    }
    w.block.bytes().clear();
}

void NewState::commit(const Digest& root) noexcept {
    if (!writer_) return;
    try {
        flush_block();
        auto& w = *writer_;
        if (w.failed) return;
        ByteWriter first;
        first.id(root);
        first.u64(w.blocks);
        pwrite_full(w.fd.get(), w.cipher.seal(crypto::Nonce::counter(0), {}, first.view()), kHeaderSize, w.path);
        w.fd.close(w.path);
        if (::rename(w.temporary.c_str(), w.path.c_str()) != 0) ::unlink(w.temporary.c_str());
        writer_.reset();
    } catch (...) {
        // A cache that cannot be written costs time, nothing else; the destructor removes the remains.
    }
}

}  // namespace signet::backup
