#include "tests/support/turns.h"

#include "core/error.h"

namespace signet::test {
namespace {

thread_local Turns* in_turns = nullptr;
thread_local void* self = nullptr;

}  // namespace

Turns::~Turns() {
    for (Actor& actor : actors_) {
        if (actor.thread.joinable()) actor.thread.join();
    }
}

void Turns::add(std::string name, std::function<void()> act) {
    Actor& actor = actors_.emplace_back();
    actor.name = std::move(name);
    actor.act = std::move(act);
}

void Turns::live(Actor& actor) {
    in_turns = this;
    self = &actor;
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return turn_ == &actor; });
    }
    try {
        actor.act();
    } catch (const Killed&) {
        ++killed_;
    } catch (const Error& error) {
        failures_.push_back(actor.name + ": " + error.what());
    } catch (const std::exception& error) {
        failures_.push_back(actor.name + ": (not foreseen) " + error.what());
    }
    const std::lock_guard lock(mutex_);
    actor.is_done = true;
    turn_ = nullptr;
    changed_.notify_all();
}

void Turns::give_turn(Actor& actor) {
    if (!actor.thread.joinable()) actor.thread = std::thread([this, &actor] { live(actor); });
    std::unique_lock lock(mutex_);
    turn_ = &actor;
    changed_.notify_all();
    changed_.wait(lock, [&] { return turn_ == nullptr; });
}

void Turns::run() {
    for (;;) {
        std::vector<Actor*> waiting;
        for (Actor& actor : actors_) {
            if (!actor.is_done) waiting.push_back(&actor);
        }
        if (waiting.empty()) break;
        give_turn(*waiting[below(waiting.size())]);
    }
    for (Actor& actor : actors_) actor.thread.join();
    actors_.clear();
}

void Turns::step() {
    if (in_turns != this) return;
    if (kills_ != 0 && below(kills_) == 0) throw Killed{};
    if (happens(1, 2)) return;
    Actor& actor = *static_cast<Actor*>(self);
    std::unique_lock lock(mutex_);
    turn_ = nullptr;
    changed_.notify_all();
    changed_.wait(lock, [&] { return turn_ == &actor; });
}

std::uint64_t Turns::below(std::uint64_t limit) { return random_() % limit; }

class StepStore::Pending final : public storage::PendingObject {
public:
    Pending(std::unique_ptr<storage::PendingObject> object, StepStore& store)
        : object_(std::move(object)), store_(store) {}
    void write(ByteView bytes) override { object_->write(bytes); }
    [[nodiscard]] bool commit(std::string_view name, storage::Durability durability) override {
        store_.turns_.step();
        const bool is_created = object_->commit(name, durability);
        if (is_created && store_.on_created) store_.on_created(name);
        store_.turns_.step();
        return is_created;
    }

private:
    std::unique_ptr<storage::PendingObject> object_;
    StepStore& store_;
};

std::unique_ptr<storage::PendingObject> StepStore::create() {
    return std::make_unique<Pending>(store_->create(), *this);
}

storage::CompleteListing StepStore::list(std::string_view prefix) const {
    turns_.step();
    auto listing = store_->list(prefix);
    turns_.step();
    return listing;
}

bool StepStore::remove_listed(std::string_view name) {
    turns_.step();
    if (on_remove) on_remove(name);
    // Another actor may have been faster.
    const auto listing = store_->list(name);
    const bool was_there = listing.find(name) != nullptr && store_->remove(listing, name);
    turns_.step();
    return was_there;
}

}  // namespace signet::test
