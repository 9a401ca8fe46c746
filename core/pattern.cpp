#include "core/pattern.h"

#include "core/error.h"

#include <algorithm>
#include <cctype>
#include <optional>

namespace signet {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same(char left, char right, bool ignore_case) {
    return left == right || (ignore_case && lower(left) == lower(right));
}

/// Splits at slashes, leaving out empty and "." components.
std::vector<std::string_view> split(std::string_view path) {
    std::vector<std::string_view> parts;
    while (!path.empty()) {
        const auto slash = path.find('/');
        const auto part = path.substr(0, slash);
        if (!part.empty() && part != ".") parts.push_back(part);
        if (slash == std::string_view::npos) break;
        path.remove_prefix(slash + 1);
    }
    return parts;
}

/// Matches one bracket expression at pattern[0] == '['. Sets `used` to its length; 0 when it does not close.
bool match_class(std::string_view pattern, char c, bool ignore_case, std::size_t& used) {
    std::size_t i = 1;
    const bool negate = i < pattern.size() && pattern[i] == '^';
    if (negate) ++i;
    bool found = false;
    bool first = true;
    for (; i < pattern.size(); first = false) {
        if (pattern[i] == ']' && !first) {
            used = i + 1;
            return found != negate;
        }
        const auto take = [&]() -> char {
            if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
            return pattern[i++];
        };
        const char low = take();
        char high = low;
        if (i + 1 < pattern.size() && pattern[i] == '-' && pattern[i + 1] != ']') {
            ++i;
            high = take();
        }
        const auto inside = [&](char x) { return low <= x && x <= high; };
        if (inside(c) || (ignore_case && (inside(lower(c)) ||
                                          inside(static_cast<char>(std::toupper(static_cast<unsigned char>(c))))))) {
            found = true;
        }
    }
    used = 0;
    return false;
}

void check_syntax(std::string_view component, std::string_view whole) {
    for (std::size_t i = 0; i < component.size();) {
        if (component[i] == '\\') {
            if (i + 1 == component.size()) {
                throw Error(ErrorCode::usage, "pattern '" + std::string(whole) + "' ends in a backslash");
            }
            i += 2;
        } else if (component[i] == '[') {
            std::size_t used = 0;
            (void)match_class(component.substr(i), 'x', false, used);
            if (used == 0)
                throw Error(ErrorCode::usage, "pattern '" + std::string(whole) + "' has a bracket that does not close");
            i += used;
        } else {
            ++i;
        }
    }
}

}  // namespace

bool match_component(std::string_view pattern, std::string_view name, bool ignore_case) {
    std::size_t p = 0;
    std::size_t n = 0;
    std::size_t star = std::string_view::npos;
    std::size_t star_name = 0;
    while (n < name.size()) {
        bool matched = false;
        std::size_t used = 1;
        if (p < pattern.size()) {
            if (pattern[p] == '*') {
                star = p++;
                star_name = n;
                continue;
            }
            if (pattern[p] == '?') {
                matched = true;
            } else if (pattern[p] == '[') {
                matched = match_class(pattern.substr(p), name[n], ignore_case, used) && used > 0;
            } else if (pattern[p] == '\\' && p + 1 < pattern.size()) {
                matched = same(pattern[p + 1], name[n], ignore_case);
                used = 2;
            } else {
                matched = same(pattern[p], name[n], ignore_case);
            }
        }
        if (matched) {
            p += used;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++star_name;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

Pattern::Pattern(std::string_view text, bool ignore_case) : ignore_case_(ignore_case) {
    const auto whole = text;
    if (!text.empty() && text.front() == '!') {
        negated_ = true;
        text.remove_prefix(1);
    }
    if (text.empty()) throw Error(ErrorCode::usage, "empty pattern");
    anchored_ = text.front() == '/';
    for (const auto part : split(text)) {
        check_syntax(part, whole);
        components_.emplace_back(part);
    }
}

/// What follows a `**` is looked for where it first fits: whatever follows that may begin later all the same, and the
/// end is free. So nothing is tried twice, however many there are. A pattern that is not anchored begins with one, as
/// it were.
bool Pattern::match_from(const std::vector<std::string_view>& parts, std::size_t part, std::size_t component,
                         bool prefix_only) const {
    std::optional<std::size_t> behind;  // the component after the last `**`
    std::size_t from = part;            // where it was last tried
    if (!anchored_) behind = component;
    while (component < components_.size()) {
        if (components_[component] == "**") {
            if (prefix_only) return true;
            behind = ++component;
            from = part;
        } else if (part == parts.size()) {
            return prefix_only;
        } else if (match_component(components_[component], parts[part], ignore_case_)) {
            ++part;
            ++component;
        } else if (behind) {
            part = ++from;
            component = *behind;
        } else {
            return false;
        }
    }
    return true;  // the rest of the path lies below what matched
}

bool Pattern::matches(std::string_view path) const {
    const auto parts = split(path);
    return (anchored_ || !parts.empty()) && match_from(parts, 0, 0, false);
}

bool Pattern::may_match_below(std::string_view path) const {
    if (!anchored_) return true;
    return match_from(split(path), 0, 0, true);
}

bool PatternList::matches(std::string_view path) const {
    bool matched = false;
    for (const auto& pattern : patterns_) {
        if (pattern.negated() ? matched : !matched) {
            if (pattern.matches(path)) matched = !pattern.negated();
        }
    }
    return matched;
}

bool PatternList::may_match_below(std::string_view path) const {
    return std::any_of(patterns_.begin(), patterns_.end(),
                       [&](const Pattern& p) { return !p.negated() && p.may_match_below(path); });
}

bool PatternList::has_negation() const {
    return std::any_of(patterns_.begin(), patterns_.end(), [](const Pattern& p) { return p.negated(); });
}

}  // namespace signet
