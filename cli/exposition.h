// The text format of Prometheus (version 0.0.4).
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace signet::cli {

/// Families of samples with labels; all are gauges.
class Exposition {
public:
    void family(const std::string& name, const std::string& help);
    void sample(const std::vector<std::pair<std::string, std::string>>& labels, const std::string& value);
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string name_;
    std::string text_;
};

}  // namespace signet::cli
