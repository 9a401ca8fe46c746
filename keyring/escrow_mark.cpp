#include "keyring/escrow_mark.h"

namespace signet::keyring {
namespace {

/// Thumbprints, separated by blanks.
constexpr const char* kSetting = "escrow";

std::string setting(const Keyring& keyring) {
    const auto found = keyring.settings().find(kSetting);
    return found == keyring.settings().end() ? std::string() : found->second;
}

}  // namespace

bool is_escrow(const Keyring& keyring, const format::Thumbprint& thumbprint) {
    return setting(keyring).find(thumbprint.text()) != std::string::npos;
}

void mark_escrow(Keyring& keyring, const format::Thumbprint& thumbprint) {
    if (is_escrow(keyring, thumbprint)) return;
    const std::string before = setting(keyring);
    keyring.set_setting(kSetting, before.empty() ? thumbprint.text() : before + " " + thumbprint.text());
}

}  // namespace signet::keyring
