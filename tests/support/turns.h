// Actors that take turns: threads of which one runs at a time, handed on at the steps of a store by a seeded random
// choice. So the same seed makes the same interleaving, and an actor can be killed at any step as by kill -9.
#pragma once

#include "storage/store.h"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

namespace signet::test {

class Turns {
public:
    explicit Turns(std::uint64_t seed) : random_(seed) {}
    ~Turns();

    /// An actor that has not begun. act  may throw Error, which ends it
    void add(std::string name, std::function<void()> act);
    /// Until all have ended.
    void run();
    /// By an actor: may hand on to another one, or kill it. By anybody else: nothing.
    void step();
    /// Of the seed; for whoever has the turn.
    [[nodiscard]] std::uint64_t below(std::uint64_t limit);
    [[nodiscard]] bool happens(std::uint64_t one, std::uint64_t in) { return below(in) < one; }
    /// One of so many steps kills; 0: none does.
    void set_kills(std::uint64_t one_in) { kills_ = one_in; }
    [[nodiscard]] std::uint64_t killed() const { return killed_; }
    /// What actors ended with, but for kills.
    [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }

private:
    struct Actor {
        std::string name;
        std::function<void()> act;
        std::thread thread;
        bool is_done = false;
    };
    struct Killed {};
    void give_turn(Actor& actor);
    void live(Actor& actor);

    std::mt19937_64 random_;
    std::mutex mutex_;
    std::condition_variable changed_;
    Actor* turn_ = nullptr;  ///< nobody: whoever runs them all
    std::deque<Actor> actors_;
    std::uint64_t kills_ = 0;
    std::uint64_t killed_ = 0;
    std::vector<std::string> failures_;
};

/// A store whose lists, creations and removals are steps.
class StepStore final : public storage::Store {
public:
    StepStore(std::shared_ptr<storage::Store> store, Turns& turns) : store_(std::move(store)), turns_(turns) {}
    /// Called before an object is removed, and after one was created.
    std::function<void(std::string_view)> on_remove;
    std::function<void(std::string_view)> on_created;

    [[nodiscard]] std::unique_ptr<storage::PendingObject> create() override;
    void flush() override { store_->flush(); }
    [[nodiscard]] std::unique_ptr<storage::ObjectReader> open_if_present(std::string_view name) const override {
        return store_->open_if_present(name);
    }
    [[nodiscard]] std::optional<std::uint64_t> size(std::string_view name) const override { return store_->size(name); }
    [[nodiscard]] storage::CompleteListing list(std::string_view prefix) const override;
    [[nodiscard]] std::string location() const override { return store_->location(); }

protected:
    bool remove_listed(std::string_view name) override;

private:
    class Pending;
    std::shared_ptr<storage::Store> store_;
    Turns& turns_;
};

}  // namespace signet::test
