#include "backup/log_object.h"

#include "core/aligned_buffer.h"
#include "core/beside.h"
#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "format/limits.h"
#include "format/names.h"

#include <algorithm>
#include <future>
#include <thread>
#include <vector>

namespace signet::backup {
namespace {

constexpr std::size_t kBlock = format::kMaxFrameRaw;
constexpr std::size_t kMostLanes = 4;
constexpr int kLevel = 1;  // a database waits for it

/// One frame on its way. Its thread is waited for before what it works on goes.
struct Lane {
    format::LogFrameSealer sealer;
    AlignedBuffer block;
    std::size_t filled = 0;
    ByteView sealed;
    std::future<void> done;
};

/// Reads, hashes and writes a file's frames while others seal them.
class FrameStore {
public:
    FrameStore(const LogFile& file, const SecretBytes& frame_key, storage::PendingObject& object,
               crypto::Sha256& before)
        : file_(file), object_(object), before_(before) {
        const std::uint64_t frames = (file.size() + kBlock - 1) / kBlock;
        // One more than there are processors: this thread reads while all of them seal.
        const std::size_t wanted = std::max(1U, std::thread::hardware_concurrency()) + 1;
        const auto lanes =
            static_cast<std::size_t>(std::max<std::uint64_t>(1, std::min<std::uint64_t>({frames, wanted, kMostLanes})));
        lanes_.reserve(lanes);
        for (std::size_t i = 0; i < lanes; ++i)
            lanes_.push_back({{frame_key, kLevel}, AlignedBuffer(kBlock), 0, {}, {}});
    }

    /// returns  SHA-256 of the content
    Digest run() {
        for (std::uint64_t at = 0; at < file_.size(); ++next_) {
            Lane& lane = lanes_[next_ % lanes_.size()];
            if (next_ >= lanes_.size()) put(lane);
            at += fill(lane, at);
            lane.done = start_beside([&lane, number = next_] { seal(lane, number); });
            content_.update(lane.block.octets().first(lane.filled));
        }
        const auto in_flight = static_cast<std::uint32_t>(std::min<std::size_t>(next_, lanes_.size()));
        for (std::uint32_t number = next_ - in_flight; number < next_; ++number) put(lanes_[number % lanes_.size()]);
        return content_.finish();
    }

private:
    std::size_t fill(Lane& lane, std::uint64_t at) const {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, file_.size() - at));
        lane.filled = file_.read(at, lane.block.octets().first(wanted));
        if (lane.filled != wanted) file_.require_unchanged();  // it became shorter
        return lane.filled;
    }

    static void seal(Lane& lane, std::uint32_t number) {
        lane.sealed = lane.sealer.seal(number, lane.block.octets().first(lane.filled));
    }

    /// Writes the frame that is sealed in `lane`, which is free then.
    void put(Lane& lane) {
        lane.done.get();
        object_.write(lane.sealed);
        before_.update(lane.sealed);
    }

    const LogFile& file_;
    storage::PendingObject& object_;
    crypto::Sha256& before_;
    crypto::Sha256 content_;
    std::vector<Lane> lanes_;
    std::uint32_t next_ = 0;
};

}  // namespace

std::optional<StoredLog> store_log(const LogFile& file, format::LogTrailer described, const format::LogChain& chain,
                                   const SecretBytes& id_key, const crypto::SigningKey& key, storage::Store& store) {
    const format::LogHead head{chain.repository(), chain.dek(), chain.next(), crypto::random_id<Digest>()};
    const Bytes head_octets = head.encode();
    const auto object = store.create();
    crypto::Sha256 before;
    object->write(head_octets);
    before.update(head_octets);
    StoredLog stored;
    stored.content_tag =
        format::log_content_tag(id_key, FrameStore(file, chain.frame_key(head_octets), *object, before).run());
    file.require_unchanged();
    described.repository = chain.repository();
    described.epoch = chain.dek();
    described.place = chain.next();
    described.before = before.finish();
    described.stored = Clock::system().now();
    described.content_tag = stored.content_tag;
    const Bytes end = format::make_log_end(std::move(described), key);
    object->write(end);
    stored.id = format::LogId::from(crypto::sha256(end).view());
    const std::string name = format::log_name(chain.dek(), chain.next());
    if (!object->commit(name, storage::Durability::now)) return std::nullopt;
    stored.object_size = store.size(name).value_or(0);
    return stored;
}

}  // namespace signet::backup
