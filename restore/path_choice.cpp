#include "restore/path_choice.h"

#include <algorithm>

#include "core/error.h"

namespace signet::restore {
namespace {

/// Whether `path` is `folder` or below it.
bool is_within(std::string_view path, std::string_view folder) {
    if (folder == "/") return true;
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

bool is_above(std::string_view path, std::string_view other) { return path == "/" || is_within(other, path); }

}  // namespace

std::string normal_path(std::string_view path) {
    if (!path.starts_with('/')) throw Error(ErrorCode::usage, "\"" + std::string(path) + "\" is not an absolute path");
    std::string normal;
    for (std::string_view rest = path; !rest.empty();) {
        rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
        const std::string_view name = rest.substr(0, rest.find('/'));
        rest.remove_prefix(name.size());
        if (name.empty()) continue;
        if (!format::is_entry_name(name)) {
            throw Error(ErrorCode::usage, "\"" + std::string(path) + "\" has a part that no backup can have");
        }
        normal.append("/").append(name);
    }
    return normal.empty() ? "/" : normal;
}

PathFilter choose_paths(const std::vector<std::string>& paths, const PatternList& includes,
                        const PatternList& excludes) {
    PathFilter filter;
    if (paths.empty() && includes.empty() && excludes.empty()) return filter;
    std::vector<std::string> normal;
    normal.reserve(paths.size());
    for (const std::string& path : paths) normal.push_back(normal_path(path));
    filter.everything = false;
    filter.selected = [normal, includes, excludes](std::string_view path, bool) {
        const bool chosen = normal.empty() || std::any_of(normal.begin(), normal.end(), [&](const std::string& folder) {
                                return is_within(path, folder);
                            });
        return chosen && (includes.empty() || includes.matches(path)) && (excludes.empty() || !excludes.matches(path));
    };
    filter.may_select_below = [normal, includes, excludes](std::string_view path) {
        const bool chosen = normal.empty() || std::any_of(normal.begin(), normal.end(), [&](const std::string& folder) {
                                return is_within(path, folder) || is_above(path, folder);
                            });
        if (!chosen || (!includes.empty() && !includes.may_match_below(path))) return false;
        return excludes.empty() || excludes.has_negation() || !excludes.matches(path);
    };
    return filter;
}

}  // namespace signet::restore
