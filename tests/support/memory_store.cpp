#include "tests/support/memory_store.h"

#include <algorithm>
#include <cerrno>

#include "core/error.h"

namespace signet::test {

using storage::Durability;

class MemoryStore::Pending final : public storage::PendingObject {
public:
    explicit Pending(MemoryStore& store) : store_(store) {}

    void write(ByteView bytes) override {
        invariant(!over_, "a pending object is not used after it was committed or abandoned");
        const std::lock_guard lock(store_.mutex_);
        abandon_on_failure([&] { store_.step("write", "a new object"); });
        content_.insert(content_.end(), bytes.begin(), bytes.end());
    }

    bool commit(std::string_view name, Durability durability) override {
        invariant(!over_, "a pending object is not used after it was committed or abandoned");
        const std::lock_guard lock(store_.mutex_);
        abandon_on_failure([&] {
            storage::check_name(name);
            store_.step("create", name);
        });
        over_ = true;
        const bool durable = durability == Durability::now;
        const auto [object, created] = store_.objects_.try_emplace(std::string(name));
        if (created) object->second.content = std::make_shared<const Bytes>(std::move(content_));
        object->second.durable |= durable;
        return created;
    }

private:
    template <class Action>
    void abandon_on_failure(const Action& action) {
        try {
            action();
        } catch (...) {
            over_ = true;
            throw;
        }
    }

    MemoryStore& store_;
    Bytes content_;
    bool over_ = false;
};

class MemoryStore::Reader final : public storage::ObjectReader {
public:
    Reader(const MemoryStore& store, std::shared_ptr<const Bytes> content, std::string name)
        : store_(store), content_(std::move(content)), name_(std::move(name)) {}
    std::uint64_t size() const override { return content_->size(); }
    void read(std::uint64_t offset, MutableByteView out) const override {
        {
            const std::lock_guard lock(store_.mutex_);
            store_.step("read", name_);
        }
        if (offset > content_->size() || out.size() > content_->size() - offset) {
            throw Error(ErrorCode::damaged, name_ + ": ends before octet " + std::to_string(offset + out.size()));
        }
        std::copy_n(content_->begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    }

private:
    const MemoryStore& store_;
    std::shared_ptr<const Bytes> content_;
    std::string name_;
};

std::unique_ptr<storage::PendingObject> MemoryStore::create() {
    const std::lock_guard lock(mutex_);
    step("create", "a new object");
    return std::make_unique<Pending>(*this);
}

void MemoryStore::flush() {
    const std::lock_guard lock(mutex_);
    step("sync", "the store");
    for (auto& [name, object] : objects_) object.durable = true;
}

std::unique_ptr<storage::ObjectReader> MemoryStore::open_if_present(std::string_view name) const {
    storage::check_name(name);
    const std::lock_guard lock(mutex_);
    step("open", name);
    const auto found = objects_.find(name);
    if (found == objects_.end()) return nullptr;
    return std::make_unique<Reader>(*this, found->second.content, std::string(name));
}

std::optional<std::uint64_t> MemoryStore::size(std::string_view name) const {
    storage::check_name(name);
    const std::lock_guard lock(mutex_);
    step("look at", name);
    const auto found = objects_.find(name);
    if (found == objects_.end()) return std::nullopt;
    return found->second.content->size();
}

storage::CompleteListing MemoryStore::list(std::string_view prefix) const {
    const std::lock_guard lock(mutex_);
    step("list", prefix);
    std::vector<storage::ObjectInfo> objects;
    for (const auto& [name, object] : objects_) {
        if (name.starts_with(prefix) && !overlooked_.contains(name)) objects.push_back({name, object.content->size()});
    }
    return complete_listing(std::move(objects));
}

bool MemoryStore::remove_listed(std::string_view name) {
    storage::check_name(name);
    const std::lock_guard lock(mutex_);
    step("remove", name);
    const auto found = objects_.find(name);
    if (found == objects_.end()) return false;
    objects_.erase(found);
    return true;
}

void MemoryStore::fail_at(std::uint64_t n) {
    const std::lock_guard lock(mutex_);
    operations_ = 0;
    fail_at_ = n;
}

std::uint64_t MemoryStore::operations() const {
    const std::lock_guard lock(mutex_);
    return operations_;
}

bool MemoryStore::has_failed() const {
    const std::lock_guard lock(mutex_);
    return fail_at_ != 0 && operations_ >= fail_at_;
}

void MemoryStore::crash() {
    const std::lock_guard lock(mutex_);
    std::erase_if(objects_, [](const auto& entry) { return !entry.second.durable; });
}

void MemoryStore::tamper(std::string_view name, const std::function<void(Bytes&)>& change) {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(name);
    invariant(found != objects_.end(), "an object that is tampered with exists");
    Bytes content = *found->second.content;
    change(content);
    found->second.content = std::make_shared<const Bytes>(std::move(content));
}

void MemoryStore::plant(const std::string& name, Bytes content) {
    const std::lock_guard lock(mutex_);
    objects_[name] = {std::make_shared<const Bytes>(std::move(content)), true};
}

void MemoryStore::lose(const std::string& name) {
    const std::lock_guard lock(mutex_);
    objects_.erase(name);
}

void MemoryStore::overlook(const std::string& name) {
    const std::lock_guard lock(mutex_);
    overlooked_.insert(name);
}

std::map<std::string, Bytes> MemoryStore::snapshot() const {
    const std::lock_guard lock(mutex_);
    std::map<std::string, Bytes> copy;
    for (const auto& [name, object] : objects_) copy.emplace(name, *object.content);
    return copy;
}

void MemoryStore::step(std::string_view action, std::string_view name) const {
    ++operations_;
    if (operations_ == fail_at_) throw Error::from_errno(action, std::string(name) + " (a test's fault)", EIO);
}

}  // namespace signet::test
