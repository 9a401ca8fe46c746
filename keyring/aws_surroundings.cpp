#include "keyring/aws_surroundings.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/command_output.h"
#include "core/file.h"
#include "keyring/remote_location.h"

namespace signet::keyring {
namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20U;

std::optional<SecretBytes> read_if_present(const std::string& path) {
    Bytes content;
    if (!read_file_if_present(path, kMaxFile, content)) return std::nullopt;
    SecretBytes secret{ByteView(content)};
    wipe(content);
    return secret;
}

std::string upper_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

/// "kms.eu-west-1.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn".
std::string host_of(const std::string& service, const std::string& region) {
    return service + "." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
}

}  // namespace

AwsSurroundings AwsSurroundings::real(RemoteClient& client) {
    AwsSurroundings all;
    all.variable = client.settings().variable;
    all.read = read_if_present;
    all.run = [](const std::string& line) { return command_output(line); };
    all.send = [&client](const RemoteRequest& request) { return client.send(request); };
    all.call = [&client](const RemoteClient::Make& make, const RemoteClient::Judge& judge) {
        return client.call(make, judge);
    };
    all.clock = &client.clock();
    return all;
}

RemoteSettings aws_settings(RemoteSettings settings) {
    if (settings.ca_file.empty()) settings.ca_file = settings.variable("AWS_CA_BUNDLE").value_or("");
    return settings;
}

std::string aws_endpoint(const AwsSurroundings& surroundings, const std::string& service, const std::string& region) {
    const bool is_overridden = surroundings.variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") != "true";
    for (const std::string& name : {"AWS_ENDPOINT_URL_" + upper_case(service), std::string("AWS_ENDPOINT_URL")}) {
        const std::string url = surroundings.variable(name).value_or("");
        if (url.empty() || !is_overridden) continue;
        std::string_view rest;
        const std::string origin = secure_origin(url, rest);
        if (origin.empty() || rest.find_first_of("?#") != std::string_view::npos) {
            throw RemoteError(Outcome::misuse, name +
                                                   " is no address that credentials may go to: https://HOST[:PORT], "
                                                   "or http:// of this machine");
        }
        return origin + (rest.empty() ? "/" : std::string(rest));
    }
    const bool is_fips = surroundings.variable("AWS_USE_FIPS_ENDPOINT") == "true";
    return "https://" + host_of(service + (is_fips ? "-fips" : ""), region) + "/";
}

}  // namespace signet::keyring
