// A secret in shares: any `threshold` of `count` give it back, and fewer say nothing about it (Shamir's scheme over
// GF(2^8), octet by octet, by libgfshare). The arithmetic alone notices nothing: with too few shares, or wrong ones, it
// gives noise. Who joins shares checks the result (share_slot.h).
#pragma once

#include "core/id.h"
#include "core/secret.h"

#include <cstdint>
#include <span>
#include <vector>

namespace signet::keyring {

/// Names the shares that belong together.
using ShareSetId = Id<struct ShareSetTag, 8>;

inline constexpr unsigned kMostShares = 16;
inline constexpr std::size_t kSharedSecretSize = 32;

/// How many shares there are, and how many of them are needed.
struct ShareScheme {
    std::uint8_t threshold = 0;
    std::uint8_t count = 0;

    /// 2 <= threshold <= count <= kMostShares
    [[nodiscard]] bool is_valid() const { return threshold >= 2 && threshold <= count && count <= kMostShares; }
    friend bool operator==(const ShareScheme&, const ShareScheme&) = default;
};

/// One share.
struct SecretShare {
    ShareSetId set;
    ShareScheme scheme;
    std::uint8_t number = 0;  ///< 1 to scheme.count
    SecretBytes value;        ///< kSharedSecretSize octets, random to whoever has fewer than the threshold
};

/// secret  kSharedSecretSize octets. throws  Error{usage}: not a valid scheme; Error{failed}: no random octets
[[nodiscard]] std::vector<SecretShare> split_secret(const SecretBytes& secret, const ShareSetId& set,
                                                    const ShareScheme& scheme);

/// What the first `threshold` of the shares make. The caller has seen to it that they are of one set and scheme, have
/// different numbers and are enough.
[[nodiscard]] SecretBytes join_shares(std::span<const SecretShare* const> shares);

}  // namespace signet::keyring
