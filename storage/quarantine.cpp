#include "storage/quarantine.h"

#include <algorithm>

#include "core/crypto/digest.h"
#include "core/error.h"
#include "format/names.h"

namespace signet::storage {
namespace {

constexpr std::uint64_t kPiece = std::uint64_t{1024} * 1024;

/// Calls `take` for the octets of an object, in order, as far as there can be any. returns  their hash
template <class Take>
Digest read_all(const ObjectReader& object, std::uint64_t most, const Take& take) {
    crypto::Sha256 hash;
    const std::uint64_t octets = std::min(object.size(), most);
    Bytes piece(static_cast<std::size_t>(std::min(kPiece, std::max<std::uint64_t>(1, octets))));
    for (std::uint64_t at = 0; at < octets;) {
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), octets - at));
        const MutableByteView part(piece.data(), size);
        object.read(at, part);
        hash.update(part);
        take(ByteView(part));
        at += size;
    }
    return hash.finish();
}

Digest hash_of(const ObjectReader& object, std::uint64_t most) {
    return read_all(object, most, [](ByteView) {});
}

/// returns  the name of the copy, which is there, durable, and was read back
std::string copy_aside(Store& store, std::string_view name, const ObjectReader& object, std::uint64_t most,
                       const Digest& content) {
    std::string aside = format::quarantine_name(name, content);
    const auto copy = store.create();
    const Digest copied = read_all(object, most, [&](ByteView part) { copy->write(part); });
    if (copied != content) {
        throw Error(ErrorCode::io, std::string(name) + ": reads differently each time, and stays where it is",
                    "test the disk and the memory of this machine");
    }
    (void)copy->commit(aside, Durability::now);
    if (hash_of(*store.open_object(aside), most) != content)
        throw Error(ErrorCode::io, aside + ": reads back as something else than was stored");
    return aside;
}

}  // namespace

std::optional<std::string> set_aside(Store& store, std::string_view name, const format::HashedName& hashed) {
    const auto object = store.open_if_present(name);
    if (!object) return std::nullopt;
    const Digest content = hash_of(*object, hashed.most_octets);
    if (content == hashed.content && object->size() <= hashed.most_octets) return std::nullopt;
    std::string aside = copy_aside(store, name, *object, hashed.most_octets, content);
    store.remove(store.list(name), name);
    store.flush();
    return aside;
}

std::string set_aside_as_found(Store& store, std::string_view name, const format::HashedName& hashed) {
    const auto object = store.open_object(name);
    const Digest content = hash_of(*object, hashed.most_octets);
    std::string aside = copy_aside(store, name, *object, hashed.most_octets, content);
    store.remove(store.list(name), name);
    store.flush();
    return aside;
}

std::vector<ObjectInfo> quarantined(const Store& store, std::string_view name) {
    const CompleteListing listing = store.list(format::quarantine_prefix(name));
    std::vector<ObjectInfo> found(listing.begin(), listing.end());
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& left, const auto& right) { return left.size > right.size; });
    return found;
}

}  // namespace signet::storage
