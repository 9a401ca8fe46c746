#include "cli/help.h"

#include "cli/table.h"

#include <algorithm>
#include <sstream>

namespace signet::cli {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kOptionColumn = 30;

/// Words filled into lines of kWidth columns, the first one continuing at `column`, further ones indented.
std::string fill(std::string_view text, std::size_t column, std::size_t indent) {
    std::string result;
    std::istringstream words{std::string(text)};
    bool at_start = true;
    for (std::string word; words >> word;) {
        const std::size_t size = columns_of(word);
        if (!at_start && column + 1 + size > kWidth) {
            result += "\n" + std::string(indent, ' ');
            column = indent;
            at_start = true;
        }
        if (!at_start) {
            result += ' ';
            ++column;
        }
        result += word;
        column += size;
        at_start = false;
    }
    return result;
}

/// Paragraphs are separated by empty lines; lines that start with blanks stay as they are.
std::string paragraphs(std::string_view text, std::size_t indent) {
    std::string result;
    std::istringstream lines{std::string(text)};
    std::string paragraph;
    const auto flush = [&] {
        if (paragraph.empty()) return;
        result += std::string(indent, ' ') + fill(paragraph, indent, indent) + "\n";
        paragraph.clear();
    };
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line.front() == ' ') {
            flush();
            result += (line.empty() ? "" : std::string(indent, ' ') + line) + "\n";
        } else {
            paragraph += line + " ";
        }
    }
    flush();
    return result;
}

std::string left_side(const OptionSpec& option) {
    std::string text = option.letter != 0 ? std::string("-") + option.letter + ", " : "    ";
    text += option.dashed();
    if (option.takes_value()) text += " " + option.value_name;
    return text;
}

std::string option_list(const std::vector<OptionSpec>& options) {
    std::string result;
    for (const OptionSpec& option : options) {
        const std::string left = "  " + left_side(option);
        const std::size_t size = columns_of(left);
        result += left;
        if (size + 2 > kOptionColumn)
            result += "\n" + std::string(kOptionColumn, ' ');
        else
            result += std::string(kOptionColumn - size, ' ');
        result += fill(option.help, kOptionColumn, kOptionColumn) + "\n";
    }
    return result;
}

std::string indented(std::string_view text) {
    std::string result;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) result += "  " + line + "\n";
    return result;
}

std::string usage_line(const Command& command) {
    return "signet " + command.name + (command.synopsis.empty() ? "" : " " + command.synopsis);
}

/// A text line in roff: backslashes and dashes are ours, and no line starts a request.
std::string roff(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (c == '\\')
            result += "\\e";
        else if (c == '-')
            result += "\\-";
        else
            result += c;
    }
    if (!result.empty() && (result.front() == '.' || result.front() == '\'')) result.insert(0, "\\&");
    return result;
}

std::string roff_paragraphs(std::string_view text) {
    std::string result;
    std::istringstream lines{std::string(text)};
    bool literal = false;
    for (std::string line; std::getline(lines, line);) {
        const bool is_literal = !line.empty() && line.front() == ' ';
        if (is_literal != literal) result += is_literal ? ".PP\n.nf\n" : ".fi\n";
        literal = is_literal;
        result += line.empty() ? ".PP\n" : roff(line) + "\n";
    }
    if (literal) result += ".fi\n";
    return result;
}

std::string roff_options(const std::vector<OptionSpec>& options) {
    std::string result;
    for (const OptionSpec& option : options) {
        std::string left = option.letter != 0 ? std::string("-") + option.letter + ", " : "";
        left += option.dashed();
        result += ".TP\n\\fB" + roff(left) + "\\fR";
        if (option.takes_value()) result += " \\fI" + roff(option.value_name) + "\\fR";
        result += "\n" + roff(option.help) + "\n";
    }
    return result;
}

std::string roff_exit_codes() {
    std::string result = ".SH EXIT STATUS\n";
    std::istringstream lines{std::string(exit_code_table())};
    for (std::string line; std::getline(lines, line);) {
        const std::size_t gap = line.find(' ');
        result +=
            ".TP\n\\fB" + line.substr(0, gap) + "\\fR\n" + roff(line.substr(line.find_first_not_of(' ', gap))) + "\n";
    }
    return result;
}

std::string page_name(std::string name) {
    std::replace(name.begin(), name.end(), ' ', '-');
    return "signet-" + name;
}

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

}  // namespace

std::string overview(std::string_view group) {
    std::string result = group.empty() ? "Signet makes encrypted backups whose keys belong to you.\n\n" : "";
    result += "usage: signet ";
    result +=
        group.empty() ? "COMMAND [OPTIONS] [ARGUMENTS]\n\n" : std::string(group) + " COMMAND [OPTIONS] [ARGUMENTS]\n\n";
    std::string last_group;
    for (const Command& command : commands()) {
        const std::size_t space = command.name.find(' ');
        const std::string own_group = space == std::string::npos ? "" : command.name.substr(0, space);
        if (!group.empty() && own_group != group) continue;
        if (own_group != last_group && group.empty()) result += "\n";
        last_group = own_group;
        result += "  " + command.name + std::string(22 - std::min<std::size_t>(21, command.name.size()), ' ') +
                  command.summary + "\n";
    }
    if (group.empty()) {
        result += "\nOptions of every command:\n\n" + option_list(global_options()) + "\nExit codes:\n\n" +
                  indented(exit_code_table()) + "\n";
    }
    result += "\nsee: signet help COMMAND\n";
    return result;
}

std::string manual(const Command& command) {
    std::string result = usage_line(command) + "\n\n" + paragraphs(command.description, 0);
    if (!command.options.empty()) result += "\nOptions:\n\n" + option_list(command.options);
    result += "\nOptions of every command:\n\n" + option_list(global_options());
    if (!command.examples.empty()) {
        result += "\nExamples:\n";
        for (const Example& example : command.examples) {
            result += "\n  " + fill(example.purpose, 2, 2) + ":\n\n    " + example.command + "\n";
        }
    }
    result += "\nExit codes:\n\n" + indented(exit_code_table());
    return result;
}

std::string man_page(const Command& command) {
    const std::string name = page_name(command.name);
    std::string result = ".TH " + upper(name) + " 1 \"\" \"signet " SIGNET_VERSION "\" \"Signet\"\n";
    result += ".SH NAME\n" + roff(name) + " \\- " + roff(command.summary) + "\n";
    result += ".SH SYNOPSIS\n\\fBsignet " + roff(command.name) + "\\fR " + roff(command.synopsis) + "\n";
    result += ".SH DESCRIPTION\n" + roff_paragraphs(command.description);
    if (!command.options.empty()) result += ".SH OPTIONS\n" + roff_options(command.options);
    result += ".PP\nThe options of every command are described in \\fBsignet\\fR(1).\n";
    if (!command.examples.empty()) {
        result += ".SH EXAMPLES\n";
        for (const Example& example : command.examples) {
            result += ".PP\n" + roff(example.purpose) + ":\n.PP\n.nf\n.RS 4\n" + roff(example.command) + "\n.RE\n.fi\n";
        }
    }
    return result + roff_exit_codes() + ".SH SEE ALSO\n\\fBsignet\\fR(1)\n";
}

std::string man_overview() {
    std::string result = ".TH SIGNET 1 \"\" \"signet " SIGNET_VERSION
                         "\" \"Signet\"\n"
                         ".SH NAME\n"
                         "signet \\- encrypted backups whose keys belong to you\n"
                         ".SH SYNOPSIS\n"
                         "\\fBsignet\\fR COMMAND [OPTIONS] [ARGUMENTS]\n"
                         ".SH COMMANDS\n";
    for (const Command& command : commands()) {
        result += ".TP\n\\fB" + roff(page_name(command.name)) + "\\fR(1)\n" + roff(command.summary) + "\n";
    }
    result += ".SH OPTIONS OF EVERY COMMAND\n" + roff_options(global_options());
    return result + roff_exit_codes();
}

}  // namespace signet::cli
