#include "cli/size.h"

#include "core/error.h"

#include <cctype>
#include <cstdlib>
#include <string>

namespace signet::cli {

std::uint64_t parse_size(std::string_view text) {
    const std::string whole(text);
    const auto refuse = [&] {
        throw Error(ErrorCode::usage, "not a size: " + whole, "sizes are numbers with K, M, G or T behind them");
    };
    if (whole.empty() || std::isdigit(static_cast<unsigned char>(whole.front())) == 0) refuse();
    char* end = nullptr;
    const double number = std::strtod(whole.c_str(), &end);
    std::string unit(end);
    for (char& c : unit) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    static constexpr std::string_view kUnits = "KMGTP";
    double factor = 1;
    if (!unit.empty() && unit != "B") {
        const std::size_t at = kUnits.find(unit.front());
        const std::string rest = unit.substr(1);
        if (at == std::string_view::npos || !(rest.empty() || rest == "B" || rest == "IB")) refuse();
        for (std::size_t i = 0; i <= at; ++i) factor *= 1024;
    }
    const double bytes = number * factor;
    if (!(bytes >= 0) || bytes > 9e18) refuse();
    return static_cast<std::uint64_t>(bytes);
}

}  // namespace signet::cli
