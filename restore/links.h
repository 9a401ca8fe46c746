// Hard links: the first name of an inode is restored, the others are linked to what this restore made of it and to
// nothing else.
#pragma once

#include "core/id.h"
#include "restore/target.h"

#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace signet::restore {

struct LinkState;

/// One thing to be made in a folder. The folder counts it as pending.
struct Item {
    FolderHandle folder;
    format::Entry entry;
    std::shared_ptr<LinkState> link;  ///< one of several names of an inode
};

/// Of type and content, whatever the name and the metadata.
[[nodiscard]] Digest fingerprint_of(const format::Entry& entry);

/// Where an inode was made.
struct LinkState {
    enum class Progress { making, made, given_up };
    Progress progress = Progress::making;
    Digest fingerprint;  ///< of type and content: names that differ in these are things of their own
    FolderHandle folder;
    std::string name;
    NodeId id;
    std::vector<Item> waiting;  ///< until it is made
};

/// For any number of threads at once.
class Links {
public:
    enum class Claim {
        make,  ///< the item is the first: whoever makes it reports made() or given_up()
        link,  ///< it is made: link to where()
        wait,  ///< it is being made; the item was taken and comes back from made() or given_up()
    };
    /// item  has a link identity. An item that differs from the first in type or content is one to `make`, alone.
    [[nodiscard]] Claim claim(Item& item);
    struct Place {
        FolderHandle folder;
        std::string name;
        NodeId id;
    };
    [[nodiscard]] Place where(const LinkState& link);
    /// returns  the items that waited, to be linked
    [[nodiscard]] std::vector<Item> made(const Item& item, const NodeId& id);
    /// returns  the items that waited, to be made one by one
    [[nodiscard]] std::vector<Item> given_up(const Item& item);

private:
    struct HashOf {
        std::size_t operator()(const format::LinkIdentity& identity) const noexcept {
            return static_cast<std::size_t>((identity.inode ^ (identity.file_system << 48)) * 0x9e3779b97f4a7c15U);
        }
    };
    std::mutex mutex_;
    std::unordered_map<format::LinkIdentity, std::shared_ptr<LinkState>, HashOf> states_;
};

}  // namespace signet::restore
