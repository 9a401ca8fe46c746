// Columns for people: as wide as their widest cell, two blanks apart.
#pragma once

#include "cli/terminal.h"

#include <string>
#include <vector>

namespace signet::cli {

class Table {
public:
    explicit Table(std::vector<std::string> headings) : rows_{std::move(headings)} {}
    /// Cells beyond the headings are left out; missing ones are empty. The texts must be printable.
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    [[nodiscard]] bool empty() const { return rows_.size() == 1; }
    /// Prints headings and rows as results.
    void print(Terminal& terminal) const;

private:
    std::vector<std::vector<std::string>> rows_;
};

/// Columns that UTF-8 text takes, where every character takes one.
[[nodiscard]] std::size_t columns_of(std::string_view text);
/// Texts with a separator between them.
[[nodiscard]] std::string join(const std::vector<std::string>& texts, std::string_view separator);
/// The parts between separators, without empty ones.
[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);

}  // namespace signet::cli
