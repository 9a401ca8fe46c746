#include "restore/pack_maker.h"

#include <cstring>
#include <utility>

#include "core/error.h"
#include "format/names.h"

namespace signet::restore {

PackMaker::PackMaker(storage::Store& store, const format::DataKey& key, std::uint32_t counter)
    : keys_(format::PackKeys::create(key, counter)), cipher_(keys_), object_(store.create()) {
    append(keys_.header());
}

void PackMaker::append(ByteView octets) {
    hash_.update(octets);
    object_->write(octets);
    made_.size += octets.size();
}

void PackMaker::add(const format::FrameRecord& record, ByteView payload) {
    const auto number = static_cast<std::uint32_t>(made_.frames.size());
    const format::FrameCipher::Position position{number, record.kind, record.codec, record.raw_size};
    sealed_.resize(record.sealed_size);
    cipher_.seal(position, payload, sealed_);
    opened_.resize(payload.size());
    if (!cipher_.open(position, sealed_, opened_) || std::memcmp(opened_.data(), payload.data(), opened_.size()) != 0) {
        throw Error(ErrorCode::failed,
                    "a sealed frame did not open to what went into it: this machine's memory or processor is faulty",
                    "test this machine's memory before the next run");
    }
    append(sealed_);
    made_.frames.push_back(record);
}

format::IndexedPack PackMaker::finish(std::vector<ChunkId> chunks) {
    append(format::seal_pack_end(keys_, made_.frames, made_.size - format::kPackHeaderSize));
    made_.id = PackId::from(hash_.finish().view());
    made_.chunks = std::move(chunks);
    (void)object_->commit(format::pack_name(made_.id), storage::Durability::on_flush);
    return std::move(made_);
}

}  // namespace signet::restore
