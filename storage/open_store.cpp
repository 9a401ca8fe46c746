#include "storage/open_store.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "storage/local_store.h"

namespace signet::storage {
namespace {

/// Kinds of stores that other tools know; a path that starts like this is a misunderstanding, not a folder.
constexpr std::array<std::string_view, 9> kUnknownKinds{
    "s3:", "sftp:", "rest:", "azure:", "gs:", "rclone:", "b2:", "swift:", "https:"};

}  // namespace

std::shared_ptr<Store> open_store(const std::string& location, OpenMode mode) {
    constexpr std::string_view kLocal = "local:";
    const std::string path = location.starts_with(kLocal) ? location.substr(kLocal.size()) : location;
    const bool unknown = std::any_of(kUnknownKinds.begin(), kUnknownKinds.end(),
                                     [&](std::string_view kind) { return location.starts_with(kind); });
    if (path.empty() || unknown) {
        throw Error(ErrorCode::usage, "not a place for a repository: \"" + location + "\"",
                    "give a folder; one whose name looks like another kind of store as local:FOLDER");
    }
    if (mode == OpenMode::create) return LocalStore::create_folder(path);
    return LocalStore::open(path);
}

}  // namespace signet::storage
