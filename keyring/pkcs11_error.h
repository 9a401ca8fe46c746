// What a PKCS#11 module answers (CK_RV), and what that means for a protector.
#pragma once

#include <p11-kit/pkcs11.h>

#include <string>

#include "core/error.h"
#include "keyring/key_state.h"

namespace signet::keyring {

/// Where a call failed: the same value means different things in different places.
enum class Pkcs11Step {
    other,
    decrypt,  ///< C_Decrypt: what is vague there is the wrapped key's fault
};

/// How an answer is classified. Only what says that the token is gone or broken is an outage; what is vague is
/// `denied`.
[[nodiscard]] Outcome outcome_of(CK_RV result, Pkcs11Step step = Pkcs11Step::other);
/// "CKR_PIN_LOCKED"; "CKR 0x80000001" for what the standard does not name.
[[nodiscard]] std::string name_of(CK_RV result);
/// Whether a token refuses a mechanism or its parameters, so that another one may be tried.
[[nodiscard]] bool is_mechanism_refused(CK_RV result);

/// A failure with its class, inside this folder: the vault makes an answer of it.
class Pkcs11Error : public Error {
public:
    Pkcs11Error(Outcome outcome, const std::string& message);
    [[nodiscard]] Outcome outcome() const { return outcome_; }

private:
    Outcome outcome_;
};

/// throws  Pkcs11Error: result is not CKR_OK; "<what>: <name>"
void require_ok(CK_RV result, const std::string& what, Pkcs11Step step = Pkcs11Step::other);

}  // namespace signet::keyring
