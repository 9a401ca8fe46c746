// Path patterns with restic's rules: what --exclude, --include and `find` understand.
//
// A pattern is matched component by component: `*`, `?`, `[a-z]`, `[^a-z]` and `\x` never match a slash, `**` stands
// for any number of components. A pattern that starts with a slash is matched from the root; any other may start at any
// component. A pattern that matches a folder matches everything below it. In a list, `!pattern` takes back what earlier
// ones matched.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace signet {

class Pattern {
public:
    /// throws  Error{usage}: empty, or brackets that do not close
    Pattern(std::string_view text, bool ignore_case);

    /// Whether `path` (absolute, '/'-separated, without a trailing slash) or a folder above it matches.
    [[nodiscard]] bool matches(std::string_view path) const;
    /// Whether something below the folder `path` could match.
    [[nodiscard]] bool may_match_below(std::string_view path) const;
    [[nodiscard]] bool negated() const { return negated_; }

private:
    bool match_from(const std::vector<std::string_view>& parts, std::size_t part, std::size_t component,
                    bool prefix_only) const;
    std::vector<std::string> components_;  ///< without slashes; "**" stands alone
    bool anchored_ = false;
    bool ignore_case_ = false;
    bool negated_ = false;
};

/// Patterns in order; the last word of a negated one counts.
class PatternList {
public:
    void add(std::string_view text, bool ignore_case) { patterns_.emplace_back(text, ignore_case); }
    [[nodiscard]] bool empty() const { return patterns_.empty(); }
    [[nodiscard]] bool matches(std::string_view path) const;
    [[nodiscard]] bool may_match_below(std::string_view path) const;
    [[nodiscard]] bool has_negation() const;

private:
    std::vector<Pattern> patterns_;
};

/// Whether one component matches a pattern without slashes (filepath.Match).
[[nodiscard]] bool match_component(std::string_view pattern, std::string_view name, bool ignore_case);

}  // namespace signet
