// The ways to AWS credentials, in the order in which the tools of AWS go them. The first that is set up counts: when it
// fails, none after it is tried, for they would ask as somebody else.
//
//   1  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//   2  AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN         a role by the token of Kubernetes or another identity provider
//   3  ~/.aws/config, ~/.aws/credentials (AWS_PROFILE)   keys, a role (source_profile, credential_source,
//                                                        web_identity_token_file), or a command (credential_process)
//   4  AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, …_FULL_URI   ECS, EKS Pod Identity
//   5  the metadata service of an EC2 instance, version 2; not with AWS_EC2_METADATA_DISABLED=true
#pragma once

#include "keyring/aws_profile.h"
#include "keyring/aws_sigv4.h"
#include "keyring/aws_surroundings.h"

#include <mutex>
#include <optional>
#include <string>

namespace signet::keyring {

struct AwsCredentials {
    AwsKeys keys;
    std::optional<TimePoint> expires;
    std::string source;  ///< for people: "profile prod of ~/.aws/credentials", "the role backup of this instance"

    [[nodiscard]] AwsCredentials clone() const { return {keys.clone(), expires, source}; }
};

/// All ways together. Keeps what it found until five minutes before the end of it. For several threads at once.
class AwsCredentialChain {
public:
    explicit AwsCredentialChain(AwsSurroundings surroundings);

    /// region  whose STS is asked where a role is assumed
    /// throws  RemoteError: `credential_rejected`: there are none, or what hands them out refuses, with the way that
    /// was
    ///         gone; `unavailable`: it does not answer; `misuse`: it is set up wrongly; `untrusted`: an answer that is
    ///         none of AWS
    [[nodiscard]] AwsCredentials get(const std::string& region);
    /// Forgets what it found, where that is still what a service has not taken.
    /// id  of the access key; returns  false: it came from a place where it cannot be newer
    bool renew(const std::string& id);

    [[nodiscard]] const AwsSurroundings& surroundings() const { return surroundings_; }

private:
    [[nodiscard]] AwsCredentials find(const std::string& region) const;
    AwsSurroundings surroundings_;
    std::mutex mutex_;
    std::optional<AwsCredentials> kept_;
};

// The ways one by one; each gives nothing where it is not set up. All throw as AwsCredentialChain::get().
[[nodiscard]] std::optional<AwsCredentials> aws_from_variables(const AwsSurroundings& surroundings);
[[nodiscard]] std::optional<AwsCredentials> aws_from_web_identity(const AwsSurroundings& surroundings,
                                                                  const std::string& region);
[[nodiscard]] std::optional<AwsCredentials> aws_from_files(const AwsSurroundings& surroundings,
                                                           const std::string& region);
[[nodiscard]] std::optional<AwsCredentials> aws_from_container(const AwsSurroundings& surroundings);
[[nodiscard]] std::optional<AwsCredentials> aws_from_instance(const AwsSurroundings& surroundings);

}  // namespace signet::keyring
