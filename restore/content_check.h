// Reads everything in a backup: every folder, every file, every chunk that was not read before.
#pragma once

#include "restore/opener.h"
#include "restore/tree_walk.h"

#include <atomic>
#include <functional>
#include <set>
#include <string>

namespace signet::restore {

class ContentCheck final : private TreeVisitor {
public:
    using OnDamage = std::function<void(const std::string& path, const Error& error)>;
    /// known  chunks of this writer that were read already; those read now are added
    /// interrupted  looked at often; may be null
    ContentCheck(OpenBackup& backup, std::set<ChunkId>& known, const std::atomic<bool>* interrupted);
    /// throws  Error{io}, Error{interrupted}; damage goes to `on_damage`, once for each path and thing that is damaged,
    /// and the rest goes on
    void run(const OnDamage& on_damage);
    [[nodiscard]] std::uint64_t chunks() const { return count_; }

private:
    bool enter(std::string_view, format::Entry&, bool) override { return true; }
    void leave(std::string_view, bool) override {}
    void visit(std::string_view path, format::Entry& entry) override;
    bool broken(std::string_view path, const Error& error) override;
    void read(const std::string& path, const format::Content& content);

    OpenBackup& backup_;
    ChunkReader chunks_;
    std::set<ChunkId>& known_;
    const std::atomic<bool>* interrupted_;
    OnDamage on_damage_;
    std::uint64_t count_ = 0;
};

}  // namespace signet::restore
