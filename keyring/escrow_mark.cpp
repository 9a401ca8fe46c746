#include "keyring/escrow_mark.h"

namespace signet::keyring {
namespace {

/// Thumbprints, separated by blanks: how earlier versions kept the marks.
constexpr const char* kOldSetting = "escrow";

/// One setting for each protector: so that of two processes that mark one each neither undoes the other's.
std::string setting_of(const format::Thumbprint& thumbprint) { return "escrow:" + thumbprint.text(); }

bool is_marked(const std::map<std::string, std::string>& settings, const format::Thumbprint& thumbprint) {
    if (settings.contains(setting_of(thumbprint))) return true;
    const auto old = settings.find(kOldSetting);
    return old != settings.end() && old->second.find(thumbprint.text()) != std::string::npos;
}

}  // namespace

bool is_escrow(const Keyring& keyring, const format::Thumbprint& thumbprint) {
    return is_marked(keyring.settings(), thumbprint);
}

void mark_escrow(Keyring& keyring, const format::Thumbprint& thumbprint) {
    if (!is_escrow(keyring, thumbprint)) keyring.set_setting(setting_of(thumbprint), "yes");
}

void pass_on_escrow_mark(std::map<std::string, std::string>& settings, const format::Thumbprint& from,
                         const format::Thumbprint& to) {
    if (is_marked(settings, from)) settings[setting_of(to)] = "yes";
}

}  // namespace signet::keyring
