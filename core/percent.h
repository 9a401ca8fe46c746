// Percent-encoding of URLs and forms (RFC 3986, section 2.1).
#pragma once

#include <string>
#include <string_view>

namespace signet {

/// Everything but letters, digits and "-._~" is encoded, and but what `also` holds.
[[nodiscard]] std::string percent_encoded(std::string_view text, std::string_view also = {});

}  // namespace signet
