#include "backup/sources.h"

#include <algorithm>
#include <cerrno>

namespace signet::backup {
namespace {

constexpr std::size_t kListAhead = 65'536;
// Listing a folder that is not in memory is waiting for the disk, and more than the cores can wait at once.
constexpr int kListingThreads = 6;

}  // namespace

std::string join(const std::string& folder, const std::string& name) {
    return folder == "/" ? "/" + name : folder + "/" + name;
}

std::string absolute_path(const std::string& path, const std::string& working_directory) {
    const std::string whole = !path.empty() && path.front() == '/' ? path : working_directory + "/" + path;
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < whole.size();) {
        const auto slash = std::min(whole.find('/', at), whole.size());
        const auto part = whole.substr(at, slash - at);
        at = slash + 1;
        if (part.empty() || part == ".") continue;
        if (part == "..") {
            if (!parts.empty()) parts.pop_back();
        } else {
            parts.push_back(part);
        }
    }
    std::string result;
    for (const auto& part : parts) result += "/" + part;
    return result.empty() ? "/" : result;
}

Sources::Sources(const BackupRequest& request) : lister_(request.excludes, kListingThreads, kListAhead) {
    if (request.stream_fd >= 0) return;
    place(request);
    examine(root_, "/", 0, request.one_file_system);
}

void Sources::place(const BackupRequest& request) {
    for (const auto& given : request.paths) {
        const auto path = absolute_path(given, request.working_directory);
        Top* top = &root_;
        for (std::size_t at = 1; at < path.size() && !top->is_source;) {
            const auto slash = std::min(path.find('/', at), path.size());
            top = &top->below[path.substr(at, slash - at)];
            at = slash + 1;
        }
        if (top->is_source) continue;  // lies within another source
        top->is_source = true;
        top->below.clear();
    }
}

void Sources::examine(Top& top, const std::string& path, std::size_t depth, bool one_file_system) {
    const int error = stat_path(path, !top.is_source, top.stat);
    if (top.is_source) {
        if (error != 0) {
            problems_.push_back({path, error, error == ENOENT ? "does not exist" : "cannot be examined"});
            return;
        }
        top.exists = true;
        if (top.stat.is_directory()) top.folder = lister_.add_root(path, one_file_system ? top.stat.device : 0, depth);
        return;
    }
    for (auto& [name, below] : top.below) {
        examine(below, join(path, name), depth + 1, one_file_system);
        top.exists = top.exists || below.exists;
    }
}

}  // namespace signet::backup
