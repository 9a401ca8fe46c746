#include "backup/exclude.h"

#include "core/error.h"
#include "core/file.h"

#include <fcntl.h>

namespace signet::backup {
namespace {

constexpr std::string_view kCacheTag = "CACHEDIR.TAG";
constexpr std::string_view kCacheHeader = "Signature: 8a477f597d28d172789f06886806bc55";  // bford.info/cachedir

bool starts_with(int folder_fd, const std::string& name, std::string_view header) {
    const UniqueFd file(::openat(folder_fd, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file) return false;
    Bytes start(header.size());
    try {
        return read_full(file.get(), start, name) == header.size() && as_text(start) == header;
    } catch (const Error&) {
        return false;  // unreadable: not a valid marker
    }
}

}  // namespace

std::string ExcludeRules::marker_in(int folder_fd) const {
    if (caches && starts_with(folder_fd, std::string(kCacheTag), kCacheHeader)) return std::string(kCacheTag);
    for (const auto& rule : if_present) {
        const auto colon = rule.find(':');
        auto name = rule.substr(0, colon);
        const auto header = colon == std::string::npos ? std::string_view{} : std::string_view(rule).substr(colon + 1);
        struct stat status {};
        if (::fstatat(folder_fd, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (header.empty() || starts_with(folder_fd, name, header)) return name;
    }
    return {};
}

}  // namespace signet::backup
