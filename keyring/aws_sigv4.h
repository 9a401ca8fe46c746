// Signature Version 4: how requests to AWS prove whose they are.
//
//   canonical request = method \n path \n query \n headers \n \n names of the headers \n hex(SHA-256(body))
//   string to sign    = AWS4-HMAC-SHA256 \n X-Amz-Date \n day/region/service/aws4_request \n hex(SHA-256(canonical
//   request)) signing key       = HMAC(HMAC(HMAC(HMAC("AWS4" + secret, day), region), service), "aws4_request")
//
// For services whose canonical path is the path of the request, encoded once more; so not for S3.
#pragma once

#include "core/clock.h"
#include "core/secret.h"
#include "keyring/remote_client.h"

#include <string>

namespace signet::keyring {

/// What a request is signed with.
struct AwsKeys {
    std::string id;             ///< of the access key; public
    SecretBytes secret;         ///< the secret access key, as text
    SecretBytes session_token;  ///< empty where the keys do not end

    [[nodiscard]] AwsKeys clone() const { return {id, secret.clone(), session_token.clone()}; }
};

/// What a signature holds for.
struct AwsScope {
    std::string region;
    std::string service;  ///< "kms", "sts"
};

/// Adds the headers X-Amz-Date, X-Amz-Security-Token (where there is one) and Authorization. Every header of the
/// request and its host are signed. throws  Error{usage}: the URL is none, or has a query or a fragment
void sign(RemoteRequest& request, const AwsKeys& keys, const AwsScope& scope, TimePoint now);

// The steps of it, for tests.

/// A request in its canonical form, and the names of the signed headers. May hold the session token.
struct AwsCanonical {
    std::string text;
    std::string signed_headers;  ///< "content-type;host;x-amz-date"
};
/// throws  as sign()
[[nodiscard]] AwsCanonical canonical_request(const RemoteRequest& request);
[[nodiscard]] SecretBytes signing_key(const AwsKeys& keys, const AwsScope& scope, const std::string& day);

}  // namespace signet::keyring
