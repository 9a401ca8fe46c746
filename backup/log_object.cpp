#include "backup/log_object.h"

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "format/limits.h"
#include "format/names.h"

#include <algorithm>
#include <future>
#include <system_error>
#include <thread>
#include <vector>

namespace signet::backup {
namespace {

constexpr std::size_t kBlock = format::kMaxFrameRaw;
constexpr std::size_t kMostLanes = 4;
constexpr int kLevel = 1;  // a database waits for it

/// One frame at a time.
struct Lane {
    format::LogFrameSealer sealer;
    Bytes block;
    std::size_t filled = 0;
    ByteView sealed;
};

/// Reads, seals and writes a file's frames, some side by side.
class FrameStore {
public:
    FrameStore(const LogFile& file, const SecretBytes& frame_key, storage::PendingObject& object,
               crypto::Sha256& before)
        : file_(file), object_(object), before_(before) {
        const std::uint64_t frames = (file.size() + kBlock - 1) / kBlock;
        const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
        const auto lanes = static_cast<std::size_t>(
            std::max<std::uint64_t>(1, std::min<std::uint64_t>({frames, processors, kMostLanes})));
        lanes_.reserve(lanes);
        for (std::size_t i = 0; i < lanes; ++i) lanes_.push_back({{frame_key, kLevel}, Bytes(kBlock), 0, {}});
    }

    /// returns  SHA-256 of the content
    Digest run() {
        for (std::uint64_t at = 0; at < file_.size();) {
            std::size_t used = 0;
            for (; used < lanes_.size() && at < file_.size(); ++used) at += fill(lanes_[used], at);
            seal(used);
            for (std::size_t i = 0; i < used; ++i) {
                object_.write(lanes_[i].sealed);
                before_.update(lanes_[i].sealed);
            }
        }
        return content_.finish();
    }

private:
    std::size_t fill(Lane& lane, std::uint64_t at) const {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, file_.size() - at));
        lane.filled = file_.read(at, MutableByteView(lane.block).first(wanted));
        if (lane.filled != wanted) file_.require_unchanged();  // it became shorter
        return lane.filled;
    }

    void seal(std::size_t used) {
        std::vector<std::future<void>> others;
        const std::uint32_t first = next_;
        for (std::size_t i = 1; i < used; ++i) {
            const auto work = [this, i, first] { seal_one(lanes_[i], first + static_cast<std::uint32_t>(i)); };
            try {
                others.push_back(std::async(std::launch::async, work));
            } catch (const std::system_error&) {
                work();  // fewer threads are slower, and no more
            }
        }
        seal_one(lanes_[0], first);
        for (std::size_t i = 0; i < used; ++i) content_.update(ByteView(lanes_[i].block).first(lanes_[i].filled));
        for (auto& other : others) other.get();
        next_ += static_cast<std::uint32_t>(used);
    }

    static void seal_one(Lane& lane, std::uint32_t number) {
        lane.sealed = lane.sealer.seal(number, ByteView(lane.block).first(lane.filled));
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
