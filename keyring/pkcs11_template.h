// Attributes of a new object on a token.
#pragma once

#include <p11-kit/pkcs11.h>

#include <vector>

#include "core/secret.h"

namespace signet::keyring {

/// Attributes with their values, as C_GenerateKeyPair and C_CreateObject take them. Values are kept as secrets: those
/// of a key that is taken in are.
class Pkcs11Template {
public:
    void add(CK_ATTRIBUTE_TYPE type, ByteView value) {
        values_.emplace_back(value);
        types_.push_back(type);
    }
    void add(CK_ATTRIBUTE_TYPE type, bool flag) {
        const CK_BBOOL value = flag ? CK_TRUE : CK_FALSE;
        add(type, ByteView{&value, sizeof(value)});
    }
    void add(CK_ATTRIBUTE_TYPE type, CK_ULONG number) {
        add(type, ByteView{reinterpret_cast<const std::uint8_t*>(&number), sizeof(number)});
    }
    void add(CK_ATTRIBUTE_TYPE type, const CK_DATE& date) {
        add(type, ByteView{reinterpret_cast<const std::uint8_t*>(&date), sizeof(date)});
    }
    /// For one call. They point into this object, and hold until its next change.
    [[nodiscard]] std::vector<CK_ATTRIBUTE> attributes();

private:
    std::vector<CK_ATTRIBUTE_TYPE> types_;
    std::vector<SecretBytes> values_;
};

}  // namespace signet::keyring
