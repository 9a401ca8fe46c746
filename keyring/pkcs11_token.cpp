#include "keyring/pkcs11_token.h"

#include <algorithm>

#include "core/file.h"

namespace signet::keyring {
namespace {

constexpr std::size_t kMaxPin = 4096;

/// A field of a token, which is padded with blanks; what does not print becomes '?'.
template <std::size_t kSize>
std::string field(const CK_UTF8CHAR (&padded)[kSize]) {
    std::string text(padded, padded + kSize);
    text.erase(text.find_last_not_of(std::string(" \0", 2)) + 1);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return text;
}

std::string shown_token(const CK_TOKEN_INFO& info) {
    const std::string serial = field(info.serialNumber);
    return "token " + field(info.label) + (serial.empty() ? "" : " (serial " + serial + ")");
}

/// A file's content without one line feed (or CR LF) at its end.
SecretBytes pin_from_file(const std::string& path, const std::string& token) {
    Bytes content;
    try {
        content = read_file(path, kMaxPin);
    } catch (const Error& error) {
        throw Error(ErrorCode::usage, "the PIN of the " + token + " cannot be read: " + error.what(),
                    "pin-source names a file that holds it");
    }
    std::size_t size = content.size();
    if (size > 0 && content[size - 1] == '\n') --size;
    if (size > 0 && content[size - 1] == '\r') --size;
    SecretBytes pin(ByteView(content).first(size));
    wipe(content);
    if (pin.empty()) throw Error(ErrorCode::usage, "no PIN of the " + token + " in " + path);
    return pin;
}

std::string place_of(const CK_TOKEN_INFO& info) {
    const std::string serial = field(info.serialNumber);
    if (serial.empty()) return {};
    // Some makers give all their tokens one serial number.
    return "token " + field(info.manufacturerID) + "\n" + field(info.model) + "\n" + field(info.label) + "\n" + serial;
}

bool is_wrong_pin(CK_RV result) {
    return result == CKR_PIN_INCORRECT || result == CKR_PIN_INVALID || result == CKR_PIN_LEN_RANGE;
}

}  // namespace

Pkcs11Session::Pkcs11Session(CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, bool writes) : functions_(functions) {
    const CK_FLAGS flags = CKF_SERIAL_SESSION | (writes ? CKF_RW_SESSION : 0UL);
    require_ok(functions_.C_OpenSession(slot, flags, nullptr, nullptr, &handle_),
               "cannot open a session with the token");
}

std::string login_obstacle(CK_FLAGS flags) {
    if ((flags & CKF_USER_PIN_LOCKED) != 0) return "its PIN is locked; its security officer can unlock it";
    if ((flags & CKF_USER_PIN_FINAL_TRY) != 0) {
        return "one try is left before its PIN is locked, and Signet does not use that up: log in once with the "
               "token's own "
               "tool (pkcs11-tool --login --test), which sets the counter back";
    }
    if ((flags & CKF_USER_PIN_INITIALIZED) == 0) return "it has no user PIN yet: set one with the token's own tool";
    return {};
}

Pkcs11Token::Pkcs11Token(const Pkcs11Module& module, CK_SLOT_ID slot, const CK_TOKEN_INFO& info)
    : module_(&module),
      slot_(slot),
      flags_(info.flags),
      shown_(shown_token(info)),
      place_(place_of(info)),
      anchor_(std::make_unique<Pkcs11Session>(module.functions(), slot)) {}

bool Pkcs11Token::logs_in_unattended(const Pkcs11Uri& uri, const PassphraseSource& passphrases) const {
    if (is_open()) return true;
    if (refused_ || has_own_pad() || !login_obstacle(flags_).empty()) return false;
    return uri.pin_file() || passphrases.manner() == PassphraseSource::Manner::unattended ||
           passphrases.knows(pin_object());
}

CK_RV Pkcs11Token::try_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, const Pkcs11Uri& uri,
                             PassphraseSource& passphrases) const {
    CK_FUNCTION_LIST& functions = module_->functions();
    if (has_own_pad()) return functions.C_Login(session, user, nullptr, 0);
    SecretBytes pin =
        uri.pin_file() ? pin_from_file(*uri.pin_file(), shown_) : passphrases.get({"unlock", pin_object(), false});
    const CK_RV result = functions.C_Login(session, user, pin.mutable_view().data(), static_cast<CK_ULONG>(pin.size()));
    if (result != CKR_OK) passphrases.forget(pin_object());
    return result;
}

void Pkcs11Token::refuse_login(CK_RV result, const Pkcs11Uri& uri) const {
    if (is_wrong_pin(result)) {
        throw Error(
            ErrorCode::wrong_passphrase, "the " + shown_ + " does not take this PIN (" + name_of(result) + ")",
            std::string("it was tried once and is not tried again; a few wrong PINs lock a token") +
                (uri.pin_file() ? "" : ". Where passphrase and PIN differ, say ?pin-source=file:FILE for the PIN"));
    }
    throw Pkcs11Error(outcome_of(result), "the " + shown_ + " refuses the login: " + name_of(result) +
                                              (result == CKR_PIN_LOCKED ? "; its security officer can unlock it" : ""));
}

void Pkcs11Token::require_unlocked_pin(const Pkcs11Uri& uri) const {
    if (refused_) refuse_login(*refused_, uri);
    CK_TOKEN_INFO now{};
    require_ok(module_->functions().C_GetTokenInfo(slot_, &now), shown_);
    const std::string obstacle = login_obstacle(now.flags);
    if (!obstacle.empty()) throw Pkcs11Error(Outcome::credential_rejected, "the " + shown_ + ": " + obstacle);
}

void Pkcs11Token::log_in(const Pkcs11Uri& uri, PassphraseSource& passphrases) {
    if (!anchor_) anchor_ = std::make_unique<Pkcs11Session>(module_->functions(), slot_);
    if (is_open()) return;
    require_unlocked_pin(uri);
    const CK_RV result = try_login(anchor_->handle(), CKU_USER, uri, passphrases);
    logged_in_ = result == CKR_OK || result == CKR_USER_ALREADY_LOGGED_IN;
    if (logged_in_) return;
    if (!may_fail_over(outcome_of(result))) refused_ = result;
    refuse_login(result, uri);
}

void Pkcs11Token::authenticate(const Pkcs11Session& session, const Pkcs11Uri& uri, PassphraseSource& passphrases) {
    require_unlocked_pin(uri);
    const CK_RV result = try_login(session.handle(), CKU_CONTEXT_SPECIFIC, uri, passphrases);
    if (result == CKR_OK) return;
    if (!may_fail_over(outcome_of(result))) refused_ = result;
    refuse_login(result, uri);
}

void Pkcs11Token::disconnect() {
    anchor_.reset();
    logged_in_ = false;
}

std::vector<Pkcs11Tokens::Present> Pkcs11Tokens::present(const Pkcs11Uri& uri) {
    std::vector<Present> found;
    for (const Pkcs11Module* module : modules_.for_uri(uri)) {
        CK_INFO about{};
        CK_ULONG count = 0;
        if ((*module)->C_GetInfo(&about) != CKR_OK || !uri.matches_module(about)) continue;
        if ((*module)->C_GetSlotList(CK_TRUE, nullptr, &count) != CKR_OK) continue;
        std::vector<CK_SLOT_ID> slots(count);
        if ((*module)->C_GetSlotList(CK_TRUE, slots.data(), &count) != CKR_OK) continue;
        slots.resize(std::min<std::size_t>(slots.size(), count));
        for (const CK_SLOT_ID slot : slots) {
            CK_SLOT_INFO reader{};
            CK_TOKEN_INFO token{};
            if ((*module)->C_GetSlotInfo(slot, &reader) != CKR_OK || (*module)->C_GetTokenInfo(slot, &token) != CKR_OK)
                continue;
            const bool is_set_up = (token.flags & CKF_TOKEN_INITIALIZED) != 0;
            if (is_set_up && uri.matches_slot(slot, reader) && uri.matches_token(token))
                found.push_back({module, slot, token});
        }
    }
    return found;
}

Pkcs11Token& Pkcs11Tokens::find(const Pkcs11Uri& uri) {
    const std::vector<Present> found = present(uri);
    if (found.empty()) throw Pkcs11Error(Outcome::unavailable, "no such token is present");
    if (found.size() > 1) {
        throw Pkcs11Error(Outcome::misuse, "several tokens are meant, among them " + shown_token(found[0].info) +
                                               " and " + shown_token(found[1].info) + ": name one by serial=…");
    }
    const Present& one = found.front();
    const std::string key = one.module->name() + "\n" + std::to_string(one.slot) + "\n" + field(one.info.serialNumber);
    return known_.try_emplace(key, *one.module, one.slot, one.info).first->second;
}

}  // namespace signet::keyring
