#include "cli/timeline_view.h"

#include "cli/table.h"

#include <algorithm>

namespace signet::cli {
namespace {

using restore::CoverageInterval;
using restore::Plan;

constexpr std::size_t kLabelWidth = 22;

/// From a time to a column.
class Scale {
public:
    Scale(TimePoint from, TimePoint to, std::size_t columns)
        : from_(from.ns), span_(std::max<std::int64_t>(1, to.ns - from.ns)), columns_(columns) {}
    [[nodiscard]] std::size_t column(TimePoint time) const {
        const double part = static_cast<double>(time.ns - from_) / static_cast<double>(span_);
        const double at = std::clamp(part, 0.0, 1.0) * static_cast<double>(columns_ - 1);
        return static_cast<std::size_t>(at);
    }
    [[nodiscard]] std::size_t columns() const { return columns_; }

private:
    std::int64_t from_;
    std::int64_t span_;
    std::size_t columns_;
};

std::string label(const std::string& text) {
    std::string shown = text.substr(0, kLabelWidth - 2);
    shown.resize(kLabelWidth, ' ');
    return "  " + shown;
}

std::string band(const restore::RequiredProtector& protector, const Scale& scale) {
    std::string line(scale.columns(), ' ');
    const std::size_t last = scale.column(protector.needed_to);
    for (std::size_t i = scale.column(protector.needed_from); i <= last; ++i) line[i] = protector.usable ? '=' : 'x';
    return line;
}

void print_coverage(Terminal& terminal, const Plan& lane, const Scale& scale) {
    std::string line(scale.columns(), ' ');
    // Gaps last: none is too short to be seen.
    for (const bool restorable : {true, false}) {
        for (const CoverageInterval& interval : lane.coverage) {
            if (interval.restorable != restorable) continue;
            const std::size_t last = scale.column(interval.to);
            for (std::size_t i = scale.column(interval.from); i <= last; ++i) line[i] = restorable ? '#' : '!';
        }
    }
    std::string painted;
    for (std::size_t at = 0; at < line.size();) {
        const std::size_t end = std::min(line.find_first_not_of(line[at], at), line.size());
        const auto colour = line[at] == '#'   ? Terminal::Colour::green
                            : line[at] == '!' ? Terminal::Colour::red
                                              : Terminal::Colour::none;
        painted += terminal.paint(colour, line.substr(at, end - at));
        at = end;
    }
    terminal.result(label("restorable") + painted);
}

void print_lane(Terminal& terminal, const Plan& lane, const Scale& scale) {
    terminal.result(terminal.paint(Terminal::Colour::bold, printable(lane.series)));
    print_coverage(terminal, lane, scale);
    for (const restore::RequiredProtector& protector : lane.required) {
        const std::string title = protector.title();
        const std::string name = title.empty() ? protector.report.thumbprint.short_text() : printable(title);
        const std::string line = band(protector, scale);
        terminal.result(label(name) + (protector.usable ? line : terminal.paint(Terminal::Colour::red, line)) + " " +
                        std::string(keyring::text(protector.report.status)));
    }
    for (const CoverageInterval& interval : lane.coverage) {
        if (interval.restorable) continue;
        std::vector<std::string> blockers;
        for (const format::Thumbprint& thumbprint : interval.blocked_by) blockers.push_back(thumbprint.short_text());
        terminal.result("  gap  " + to_table_time(interval.from) + " .. " + to_table_time(interval.to) + "  " +
                        counted(interval.backups, "backup") + ", blocked by " + join(blockers, ", "));
    }
    terminal.result("");
}

}  // namespace

Stretch stretch_of(const std::vector<Plan>& lanes) {
    Stretch all{lanes.front().from, lanes.front().to};
    for (const Plan& lane : lanes) {
        all.from = std::min(all.from, lane.from);
        all.to = std::max(all.to, lane.to);
        for (const CoverageInterval& interval : lane.coverage) all.from = std::min(all.from, interval.from);
    }
    return all;
}

Json timeline_json(const std::vector<Plan>& lanes) {
    Json all = Json::array();
    for (const Plan& lane : lanes) all.push_back(Json::parse(lane.json()));
    Json object;
    if (lanes.size() == 1) {
        object = all.front();
    } else {
        object = {{"message_type", "key_report"},
                  {"series", nullptr},
                  {"from", nullptr},
                  {"to", nullptr},
                  {"restorable", true}};
        if (!lanes.empty()) {
            const auto [from, to] = stretch_of(lanes);
            object["from"] = to_rfc3339(from);
            object["to"] = to_rfc3339(to);
            object["restorable"] =
                std::all_of(lanes.begin(), lanes.end(), [](const Plan& lane) { return lane.restorable; });
        }
        object["required"] = Json::array();
        object["coverage"] = Json::array();
        object["nearest"] = {{"before", nullptr}, {"after", nullptr}};
        for (const Json& lane : all) {
            for (const Json& protector : lane["required"]) {
                const auto& known = object["required"];
                const bool is_new = std::none_of(known.begin(), known.end(), [&](const Json& other) {
                    return other["thumbprint"] == protector["thumbprint"];
                });
                if (is_new) object["required"].push_back(protector);
            }
        }
    }
    object["lanes"] = std::move(all);
    return object;
}

void print_timeline(Terminal& terminal, const std::vector<Plan>& lanes, std::size_t width) {
    if (lanes.empty()) return terminal.message("no backups");
    const auto [from, to] = stretch_of(lanes);
    const std::size_t columns = std::max<std::size_t>(20, width - std::min(width, kLabelWidth + 18));
    const Scale scale(from, to, columns);
    const std::string start = to_table_time(from).substr(0, 16);
    const std::string end = to_table_time(to).substr(0, 16);
    const std::size_t gap = columns > start.size() + end.size() ? columns - start.size() - end.size() : 1;
    terminal.result(label("") + start + std::string(gap, ' ') + end);
    for (const Plan& lane : lanes) print_lane(terminal, lane, scale);
    terminal.result("# restorable   ! not restorable   = protector needed and usable   x needed and not usable");
}

}  // namespace signet::cli
