#include "keyring/remote_settings.h"

#include <sys/stat.h>
#include <cmath>
#include <cstdlib>
#include <thread>

#include "core/error.h"
#include "core/file.h"
#include "keyring/remote_error.h"
#include "keyring/remote_json.h"

namespace signet::keyring {
namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20U;
constexpr std::size_t kMaxSecret = std::size_t{64} * 1024;

std::optional<std::string> from_process(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
}

double number(const RemoteSettings& settings, const std::string& name, double otherwise, double most) {
    const auto text = settings.variable(name);
    if (!text) return otherwise;
    char* end = nullptr;
    const double value = std::strtod(text->c_str(), &end);
    if (*end != '\0' || !std::isfinite(value) || value < 0 || value > most)
        throw Error(ErrorCode::usage, name + "=" + *text + " is not a number from 0 to " + std::to_string(int(most)));
    return value;
}

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> parts;
    std::size_t at = 0;
    while (at < list.size()) {
        const auto end = list.find_first_of(", \n", at);
        if (end != at) parts.push_back(list.substr(at, end - at));
        if (end == std::string::npos) break;
        at = end + 1;
    }
    return parts;
}

std::chrono::milliseconds seconds(double value) { return std::chrono::milliseconds(std::llround(value * 1000)); }

}  // namespace

std::optional<std::string> CredentialSection::get(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end() || found->second.empty()) return std::nullopt;
    return found->second;
}

RemoteSettings RemoteSettings::from_environment() {
    RemoteSettings settings;
    settings.variable = from_process;
    settings.ca_file = from_process("SIGNET_CA_FILE").value_or("");
    settings.connect_to = split(from_process("SIGNET_CONNECT_TO").value_or(""));
    settings.credentials_file = from_process("SIGNET_CREDENTIALS").value_or("");
    settings.timeout = seconds(number(settings, "SIGNET_REMOTE_TIMEOUT", 20, 3600));
    settings.connect_timeout = std::min(settings.connect_timeout, settings.timeout);
    settings.attempts = static_cast<int>(number(settings, "SIGNET_REMOTE_ATTEMPTS", 5, 100));
    settings.first_wait = seconds(number(settings, "SIGNET_REMOTE_WAIT", 1, 60));
    settings.sleep = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); };
    return settings;
}

CredentialSection RemoteSettings::section(const std::vector<std::string>& names) const {
    if (credentials_file.empty()) return {};
    struct stat status {};
    if (::stat(credentials_file.c_str(), &status) == 0 && (status.st_mode & 077U) != 0) {
        throw Error(ErrorCode::refused, credentials_file + " can be read by others", "chmod 600 " + credentials_file);
    }
    Bytes file = read_file(credentials_file, kMaxFile);
    const auto parsed = parse_object(file);
    wipe(file);
    if (!parsed)
        throw Error(ErrorCode::usage, credentials_file + " is not a JSON object with a section for each vault");
    for (const std::string& name : names) {
        const SecretJson* section = object_of(*parsed, name.c_str());
        if (section == nullptr) continue;
        std::map<std::string, std::string> values;
        for (const auto& [key, value] : section->items()) {
            const std::string plain(view_of(key));
            if (!value.is_string()) {
                std::string what = credentials_file;
                what.append(": ").append(name).append(": ").append(plain).append(" is not a text");
                throw Error(ErrorCode::usage, what);
            }
            values[plain] = view_of(value.get_ref<const SecretText&>());
        }
        return {name, std::move(values)};
    }
    return {};
}

SecretBytes secret_from_file(const std::string& path, const std::string& what) {
    try {
        Bytes content = read_file(path, kMaxSecret);
        std::size_t size = content.size();
        while (size > 0 && (content[size - 1] == '\n' || content[size - 1] == '\r')) --size;
        SecretBytes secret(ByteView(content).first(size));
        wipe(content);
        if (!secret.empty()) return secret;
        throw RemoteError(Outcome::credential_rejected, what + ": " + path + " is empty");
    } catch (const RemoteError&) {
        throw;
    } catch (const Error& error) {
        throw RemoteError(Outcome::credential_rejected, what + ": " + error.what());
    }
}

}  // namespace signet::keyring
