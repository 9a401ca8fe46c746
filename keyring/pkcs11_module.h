// PKCS#11 modules, loaded through p11-kit.
#pragma once

#include <p11-kit/pkcs11.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "keyring/pkcs11_uri.h"

namespace signet::keyring {

/// A module that is initialised; finalised and let go at the end. Not copied, not moved.
class Pkcs11Module {
public:
    /// functions  from p11-kit; owned from here on. throws  Pkcs11Error: it cannot be initialised
    explicit Pkcs11Module(CK_FUNCTION_LIST* functions);
    Pkcs11Module(const Pkcs11Module&) = delete;
    Pkcs11Module& operator=(const Pkcs11Module&) = delete;
    ~Pkcs11Module();

    [[nodiscard]] CK_FUNCTION_LIST& functions() const { return *functions_; }
    [[nodiscard]] CK_FUNCTION_LIST* operator->() const { return functions_; }
    /// As p11-kit is configured, or the file.
    [[nodiscard]] const std::string& name() const { return name_; }
    /// Whether module-name means it: as p11-kit names it, or the name of its file without "lib" and ending.
    [[nodiscard]] bool is_named(std::string_view name) const;

private:
    CK_FUNCTION_LIST* functions_;
    std::string name_;
    std::string file_;
};

/// The modules of this process, each loaded when a URI first asks for it and kept.
class Pkcs11Modules {
public:
    /// The one that the URI names, or all that p11-kit is configured with. Of the latter those that cannot be loaded
    /// are passed over. throws  Pkcs11Error{unavailable}: none can be loaded
    [[nodiscard]] std::vector<const Pkcs11Module*> for_uri(const Pkcs11Uri& uri);

private:
    [[nodiscard]] const Pkcs11Module* load_file(const std::string& path);
    void load_configured();
    std::map<std::string, std::unique_ptr<Pkcs11Module>> by_file_;
    std::vector<std::unique_ptr<Pkcs11Module>> configured_;
    bool configured_loaded_ = false;
};

}  // namespace signet::keyring
