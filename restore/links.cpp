#include "restore/links.h"

#include "core/crypto/digest.h"

namespace signet::restore {

Digest fingerprint_of(const format::Entry& entry) {
    ByteWriter writer;
    writer.u8(static_cast<std::uint8_t>(entry.type));
    if (entry.type == format::EntryType::file) entry.content.encode(writer);
    writer.blob(entry.target);
    writer.u32(entry.major);
    writer.u32(entry.minor);
    for (const format::Extent& extent : entry.extents) {
        writer.u64(extent.hole);
        writer.u64(extent.data);
    }
    return crypto::sha256(writer.view());
}

Links::Claim Links::claim(Item& item) {
    const Digest fingerprint = fingerprint_of(item.entry);
    const std::lock_guard lock(mutex_);
    std::shared_ptr<LinkState>& state = states_[*item.entry.link];
    if (state && state->progress == LinkState::Progress::given_up) state.reset();
    if (!state) {
        state = std::make_shared<LinkState>();
        state->fingerprint = fingerprint;
        item.link = state;
        return Claim::make;
    }
    if (state->fingerprint != fingerprint) return Claim::make;
    item.link = state;
    if (state->progress == LinkState::Progress::made) return Claim::link;
    // The list is in the state: a waiting item must not keep the state alive itself.
    const std::shared_ptr<LinkState> owner = std::move(item.link);
    owner->waiting.push_back(std::move(item));
    return Claim::wait;
}

Links::Place Links::where(const LinkState& link) {
    const std::lock_guard lock(mutex_);
    return {link.folder, link.name, link.id};
}

std::vector<Item> Links::made(const Item& item, const NodeId& id) {
    const std::lock_guard lock(mutex_);
    LinkState& state = *item.link;
    state.progress = LinkState::Progress::made;
    state.folder = item.folder;
    state.name = item.entry.name;
    state.id = id;
    for (Item& waiting : state.waiting) waiting.link = item.link;
    return std::move(state.waiting);
}

std::vector<Item> Links::given_up(const Item& item) {
    const std::lock_guard lock(mutex_);
    item.link->progress = LinkState::Progress::given_up;
    return std::move(item.link->waiting);
}

}  // namespace signet::restore
