#include "keyring/aws_credentials.h"

#include "keyring/aws_machine.h"

namespace signet::keyring {
namespace {

constexpr std::int64_t kRenewBefore = 300 * kNsPerSecond;

}  // namespace

AwsCredentialChain::AwsCredentialChain(AwsSurroundings surroundings) : surroundings_(std::move(surroundings)) {}

AwsCredentials AwsCredentialChain::find(const std::string& region) const {
    if (auto found = aws_from_variables(surroundings_)) return std::move(*found);
    if (auto found = aws_from_web_identity(surroundings_, region)) return std::move(*found);
    if (auto found = aws_from_files(surroundings_, region)) return std::move(*found);
    if (auto found = aws_from_container(surroundings_)) return std::move(*found);
    if (auto found = aws_from_instance(surroundings_)) return std::move(*found);
    throw RemoteError(Outcome::credential_rejected,
                      "no AWS credentials: none in variables and files, none of a container or an instance; set "
                      "AWS_PROFILE, or run where a role is attached");
}

AwsCredentials AwsCredentialChain::get(const std::string& region) {
    const std::lock_guard lock(mutex_);
    const TimePoint now = surroundings_.clock->now();
    const bool is_fresh = kept_ && (!kept_->expires || kept_->expires->ns - now.ns > kRenewBefore);
    if (is_fresh) return kept_->clone();
    try {
        AwsCredentials found = find(region);
        if (found.expires && *found.expires <= now) {
            throw RemoteError(Outcome::credential_rejected, found.source + ": the credentials ended at " +
                                                                to_rfc3339(*found.expires) +
                                                                "; see that the clock of this machine is right");
        }
        kept_ = std::move(found);
    } catch (const RemoteError& error) {
        // What is kept is good for a few minutes yet, and who hands out new ones may be back by then.
        const bool still_holds = kept_ && kept_->expires && *kept_->expires > now;
        if (!still_holds || !may_fail_over(error.outcome())) throw;
    }
    return kept_->clone();
}

bool AwsCredentialChain::renew(const std::string& id) {
    const std::lock_guard lock(mutex_);
    if (!kept_ || kept_->keys.id != id) return true;  // another thread has done so
    const bool may_be_newer = kept_->source != "AWS_ACCESS_KEY_ID";
    kept_.reset();
    return may_be_newer;
}

std::optional<AwsCredentials> aws_from_variables(const AwsSurroundings& surroundings) {
    const auto id = surroundings.variable("AWS_ACCESS_KEY_ID");
    const auto secret = surroundings.variable("AWS_SECRET_ACCESS_KEY");
    if (!id && !secret) return std::nullopt;
    if (!id || !secret) {
        throw RemoteError(Outcome::credential_rejected,
                          std::string(id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID") + " is not set, and " +
                              (id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY") + " is");
    }
    AwsCredentials credentials;
    credentials.source = "AWS_ACCESS_KEY_ID";
    credentials.keys = {*id, SecretBytes(as_bytes(*secret)),
                        SecretBytes(as_bytes(surroundings.variable("AWS_SESSION_TOKEN").value_or("")))};
    require_fit_for_headers(credentials.keys, credentials.source);
    return credentials;
}

}  // namespace signet::keyring
