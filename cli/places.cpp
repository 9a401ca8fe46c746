#include "cli/places.h"

#include "core/error.h"

#include <pwd.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <memory>
#include <vector>

namespace signet::cli {
namespace {

struct Account {
    std::string name;
    std::string home;
};

Account account() {
    std::vector<char> buffer(std::size_t{16} * 1024);
    struct passwd record {};
    struct passwd* found = nullptr;
    if (getpwuid_r(geteuid(), &record, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return {};
    return {record.pw_name, record.pw_dir};
}

/// The specification wants relative values ignored.
std::string base_folder(const char* name, const char* below_home) {
    const std::string set = variable(name);
    return !set.empty() && set.front() == '/' ? set : home_folder() + below_home;
}

}  // namespace

std::string variable(const char* name) {
    // Read before any thread is started.
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    return value == nullptr ? std::string() : value;
}

std::string home_folder() {
    const std::string home = variable("HOME");
    return home.empty() ? account().home : home;
}

std::string default_keyring() { return base_folder("XDG_CONFIG_HOME", "/.config") + "/signet/keyring"; }
std::string default_vault() { return base_folder("XDG_CONFIG_HOME", "/.config") + "/signet/vault"; }
std::string default_config() { return base_folder("XDG_CONFIG_HOME", "/.config") + "/signet/signet.ini"; }
std::string default_cache() { return base_folder("XDG_CACHE_HOME", "/.cache") + "/signet"; }

std::string host_name() {
    std::array<char, HOST_NAME_MAX + 1> name{};
    if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
    return name.data();
}

std::string user_name() {
    const std::string name = account().name;
    return name.empty() ? std::to_string(geteuid()) : name;
}

std::string working_folder() {
    const std::unique_ptr<char, decltype(&std::free)> path(::getcwd(nullptr, 0), &std::free);
    if (!path) throw Error::from_errno("find", "the working directory", errno);
    return path.get();
}

std::string absolute_path(const std::string& path) {
    if (!path.empty() && path.front() == '/') return path;
    const std::string here = working_folder();
    return (here == "/" ? "" : here) + "/" + path;
}

}  // namespace signet::cli
