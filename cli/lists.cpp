#include "cli/lists.h"

#include "cli/input.h"
#include "cli/places.h"

#include <glob.h>
#include <algorithm>
#include <cctype>

namespace signet::cli {
namespace {

std::string trimmed(const std::string& text) {
    const std::size_t from = text.find_first_not_of(" \t\r");
    return from == std::string::npos ? "" : text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

std::vector<std::string> significant_lines(const std::string& path) {
    std::vector<std::string> result;
    for (const std::string& line : read_lines(path)) {
        std::string text = trimmed(line);
        if (!text.empty() && text.front() != '#') result.push_back(std::move(text));
    }
    return result;
}

struct GlobResult {
    glob_t found{};
    GlobResult() = default;
    GlobResult(const GlobResult&) = delete;
    GlobResult& operator=(const GlobResult&) = delete;
    ~GlobResult() { globfree(&found); }
};

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

}  // namespace

std::vector<std::string> read_lines(const std::string& path, char separator) {
    const std::string content = read_input(path == "-" ? "/dev/stdin" : path, "list");
    std::vector<std::string> lines;
    for (std::size_t from = 0; from < content.size();) {
        const std::size_t to = std::min(content.find(separator, from), content.size());
        lines.push_back(content.substr(from, to - from));
        from = to + 1;
    }
    return lines;
}

std::string expand_variables(const std::string& text) {
    std::string result;
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] != '$' || at + 1 == text.size()) {
            result += text[at++];
        } else if (text[at + 1] == '$') {
            result += '$';
            at += 2;
        } else if (text[at + 1] == '{' && text.find('}', at) != std::string::npos) {
            const std::size_t end = text.find('}', at);
            result += variable(text.substr(at + 2, end - at - 2).c_str());
            at = end + 1;
        } else {
            std::size_t end = at + 1;
            while (end < text.size() && is_name(text[end])) ++end;
            result += end == at + 1 ? "$" : variable(text.substr(at + 1, end - at - 1).c_str());
            at = end;
        }
    }
    return result;
}

std::vector<std::string> read_patterns(const std::string& path) {
    std::vector<std::string> patterns;
    for (const std::string& line : significant_lines(path)) patterns.push_back(expand_variables(line));
    return patterns;
}

std::vector<std::string> read_paths(const std::string& path) {
    std::vector<std::string> paths;
    for (const std::string& line : significant_lines(path)) {
        GlobResult result;
        // What matches nothing stands for itself, and is reported when it is not there.
        if (glob(line.c_str(), GLOB_NOCHECK | GLOB_NOMAGIC, nullptr, &result.found) != 0) {
            paths.push_back(line);
            continue;
        }
        for (std::size_t i = 0; i < result.found.gl_pathc; ++i) paths.emplace_back(result.found.gl_pathv[i]);
    }
    return paths;
}

}  // namespace signet::cli
