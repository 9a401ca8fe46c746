#include "keyring/pkcs11_error.h"

#include <algorithm>
#include <array>

namespace signet::keyring {
namespace {

struct Meaning {
    CK_RV result;
    const char* name;
    Outcome outcome;
};

constexpr std::array kMeanings = {
    Meaning{CKR_OK, "CKR_OK", Outcome::ok},
    // The token is gone, or says that it is broken.
    Meaning{CKR_HOST_MEMORY, "CKR_HOST_MEMORY", Outcome::unavailable},
    Meaning{CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR", Outcome::unavailable},
    Meaning{CKR_DEVICE_MEMORY, "CKR_DEVICE_MEMORY", Outcome::unavailable},
    Meaning{CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED", Outcome::unavailable},
    Meaning{CKR_SESSION_CLOSED, "CKR_SESSION_CLOSED", Outcome::unavailable},
    Meaning{CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID", Outcome::unavailable},
    Meaning{CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT", Outcome::unavailable},
    // Busy: as when a service throttles.
    Meaning{CKR_SESSION_COUNT, "CKR_SESSION_COUNT", Outcome::throttled},
    // The login.
    Meaning{CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT", Outcome::credential_rejected},
    Meaning{CKR_PIN_INVALID, "CKR_PIN_INVALID", Outcome::credential_rejected},
    Meaning{CKR_PIN_LEN_RANGE, "CKR_PIN_LEN_RANGE", Outcome::credential_rejected},
    Meaning{CKR_PIN_EXPIRED, "CKR_PIN_EXPIRED", Outcome::credential_rejected},
    Meaning{CKR_PIN_LOCKED, "CKR_PIN_LOCKED", Outcome::credential_rejected},
    Meaning{CKR_USER_PIN_NOT_INITIALIZED, "CKR_USER_PIN_NOT_INITIALIZED", Outcome::credential_rejected},
    // Permission.
    Meaning{CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN", Outcome::denied},
    Meaning{CKR_KEY_FUNCTION_NOT_PERMITTED, "CKR_KEY_FUNCTION_NOT_PERMITTED", Outcome::denied},
    Meaning{CKR_FUNCTION_CANCELED, "CKR_FUNCTION_CANCELED", Outcome::denied},
    Meaning{CKR_TOKEN_WRITE_PROTECTED, "CKR_TOKEN_WRITE_PROTECTED", Outcome::denied},
    Meaning{CKR_TOKEN_NOT_RECOGNIZED, "CKR_TOKEN_NOT_RECOGNIZED", Outcome::untrusted},
    Meaning{CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR", Outcome::denied},
    Meaning{CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED", Outcome::denied},
    // The key.
    Meaning{CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID", Outcome::not_found},
    Meaning{CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID", Outcome::not_found},
    Meaning{CKR_KEY_TYPE_INCONSISTENT, "CKR_KEY_TYPE_INCONSISTENT", Outcome::misuse},
    Meaning{CKR_KEY_SIZE_RANGE, "CKR_KEY_SIZE_RANGE", Outcome::misuse},
    // How it is asked.
    Meaning{CKR_ARGUMENTS_BAD, "CKR_ARGUMENTS_BAD", Outcome::misuse},
    Meaning{CKR_MECHANISM_INVALID, "CKR_MECHANISM_INVALID", Outcome::misuse},
    Meaning{CKR_MECHANISM_PARAM_INVALID, "CKR_MECHANISM_PARAM_INVALID", Outcome::misuse},
    Meaning{CKR_FUNCTION_NOT_SUPPORTED, "CKR_FUNCTION_NOT_SUPPORTED", Outcome::misuse},
    Meaning{CKR_ATTRIBUTE_VALUE_INVALID, "CKR_ATTRIBUTE_VALUE_INVALID", Outcome::misuse},
    Meaning{CKR_TEMPLATE_INCONSISTENT, "CKR_TEMPLATE_INCONSISTENT", Outcome::misuse},
    // What is to be opened.
    Meaning{CKR_ENCRYPTED_DATA_INVALID, "CKR_ENCRYPTED_DATA_INVALID", Outcome::integrity},
    Meaning{CKR_ENCRYPTED_DATA_LEN_RANGE, "CKR_ENCRYPTED_DATA_LEN_RANGE", Outcome::integrity},
    Meaning{CKR_DATA_INVALID, "CKR_DATA_INVALID", Outcome::integrity},
    Meaning{CKR_DATA_LEN_RANGE, "CKR_DATA_LEN_RANGE", Outcome::integrity},
};

const Meaning* meaning_of(CK_RV result) {
    const auto* const found = std::find_if(kMeanings.begin(), kMeanings.end(),
                                           [&](const Meaning& meaning) { return meaning.result == result; });
    return found == kMeanings.end() ? nullptr : found;
}

/// The class as an exit code, for what does not become an answer.
ErrorCode code_of(Outcome outcome) {
    if (outcome == Outcome::integrity) return ErrorCode::damaged;
    return outcome == Outcome::misuse ? ErrorCode::refused : ErrorCode::key_unavailable;
}

}  // namespace

Outcome outcome_of(CK_RV result, Pkcs11Step step) {
    // Many tokens have no better word for a padding that does not fit.
    const bool is_vague = result == CKR_GENERAL_ERROR || result == CKR_FUNCTION_FAILED;
    if (step == Pkcs11Step::decrypt && is_vague) return Outcome::integrity;
    const Meaning* meaning = meaning_of(result);
    return meaning == nullptr ? Outcome::denied : meaning->outcome;
}

std::string name_of(CK_RV result) {
    if (const Meaning* meaning = meaning_of(result)) return meaning->name;
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string digits;
    for (CK_RV rest = result; rest != 0; rest /= 16) digits.insert(digits.begin(), kDigits[rest % 16]);
    return "CKR 0x" + digits;
}

bool is_mechanism_refused(CK_RV result) {
    return result == CKR_ARGUMENTS_BAD || result == CKR_MECHANISM_INVALID || result == CKR_MECHANISM_PARAM_INVALID;
}

Pkcs11Error::Pkcs11Error(Outcome outcome, const std::string& message)
    : Error(code_of(outcome), message), outcome_(outcome) {}

void require_ok(CK_RV result, const std::string& what, Pkcs11Step step) {
    if (result != CKR_OK) throw Pkcs11Error(outcome_of(result, step), what + ": " + name_of(result));
}

}  // namespace signet::keyring
