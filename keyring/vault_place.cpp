#include "keyring/vault_place.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace signet::keyring {
namespace {

bool is_absence(int error) { return error == ENOENT || error == ENOTDIR; }

/// For a file system without an id.
std::string mounted_at(const std::string& folder) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0) return {};
    std::ifstream file("/proc/self/mountinfo");
    const std::string mountinfo((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return mounted_as(mountinfo, std::to_string(major(status.st_dev)) + ":" + std::to_string(minor(status.st_dev)));
}

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
        if (::statvfs(place.c_str(), &about) == 0) {
            return about.f_fsid == 0 ? mounted_at(place) : std::to_string(about.f_fsid);
        }
        const bool is_top = !place.has_relative_path();
        if (!is_absence(errno) || is_top) return {};
        place = place.parent_path();
    }
}

std::string mounted_as(std::string_view mountinfo, std::string_view device) {
    std::istringstream lines{std::string(mountinfo)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string id, parent, its_device, word, type, source;
        words >> id >> parent >> its_device;
        if (its_device != device) continue;
        // Any number of fields, then "-", the type and the source.
        while (words >> word && word != "-") {
        }
        if (words >> type >> source) return type.append(" ").append(source);
    }
    return {};
}

}  // namespace signet::keyring
