#include "core/percent.h"

namespace signet {

std::string percent_encoded(std::string_view text, std::string_view also) {
    constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
        if (kPlain.find(c) != std::string_view::npos || also.find(c) != std::string_view::npos) {
            encoded += c;
            continue;
        }
        const auto octet = static_cast<unsigned char>(c);
        encoded += {'%', kDigits[octet >> 4U], kDigits[octet & 15U]};
    }
    return encoded;
}

}  // namespace signet
