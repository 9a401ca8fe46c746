// How answers of key managers over HTTP, and their absence, are classified; and what a person can do about each.
#pragma once

#include "core/error.h"
#include "core/http_client.h"
#include "keyring/key_state.h"
#include "keyring/location.h"

namespace signet::keyring {

/// A call that came to nothing. The message names operation, status, the manager's own code and its request id, and
/// holds no secret.
class RemoteError : public Error {
public:
    RemoteError(Outcome outcome, const std::string& message, std::string request = {});
    [[nodiscard]] Outcome outcome() const { return outcome_; }
    /// "request 1b2c…", or empty.
    [[nodiscard]] const std::string& request() const { return request_; }

private:
    Outcome outcome_;
    std::string request_;
};

/// There was no answer. Only what may be an outage is `unavailable`: a name that does not exist is `not_found` (a
/// deleted vault has no name any more), a certificate that does not verify `untrusted`.
[[nodiscard]] Outcome outcome_of(HttpFailure failure);

/// There was an answer, and it is not one that the manager would give: HTML of a proxy or a captive portal, a redirect.
/// Server errors are an outage all the same; whatever else it says is not believed.
[[nodiscard]] Outcome outcome_of_foreign(long status);

/// The command or deed that would undo a refusal.
[[nodiscard]] std::string remote_hint(Outcome outcome, const Location& location);
/// How soft delete and purge protection are switched on there.
[[nodiscard]] std::string remote_recovery_hint(const Location& location);

}  // namespace signet::keyring
