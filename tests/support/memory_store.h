// A store in memory, for tests: counts, fails on request, forgets what was not flushed, and can be damaged.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "storage/store.h"

namespace signet::test {

class MemoryStore final : public storage::Store {
public:
    MemoryStore() = default;

    [[nodiscard]] std::unique_ptr<storage::PendingObject> create() override;
    void flush() override;
    [[nodiscard]] std::unique_ptr<storage::ObjectReader> open_if_present(std::string_view name) const override;
    [[nodiscard]] std::optional<std::uint64_t> size(std::string_view name) const override;
    [[nodiscard]] storage::CompleteListing list(std::string_view prefix) const override;
    [[nodiscard]] std::string location() const override { return "memory"; }

    /// The n-th operation from now on (1 is the next) throws Error{io} and changes nothing; 0: none does.
    void fail_at(std::uint64_t n);
    /// Operations since the last fail_at().
    [[nodiscard]] std::uint64_t operations() const;
    /// Whether fail_at's operation has come.
    [[nodiscard]] bool has_failed() const;

    /// A power cut: every object that was committed but not flushed is gone.
    void crash();
    /// Changes an object behind everybody's back.
    void tamper(std::string_view name, const std::function<void(Bytes&)>& change);
    /// Puts an object there, or removes it, without any check.
    void plant(const std::string& name, Bytes content);
    void lose(const std::string& name);
    /// Lists leave this object out from now on, as a folder may while it is being written to.
    void overlook(const std::string& name);
    /// A copy of everything, by name.
    [[nodiscard]] std::map<std::string, Bytes> snapshot() const;

protected:
    bool remove_listed(std::string_view name) override;

private:
    class Pending;
    class Reader;
    struct Object {
        std::shared_ptr<const Bytes> content;
        bool durable = false;
    };
    /// Counts one operation and fails where asked. `mutex_` is held.
    void step(std::string_view action, std::string_view name) const;

    mutable std::mutex mutex_;
    std::map<std::string, Object, std::less<>> objects_;
    std::set<std::string, std::less<>> overlooked_;
    mutable std::uint64_t operations_ = 0;
    std::uint64_t fail_at_ = 0;
};

}  // namespace signet::test
