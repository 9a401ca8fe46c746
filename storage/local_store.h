// A repository in a folder of a local or mounted file system.
//
// An object is written as tmp/<random>, synced, renamed without replacing, and its folder synced. Folders are 0700 and
// files 0600. A file below tmp/ is locked (flock) by the process that writes it.
#pragma once

#include <map>
#include <mutex>
#include <set>

#include "core/file.h"
#include "storage/store.h"

namespace signet::storage {

class LocalStore final : public Store {
public:
    /// throws  Error{no_repository}: no such folder; Error{io}
    [[nodiscard]] static std::shared_ptr<LocalStore> open(const std::string& folder);
    /// Makes the folder (and those above it) where needed, then opens it.
    [[nodiscard]] static std::shared_ptr<LocalStore> create_folder(const std::string& folder);

    [[nodiscard]] std::unique_ptr<PendingObject> create() override;
    void flush() override;
    void take_over(std::string_view name) override;
    [[nodiscard]] std::unique_ptr<ObjectReader> open_if_present(std::string_view name) const override;
    [[nodiscard]] std::optional<std::uint64_t> size(std::string_view name) const override;
    void prefetch(std::string_view name) const noexcept override;
    [[nodiscard]] CompleteListing list(std::string_view prefix) const override;
    std::size_t sweep_temporary(std::int64_t age_seconds) override;
    [[nodiscard]] std::string location() const override { return folder_; }

protected:
    bool remove_listed(std::string_view name) override;

private:
    class Pending;
    class Reader;
    LocalStore(std::string folder, UniqueFd root);

    [[nodiscard]] std::string path_of(std::string_view name) const;
    /// Opens for reading; an empty handle when there is no such object. throws  Error{damaged}: not a regular file
    [[nodiscard]] UniqueFd open_file(std::string_view name, std::uint64_t& size) const;
    void ensure_temporary_folder();
    /// Makes the folders of an object where needed.
    void ensure_folders_of(std::string_view name);
    /// Notes that the entries of a folder ("" is the root) changed.
    void note_change(const std::string& folder);
    /// Syncs a folder and those above it, as far as their entries changed.
    void sync_upwards(const std::string& folder);
    void sync_folder(const std::string& folder);
    void refuse_if_poisoned();

    std::string folder_;
    UniqueFd root_;
    std::mutex mutex_;
    bool has_temporary_folder_ = false;
    std::set<std::string> known_folders_;  ///< made or seen by this process; "" is the root
    /// Folders whose entries changed since their last sync, each with the number of its last change.
    std::map<std::string, std::uint64_t> changed_folders_;
    std::uint64_t change_count_ = 0;
    bool poisoned_ = false;  ///< a folder sync failed: nothing can be promised any more
};

}  // namespace signet::storage
