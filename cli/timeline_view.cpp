#include "cli/timeline_view.h"

#include "cli/table.h"
#include "core/zone.h"

#include <algorithm>

namespace signet::cli {
namespace {

using restore::CoverageInterval;
using restore::Plan;

constexpr std::size_t kLabelWidth = 22;
constexpr std::size_t kStatusWidth = 13;      // of "not-yet-valid"
constexpr std::size_t kThumbprintWidth = 19;  // of "sha256:ab12cd34ef56"
constexpr std::size_t kMostWarnings = 10;     // of a lane

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
    const std::string shown = shortened(text, kLabelWidth - 2);
    return "  " + shown + std::string(kLabelWidth - columns_of(shown), ' ');
}

void paint(std::string& line, const Scale& scale, TimePoint from, TimePoint to, char with) {
    const std::size_t last = scale.column(to);
    for (std::size_t i = scale.column(from); i <= last; ++i) line[i] = with;
}

/// When the protector is needed to restore, in whatever state it is.
std::string band(const restore::RequiredProtector& protector, const Scale& scale) {
    std::string line(scale.columns(), ' ');
    for (const restore::Moments& some : protector.moments)
        paint(line, scale, some.from, some.to, protector.usable ? '=' : 'x');
    return line;
}

char sign_of(const CoverageInterval& interval) {
    if (!interval.restorable) return '!';
    return interval.unproven ? '~' : '#';
}

Terminal::Colour colour_of(char sign) {
    switch (sign) {
        case '#':
            return Terminal::Colour::green;
        case '~':
            return Terminal::Colour::yellow;
        case '!':
            return Terminal::Colour::red;
        default:
            return Terminal::Colour::none;
    }
}

void print_coverage(Terminal& terminal, const Plan& lane, const Scale& scale) {
    std::string line(scale.columns(), ' ');
    // The worst last: none is too short to be seen.
    for (const char sign : {'#', '~', '!'}) {
        for (const CoverageInterval& interval : lane.coverage) {
            if (sign_of(interval) == sign) paint(line, scale, interval.from, interval.to, sign);
        }
    }
    std::string painted;
    for (std::size_t at = 0; at < line.size();) {
        const std::size_t end = std::min(line.find_first_not_of(line[at], at), line.size());
        painted += terminal.paint(colour_of(line[at]), line.substr(at, end - at));
        at = end;
    }
    terminal.result(label("restorable") + painted);
}

/// One line a protector: its name, when it is needed, in what state it is, and what it really is.
void print_protector(Terminal& terminal, const restore::RequiredProtector& protector, const Scale& scale) {
    const std::string line = band(protector, scale);
    std::string state(keyring::text(protector.report.status));
    state.resize(std::max(state.size(), kStatusWidth), ' ');
    terminal.result(label(printable(name_of(protector))) +
                    (protector.usable ? line : terminal.paint(Terminal::Colour::red, line)) + " " + state + " " +
                    protector.report.thumbprint.short_text());
}

/// Gaps, stretches that rest on claims, and what else the plan warns about.
void print_doubts(Terminal& terminal, const Plan& lane) {
    for (const CoverageInterval& interval : lane.coverage) {
        if (interval.restorable && !interval.unproven) continue;
        terminal.result(std::string(interval.restorable ? "  claim  " : "  gap  ") + to_table_time(interval.from) +
                        " .. " + to_table_time(interval.to) + "  " + counted(interval.backups, "backup") + ", " +
                        (interval.restorable ? "only if stored slots that nobody signed tell the truth"
                                             : printable(reason_of(interval))));
    }
    for (std::size_t i = 0; i < std::min(lane.warnings.size(), kMostWarnings); ++i)
        terminal.result("  note  " + printable(lane.warnings[i]));
    if (lane.warnings.size() > kMostWarnings)
        terminal.result("  note  and " + std::to_string(lane.warnings.size() - kMostWarnings) +
                        " more: signet timeline --json names all");
}

void print_lane(Terminal& terminal, const Plan& lane, const Scale& scale) {
    terminal.result(terminal.paint(Terminal::Colour::bold, printable(lane.series)));
    print_coverage(terminal, lane, scale);
    for (const restore::RequiredProtector& protector : lane.required) print_protector(terminal, protector, scale);
    print_doubts(terminal, lane);
    terminal.result("");
}

/// Into the object that stands for all lanes.
void add_lane(Json& object, const Json& lane) {
    object["unproven"] = object["unproven"].get<std::uint64_t>() + lane["unproven"].get<std::uint64_t>();
    for (const Json& warning : lane["warnings"]) {
        Json& known = object["warnings"];
        if (std::find(known.begin(), known.end(), warning) == known.end()) known.push_back(warning);
    }
    for (const Json& protector : lane["required"]) {
        Json& known = object["required"];
        const bool is_new = std::none_of(known.begin(), known.end(), [&](const Json& other) {
            return other["thumbprint"] == protector["thumbprint"];
        });
        if (is_new) known.push_back(protector);
    }
}

}  // namespace

std::string shortened(const std::string& text, std::size_t longest) {
    if (columns_of(text) <= longest) return text;
    std::vector<std::size_t> starts;  // of characters
    for (std::size_t i = 0; i < text.size(); ++i) {
        if ((text[i] & '\xc0') != '\x80') starts.push_back(i);
    }
    const std::size_t kept = longest - 1;
    const std::size_t tail = kept / 2;
    return text.substr(0, starts[kept - tail]) + "…" + text.substr(starts[starts.size() - tail]);
}

std::string name_of(const restore::RequiredProtector& protector) {
    const std::string title = protector.title();
    return title.empty() ? protector.report.thumbprint.short_text() : title;
}

std::string reason_of(const CoverageInterval& gap) {
    if (!gap.refused.empty()) return "refused: " + gap.refused;
    if (!gap.damage.empty()) return "damaged: " + gap.damage;
    std::vector<std::string> blockers;
    for (const format::Thumbprint& thumbprint : gap.blocked_by) blockers.push_back(thumbprint.short_text());
    return blockers.empty() ? "no slot at all: signet plan names the data keys" : "blocked by " + join(blockers, ", ");
}

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
        object = {{"message_type", "key_report"}, {"series", nullptr}, {"from", nullptr}, {"to", nullptr},
                  {"restorable", true},           {"unproven", 0}};
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
        object["warnings"] = Json::array();
        for (const Json& lane : all) add_lane(object, lane);
    }
    object["lanes"] = std::move(all);
    return object;
}

void print_timeline(Terminal& terminal, const std::vector<Plan>& lanes, std::size_t width) {
    if (lanes.empty()) return terminal.message("no backups");
    const auto [from, to] = stretch_of(lanes);
    const std::size_t besides = 2 + kLabelWidth + 1 + kStatusWidth + 1 + kThumbprintWidth;
    const std::size_t columns = std::max<std::size_t>(20, width - std::min(width, besides));
    const Scale scale(from, to, columns);
    const std::string start = to_table_time(from).substr(0, 16);
    const std::string end = to_table_time(to).substr(0, 16);
    const std::size_t gap = columns > start.size() + end.size() ? columns - start.size() - end.size() : 1;
    terminal.result(label("") + start + std::string(gap, ' ') + end + " " + zone_of({from, to}));
    for (const Plan& lane : lanes) print_lane(terminal, lane, scale);
    terminal.result("# restorable   ~ restorable if unproven slots hold what they claim   ! not restorable");
    terminal.result("= protector needed and usable   x needed and not usable");
}

}  // namespace signet::cli
