// Reads everything in a backup: every folder, every file, every chunk that was not read before.
#pragma once

#include "restore/opener.h"
#include "restore/tree_walk.h"

#include <functional>
#include <set>
#include <string>

namespace signet::cli {

class ContentCheck final : private restore::TreeVisitor {
public:
    using OnDamage = std::function<void(const std::string& path, const Error& error)>;
    /// known  chunks of this writer that were read already; those read now are added
    ContentCheck(restore::OpenBackup& backup, std::set<ChunkId>& known);
    /// throws  Error{io}, Error{interrupted}; damage goes to `on_damage` and the rest goes on
    void run(const OnDamage& on_damage);
    [[nodiscard]] std::uint64_t chunks() const { return count_; }

private:
    bool enter(std::string_view, format::Entry&, bool) override { return true; }
    void leave(std::string_view, bool) override {}
    void visit(std::string_view path, format::Entry& entry) override;
    bool broken(std::string_view path, const Error& error) override;
    void read(const format::Content& content);

    restore::OpenBackup& backup_;
    restore::ChunkReader chunks_;
    std::set<ChunkId>& known_;
    OnDamage on_damage_;
    std::uint64_t count_ = 0;
};

}  // namespace signet::cli
