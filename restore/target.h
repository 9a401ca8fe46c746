// The folder that a restore writes into, and the folders below it. Every access is one component below an open
// descriptor, which the kernel resolves beneath it without following symbolic links (open_beneath); a folder whose
// descriptor had to be closed is opened again from its parent, and refused if it is no longer the same folder. So
// nothing outside the target is reached, however deep the tree and whoever interferes.
#pragma once

#include "core/file.h"
#include "format/tree.h"

#include <sys/stat.h>
#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace signet::restore {

/// Device and inode: the same folder or file, whatever it is called now.
struct NodeId {
    dev_t device = 0;
    ino_t inode = 0;
    [[nodiscard]] static NodeId of(const struct stat& status) { return {status.st_dev, status.st_ino}; }
    friend bool operator==(const NodeId&, const NodeId&) = default;
};

/// A folder of the target. Made by Target alone.
class Folder {
public:
    [[nodiscard]] const std::shared_ptr<Folder>& parent() const { return parent_; }
    /// Whether it was there before this restore.
    [[nodiscard]] bool existed() const { return existed_; }
    /// Whether what is made in it gets another group than the process's, or an ACL: setgid, default ACL.
    [[nodiscard]] bool gives_group() const { return gives_group_; }
    [[nodiscard]] bool gives_acl() const { return gives_acl_; }
    /// Path below the target, for people: "/a/b"; "/" for the target itself.
    [[nodiscard]] std::string path() const;
    /// Of something in it; an empty name is the folder itself.
    [[nodiscard]] std::string path_of(std::string_view name) const;

    // What is still to be done in it: things under way, and what comes last. For the extractor.
    std::atomic<std::uint32_t> pending{1};
    std::unique_ptr<format::Entry> metadata;  ///< set in the end; none: left as it is
    std::vector<std::string> extras;          ///< names that are deleted in the end

private:
    friend class Target;
    friend class FolderPin;
    std::shared_ptr<Folder> parent_;
    std::string name_;
    NodeId id_;
    bool existed_ = false;
    bool gives_group_ = false;
    bool gives_acl_ = false;
    // Guarded by Target::mutex_.
    UniqueFd fd_;
    std::uint32_t pins_ = 0;
    std::list<Folder*>::iterator recent_;
};
using FolderHandle = std::shared_ptr<Folder>;

class Target;

/// Keeps a folder's descriptor open.
class FolderPin {
public:
    FolderPin() = default;
    FolderPin(FolderPin&& other) noexcept;
    FolderPin& operator=(FolderPin&& other) noexcept;
    FolderPin(const FolderPin&) = delete;
    FolderPin& operator=(const FolderPin&) = delete;
    ~FolderPin() { release(); }
    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] Folder* folder() const { return folder_.get(); }
    void release() noexcept;

private:
    friend class Target;
    Target* target_ = nullptr;
    FolderHandle folder_;
    int fd_ = -1;
};

/// Refuses what cannot be what this process has just made in a folder: another type, another owner, a second name, and
/// for a folder also a mode that lets others in, or anything in it. Whoever may rename in that folder can put something
/// in its place between making and opening, and it would be given the owner and mode of the backup. folder_fd  where it
/// was made. fd  what was opened, also O_PATH. type  S_IFMT bits. path  for people returns    its status throws
/// Error{refused}, Error{io}
struct stat require_just_made(int folder_fd, int fd, mode_t type, const std::string& path);

/// What to do where something else than a folder has a folder's name.
enum class InTheWay { replace, refuse };

/// For any number of threads at once.
class Target {
public:
    /// Opens the target, and makes it (0700, with the folders above it) where it is not there.
    /// may_make  false: root() is then null when it is not there
    /// throws    Error{io}; Error{refused}: something else came to the place of the folder that was made
    explicit Target(std::string path, bool may_make = true);
    ~Target();
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    /// The target itself. existed() says whether it was there.
    [[nodiscard]] const FolderHandle& root() const { return root_; }

    /// throws  Error{io}: also when another folder has come to its place
    [[nodiscard]] FolderPin pin(const FolderHandle& folder);

    /// Makes (0700) or finds the folder `name` in `parent`. A symbolic link or a file of that name is replaced or
    /// refused. throws  Error{io}, Error{refused}
    [[nodiscard]] FolderHandle make_folder(const FolderHandle& parent, const std::string& name, InTheWay in_the_way);
    /// The folder `name` in `parent`; null when there is none.
    [[nodiscard]] FolderHandle find_folder(const FolderHandle& parent, const std::string& name);
    /// Closes a folder's descriptor: nothing more is done in it.
    void close(Folder& folder) noexcept;

    /// One thing in a folder.
    struct Listed {
        std::string name;
        bool is_folder = false;
    };
    /// Everything in a folder, by name. throws  Error{io}
    [[nodiscard]] std::vector<Listed> list(const FolderHandle& folder);
    /// Removes a file, or a folder with everything in it; never follows a link, never enters what is mounted there.
    /// throws  Error{io}, Error{refused}
    void remove(const FolderHandle& folder, const std::string& name);

private:
    friend class FolderPin;
    [[nodiscard]] FolderHandle adopt(const FolderHandle& parent, const std::string& name, UniqueFd fd, bool existed);
    [[nodiscard]] UniqueFd open_component(int parent_fd, const std::string& name, const std::string& path);
    void keep(Folder& folder, UniqueFd fd);
    void unpin(Folder& folder) noexcept;
    void forget(Folder& folder) noexcept;

    std::string path_;
    std::size_t most_open_;
    std::mutex mutex_;
    std::list<Folder*> open_;  ///< folders with a descriptor, the most recent first
    FolderHandle root_;
};

}  // namespace signet::restore
