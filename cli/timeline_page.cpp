#include "cli/timeline_page.h"

#include "cli/html.h"
#include "cli/terminal.h"
#include "cli/timeline_view.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace signet::cli {
namespace {

using restore::CoverageInterval;
using restore::Plan;
using restore::RequiredProtector;

// In units of the picture, which are pixels where it is shown at its own size.
constexpr double kWidth = 1000;
constexpr double kLeft = 180;
constexpr double kRight = 985;
constexpr double kRow = 22;
constexpr double kBar = 15;
constexpr double kAxis = 26;
constexpr int kTicks = 6;
constexpr std::size_t kLongestLabel = 24;

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kLegend{
    {{"ok", "restorable"},
     {"claim", "restorable if unproven slots tell the truth"},
     {"gap", "not restorable"},
     {"need", "protector needed"},
     {"lost", "needed, not usable"}}};

constexpr std::string_view kStyle =
    "svg{font:13px system-ui,sans-serif}svg "
    "text{fill:#222}.grid{stroke:#ccc}.ok{fill:#2e7d32}.claim{fill:#fbc02d}.gap{fill:#c62828}.need{fill:#5c6bc0}.lost{"
    "fill:#ef6c00}.series{"
    "font-weight:600}@media(prefers-color-scheme:dark){svg "
    "text{fill:#eee}.grid{stroke:#555}.ok{fill:#66bb6a}.claim{fill:#fff176}.gap{fill:#ef5350}.need{fill:#9fa8da}.lost{"
    "fill:#ffb74d}}@media "
    "print{svg text{fill:#000}}";

constexpr std::string_view kPageStyle =
    "body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:70rem;padding:0 "
    "1rem;color:#222;background:#fff}.scroll{overflow-x:auto}.scroll "
    "svg{min-width:46rem;width:100%;height:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;"
    "padding:.3rem "
    ".6rem .3rem 0;border-bottom:1px solid "
    "#ddd;vertical-align:top}.bad{color:#c62828;font-weight:600}code{font-size:.92em;overflow-wrap:anywhere}@media("
    "prefers-color-scheme:dark){body{color:#eee;background:#16181c}th,td{border-color:#444}.bad{color:#ef5350}}@media "
    "print{body{color:#000;background:#fff;margin:0}.scroll{overflow:visible}.scroll svg{min-width:0}}";

std::string number(double value) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f", value);
    return text.data();
}

/// "2026-03-14 09:30": UTC, to the minute.
std::string minute(TimePoint time) {
    std::string text = to_rfc3339(time).substr(0, 16);
    text[10] = ' ';
    return text;
}

constexpr std::string_view kClaim = "restorable only if stored slots that nobody signed tell the truth";

bool is_claim(const CoverageInterval& interval) { return interval.restorable && interval.unproven; }

/// The class of its bar.
const char* kind_of(const CoverageInterval& interval) {
    if (!interval.restorable) return "gap";
    return interval.unproven ? "claim" : "ok";
}

class Chart {
public:
    explicit Chart(const Stretch& stretch) : stretch_(stretch) {}

    void axis() {
        for (int i = 0; i <= kTicks; ++i) {
            const double x = kLeft + (kRight - kLeft) * i / kTicks;
            const TimePoint time{stretch_.from.ns + (stretch_.to.ns - stretch_.from.ns) / kTicks * i};
            const char* anchor = i == 0 ? "start" : i == kTicks ? "end" : "middle";
            ticks_.push_back(x);
            body_ += "<text x=\"" + number(x) + "\" y=\"16\" text-anchor=\"" + anchor + "\">" +
                     minute(time).substr(0, is_short() ? 16 : 10) + "</text>\n";
        }
        y_ = kAxis;
    }

    void heading(const std::string& series) {
        text(0, series, "series", 100);
        y_ += kRow;
    }

    void row(const std::string& label) { text(10, label, "", kLongestLabel); }
    void next_row() { y_ += kRow; }

    /// What the colours mean.
    void legend() {
        double x = kLeft;
        for (const auto& [kind, says] : kLegend) {
            body_ += "<circle class=\"" + std::string(kind) + "\" cx=\"" + number(x + 5) + "\" cy=\"" + number(y_ + 8) +
                     "\" r=\"5\"/>\n<text x=\"" + number(x + 15) + "\" y=\"" + number(y_ + 12) + "\">" +
                     std::string(says) + "</text>\n";
            x += 30 + 7 * static_cast<double>(says.size());
        }
        y_ += kRow;
    }
    void space() { y_ += kRow / 2; }

    void bar(TimePoint from, TimePoint to, const char* kind, const std::string& says) {
        const double left = x_of(from);
        // None is too short to be seen.
        const double width = std::max(2.0, x_of(to) - left);
        body_ += "<rect class=\"" + std::string(kind) + "\" x=\"" + number(std::min(left, kRight - 2)) + "\" y=\"" +
                 number(y_) + "\" width=\"" + number(width) + "\" height=\"" + number(kBar) + "\" rx=\"2\"><title>" +
                 html_escaped(says) + "</title></rect>\n";
    }

    [[nodiscard]] std::string document() const {
        std::string grid;
        for (const double x : ticks_)
            grid += "<line class=\"grid\" x1=\"" + number(x) + "\" y1=\"22\" x2=\"" + number(x) + "\" y2=\"" +
                    number(y_) + "\"/>\n";
        return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(kWidth) + " " + number(y_ + 8) +
               "\" width=\"" + number(kWidth) +
               "\" role=\"img\" aria-label=\"Which moments can be restored, and with which protectors\">\n<style>" +
               std::string(kStyle) + "</style>\n" + grid + body_ + "</svg>\n";
    }

private:
    [[nodiscard]] bool is_short() const { return stretch_.to.ns - stretch_.from.ns < 4LL * 86'400 * kNsPerSecond; }
    [[nodiscard]] double x_of(TimePoint time) const {
        const auto span = static_cast<double>(std::max<std::int64_t>(1, stretch_.to.ns - stretch_.from.ns));
        return kLeft + (kRight - kLeft) * std::clamp(static_cast<double>(time.ns - stretch_.from.ns) / span, 0.0, 1.0);
    }
    void text(double x, const std::string& says, const char* kind, std::size_t longest) {
        const std::string whole = replace_invalid(says);
        body_ += "<text class=\"" + std::string(kind) + "\" x=\"" + number(x) + "\" y=\"" + number(y_ + 12) + "\">" +
                 html_escaped(shortened(whole, longest)) + "<title>" + html_escaped(whole) + "</title></text>\n";
    }

    Stretch stretch_;
    std::string body_;
    std::vector<double> ticks_;
    double y_ = 0;
};

/// What the bar of a stretch says.
std::string text_of(const CoverageInterval& one) {
    const std::string when = minute(one.from) + " .. " + minute(one.to) + ", " + counted(one.backups, "backup");
    if (!one.restorable) return "not restorable: " + when + ", " + reason_of(one);
    if (!one.unproven) return "restorable: " + when;
    std::string text(kClaim);
    text += ": ";
    return text += when;
}

void draw_coverage(Chart& chart, const Plan& lane) {
    chart.row("restorable");
    // The worst last, above the rest.
    for (const std::string_view kind : {"ok", "claim", "gap"}) {
        for (const CoverageInterval& one : lane.coverage) {
            if (kind_of(one) != kind) continue;
            chart.bar(one.from, one.to, kind_of(one), text_of(one));
        }
    }
    chart.next_row();
}

void draw_lane(Chart& chart, const Plan& lane) {
    chart.heading(lane.series);
    draw_coverage(chart, lane);
    for (const RequiredProtector& one : lane.required) {
        chart.row(name_of(one));
        for (const restore::Moments& some : one.moments) {
            chart.bar(some.from, some.to, one.usable ? "need" : "lost",
                      name_of(one) + " " + one.report.thumbprint.short_text() + ", " +
                          std::string(keyring::text(one.report.status)) + ": needed to restore " + minute(some.from) +
                          " .. " + minute(some.to));
        }
        chart.next_row();
    }
    chart.space();
}

std::string row_of(const Plan& lane, const CoverageInterval& one, const std::string& why) {
    return "<tr><td>" + html_escaped(lane.series) + "</td><td class=\"bad\">" + minute(one.from) + " .. " +
           minute(one.to) + "</td><td>" + std::to_string(one.backups) + "</td><td>" + html_escaped(why) +
           "</td></tr>\n";
}

std::string gaps_table(const std::vector<Plan>& lanes) {
    std::string rows;
    bool has_claims = false;
    for (const Plan& lane : lanes) {
        for (const CoverageInterval& one : lane.coverage) {
            if (!one.restorable) rows += row_of(lane, one, reason_of(one));
            has_claims = has_claims || is_claim(one);
        }
    }
    if (rows.empty() && has_claims)
        return "<p>There are no gaps, if the claims below are true. Only restoring shows whether they are.</p>\n";
    if (rows.empty()) return "<p>There are no gaps: every backup can be restored with the keys at hand.</p>\n";
    return "<table><thead><tr><th>Series</th><th>Cannot be "
           "restored</th><th>Backups</th><th>Why</th></tr></thead><tbody>\n" +
           rows + "</tbody></table>\n";
}

/// What rests on claims, and what the plans warn about; nothing where there is neither.
std::string claims_section(const std::vector<Plan>& lanes) {
    std::string rows;
    std::string notes;
    for (const Plan& lane : lanes) {
        for (const CoverageInterval& one : lane.coverage) {
            if (is_claim(one)) rows += row_of(lane, one, std::string(kClaim));
        }
        for (const std::string& warning : lane.warnings)
            notes += "<li>" + html_escaped(lane.series) + ": " + html_escaped(warning) + "</li>\n";
    }
    std::string section;
    if (!rows.empty()) {
        section +=
            "<h2>Claims</h2>\n<div class=\"scroll\"><table><thead><tr><th>Series</th><th>Rests on "
            "claims</th><th>Backups</th><th>What is known</th></tr></thead><tbody>\n" +
            rows + "</tbody></table>\n</div>\n";
    }
    if (!notes.empty()) section += "<h2>Warnings</h2>\n<ul>\n" + notes + "</ul>\n";
    return section;
}

std::string protectors_table(const std::vector<Plan>& lanes) {
    std::string rows;
    for (const Plan& lane : lanes) {
        for (const RequiredProtector& one : lane.required) {
            rows += "<tr><td>" + html_escaped(lane.series) + "</td><td>" + html_escaped(name_of(one)) + "<br><code>" +
                    html_escaped(one.report.thumbprint.text()) + "</code></td><td" +
                    (one.usable ? ">" : " class=\"bad\">") + std::string(keyring::text(one.report.status)) +
                    "</td><td>" + minute(one.needed_from) + " .. " + minute(one.needed_to) + "</td><td>" +
                    std::to_string(one.backups) + "</td></tr>\n";
        }
    }
    return "<table><thead><tr><th>Series</th><th>Protector</th><th>Status</th><th>Needed "
           "for</th><th>Backups</th></tr></thead><tbody>\n" +
           rows + "</tbody></table>\n";
}

}  // namespace

std::string timeline_svg(const std::vector<Plan>& lanes) {
    Chart chart(lanes.empty() ? Stretch{} : stretch_of(lanes));
    if (!lanes.empty()) chart.axis();
    for (const Plan& lane : lanes) draw_lane(chart, lane);
    if (!lanes.empty()) chart.legend();
    return chart.document();
}

std::string timeline_html(const std::vector<Plan>& lanes, TimePoint made) {
    std::string page =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
        "content=\"width=device-width,initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n<title>Signet: what can be restored</title>\n<style>" +
        std::string(kPageStyle) + "</style>\n</head>\n<body>\n<h1>What can be restored</h1>\n";
    if (lanes.empty()) return page + "<p>There are no backups.</p>\n</body>\n</html>\n";
    page +=
        "<p>Green can be restored with the keys at hand, red cannot; yellow can only if stored slots that nobody "
        "signed "
        "hold what they claim. Below each series the protectors that its moments need, orange where they cannot be "
        "used. Times are UTC.</p>\n";
    page += "<div class=\"scroll\">\n" + timeline_svg(lanes) + "</div>\n<h2>Gaps</h2>\n<div class=\"scroll\">" +
            gaps_table(lanes) + "</div>\n" + claims_section(lanes) + "<h2>Protectors</h2>\n<div class=\"scroll\">" +
            protectors_table(lanes) + "</div>\n<p>Made " + minute(made) +
            " UTC from public headers alone; no key was used.</p>\n</body>\n</html>\n";
    return page;
}

}  // namespace signet::cli
