#include "keyring/vault_place.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <filesystem>

namespace signet::keyring {
namespace {

bool is_absence(int error) { return error == ENOENT || error == ENOTDIR; }

}  // namespace

std::string vault_folder(const Location& location, const std::string& default_folder) {
    if (location.scheme != Location::Scheme::local) return {};
    const std::string& folder = location.folder.empty() ? default_folder : location.folder;
    return folder.empty() ? folder : std::filesystem::absolute(folder).lexically_normal().string();
}

bool is_vault_missing(const std::string& folder) {
    struct stat status {};
    return ::stat((folder + "/vault.json").c_str(), &status) != 0 && is_absence(errno);
}

std::string file_system_of(const std::string& folder) {
    std::filesystem::path place = std::filesystem::absolute(folder).lexically_normal();
    for (;;) {
        struct statvfs about {};
        if (::statvfs(place.c_str(), &about) == 0) return about.f_fsid == 0 ? "" : std::to_string(about.f_fsid);
        const bool is_top = !place.has_relative_path();
        if (!is_absence(errno) || is_top) return {};
        place = place.parent_path();
    }
}

}  // namespace signet::keyring
