// Where sealed objects live: immutable, named, created whole or not at all.
//
// Durability, the same for every store. When a call with Durability::now returns, or flush() after it, the object is
// there after a power cut, under its name and whole. Between commit(…, on_flush) and flush() it can be seen and read,
// and a power cut may take it away again, whole. No call ever leaves part of an object under an object's name. A failed
// write, sync or close is final: the object is abandoned, and a store whose folder could not be synced refuses every
// further promise (the system reports such a failure only once).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/direct_io.h"

namespace signet::storage {

enum class Durability {
    now,       ///< durable when the call returns
    on_flush,  ///< durable when the next flush() returns
};

struct ObjectInfo {
    std::string name;
    std::uint64_t size = 0;
    friend bool operator==(const ObjectInfo&, const ObjectInfo&) = default;
};

/// Every object below a prefix, sorted by name. Only a listing that reached its end without an error can make one, so
/// that code which deletes can ask for this type and never mistake a failure for emptiness.
class CompleteListing {
public:
    [[nodiscard]] const std::vector<ObjectInfo>& objects() const { return objects_; }
    [[nodiscard]] auto begin() const { return objects_.begin(); }
    [[nodiscard]] auto end() const { return objects_.end(); }
    [[nodiscard]] std::size_t size() const { return objects_.size(); }
    [[nodiscard]] bool empty() const { return objects_.empty(); }
    /// The object of that name, or nullptr. The listing keeps it.
    [[nodiscard]] const ObjectInfo* find(std::string_view name) const;

private:
    friend class Store;
    explicit CompleteListing(std::vector<ObjectInfo> objects);
    std::vector<ObjectInfo> objects_;
};

/// An object whose name is known only at its end. Nothing of it can be seen before commit(); the destructor discards
/// it. For one thread; its store outlives it. After any call has thrown, the object is gone and only the destructor may
/// follow.
class PendingObject {
public:
    virtual ~PendingObject() = default;
    PendingObject(const PendingObject&) = delete;
    PendingObject& operator=(const PendingObject&) = delete;

    /// Appends. throws  Error{io}
    virtual void write(ByteView bytes) = 0;
    /// Writes a whole object at once past the page cache, where the store can: the fast way for packs. First and only
    /// write of its object.
    /// buffer  starts on a multiple of kDirectAlignment and has a multiple of it in length, at least `length`; octets
    ///         beyond `length` are set to zero
    virtual void write_aligned(MutableByteView buffer, std::size_t length);
    /// Gives the object its name, if no object has it yet.
    /// returns  whether it was created; false: the name is taken, and this object is discarded
    /// throws   Error{io}: the object is abandoned
    [[nodiscard]] virtual bool commit(std::string_view name, Durability durability) = 0;
    [[nodiscard]] bool commit(std::string_view name) { return commit(name, Durability::on_flush); }

protected:
    PendingObject() = default;
};

/// One object, open for reading. For any number of threads at once.
class ObjectReader {
public:
    virtual ~ObjectReader() = default;
    ObjectReader(const ObjectReader&) = delete;
    ObjectReader& operator=(const ObjectReader&) = delete;

    [[nodiscard]] virtual std::uint64_t size() const = 0;
    /// Fills `out` from `offset`. throws  Error{damaged}: the object ends before; Error{io}
    virtual void read(std::uint64_t offset, MutableByteView out) const = 0;
    /// Reads many octets that will not be wanted again.
    /// room  aligned to kDirectAlignment, at least size + 2 * kDirectAlignment. returns  where in it they are. throws
    /// as read()
    [[nodiscard]] virtual ByteView read_once(std::uint64_t offset, std::size_t size, MutableByteView room) const;
    /// Says that these octets will be wanted soon. Best effort; length 0: up to the end.
    virtual void prefetch(std::uint64_t offset, std::uint64_t length) const noexcept;

protected:
    ObjectReader() = default;
};

/// Named immutable objects. Names are made of [0-9a-z.-] and "/", as check_name() says; any other is an Error{failed}.
/// Every method may be called by any number of threads at once. An object that a caller needs and that is not there is
/// Error{damaged}; whatever the system refuses is Error{io} and names object and store.
class Store {
public:
    virtual ~Store() = default;
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;

    /// Creates an object if no object has its name yet.
    /// returns  whether it was created; false: there is one already, durable as asked, whatever its content
    [[nodiscard]] bool put(std::string_view name, ByteView content, Durability durability = Durability::now);
    /// Starts an object whose name comes last.
    [[nodiscard]] virtual std::unique_ptr<PendingObject> create() = 0;
    /// Makes everything durable that was committed or removed before. throws  Error{io}
    virtual void flush() = 0;
    /// Takes an object that was found here into the next flush(): whoever made it may have died before its own.
    virtual void take_over(std::string_view name);

    /// The whole object, refused over `limit` octets before allocation.
    /// throws  Error{damaged}: missing, or larger than `limit`
    [[nodiscard]] Bytes get(std::string_view name, std::size_t limit) const;
    /// Like get; nothing when there is no such object.
    [[nodiscard]] std::optional<Bytes> get_if_present(std::string_view name, std::size_t limit) const;
    /// Fills `out` from `offset`. throws  Error{damaged}: missing, or the object ends before
    void get_range(std::string_view name, std::uint64_t offset, MutableByteView out) const;
    /// throws  Error{damaged}: missing
    [[nodiscard]] std::unique_ptr<ObjectReader> open_object(std::string_view name) const;
    /// Like open_object; nullptr when there is no such object.
    [[nodiscard]] virtual std::unique_ptr<ObjectReader> open_if_present(std::string_view name) const = 0;
    /// Its size; nothing when there is no such object.
    [[nodiscard]] virtual std::optional<std::uint64_t> size(std::string_view name) const = 0;
    [[nodiscard]] bool exists(std::string_view name) const { return size(name).has_value(); }
    /// Says that an object will be wanted soon. Best effort.
    virtual void prefetch(std::string_view name) const noexcept;

    /// Every object whose name starts with `prefix` ("" for all). throws  Error{io}: nothing is known then
    [[nodiscard]] virtual CompleteListing list(std::string_view prefix) const = 0;
    /// Removes an object that a whole listing of this store has; durable after flush(). Only pruning does this: what
    /// was not listed, be it that a listing failed, nobody removes. returns  whether it was there still. throws
    /// Error{failed}: the listing does not have it
    bool remove(const CompleteListing& listing, std::string_view name);
    /// Removes what unfinished writes of dead processes left behind, if it is older than `age_seconds`. Never needed
    /// for correctness. returns  how many were removed
    virtual std::size_t sweep_temporary(std::int64_t age_seconds);

    /// For messages: where this is.
    [[nodiscard]] virtual std::string location() const = 0;

protected:
    Store() = default;
    /// returns  whether there was one
    virtual bool remove_listed(std::string_view name) = 0;
    [[nodiscard]] static CompleteListing complete_listing(std::vector<ObjectInfo> objects) {
        return CompleteListing(std::move(objects));
    }
};

/// Whether a text can name an object: parts of [0-9a-z.-] joined by "/", none empty or starting with ".", at most 240
/// octets, and not below "tmp/".
[[nodiscard]] bool is_object_name(std::string_view name);
/// throws  Error{failed}: it cannot
void check_name(std::string_view name);

}  // namespace signet::storage
