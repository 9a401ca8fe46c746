// Matchers and printers that every test may use. Secrets are printed as their length alone.
#pragma once

#include <catch2/catch.hpp>

#include "core/error.h"
#include "core/id.h"
#include "core/secret.h"

namespace Catch {
template <>
struct StringMaker<signet::SecretBytes> {
    static std::string convert(const signet::SecretBytes& secret) {
        return "<secret of " + std::to_string(secret.size()) + " octets>";
    }
};
template <class Tag, std::size_t N>
struct StringMaker<signet::Id<Tag, N>> {
    static std::string convert(const signet::Id<Tag, N>& id) { return id.hex(); }
};
template <>
struct StringMaker<signet::ErrorCode> {
    static std::string convert(signet::ErrorCode code) { return "ErrorCode " + std::to_string(static_cast<int>(code)); }
};
}  // namespace Catch

namespace signet::test {

/// Matches an Error by its code, never by its text: REQUIRE_THROWS_MATCHES(f(), Error, has_code(ErrorCode::damaged)).
class HasCode : public Catch::MatcherBase<Error> {
public:
    explicit HasCode(ErrorCode code) : code_(code) {}
    bool match(const Error& error) const override { return error.code() == code_; }
    std::string describe() const override { return "has " + Catch::StringMaker<ErrorCode>::convert(code_); }

private:
    ErrorCode code_;
};

inline HasCode has_code(ErrorCode code) { return HasCode(code); }

}  // namespace signet::test
