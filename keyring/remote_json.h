// Inside keyring/ only: JSON that may hold secrets. Texts are wiped when they are released, those that the parser works
// with among them.
#pragma once

#include <nlohmann/json.hpp>

#include "core/secret.h"

#include <map>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace signet::keyring {

/// Memory that is wiped when it is given back.
template <class T>
struct WipingAllocator {
    using value_type = T;
    WipingAllocator() = default;
    template <class U>
    WipingAllocator(const WipingAllocator<U>&) {}  // NOLINT(google-explicit-constructor): as allocators convert
    [[nodiscard]] T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
    void deallocate(T* memory, std::size_t count) noexcept {
        wipe({reinterpret_cast<std::uint8_t*>(memory), count * sizeof(T)});
        std::allocator<T>().deallocate(memory, count);
    }
    template <class U>
    friend bool operator==(const WipingAllocator&, const WipingAllocator<U>&) {
        return true;
    }
};

using SecretText = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;
using SecretJson = nlohmann::basic_json<std::map, std::vector, SecretText>;

/// An object, of at most 32 levels. returns  nothing for anything else
[[nodiscard]] std::optional<SecretJson> parse_object(ByteView text);

/// Members of an answer. A member that is absent or of another type is nothing.
[[nodiscard]] std::optional<std::string> text_of(const SecretJson& object, const char* name);
[[nodiscard]] std::optional<std::int64_t> number_of(const SecretJson& object, const char* name);
[[nodiscard]] std::optional<bool> boolean_of(const SecretJson& object, const char* name);
/// The object in it; nullptr: there is none.
[[nodiscard]] const SecretJson* object_of(const SecretJson& object, const char* name);
/// A text that is a secret; nullptr: there is none.
[[nodiscard]] const SecretText* secret_of(const SecretJson& object, const char* name);

/// The octets of a JSON text, to be sent and forgotten.
[[nodiscard]] SecretBytes to_body(const SecretJson& object);

/// base64url without padding (RFC 4648 section 5).
[[nodiscard]] std::string to_base64url(ByteView octets);
[[nodiscard]] SecretText secret_base64url(ByteView octets);
[[nodiscard]] SecretText secret_base64(ByteView octets);
/// returns  nothing when it is not canonical
[[nodiscard]] std::optional<SecretBytes> from_base64url(std::string_view text);
[[nodiscard]] std::optional<SecretBytes> secret_from_base64(std::string_view text);

[[nodiscard]] inline std::string_view view_of(const SecretText& text) { return {text.data(), text.size()}; }

}  // namespace signet::keyring
