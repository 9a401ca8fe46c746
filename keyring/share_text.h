// A share as it stands on paper: five numbered rows, each with digits that check it, that a person can type back.
// docs/vault.md, "Shares on paper".
#pragma once

#include "core/clock.h"
#include "format/thumbprint.h"
#include "keyring/secret_shares.h"

#include <string>
#include <string_view>
#include <vector>

namespace signet::keyring {

inline constexpr std::size_t kMaxShareText = std::size_t{64} * 1024;

/// What the paper says about the key. Nobody reads it back.
struct ShareHeader {
    std::string key;                ///< "prod/2"
    format::Thumbprint thumbprint;  ///< of that version
    TimePoint made;
};

/// One page, ASCII, at most 80 columns wide, with a line feed at its end.
[[nodiscard]] SecretBytes share_text(const SecretShare& share, const ShareHeader& header);

/// Reads the numbered rows of one or more shares; other lines are passed over. Capitals, hyphens and spaces do not
/// matter; o is 0, i and l are 1.
/// what    the file, for messages
/// throws  Error{damaged}: "what, line 12: …", a row that was mistyped, is missing, or is too much;
///         Error{unsupported}: a share of a newer version
[[nodiscard]] std::vector<SecretShare> parse_shares(std::string_view text, std::string_view what);

}  // namespace signet::keyring
