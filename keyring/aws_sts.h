// AWS STS: credentials of a role, for a while.
#pragma once

#include "keyring/aws_credentials.h"

#include <string>

namespace signet::keyring {

/// The role that is asked for.
struct AwsRole {
    std::string arn;
    std::string session_name;  ///< empty: "signet-" and the time
    std::string external_id;   ///< may be empty
    int duration_seconds = 0;  ///< 0: as the role has it
};

/// AssumeRole, signed with other credentials. All: throws  as AwsCredentialChain::get()
[[nodiscard]] AwsCredentials assume_role(const AwsSurroundings& surroundings, const std::string& region,
                                         const AwsRole& role, const AwsCredentials& by);
/// AssumeRoleWithWebIdentity with the token in a file, which is read anew each time.
[[nodiscard]] AwsCredentials assume_role_with_web_identity(const AwsSurroundings& surroundings,
                                                           const std::string& region, const AwsRole& role,
                                                           const std::string& token_file);

/// The text of the first element of that name within the first `parent`, or nothing: as much XML as STS answers.
[[nodiscard]] std::optional<SecretBytes> xml_text(std::string_view xml, std::string_view parent, std::string_view name);

}  // namespace signet::keyring
