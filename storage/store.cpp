#include "storage/store.h"

#include <algorithm>

#include "core/error.h"

namespace signet::storage {
namespace {

constexpr std::size_t kLongestName = 240;

[[noreturn]] void fail_missing(const Store& store, std::string_view name) {
    throw Error(ErrorCode::damaged, std::string(name) + ": missing from " + store.location());
}

bool is_name_character(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-'; }

}  // namespace

CompleteListing::CompleteListing(std::vector<ObjectInfo> objects) : objects_(std::move(objects)) {
    std::sort(objects_.begin(), objects_.end(),
              [](const ObjectInfo& left, const ObjectInfo& right) { return left.name < right.name; });
}

const ObjectInfo* CompleteListing::find(std::string_view name) const {
    const auto found =
        std::lower_bound(objects_.begin(), objects_.end(), name,
                         [](const ObjectInfo& info, std::string_view wanted) { return info.name < wanted; });
    return found != objects_.end() && found->name == name ? &*found : nullptr;
}

void PendingObject::write_aligned(MutableByteView buffer, std::size_t length) { write(buffer.first(length)); }

ByteView ObjectReader::read_once(std::uint64_t offset, std::size_t size, MutableByteView room) const {
    const MutableByteView octets = room.first(size);
    read(offset, octets);
    return octets;
}

void ObjectReader::prefetch(std::uint64_t /*offset*/, std::uint64_t /*length*/) const noexcept {}

bool Store::put(std::string_view name, ByteView content, Durability durability) {
    check_name(name);
    const auto pending = create();
    pending->write(content);
    return pending->commit(name, durability);
}

Bytes Store::get(std::string_view name, std::size_t limit) const {
    auto content = get_if_present(name, limit);
    if (!content) fail_missing(*this, name);
    return *std::move(content);
}

std::optional<Bytes> Store::get_if_present(std::string_view name, std::size_t limit) const {
    const auto reader = open_if_present(name);
    if (!reader) return std::nullopt;
    const std::uint64_t size = reader->size();
    if (size > limit) {
        throw Error(ErrorCode::damaged, std::string(name) + ": " + std::to_string(size) +
                                            " octets are more than its limit of " + std::to_string(limit));
    }
    Bytes content(static_cast<std::size_t>(size));
    reader->read(0, content);
    return content;
}

void Store::get_range(std::string_view name, std::uint64_t offset, MutableByteView out) const {
    open_object(name)->read(offset, out);
}

std::unique_ptr<ObjectReader> Store::open_object(std::string_view name) const {
    auto reader = open_if_present(name);
    if (!reader) fail_missing(*this, name);
    return reader;
}

bool Store::remove(const CompleteListing& listing, std::string_view name) {
    check_name(name);
    if (listing.find(name) == nullptr)
        throw Error(ErrorCode::failed, std::string(name) + ": not in the listing by which it is to be removed",
                    "another command may have changed the repository meanwhile: run this one again");
    return remove_listed(name);
}

void Store::prefetch(std::string_view /*name*/) const noexcept {}

void Store::take_over(std::string_view /*name*/) {}

std::size_t Store::sweep_temporary(std::int64_t /*age_seconds*/) { return 0; }

bool is_object_name(std::string_view name) {
    if (name.empty() || name.size() > kLongestName || name == "tmp" || name.starts_with("tmp/")) return false;
    char previous = '/';
    for (char c : name) {
        if (c == '/' ? previous == '/' : !is_name_character(c)) return false;
        if (c == '.' && previous == '/') return false;
        previous = c;
    }
    return previous != '/';
}

void check_name(std::string_view name) {
    if (!is_object_name(name)) throw Error(ErrorCode::failed, "not an object name: \"" + std::string(name) + "\"");
}

}  // namespace signet::storage
