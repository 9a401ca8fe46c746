#include "keyring/remote_error.h"

#include "keyring/remote_location.h"

namespace signet::keyring {
namespace {

ErrorCode code_of(Outcome outcome) {
    if (outcome == Outcome::integrity) return ErrorCode::damaged;
    return outcome == Outcome::misuse ? ErrorCode::refused : ErrorCode::key_unavailable;
}

/// "--vault-name prod-weu --name k1".
std::string azure_key(const Location& location) {
    const bool is_hsm = location.origin.find(".managedhsm.") != std::string::npos;
    return std::string(is_hsm ? "--hsm-name " : "--vault-name ") + location.vault_name() + " --name " + location.name;
}

std::string azure_hint(Outcome outcome, const Location& location) {
    switch (outcome) {
        case Outcome::key_disabled:
            return "az keyvault key set-attributes " + azure_key(location) +
                   (location.revision.empty() ? "" : " --version " + location.revision) + " --enabled true";
        case Outcome::key_deleted:
            return "az keyvault key recover " + azure_key(location);
        case Outcome::key_expired:
            return "make a new version: signet key rotate " + location.without_version().text();
        case Outcome::denied:
            return "the role Key Vault Crypto Service Encryption User on this key, and a network rule that lets this "
                   "host in: signet keyring setup azure";
        case Outcome::not_found:
            return "see what is there: az keyvault key list-versions " + azure_key(location) +
                   "; a deleted vault: az keyvault recover --name " + location.vault_name();
        case Outcome::credential_rejected:
            return "see the application or managed identity, its secret or certificate and their expiry, and the "
                   "tenant: signet keyring setup azure";
        default:
            return {};
    }
}

std::string aws_hint(Outcome outcome, const Location& location) {
    const KmsArn arn = KmsArn::parse(location.uri);
    const std::string key = " --region " + arn.region + " --key-id " + location.uri;
    switch (outcome) {
        case Outcome::key_disabled:
            return "aws kms enable-key" + key;
        case Outcome::key_deleted:
            return "aws kms cancel-key-deletion" + key + ", then aws kms enable-key" + key;
        case Outcome::denied:
            return "the key policy must allow it, and the identity's policies: signet keyring setup aws";
        case Outcome::not_found:
            return "see what is there: aws kms describe-key" + key;
        case Outcome::credential_rejected:
            return "see who this host is: aws sts get-caller-identity";
        default:
            return {};
    }
}

std::string transit_hint(Outcome outcome, const Location& location) {
    const std::string key = location.mount + "/keys/" + location.name;
    const std::string space = location.space.empty() ? "" : " -namespace=" + location.space;
    switch (outcome) {
        case Outcome::key_disabled:
            return "vault write" + space + " " + key +
                   "/config min_decryption_version=" + std::to_string(location.version.value_or(1));
        case Outcome::not_found:
            return "see what is there: vault read" + space + " " + key;
        case Outcome::denied:
            return "a policy with update on " + location.mount + "/encrypt/" + location.name + " and " +
                   location.mount + "/decrypt/" + location.name + " and read on " + key +
                   ": signet keyring setup transit";
        case Outcome::credential_rejected:
            return "log in anew: vault login, or see role id, secret id and their lifetimes";
        default:
            return {};
    }
}

}  // namespace

RemoteError::RemoteError(Outcome outcome, const std::string& message, std::string request)
    : Error(code_of(outcome), message), outcome_(outcome), request_(std::move(request)) {}

Outcome outcome_of(HttpFailure failure) {
    switch (failure) {
        case HttpFailure::resolver:
        case HttpFailure::connect:
        case HttpFailure::handshake:
        case HttpFailure::timeout:
        case HttpFailure::interrupted:
            return Outcome::unavailable;
        case HttpFailure::name:
            return Outcome::not_found;
        case HttpFailure::tls:
        case HttpFailure::too_large:
        case HttpFailure::protocol:
            return Outcome::untrusted;
        case HttpFailure::proxy:
            return Outcome::denied;
        case HttpFailure::url:
        case HttpFailure::identity:
            return Outcome::misuse;
    }
    return Outcome::denied;
}

Outcome outcome_of_foreign(long status) {
    if (status == 407) return Outcome::denied;
    if (status == 429) return Outcome::throttled;
    if (status == 408 || status >= 500) return Outcome::unavailable;
    return Outcome::untrusted;
}

std::string remote_hint(Outcome outcome, const Location& location) {
    switch (outcome) {
        case Outcome::untrusted:
            return "something else than the key manager answers for " + location.vault_name() +
                   ": see proxies, captive portals, private endpoints and SIGNET_CA_FILE";
        case Outcome::unavailable:
            return "see whether " + location.vault_name() +
                   " can be reached from here; it is tried again by the next run";
        case Outcome::throttled:
            return "wait, or ask for a higher quota of " + location.vault_name();
        case Outcome::integrity:
            return "the wrapped key is damaged, or of another key";
        default:
            break;
    }
    if (location.scheme == Location::Scheme::azure) return azure_hint(outcome, location);
    if (location.scheme == Location::Scheme::aws) return aws_hint(outcome, location);
    return transit_hint(outcome, location);
}

std::string remote_recovery_hint(const Location& location) {
    if (location.scheme != Location::Scheme::azure) return {};
    return "az keyvault update --name " + location.vault_name() +
           " --enable-purge-protection true; --allow-purge links it all the same where it has soft delete";
}

}  // namespace signet::keyring
