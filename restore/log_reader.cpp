#include "restore/log_reader.h"

#include "core/aligned_buffer.h"
#include "core/beside.h"
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
#include <array>
#include <cerrno>
#include <cstdio>
#include <thread>
#include <vector>

namespace signet::restore {
namespace {

constexpr std::size_t kFrame = format::kMaxFrameRaw;
constexpr std::size_t kMostLanes = 4;

/// Reads an object from its start on and hashes what it reads.
class HashedReader {
public:
    HashedReader(const storage::ObjectReader& reader, std::uint64_t end) : reader_(reader), end_(end) {}
    void read(MutableByteView out, std::string_view what) {
        if (out.size() > end_ - at_) format::throw_damaged(what, "its frames do not end where its trailer starts");
        reader_.read(at_, out);
        at_ += out.size();
        hash_.update(out);
    }
    [[nodiscard]] bool at_end() const { return at_ == end_; }
    [[nodiscard]] Digest digest() { return hash_.finish(); }

private:
    const storage::ObjectReader& reader_;
    std::uint64_t end_;
    std::uint64_t at_ = 0;
    crypto::Sha256 hash_;
};

/// One frame on its way. Its thread is waited for before what it works on goes.
struct Lane {
    format::LogFrameOpener opener;
    format::LogFrameHead head;
    AlignedBuffer sealed{kFrame + crypto::kAeadTagSize};
    AlignedBuffer raw{kFrame};
    std::size_t size = 0;  ///< of `raw`
    std::future<void> done;
};

/// Reads a log's frames and gives away what they hold, in their order, while others are opened.
class FrameReader {
public:
    /// size  of the log, octets
    FrameReader(HashedReader& from, const SecretBytes& frame_key, std::uint64_t size, const std::string& name)
        : from_(from), size_(size), name_(name) {
        const std::uint64_t frames = (size + kFrame - 1) / kFrame;
        const std::size_t wanted = std::max(1U, std::thread::hardware_concurrency()) + 1;
        const auto lanes = static_cast<std::size_t>(std::min<std::uint64_t>({frames, wanted, kMostLanes}));
        lanes_.reserve(lanes);
        for (std::size_t i = 0; i < lanes; ++i)
            lanes_.push_back({.opener = format::LogFrameOpener(frame_key), .head = {}, .done = {}});
    }

    void run(const std::function<void(ByteView)>& take) {
        std::uint32_t next = 0;
        for (std::uint64_t left = size_; left > 0; ++next) {
            Lane& lane = lanes_[next % lanes_.size()];
            if (next >= lanes_.size()) give(lane, take);
            lane.size = static_cast<std::size_t>(std::min<std::uint64_t>(kFrame, left));
            start(lane, next);
            left -= lane.size;
        }
        const auto in_flight = static_cast<std::uint32_t>(std::min<std::size_t>(next, lanes_.size()));
        for (std::uint32_t number = next - in_flight; number < next; ++number)
            give(lanes_[number % lanes_.size()], take);
    }

private:
    void start(Lane& lane, std::uint32_t number) {
        std::array<std::uint8_t, format::LogFrameHead::kSize> head{};
        from_.read(head, name_);
        lane.head = format::LogFrameHead::decode(head, lane.size, name_);
        const MutableByteView sealed = lane.sealed.octets().first(lane.head.sealed_size);
        from_.read(sealed, name_);
        lane.done = start_beside([this, &lane, sealed, number] {
            lane.opener.open(number, lane.head, sealed, lane.raw.octets().first(lane.size), name_);
        });
    }
    static void give(Lane& lane, const std::function<void(ByteView)>& take) {
        lane.done.get();
        take(lane.raw.octets().first(lane.size));
    }

    HashedReader& from_;
    std::uint64_t size_;
    const std::string& name_;
    std::vector<Lane> lanes_;
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
    Bytes head_octets(format::kLogHeadSize);
    reader.read(head_octets, name);
    const auto head = format::LogHead::decode(head_octets, name);
    if (head.repository != place.repository || head.dek != place.epoch || head.number != place.number)
        format::throw_damaged(name, "its head is of another log");
    FrameReader(reader, chain.frame_key(head_octets), log->trailer.size, name).run(take);
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
