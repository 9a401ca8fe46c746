// Inside keyring/ only: how keys in key managers are written.
#pragma once

#include "keyring/location.h"

#include <vector>

namespace signet::keyring {

/// An ARN of AWS KMS. "arn:aws:kms:eu-west-1:111122223333:key/1234…", "…:alias/backup".
struct KmsArn {
    std::string partition, region, account, resource;
    /// throws  Error{usage}: not one of KMS
    [[nodiscard]] static KmsArn parse(std::string_view text);
    [[nodiscard]] bool is_alias() const { return resource.starts_with("alias/"); }
    /// "mrk-…" for a key that exists in several regions; empty for an alias.
    [[nodiscard]] std::string key_id() const { return is_alias() ? std::string() : resource.substr(4); }
};

/// What stands behind "azure:", "aws:" and "transit:". throws  Error{usage}
[[nodiscard]] Location parse_azure(std::string_view rest, std::string_view whole);
[[nodiscard]] Location parse_aws(std::string_view rest, std::string_view whole);
[[nodiscard]] Location parse_transit(std::string_view rest, std::string_view whole);

/// The text() of such a location.
[[nodiscard]] std::string remote_text(const Location& location);

/// "https://host[:port]" of a URL that credentials may be sent to: https, or http to this machine itself.
/// rest  takes what stands behind it. returns  empty: it is none
[[nodiscard]] std::string secure_origin(std::string_view url, std::string_view& rest);
/// Whether an origin is this machine: localhost, 127.0.0.0/8, [::1].
[[nodiscard]] bool is_loopback(std::string_view origin);

/// Throws what every wrong location is. throws  Error{usage}
[[noreturn]] void refuse_location(std::string_view text, std::string_view why);
/// throws  Error{usage}: not a number from 1
[[nodiscard]] std::uint32_t parse_version(std::string_view digits, std::string_view whole);

}  // namespace signet::keyring
