// Unique owner of an object that a C library made and wants back through a function of its own.
#pragma once

#include <memory>

namespace signet {

template <auto Free>
struct HandleDeleter {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);  // NOLINT(cppcoreguidelines-no-malloc): this is the RAII, whichever function frees
    }
};

/// One alias per type: `using CipherContext = Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;`
template <class T, auto Free>
using Handle = std::unique_ptr<T, HandleDeleter<Free>>;

}  // namespace signet
