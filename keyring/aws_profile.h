// The files that the tools of AWS share: ~/.aws/config and ~/.aws/credentials.
#pragma once

#include "core/secret.h"

#include <map>
#include <string>
#include <string_view>

namespace signet::keyring {

/// Settings of one profile, names in lower case. Values may be secrets: they are wiped.
class AwsProfile {
public:
    AwsProfile() = default;
    AwsProfile(AwsProfile&&) noexcept = default;
    AwsProfile& operator=(AwsProfile&&) noexcept = default;
    AwsProfile(const AwsProfile&) = delete;
    AwsProfile& operator=(const AwsProfile&) = delete;
    ~AwsProfile() = default;

    [[nodiscard]] bool has(const std::string& name) const { return values_.contains(name); }
    /// Empty when it is not set. Of a secret, take secret().
    [[nodiscard]] std::string text(const std::string& name) const;
    [[nodiscard]] SecretBytes secret(const std::string& name) const;
    void set(const std::string& name, std::string_view value);
    /// Whether any setting begins so: "sso_".
    [[nodiscard]] bool has_any(std::string_view prefix) const;
    [[nodiscard]] bool empty() const { return values_.empty(); }
    /// Takes over what another file says of the same profile: it counts before what is here.
    void add(const AwsProfile& other);

private:
    std::map<std::string, SecretBytes> values_;
};

using AwsProfiles = std::map<std::string, AwsProfile>;

/// Which of the two files: the sections of ~/.aws/config are "[profile NAME]" and "[default]", those of
/// ~/.aws/credentials "[NAME]".
enum class AwsFile { config, credentials };

/// The profiles of a file. Other sections, comments, nested settings (indented lines) and lines that are no settings
/// are passed over, as the tools of AWS do.
[[nodiscard]] AwsProfiles parse_aws_profiles(std::string_view text, AwsFile file);

}  // namespace signet::keyring
