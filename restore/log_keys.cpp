#include "restore/log_keys.h"

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "core/file.h"
#include "format/encoding.h"
#include "format/limits.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace signet::restore {
namespace {

constexpr std::string_view kMagic = "SIGNETLK";
constexpr std::string_view kNameStart = "signet-";
constexpr std::string_view kNameEnd = ".keys";
using KeysFileId = Id<struct TemporaryTag, 8>;
constexpr std::size_t kLargest = std::size_t{512} * 1024 * 1024;

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

SecretBytes LogKeys::encode() const {
    // Everything but the keys is written twice; what holds keys is made in locked memory of the right size at once.
    ByteWriter head;
    head.raw(kMagic);
    head.u16(1);
    head.id(repository_);
    head.id(config_hash_);
    head.blob(series_);
    head.u32(static_cast<std::uint32_t>(keys_.size()));
    ByteWriter tail;
    tail.u32(static_cast<std::uint32_t>(logs_.size()));
    for (const auto& [name, entry] : logs_) {
        tail.blob(name);
        tail.id(entry.epoch);
        tail.u64(entry.number);
        tail.id(entry.id);
    }
    constexpr std::size_t kKey = DekId::kSize + 32;
    SecretBytes all(head.size() + keys_.size() * kKey + tail.size() + Digest::kSize);
    std::uint8_t* out = all.mutable_view().data();
    const auto append = [&](ByteView octets) {
        std::memcpy(out, octets.data(), octets.size());
        out += octets.size();
    };
    append(head.view());
    for (const auto& [id, key] : keys_) {
        append(id.view());
        append(key.secret().reveal());
    }
    append(tail.view());
    append(crypto::sha256(all.reveal().first(all.size() - Digest::kSize)).view());
    return all;
}

void LogKeys::save(const std::string& path, const std::optional<std::pair<unsigned, unsigned>>& owner) const {
    const SecretBytes octets = encode();
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) throw Error::from_errno("create", path, errno);
    try {
        if (::fchmod(fd.get(), 0600) != 0) throw Error::from_errno("set the mode of", path, errno);
        if (owner && ::fchown(fd.get(), owner->first, owner->second) != 0)
            throw Error::from_errno("set the owner of", path, errno);
        write_full(fd.get(), octets.reveal(), path);
        fd.close(path);
    } catch (const Error&) {
        static_cast<void>(::unlink(path.c_str()));
        throw;
    }
}

LogKeys LogKeys::load(const std::string& path) {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) throw Error::from_errno("open", path, errno);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) throw Error::from_errno("look at", path, errno);
    if ((status.st_mode & 0077) != 0) {
        throw Error(ErrorCode::refused, path + " can be read by others than its owner, and holds keys of logs",
                    "remove it, look who could read it, and restore again");
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (!S_ISREG(status.st_mode) || size > kLargest || size < kMagic.size() + Digest::kSize)
        throw Error(ErrorCode::damaged, path + ": no file of keys");
    SecretBytes octets(static_cast<std::size_t>(size));
    if (read_full(fd.get(), octets.mutable_view(), path) != octets.size())
        throw Error(ErrorCode::damaged, path + ": became shorter");
    const ByteView content = octets.reveal().first(octets.size() - Digest::kSize);
    if (Digest::from(octets.reveal().last(Digest::kSize)) != crypto::sha256(content))
        throw Error(ErrorCode::damaged, path + ": is not as it was written");
    ByteReader reader(content, path);
    format::read_magic(reader, kMagic, path);
    const auto repository = reader.id<RepositoryId>();
    const auto config_hash = reader.id<Digest>();
    LogKeys keys(repository, config_hash, reader.text(reader.remaining()));
    for (std::uint32_t left = reader.u32(); left > 0; --left) {
        const auto id = reader.id<DekId>();
        keys.add_key(format::DataKey(repository, id, SecretBytes(reader.raw(32))));
    }
    for (std::uint32_t left = reader.u32(); left > 0; --left) {
        std::string name = reader.text(format::kMaxName);
        Entry entry;
        entry.epoch = reader.id<DekId>();
        entry.number = reader.u64();
        entry.id = reader.id<format::LogId>();
        keys.logs_.emplace_hint(keys.logs_.end(), std::move(name), entry);
    }
    reader.expect_end();
    return keys;
}

const LogKeys::Entry* LogKeys::find(const std::string& name) const {
    const auto found = logs_.find(name);
    return found == logs_.end() ? nullptr : &found->second;
}

const format::DataKey& LogKeys::key(const DekId& epoch) const {
    const auto found = keys_.find(epoch);
    if (found == keys_.end()) throw Error(ErrorCode::damaged, "the keys of this restore lack log epoch " + epoch.hex());
    return found->second;
}

bool is_log_keys_name(std::string_view name) {
    constexpr std::size_t kDigits = 2 * KeysFileId::kSize;
    if (name.size() != kNameStart.size() + kDigits + kNameEnd.size()) return false;
    return name.starts_with(kNameStart) && name.ends_with(kNameEnd) &&
           name.substr(kNameStart.size(), kDigits).find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_in_memory(const std::string& path) {
    struct statfs status {};
    if (::statfs(folder_of(path).c_str(), &status) != 0) return false;
    return status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC;
}

std::string new_log_keys_path() {
    const std::string name =
        "/" + std::string(kNameStart) + crypto::random_id<KeysFileId>().hex() + std::string(kNameEnd);
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    for (const std::string& folder :
         {std::string(runtime == nullptr ? "" : runtime), std::string("/dev/shm"), std::string("/run")}) {
        if (folder.empty() || folder.front() != '/' || ::access(folder.c_str(), W_OK | X_OK) != 0) continue;
        if (is_in_memory(folder + name)) return folder + name;
    }
    throw Error(ErrorCode::failed, "there is no file system in memory for the keys that recovery needs",
                "name a file for them: --keys-file FILE; it is removed when recovery ends");
}

}  // namespace signet::restore
