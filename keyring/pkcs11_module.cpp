#include "keyring/pkcs11_module.h"

#include <p11-kit/p11-kit.h>

#include <cstdlib>
#include <filesystem>

#include "keyring/pkcs11_error.h"

namespace signet::keyring {
namespace {

/// The certificates of the system, on every Debian; it holds no keys.
constexpr std::string_view kTrustModule = "p11-kit-trust";

std::string owned_text(char* text) {
    const Handle<char, std::free> owner(text);
    return text != nullptr ? text : "";
}

std::string last_message() {
    const char* message = p11_kit_message();
    return message != nullptr ? message : "no reason given";
}

}  // namespace

Pkcs11Module::Pkcs11Module(CK_FUNCTION_LIST* functions)
    : functions_(functions),
      name_(owned_text(p11_kit_module_get_name(functions))),
      file_(owned_text(p11_kit_module_get_filename(functions))) {
    if (name_.empty()) name_ = file_;
    const CK_RV result = p11_kit_module_initialize(functions_);
    if (result == CKR_OK) return;
    p11_kit_module_release(functions_);
    // Whatever keeps a module from starting, nothing on its tokens has refused.
    throw Pkcs11Error(Outcome::unavailable, "PKCS#11 module " + name_ + " does not start: " + name_of(result));
}

Pkcs11Module::~Pkcs11Module() {
    p11_kit_module_finalize(functions_);
    p11_kit_module_release(functions_);
}

bool Pkcs11Module::is_named(std::string_view name) const {
    const std::string stem = std::filesystem::path(file_).stem().string();
    return name == name_ || name == stem || "lib" + std::string(name) == stem;
}

const Pkcs11Module* Pkcs11Modules::load_file(const std::string& path) {
    if (const auto known = by_file_.find(path); known != by_file_.end()) return known->second.get();
    CK_FUNCTION_LIST* functions = p11_kit_module_load(path.c_str(), 0);
    if (functions == nullptr) {
        throw Pkcs11Error(Outcome::unavailable, "PKCS#11 module " + path + " cannot be loaded: " + last_message());
    }
    return (by_file_[path] = std::make_unique<Pkcs11Module>(functions)).get();
}

void Pkcs11Modules::load_configured() {
    if (configured_loaded_) return;
    configured_loaded_ = true;
    CK_FUNCTION_LIST** all = p11_kit_modules_load(nullptr, 0);
    if (all == nullptr) return;
    for (CK_FUNCTION_LIST** module = all; *module != nullptr; ++module) {
        if (owned_text(p11_kit_module_get_name(*module)) == kTrustModule) {
            p11_kit_module_release(*module);
            continue;
        }
        try {
            configured_.push_back(std::make_unique<Pkcs11Module>(*module));
        } catch (const Pkcs11Error&) {
            // Debian registers whatever is installed, also where its hardware is not.
        }
    }
    std::free(all);  // NOLINT(cppcoreguidelines-no-malloc): the list alone, as p11-kit says; its modules have owners
}

std::vector<const Pkcs11Module*> Pkcs11Modules::for_uri(const Pkcs11Uri& uri) {
    p11_kit_be_quiet();
    if (uri.module_path()) return {load_file(*uri.module_path())};
    load_configured();
    std::vector<const Pkcs11Module*> chosen;
    for (const auto& module : configured_) {
        if (!uri.module_name() || module->is_named(*uri.module_name())) chosen.push_back(module.get());
    }
    if (!chosen.empty()) return chosen;
    const std::string which = uri.module_name() ? "PKCS#11 module \"" + *uri.module_name() + "\"" : "PKCS#11 module";
    throw Pkcs11Error(Outcome::unavailable, "no " + which + " is installed that starts");
}

}  // namespace signet::keyring
