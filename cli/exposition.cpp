#include "cli/exposition.h"

#include "cli/json.h"
#include "cli/terminal.h"

namespace signet::cli {
namespace {

std::string escaped(const std::string& value) {
    std::string result;
    // Names are others': what a terminal would obey is shown as in tables.
    for (const char c : printable(value)) {
        if (c == '\\' || c == '"') result += '\\';
        result += c;
    }
    return result;
}

}  // namespace

void Exposition::family(const std::string& name, const std::string& help) {
    name_ = name;
    text_ += "# HELP " + name + " " + help + "\n# TYPE " + name + " gauge\n";
}

void Exposition::sample(const std::vector<std::pair<std::string, std::string>>& labels, const std::string& value) {
    text_ += name_;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        text_ += (i == 0 ? "{" : ",") + labels[i].first + "=\"" + escaped(replace_invalid(labels[i].second)) + "\"";
    }
    text_ += (labels.empty() ? " " : "} ") + value + "\n";
}

}  // namespace signet::cli
