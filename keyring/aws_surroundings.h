// What the ways to AWS credentials look at: variables, files, programs, services of this machine and of AWS. Handed in,
// so that a test can say what is there.
#pragma once

#include "core/clock.h"
#include "core/secret.h"
#include "keyring/remote_client.h"

#include <functional>
#include <optional>
#include <string>

namespace signet::keyring {

struct AwsSurroundings {
    /// A variable of the environment; nothing where it is not set or empty.
    std::function<std::optional<std::string>(const std::string&)> variable;
    /// A file; nothing where it is not there. throws  Error{io}
    std::function<std::optional<SecretBytes>(const std::string&)> read;
    /// What a command line prints. throws  Error{failed}: it fails, prints too much or does not end
    std::function<SecretBytes(const std::string&)> run;
    /// One attempt. throws  RemoteError: no answer
    std::function<RemoteAnswer(const RemoteRequest&)> send;
    /// As RemoteClient::call.
    std::function<RemoteAnswer(const RemoteClient::Make&, const RemoteClient::Judge&)> call;
    const Clock* clock = &Clock::system();

    /// Those of this process. client  outlives it
    [[nodiscard]] static AwsSurroundings real(RemoteClient& client);
};

/// Settings for the services of AWS: AWS_CA_BUNDLE names the authorities where SIGNET_CA_FILE does not.
[[nodiscard]] RemoteSettings aws_settings(RemoteSettings settings);

/// Where a service is asked: AWS_ENDPOINT_URL_KMS (AWS_ENDPOINT_URL_STS), AWS_ENDPOINT_URL, else the region's own
/// address; with AWS_USE_FIPS_ENDPOINT=true that of its FIPS 140 modules.
/// service  "kms", "sts"
/// throws  RemoteError{misuse}: not https (or http of this machine), or with a user, a query or a fragment
[[nodiscard]] std::string aws_endpoint(const AwsSurroundings& surroundings, const std::string& service,
                                       const std::string& region);

}  // namespace signet::keyring
