// A token that is present: finding it, sessions with it, logging in.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keyring/passphrase.h"
#include "keyring/pkcs11_error.h"
#include "keyring/pkcs11_module.h"

namespace signet::keyring {

/// A session, closed at the end. One for each operation: some tokens leave a session unusable after a failure.
class Pkcs11Session {
public:
    /// throws  Pkcs11Error
    Pkcs11Session(CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, bool writes = false);
    Pkcs11Session(const Pkcs11Session&) = delete;
    Pkcs11Session& operator=(const Pkcs11Session&) = delete;
    ~Pkcs11Session() { functions_.C_CloseSession(handle_); }

    [[nodiscard]] CK_FUNCTION_LIST* operator->() const { return &functions_; }
    [[nodiscard]] CK_SESSION_HANDLE handle() const { return handle_; }

private:
    CK_FUNCTION_LIST& functions_;
    CK_SESSION_HANDLE handle_ = 0;
};

/// Why a login must not even be tried: the last try, or a lock. flags  of CK_TOKEN_INFO. Empty when it may be.
[[nodiscard]] std::string login_obstacle(CK_FLAGS flags);

/// A token and the login to it. A login lasts as long as this object; a refused one is never tried again.
class Pkcs11Token {
public:
    /// throws  Pkcs11Error
    Pkcs11Token(const Pkcs11Module& module, CK_SLOT_ID slot, const CK_TOKEN_INFO& info);

    /// "token bk (serial 235ca266de734198)".
    [[nodiscard]] const std::string& shown() const { return shown_; }
    /// Maker, model, label and serial number; empty where it has no serial number.
    [[nodiscard]] const std::string& place() const { return place_; }
    /// Whether what is private can be seen.
    [[nodiscard]] bool is_open() const { return logged_in_ || !needs_login(); }
    [[nodiscard]] Pkcs11Session session(bool writes = false) const { return {module_->functions(), slot_, writes}; }

    /// Whether log_in() would ask nobody.
    [[nodiscard]] bool logs_in_unattended(const Pkcs11Uri& uri, const PassphraseSource& passphrases) const;
    /// With the PIN from pin-source, or from the passphrase source; at the token's own pad where it has one. Once.
    /// throws  Error{wrong_passphrase}: the token does not take the PIN; Error{usage}: no PIN in pin-source;
    ///         Pkcs11Error{credential_rejected}: locked, not set up, or one try is left
    void log_in(const Pkcs11Uri& uri, PassphraseSource& passphrases);
    /// Once more for the operation that `session` has begun, as keys with CKA_ALWAYS_AUTHENTICATE want it: with the PIN
    /// of log_in(), once. throws  as log_in()
    void authenticate(const Pkcs11Session& session, const Pkcs11Uri& uri, PassphraseSource& passphrases);
    /// Begins anew with the next use, after the token was gone. A refused login is not forgotten.
    void disconnect();

private:
    [[nodiscard]] bool needs_login() const { return (flags_ & CKF_LOGIN_REQUIRED) != 0; }
    [[nodiscard]] bool has_own_pad() const { return (flags_ & CKF_PROTECTED_AUTHENTICATION_PATH) != 0; }
    /// throws  Pkcs11Error{credential_rejected}; what a login was refused with before
    void require_unlocked_pin(const Pkcs11Uri& uri) const;
    [[nodiscard]] CK_RV try_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const Pkcs11Uri& uri,
                                  PassphraseSource& passphrases) const;
    [[noreturn]] void refuse_login(CK_RV result, const Pkcs11Uri& uri) const;
    /// How passphrase requests name the PIN.
    [[nodiscard]] std::string pin_object() const { return shown_; }

    const Pkcs11Module* module_;
    CK_SLOT_ID slot_;
    CK_FLAGS flags_;
    std::string shown_;
    std::string place_;
    std::unique_ptr<Pkcs11Session> anchor_;  ///< a login ends with the last session
    bool logged_in_ = false;
    std::optional<CK_RV> refused_;
};

/// The tokens that this process talks to.
class Pkcs11Tokens {
public:
    /// The only token that the URI stands for, present now.
    /// throws  Pkcs11Error{unavailable}: no such token; Pkcs11Error{misuse}: several
    [[nodiscard]] Pkcs11Token& find(const Pkcs11Uri& uri);

private:
    struct Present {
        const Pkcs11Module* module;
        CK_SLOT_ID slot;
        CK_TOKEN_INFO info;
    };
    [[nodiscard]] std::vector<Present> present(const Pkcs11Uri& uri);
    Pkcs11Modules modules_;
    std::map<std::string, Pkcs11Token> known_;  ///< by module, slot and serial number
};

}  // namespace signet::keyring
