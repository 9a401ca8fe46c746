#include "backup/log_state.h"

#include "core/crypto/digest.h"
#include "core/file.h"
#include "format/encoding.h"
#include "format/limits.h"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace signet::backup {
namespace {

constexpr std::string_view kMagic = "SIGNETLS";
constexpr std::size_t kLargestState = std::size_t{64} * 1024;
constexpr std::size_t kLargestNames = std::size_t{1024} * 1024 * 1024;
constexpr std::size_t kMostProtectors = 256;
constexpr std::size_t kRoom = std::size_t{32} * 1024;  // of the largest state: the buffer with the key never moves

void encode_protectors(ByteWriter& writer, const std::vector<format::Thumbprint>& protectors) {
    writer.varint(protectors.size());
    for (const format::Thumbprint& one : protectors) one.encode(writer);
}

std::vector<format::Thumbprint> decode_protectors(ByteReader& reader) {
    std::vector<format::Thumbprint> protectors(format::read_count(reader, kMostProtectors, 33));
    for (format::Thumbprint& one : protectors) one = format::Thumbprint::decode(reader);
    return protectors;
}

Bytes encode(const LogState& state) {
    Bytes buffer;
    buffer.reserve(kRoom);
    ByteWriter writer(std::move(buffer));
    writer.raw(kMagic);
    writer.u16(1);
    writer.id(state.repository);
    writer.id(state.writer);
    writer.id(state.series);
    writer.u8(static_cast<std::uint8_t>(state.source.family));
    writer.u64(state.source.system);
    writer.u32(state.source.segment_size);
    writer.blob(state.source.sequence);
    writer.id(state.epoch);
    writer.u64(state.next);
    writer.id(state.last);
    writer.blob(state.last_name);
    writer.blob(state.chain_key.reveal());
    writer.i64(state.opened.ns);
    writer.i64(state.looked.ns);
    encode_protectors(writer, state.linked);
    encode_protectors(writer, state.protectors);
    writer.u64(state.names);
    writer.id(crypto::sha256(writer.view()));
    return writer.take();
}

LogState decode(ByteView bytes) {
    ByteReader reader(bytes, "the state of a log");
    format::read_magic(reader, kMagic, "the state of a log");
    LogState state;
    state.repository = reader.id<RepositoryId>();
    state.writer = reader.id<IdentityId>();
    state.series = reader.id<SeriesId>();
    state.source.family = static_cast<format::LogFamily>(reader.u8());
    state.source.system = reader.u64();
    state.source.segment_size = reader.u32();
    state.source.sequence = reader.text(format::kMaxName);
    state.epoch = reader.id<DekId>();
    state.next = reader.u64();
    state.last = reader.id<format::LogId>();
    state.last_name = reader.text(format::kMaxName);
    const ByteView key = reader.blob(32);
    if (!key.empty() && key.size() != 32) reader.fail("chain key");
    if (!key.empty()) state.chain_key = SecretBytes(key);
    state.opened.ns = reader.i64();
    state.looked.ns = reader.i64();
    state.linked = decode_protectors(reader);
    state.protectors = decode_protectors(reader);
    state.names = reader.u64();
    if (reader.id<Digest>() != crypto::sha256(bytes.first(bytes.size() - Digest::kSize))) reader.fail("its sum");
    reader.expect_end();
    return state;
}

void require_private(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) throw Error::from_errno("look at", path, errno);
    if ((status.st_mode & 0077) == 0) return;
    throw Error(ErrorCode::refused, path + " can be read by others than its owner, and holds the key of the next logs",
                "chmod 600 it, and look who could read it; removing it costs a new epoch and nothing else");
}

/// Written beside and renamed, and not synced. One name beside it will do: whoever writes it holds the series' lock.
void replace_unsynced(const std::string& path, ByteView content) {
    const std::string beside = path + ".new";
    UniqueFd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) throw Error::from_errno("create", beside, errno);
    write_full(fd.get(), content, beside);
    fd.close(beside);
    if (std::rename(beside.c_str(), path.c_str()) != 0) throw Error::from_errno("replace", path, errno);
}

}  // namespace

std::optional<LogState> LogStateFile::load(const RepositoryId& repository, const IdentityId& writer,
                                           const SeriesId& series) const {
    Bytes bytes;
    try {
        if (!read_file_if_present(path_, kLargestState, bytes)) return std::nullopt;
        require_private(path_);
        LogState state = decode(bytes);
        wipe(bytes);
        if (state.repository != repository || state.writer != writer || state.series != series) return std::nullopt;
        return state;
    } catch (const Error& error) {
        wipe(bytes);
        if (error.code() != ErrorCode::damaged && error.code() != ErrorCode::unsupported) throw;
        return std::nullopt;  // torn by a power cut, or another version's
    }
}

void LogStateFile::save(const LogState& state) const {
    Bytes bytes = encode(state);
    try {
        replace_unsynced(path_, bytes);
    } catch (const Error&) {
        wipe(bytes);
        throw;
    }
    wipe(bytes);
}

LogNames::LogNames(std::string path, const RepositoryId& repository, const IdentityId& writer, const SeriesId& series)
    : path_(std::move(path)),
      header_(crypto::sha256({format::label("signet/log-names/v1"), repository.view(), writer.view(), series.view()})) {
}

std::optional<std::uint64_t> LogNames::load() {
    records_.clear();
    Bytes bytes;
    if (!read_file_if_present(path_, kLargestNames, bytes)) return std::nullopt;
    if (bytes.size() < kHeader || Digest::from(ByteView(bytes).first(kHeader)) != header_) return std::nullopt;
    const std::size_t whole = (bytes.size() - kHeader) / kRecord * kRecord;
    records_.assign(bytes.begin() + kHeader, bytes.begin() + static_cast<std::ptrdiff_t>(kHeader + whole));
    if (kHeader + whole != bytes.size()) truncate(count());
    return count();
}

void LogNames::truncate(std::uint64_t wanted) {
    records_.resize(static_cast<std::size_t>(wanted) * kRecord);
    if (::truncate(path_.c_str(), static_cast<off_t>(kHeader + records_.size())) != 0)
        throw Error::from_errno("cut", path_, errno);
}

void LogNames::clear() {
    records_.clear();
    replace_unsynced(path_, header_.view());
}

std::optional<Digest> LogNames::find(std::string_view name) const {
    const Digest wanted = crypto::sha256(as_bytes(name));
    for (std::size_t at = 0; at < records_.size(); at += kRecord) {
        if (std::equal(wanted.octets.begin(), wanted.octets.begin() + kName,
                       records_.begin() + static_cast<std::ptrdiff_t>(at))) {
            return Digest::from(ByteView(records_).subspan(at + kName, Digest::kSize));
        }
    }
    return std::nullopt;
}

void LogNames::add(std::string_view name, const Digest& tag) {
    ByteWriter record;
    record.raw(crypto::sha256(as_bytes(name)).view().first(kName));
    record.id(tag);
    const UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) throw Error::from_errno("open", path_, errno);
    write_full(fd.get(), record.view(), path_);
    records_.insert(records_.end(), record.view().begin(), record.view().end());
}

}  // namespace signet::backup
