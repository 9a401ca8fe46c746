#include "cli/table.h"

#include <algorithm>

namespace signet::cli {

std::size_t columns_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string join(const std::vector<std::string>& texts, std::string_view separator) {
    std::string result;
    for (const std::string& text : texts) {
        if (!result.empty()) result += separator;
        result += text;
    }
    return result;
}

void Table::print(Terminal& terminal) const {
    const std::size_t count = rows_.front().size();
    std::vector<std::size_t> widths(count);
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < count && i < row.size(); ++i) widths[i] = std::max(widths[i], columns_of(row[i]));
    }
    bool is_heading = true;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < count && i < row.size(); ++i) {
            line += row[i];
            line += std::string(widths[i] - columns_of(row[i]) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        terminal.result(is_heading ? terminal.paint(Terminal::Colour::bold, line) : line);
        is_heading = false;
    }
}

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts;
    for (std::size_t from = 0; from < text.size();) {
        const std::size_t to = std::min(text.find(separator, from), text.size());
        if (to > from) parts.emplace_back(text.substr(from, to - from));
        from = to + 1;
    }
    return parts;
}

}  // namespace signet::cli
