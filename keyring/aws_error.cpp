#include "keyring/aws_error.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <iterator>

namespace signet::keyring {
namespace {

struct Meaning {
    std::string_view type;
    Outcome outcome;
};

constexpr std::array kMeanings = {
    // The service says that it is broken.
    Meaning{"KMSInternalException", Outcome::unavailable},
    Meaning{"DependencyTimeoutException", Outcome::unavailable},
    Meaning{"KeyUnavailableException", Outcome::unavailable},
    Meaning{"InternalFailure", Outcome::unavailable},
    Meaning{"InternalError", Outcome::unavailable},
    Meaning{"ServiceUnavailable", Outcome::unavailable},
    Meaning{"ServiceUnavailableException", Outcome::unavailable},
    Meaning{"IDPCommunicationError", Outcome::unavailable},
    // Too many calls.
    Meaning{"ThrottlingException", Outcome::throttled},
    Meaning{"Throttling", Outcome::throttled},
    Meaning{"RequestLimitExceeded", Outcome::throttled},
    Meaning{"TooManyRequestsException", Outcome::throttled},
    // Permission.
    Meaning{"AccessDeniedException", Outcome::denied},
    Meaning{"AccessDenied", Outcome::denied},
    Meaning{"NotAuthorized", Outcome::denied},
    Meaning{"InvalidGrantTokenException", Outcome::denied},
    // The key.
    Meaning{"DisabledException", Outcome::key_disabled},
    Meaning{"NotFoundException", Outcome::not_found},
    // What is to be opened.
    Meaning{"InvalidCiphertextException", Outcome::integrity},
    Meaning{"IncorrectKeyException", Outcome::integrity},
    // How it is asked.
    Meaning{"InvalidKeyUsageException", Outcome::misuse},
    Meaning{"InvalidArnException", Outcome::misuse},
    Meaning{"InvalidAliasNameException", Outcome::misuse},
    Meaning{"ValidationException", Outcome::misuse},
    Meaning{"ValidationError", Outcome::misuse},
    Meaning{"UnsupportedOperationException", Outcome::misuse},
    Meaning{"UnknownOperationException", Outcome::misuse},
    Meaning{"SerializationException", Outcome::misuse},
    Meaning{"InvalidSignatureException", Outcome::misuse},
    Meaning{"SignatureDoesNotMatch", Outcome::misuse},
    Meaning{"IncompleteSignature", Outcome::misuse},
    Meaning{"IncompleteSignatureException", Outcome::misuse},
    Meaning{"RequestExpired", Outcome::misuse},
    // Who asks.
    Meaning{"UnrecognizedClientException", Outcome::credential_rejected},
    Meaning{"InvalidClientTokenId", Outcome::credential_rejected},
    Meaning{"ExpiredTokenException", Outcome::credential_rejected},
    Meaning{"ExpiredToken", Outcome::credential_rejected},
    Meaning{"MissingAuthenticationToken", Outcome::credential_rejected},
    Meaning{"MissingAuthenticationTokenException", Outcome::credential_rejected},
    Meaning{"OptInRequired", Outcome::credential_rejected},
    Meaning{"AuthFailure", Outcome::credential_rejected},
    Meaning{"InvalidIdentityToken", Outcome::credential_rejected},
    Meaning{"IDPRejectedClaim", Outcome::credential_rejected},
};

bool holds(std::string_view text, std::string_view part) {
    const auto same = [](char left, char right) {
        return std::tolower(static_cast<unsigned char>(left)) == std::tolower(static_cast<unsigned char>(right));
    };
    return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

/// Of a key that may not be used in the state in which it is.
Outcome outcome_of_state(std::string_view message) {
    if (holds(message, "pending deletion") || holds(message, "pending replica deletion")) return Outcome::key_deleted;
    if (holds(message, "creating") || holds(message, "updating")) return Outcome::unavailable;
    // Disabled, without its material, or its key store disconnected: each is an administrator's act.
    return Outcome::key_disabled;
}

}  // namespace

Outcome outcome_of_aws(std::string_view type, std::string_view message, long status) {
    if (type == "DisabledException" || type == "KMSInvalidStateException") return outcome_of_state(message);
    for (const std::string_view store : {"CustomKeyStore", "CloudHsmCluster", "Xks"}) {
        if (type.starts_with(store)) return Outcome::key_disabled;
    }
    const auto known =
        std::find_if(kMeanings.begin(), kMeanings.end(), [&](const Meaning& one) { return one.type == type; });
    if (known != kMeanings.end()) return known->outcome;
    if (status == 429) return Outcome::throttled;
    return status >= 500 ? Outcome::unavailable : Outcome::denied;
}

bool is_about_credentials(std::string_view type) {
    return outcome_of_aws(type, {}, 400) == Outcome::credential_rejected;
}

bool is_about_signature(std::string_view type) {
    constexpr std::array<std::string_view, 5> kTypes = {"InvalidSignatureException", "SignatureDoesNotMatch",
                                                        "IncompleteSignature", "IncompleteSignatureException",
                                                        "RequestExpired"};
    return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

std::string aws_error_type(std::string_view text) {
    constexpr std::size_t kMaxType = 100;
    text = text.substr(0, text.find(':'));
    if (const auto mark = text.rfind('#'); mark != std::string_view::npos) text.remove_prefix(mark + 1);
    text = text.substr(0, kMaxType);
    std::string type;
    std::copy_if(text.begin(), text.end(), std::back_inserter(type),
                 [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; });
    return type;
}

}  // namespace signet::keyring
