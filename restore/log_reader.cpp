#include "restore/log_reader.h"

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "core/file.h"
#include "format/encoding.h"
#include "format/limits.h"
#include "format/names.h"
#include "storage/logs.h"

#include <fcntl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace signet::restore {
namespace {

constexpr std::size_t kFrame = format::kMaxFrameRaw;

/// Reads an object from its start on and hashes what it reads.
class HashedReader {
public:
    HashedReader(const storage::ObjectReader& reader, std::uint64_t end) : reader_(reader), end_(end) {}
    [[nodiscard]] ByteView next(std::size_t count, std::string_view what) {
        if (count > end_ - at_) format::throw_damaged(what, "its frames do not end where its trailer starts");
        buffer_.resize(std::max(buffer_.size(), count));
        const MutableByteView out = MutableByteView(buffer_).first(count);
        reader_.read(at_, out);
        at_ += count;
        hash_.update(out);
        return out;
    }
    [[nodiscard]] bool at_end() const { return at_ == end_; }
    [[nodiscard]] Digest digest() { return hash_.finish(); }

private:
    const storage::ObjectReader& reader_;
    std::uint64_t end_;
    std::uint64_t at_ = 0;
    Bytes buffer_;
    crypto::Sha256 hash_;
};

/// A file that has its name only when all is well.
class NewFile {
public:
    explicit NewFile(const std::string& path)
        : path_(path),
          beside_(path + ".signet-" + crypto::random_id<Id<struct TemporaryTag, 8>>().hex()),
          fd_(::open(beside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) {
        if (!fd_) throw Error::from_errno("create", beside_, errno);
    }
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    ~NewFile() {
        if (!is_named_) static_cast<void>(::unlink(beside_.c_str()));
    }
    void write(ByteView bytes) { write_full(fd_.get(), bytes, beside_); }
    void commit() {
        fd_.close(beside_);
        if (std::rename(beside_.c_str(), path_.c_str()) != 0) throw Error::from_errno("create", path_, errno);
        is_named_ = true;
    }

private:
    std::string path_;
    std::string beside_;
    UniqueFd fd_;
    bool is_named_ = false;
};

}  // namespace

format::LogChain chain_at(const format::DataKey& dek, std::uint64_t number) {
    format::LogChain chain = format::LogChain::start(dek);
    while (chain.next() < number) chain.advance();
    return chain;
}

void read_log(const storage::Store& store, const LogPlace& place, const format::LogChain& chain,
              const std::function<void(ByteView)>& take) {
    invariant(chain.next() == place.number && chain.dek() == place.epoch, "the chain key of that log");
    const std::string name = format::log_name(place.epoch, place.number);
    const auto log = storage::read_log_end(store, place.repository, place.epoch, place.number);
    if (!log) throw Error(ErrorCode::damaged, name + ": missing, but it was stored");
    if (log->id != place.id) format::throw_damaged(name, "is another log than the one that was verified");
    const auto object = store.open_object(name);
    HashedReader reader(*object, log->frames_end);
    const ByteView head_octets = reader.next(format::kLogHeadSize, name);
    const auto head = format::LogHead::decode(head_octets, name);
    if (head.repository != place.repository || head.dek != place.epoch || head.number != place.number)
        format::throw_damaged(name, "its head is of another log");
    format::LogFrameOpener opener(chain.frame_key(head_octets));
    Bytes raw(static_cast<std::size_t>(std::min<std::uint64_t>(kFrame, log->trailer.size)));
    std::uint32_t number = 0;
    for (std::uint64_t left = log->trailer.size; left > 0; ++number) {
        const auto raw_size = static_cast<std::size_t>(std::min<std::uint64_t>(kFrame, left));
        const auto frame = format::LogFrameHead::decode(reader.next(format::LogFrameHead::kSize, name), raw_size, name);
        const MutableByteView out = MutableByteView(raw).first(raw_size);
        opener.open(number, frame, reader.next(frame.sealed_size, name), out, name);
        take(out);
        left -= raw_size;
    }
    if (!reader.at_end()) format::throw_damaged(name, "its frames do not end where its trailer starts");
    if (reader.digest() != log->trailer.before) format::throw_damaged(name, "is not what its writer signed");
}

void write_log(const storage::Store& store, const LogPlace& place, const format::LogChain& chain,
               const std::string& path) {
    NewFile file(path);
    read_log(store, place, chain, [&](ByteView octets) { file.write(octets); });
    file.commit();
}

}  // namespace signet::restore
