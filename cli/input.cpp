#include "cli/input.h"

#include "core/error.h"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

namespace signet::cli {
namespace {

constexpr std::size_t kMaxInput = std::size_t{64} * 1024 * 1024;

std::optional<int> descriptor_named(std::string_view path) {
    if (path == "/dev/stdin") return STDIN_FILENO;
    for (const std::string_view prefix : {std::string_view("/dev/fd/"), std::string_view("/proc/self/fd/")}) {
        if (path.substr(0, prefix.size()) != prefix) continue;
        const std::string_view digits = path.substr(prefix.size());
        int number = -1;
        const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (end.ec == std::errc() && end.ptr == digits.data() + digits.size() && number >= 0) return number;
    }
    return std::nullopt;
}

}  // namespace

UniqueFd open_input(const std::string& path, const std::string& what) {
    const auto number = descriptor_named(path);
    UniqueFd file(number ? ::fcntl(*number, F_DUPFD_CLOEXEC, 3) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) throw Error(ErrorCode::usage, Error::from_errno("read", what + " " + path, errno).what());
    return file;
}

std::string read_input(const std::string& path, const std::string& what) {
    const UniqueFd file = open_input(path, what);
    std::string content;
    Bytes block(std::size_t{64} * 1024);
    try {
        while (const std::size_t size = read_full(file.get(), block, path)) {
            content += as_text(ByteView(block).first(size));
            if (content.size() > kMaxInput)
                throw Error(ErrorCode::usage, std::string(what).append(" ").append(path).append(" is too large"));
        }
    } catch (const Error& error) {
        // A folder, usually.
        throw Error(ErrorCode::usage, error.what());
    }
    return content;
}

}  // namespace signet::cli
