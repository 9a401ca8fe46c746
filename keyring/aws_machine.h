// Inside keyring/ only: what the ways to AWS credentials share.
#pragma once

#include "keyring/aws_credentials.h"

#include <string>
#include <string_view>

namespace signet::keyring {

/// A token in a file, without white space at its end. what  is asked for, in messages
/// throws  RemoteError{credential_rejected}: it is not there or empty
[[nodiscard]] SecretBytes read_token(const AwsSurroundings& surroundings, const std::string& path,
                                     const std::string& what);

/// "2026-03-14T09:30:00Z". throws  RemoteError{untrusted}
[[nodiscard]] TimePoint parse_expiry(const std::string& text, const std::string& what);

/// Credentials as containers, instances and commands write them: a JSON object with AccessKeyId, SecretAccessKey, a
/// token under that name, and perhaps Expiration. throws  RemoteError{untrusted}: it is none
[[nodiscard]] AwsCredentials read_credentials(ByteView json, const char* token_name, const std::string& what);

/// They become lines of a request. throws  RemoteError{credential_rejected}: they hold what no header can
void require_fit_for_headers(const AwsKeys& keys, const std::string& what);

}  // namespace signet::keyring
