#include "keyring/pkcs11_template.h"

namespace signet::keyring {

std::vector<CK_ATTRIBUTE> Pkcs11Template::attributes() {
    std::vector<CK_ATTRIBUTE> all;
    all.reserve(types_.size());
    for (std::size_t i = 0; i < types_.size(); ++i) {
        const MutableByteView value = values_[i].mutable_view();
        all.push_back({types_[i], value.data(), static_cast<CK_ULONG>(value.size())});
    }
    return all;
}

}  // namespace signet::keyring
