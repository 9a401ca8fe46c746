// The evidence for people: one page that needs nothing else, for a screen, a phone and a printer. Charts are shapes
// alone, stretched to the width there is; all words stand beside them, so that they stay as large as other text.
#include "cli/drill/report_files.h"
#include "cli/drill/summary.h"
#include "cli/html.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace signet::cli {
namespace {

constexpr std::size_t kTrend = 30;
constexpr std::size_t kRows = 20;

constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;--ink:#1b2430;--soft:#5b6675;--line:#dde3ea;--page:#f4f6f9;--card:#fff;--good:#1f7a4d;
--goodsoft:#e3f4ea;--bad:#b3261e;--badsoft:#fbe7e5;--warn:#8a5a00;--warnsoft:#fdf1d8;--plan:#7b8794;--keys:#6a4fb3;
--restore:#2368b8;--check:#0f8a8a}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa6b5;--line:#323b47;--page:#12161c;--card:#1b2129;
--good:#5cc98f;--goodsoft:#16301f;--bad:#ff8a80;--badsoft:#3a1a18;--warn:#f0be5a;--warnsoft:#33270d;--plan:#8d99a8;
--keys:#a68df0;--restore:#62a3ec;--check:#4cc4c4}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:1.5rem 1rem 3rem}h1{font-size:1.35rem;margin:0}h2{font-size:1.05rem;
margin:0 0 .2rem}p{margin:.3rem 0}.soft{color:var(--soft);font-size:.92rem}.card{background:var(--card);border:1px solid
var(--line);border-radius:.7rem;padding:1.1rem 1.2rem;margin-top:1rem}.verdict{border-left:.45rem solid}
.verdict.good{border-left-color:var(--good)}.verdict.bad{border-left-color:var(--bad)}
.verdict.warn{border-left-color:var(--warn)}.tag{display:inline-block;padding:.1rem .6rem;border-radius:1rem;
font-size:.88rem;font-weight:600;white-space:nowrap}.tag.good{background:var(--goodsoft);color:var(--good)}
.tag.bad{background:var(--badsoft);color:var(--bad)}.tag.warn{background:var(--warnsoft);color:var(--warn)}
.tag.plain{background:var(--page);color:var(--soft)}.tiles{display:grid;gap:.8rem;margin-top:1rem;
grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr))}.tile{background:var(--card);border:1px solid var(--line);
border-radius:.7rem;padding:.8rem 1rem}.tile b{display:block;font-size:1.3rem;font-weight:650;
font-variant-numeric:tabular-nums}dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:.7rem 0 0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}.case{padding:.9rem 0;border-top:1px solid var(--line)}
.case:first-of-type{border-top:0}.head{display:flex;flex-wrap:wrap;gap:.4rem .8rem;align-items:baseline;
justify-content:space-between}svg{display:block;width:100%}.bar{height:1rem;margin:.5rem 0 .3rem;border-radius:.3rem;
background:var(--page)}.trend{height:8.5rem}.plan{fill:var(--plan);color:var(--plan)}.keys{fill:var(--keys);
color:var(--keys)}.restore{fill:var(--restore);color:var(--restore)}.check{fill:var(--check);color:var(--check)}
.f-good{fill:var(--good)}.f-bad{fill:var(--bad)}.f-warn{fill:var(--warn)}.grid{stroke:var(--line)}.goal{stroke:var(--ink);
stroke-dasharray:5 4}ul.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;padding:0;margin:.2rem 0;
font-size:.9rem;color:var(--soft)}ul.legend i{display:inline-block;width:.7rem;height:.7rem;border-radius:.2rem;
background:currentColor;margin-right:.4rem}ul.legend span{color:var(--soft)}.axis{display:flex;justify-content:space-between;
gap:1rem;font-size:.88rem;color:var(--soft);font-variant-numeric:tabular-nums}table{border-collapse:collapse;width:100%;
font-size:.95rem}th{text-align:left;font-weight:600;color:var(--soft);font-size:.85rem}th,td{padding:.45rem .8rem .45rem 0;
border-bottom:1px solid var(--line);vertical-align:top}tr:last-child td{border-bottom:0}td.num{font-variant-numeric:
tabular-nums;white-space:nowrap}code{font:.88em ui-monospace,monospace;overflow-wrap:anywhere}pre{white-space:pre-wrap;
overflow-wrap:anywhere;font:.78rem/1.45 ui-monospace,monospace;background:var(--page);padding:.8rem;border-radius:.5rem}
summary{cursor:pointer}@media(max-width:40rem){table.stack thead{display:none}table.stack td{display:block;border:0;
padding:.05rem 0}table.stack tr{display:block;border-bottom:1px solid var(--line);padding:.6rem 0}
table.stack tr:last-child{border-bottom:0}table.stack td[data-of]:before{content:attr(data-of) ": ";color:var(--soft)}
dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}}@media print{body{background:#fff}.card,.tile{break-inside:avoid}}
)css";

std::string number(double value) {
    std::array<char, 40> text{};
    (void)std::snprintf(text.data(), text.size(), "%.1f", value);
    return text.data();
}

/// "2026-03-14 09:30 UTC".
std::string minute(const std::string& time) {
    if (time.size() < 16) return html_escaped(time);
    std::string text = time.substr(0, 16);
    text[10] = ' ';
    return html_escaped(text + " UTC");
}

std::string class_of(const std::string& result) {
    if (result == drill_result::kPassed) return "good";
    return result == drill_result::kMissed ? "warn" : "bad";
}

std::string tag(const std::string& kind, const std::string& text) {
    return "<span class=\"tag " + kind + "\">" + html_escaped(text) + "</span>";
}

/// The slowest of what a drill restored, with what it took to get the keys back.
double recovery_of(const DrillRecord& record) {
    double worst = 0;
    for (const DrillCase& one : record.cases) worst = std::max(worst, one.recovery_seconds);
    return record.recover_seconds + worst;
}

const DrillObjective* objective(const DrillRecord& record, std::string_view name) {
    const auto found = std::find_if(record.objectives.begin(), record.objectives.end(),
                                    [&](const DrillObjective& one) { return one.name == name; });
    return found == record.objectives.end() ? nullptr : &*found;
}

class Page {
public:
    Page(const DrillEvidences& all, const DrillEvidence& one) : all_(all), one_(one), record_(one.record) {}

    std::string run() {
        verdict();
        tiles();
        cases();
        protectors();
        objectives();
        trend();
        history();
        proof();
        return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
               "content=\"width=device-width,initial-scale=1\">\n<title>Restore drill " +
               std::to_string(one_.entry.number) + ": " + html_escaped(result_text(record_.result)) +
               "</title>\n<style>" + std::string(kStyle) + "</style>\n</head>\n<body>\n<main>\n" + out_ +
               "</main>\n</body>\n</html>\n";
    }

private:
    void card(const std::string& title, const std::string& says) {
        out_ += "<section class=\"card\"><h2>" + title + "</h2>\n";
        if (!says.empty()) out_ += "<p class=\"soft\">" + says + "</p>\n";
    }
    void end_card() { out_ += "</section>\n"; }
    void pair(const std::string& name, const std::string& html) {
        out_ += "<dt>" + name + "</dt><dd>" + html + "</dd>\n";
    }

    void verdict() {
        const std::string kind = class_of(record_.result);
        out_ += "<header class=\"card verdict " + kind + "\"><div class=\"head\"><h1>Restore drill " +
                std::to_string(one_.entry.number) + "</h1>" + tag(kind, result_text(record_.result)) + "</div>\n<p>" +
                sentence() + "</p>\n<dl>\n";
        pair("When", minute(record_.started) + " to " + minute(record_.ended));
        pair("Repository",
             "<code>" + html_escaped(record_.repository) + "</code><br>" + html_escaped(record_.location));
        pair("Run by",
             html_escaped(record_.user) + " on " + html_escaped(record_.host) + ", " + html_escaped(record_.program));
        pair("Started with", started_with());
        pair("Chosen", chosen());
        if (!record_.check.empty())
            pair("Check command", "<code>" + html_escaped(record_.check) +
                                      " …</code> <span class=\"soft\">SHA-256 <code>" +
                                      html_escaped(record_.check_digest.substr(0, 16)) + "</code></span>");
        out_ += "</dl></header>\n";
    }

    [[nodiscard]] std::string sentence() const {
        if (!record_.reason.empty()) return html_escaped(record_.reason) + ".";
        const std::string what = counted(record_.cases.size(), "backup");
        return what + (record_.cases.size() == 1 ? " was" : " were") +
               " restored into an empty folder, read back, and found to be what was stored" +
               (record_.check.empty() ? "." : "; the check command accepted the result.");
    }
    [[nodiscard]] std::string started_with() const {
        if (record_.keys == "nothing") return "nothing but the repository and what is in the safe";
        return record_.keys == "given keyrings" ? "the keyrings that were named, without the host's own"
                                                : "the host's keyring";
    }
    [[nodiscard]] std::string chosen() const {
        std::string text = html_escaped(record_.select) + " of each series";
        if (!record_.at.empty()) text += ", as of " + html_escaped(record_.at);
        if (!record_.sample.empty()) text += ", a sample of " + html_escaped(record_.sample);
        for (const std::string& key : record_.without_keys) text += ", as if " + html_escaped(key) + " were lost";
        return text + ", compared by " + (record_.compare == "source" ? "digest and with its source" : "digest");
    }

    void tile(const std::string& name, const std::string& value, const std::string& note) {
        out_ += "<div class=\"tile\"><span class=\"soft\">" + name + "</span><b>" + value +
                "</b><span class=\"soft\">" + note + "</span></div>\n";
    }

    void tiles() {
        std::uint64_t files = 0, bytes = 0;
        double restoring = 0;
        std::optional<double> first, loss;
        for (const DrillCase& one : record_.cases) {
            files += one.files;
            bytes += one.bytes;
            restoring += one.restore_seconds;
            if (one.first_byte_seconds) first = std::max(first.value_or(0), *one.first_byte_seconds);
            if (one.loss_seconds) loss = std::max(loss.value_or(0), *one.loss_seconds);
        }
        const auto goal = [&](const char* name) {
            const DrillObjective* wanted = objective(record_, name);
            return wanted == nullptr
                       ? std::string("no objective was given")
                       : "objective " + span_text(wanted->wanted_seconds) + ": " + (wanted->met ? "met" : "missed");
        };
        out_ += "<div class=\"tiles\">\n";
        tile("Recovery time",
             record_.passed() || record_.result == drill_result::kMissed ? span_text(recovery_of(record_))
                                                                         : std::string("–"),
             goal("rto"));
        tile("Newest state was", loss ? span_text(*loss) + " old" : std::string("–"), goal("rpo"));
        tile("First byte after", first ? span_text(*first) : std::string("–"), "from the beginning");
        tile("Throughput", throughput_text(restoring > 0 ? static_cast<double>(bytes) / restoring : 0),
             counted(files, "file") + ", " + human_size(bytes));
        out_ += "</div>\n";
    }

    void cases() {
        card("What was restored", "Each bar is one restore: how long each part of it took.");
        out_ +=
            "<ul class=\"legend\"><li class=\"plan\"><i></i><span>plan</span></li><li class=\"keys\"><i></i><span>open "
            "the keys</span></li><li class=\"restore\"><i></i><span>restore and read back</span></li><li "
            "class=\"check\"><i></i><span>check command</span></li></ul>\n";
        double longest = 0.001;
        for (const DrillCase& one : record_.cases) longest = std::max(longest, one.recovery_seconds);
        for (const DrillCase& one : record_.cases) show(one, longest);
        if (record_.cases.empty()) out_ += "<p>Nothing was restored.</p>\n";
        end_card();
    }

    void show(const DrillCase& one, double longest) {
        out_ += "<div class=\"case\"><div class=\"head\"><b>" + html_escaped(one.series) + "</b>" +
                tag(one.passed ? "good" : "bad", one.passed ? "restored" : "failed: " + one.stage) + "</div>\n";
        if (!one.backup.empty())
            out_ += "<p class=\"soft\">state of " + minute(one.time) + " · backup <code>" +
                    html_escaped(one.backup.substr(0, 8)) + "</code> · " + html_escaped(one.kind) +
                    (one.logs > 0 ? " with " + counted(one.logs, "log") : "") + "</p>\n";
        bar(one, longest);
        if (!one.passed) out_ += "<p>" + html_escaped(one.reason) + "</p>\n";
        out_ += "<p class=\"soft\">" + facts(one) + "</p>\n";
        if (!one.opened_by.empty()) out_ += "<p class=\"soft\">opened by " + openers(one) + "</p>\n";
        out_ += "</div>\n";
    }

    void bar(const DrillCase& one, double longest) {
        const std::array<std::pair<const char*, double>, 4> parts = {{{"plan", one.plan_seconds},
                                                                      {"keys", one.keys_seconds},
                                                                      {"restore", one.restore_seconds},
                                                                      {"check", one.check_seconds}}};
        out_ +=
            "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" role=\"img\" "
            "aria-label=\"recovered in " +
            span_text(one.recovery_seconds) + "\">";
        double x = 0;
        for (const auto& [kind, seconds] : parts) {
            const double width = 1000 * seconds / longest;
            out_ += std::string("<rect class=\"") + kind + "\" x=\"" + number(x) + "\" y=\"0\" width=\"" +
                    number(width) + "\" height=\"10\"><title>" + kind + " " + span_text(seconds) + "</title></rect>";
            x += width;
        }
        out_ += "</svg>\n";
    }

    static std::string facts(const DrillCase& one) {
        std::string text = one.passed ? "recovered in " + span_text(one.recovery_seconds) + " · " : "";
        text += counted(one.files, "file") + ", " + human_size(one.bytes) + " · " + throughput_text(one.throughput()) +
                " · " + counted(one.verified, "file") + " read back";
        if (one.compared + one.changed > 0)
            text += " · " + std::to_string(one.compared) + " compared with the source, " + std::to_string(one.changed) +
                    " changed since, " + std::to_string(one.different) + " different";
        if (!one.check.empty()) text += " · check " + html_escaped(one.check);
        if (one.lost_metadata > 0)
            text += " · " + std::to_string(one.lost_metadata) + " owners or attributes that this user may not set";
        return text;
    }

    [[nodiscard]] std::string openers(const DrillCase& one) const {
        std::string text;
        for (const std::string& thumbprint : one.opened_by) {
            const auto known = std::find_if(record_.protectors.begin(), record_.protectors.end(),
                                            [&](const DrillProtector& some) { return some.thumbprint == thumbprint; });
            text += (text.empty() ? "" : ", ");
            text += known == record_.protectors.end()
                        ? "<code>" + html_escaped(short_thumbprint(thumbprint)) + "</code>"
                        : html_escaped(describe(*known));
        }
        return text;
    }

    void protectors() {
        card("Protectors",
             "Every key that opens something of what was restored, tried by itself: whether it still opens it, and "
             "when it last did.");
        out_ +=
            "<table class=\"stack\"><thead><tr><th>Protector</th><th>Thumbprint</th><th>Role</th><th>In this "
            "drill</th><th>Last proven</th></tr></thead><tbody>\n";
        for (const DrillProtector& one : record_.protectors) {
            const std::string state = one.proven ? tag("good", one.used ? "proven, used" : "proven")
                                                 : tag(one.status == "does-not-open" ? "bad" : "plain", one.status);
            out_ += "<tr><td><b>" + html_escaped(one.name.empty() ? "not linked" : one.name) +
                    "</b></td><td data-of=\"thumbprint\"><code>" + html_escaped(short_thumbprint(one.thumbprint)) +
                    "</code></td><td data-of=\"role\">" + html_escaped(one.role.empty() ? "–" : one.role) +
                    "</td><td data-of=\"in this drill\">" + state + "</td><td class=\"num\" data-of=\"last proven\">" +
                    (one.last_proven.empty() ? "never" : minute(one.last_proven)) + "</td></tr>\n";
        }
        if (record_.protectors.empty()) out_ += "<tr><td colspan=\"5\">None was tried.</td></tr>\n";
        out_ += "</tbody></table>\n";
        end_card();
    }

    void objectives() {
        if (record_.objectives.empty()) return;
        card("Objectives", "The bar is what was measured, the mark what is allowed.");
        for (const DrillObjective& one : record_.objectives) {
            const double measured = one.measured_seconds.value_or(0);
            const double scale = std::max({measured, one.wanted_seconds, 0.001}) * 1.1;
            const std::string colour = one.met ? "f-good" : "f-bad";
            out_ += "<div class=\"case\"><div class=\"head\"><b>" + objective_title(one) + "</b>" +
                    tag(one.met ? "good" : "bad", one.met ? "met" : "missed") +
                    "</div>\n<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" "
                    "aria-hidden=\"true\"><rect class=\"" +
                    colour + "\" width=\"" + number(1000 * measured / scale) + "\" height=\"10\"/><rect x=\"" +
                    number(1000 * one.wanted_seconds / scale - 2) +
                    "\" width=\"4\" height=\"10\" fill=\"currentColor\"/></svg>\n<p class=\"soft\">" +
                    (one.measured_seconds ? span_text(measured) : std::string("not known")) + " of " +
                    span_text(one.wanted_seconds) + "</p></div>\n";
        }
        end_card();
    }

    /// Drills of the same repository, oldest first, up to this one.
    [[nodiscard]] std::vector<const DrillEvidence*> past(std::size_t most) const {
        std::vector<const DrillEvidence*> drills;
        for (const DrillEvidence& some : all_.drills) {
            if (some.record.repository == record_.repository && some.entry.number <= one_.entry.number)
                drills.push_back(&some);
        }
        if (drills.size() > most) drills.erase(drills.begin(), drills.end() - static_cast<std::ptrdiff_t>(most));
        return drills;
    }

    void trend() {
        const std::vector<const DrillEvidence*> drills = past(kTrend);
        if (drills.size() < 2) return;
        card("Recovery time, drill by drill",
             "The last " + std::to_string(drills.size()) +
                 " drills of this repository: green passed, red failed, amber missed an objective. A dashed line is "
                 "the objective, where it is near.");
        const DrillObjective* goal = objective(record_, "rto");
        double top = goal == nullptr ? 0.001 : goal->wanted_seconds * 1.15;
        double slowest = 0.001;
        for (const DrillEvidence* one : drills) slowest = std::max(slowest, recovery_of(one->record));
        // A far objective must not flatten what there is to see.
        if (goal != nullptr && goal->wanted_seconds > 5 * slowest) goal = nullptr;
        top = goal == nullptr ? slowest * 1.1 : std::max(top, slowest * 1.1);
        out_ += "<div class=\"axis\"><span>" + span_text(top) +
                "</span></div>\n<svg class=\"trend\" viewBox=\"0 0 1000 100\" "
                "preserveAspectRatio=\"none\" role=\"img\" aria-label=\"recovery times of past drills\"><path "
                "class=\"grid\" "
                "d=\"M0 .5H1000M0 50H1000M0 99.5H1000\" vector-effect=\"non-scaling-stroke\" fill=\"none\"/>";
        const double step = 1000 / static_cast<double>(drills.size());
        const double width = std::min(step * 0.7, 60.0);
        for (std::size_t i = 0; i < drills.size(); ++i) {
            const DrillRecord& record = drills[i]->record;
            const double height = std::max(1.5, 100 * recovery_of(record) / top);
            out_ += "<rect class=\"f-" + class_of(record.result) + "\" x=\"" +
                    number(step * (static_cast<double>(i) + 0.5) - width / 2) + "\" y=\"" + number(100 - height) +
                    "\" width=\"" + number(width) + "\" height=\"" + number(height) + "\"><title>drill " +
                    std::to_string(drills[i]->entry.number) + ", " + minute(record.started) + ": " +
                    html_escaped(result_text(record.result)) + ", " + span_text(recovery_of(record)) +
                    "</title></rect>";
        }
        if (goal != nullptr) {
            const std::string y = number(100 - 100 * goal->wanted_seconds / top);
            out_ += "<path class=\"goal\" d=\"M0 " + y + "H1000\" vector-effect=\"non-scaling-stroke\" fill=\"none\"/>";
        }
        out_ += "</svg>\n<div class=\"axis\"><span>" + minute(drills.front()->record.started) + "</span><span>" +
                minute(drills.back()->record.started) + "</span></div>\n";
        end_card();
    }

    void history() {
        const std::vector<const DrillEvidence*> drills = past(kRows);
        card("History", all_.intact() ? "Signed, chained, and unaltered when this page was made."
                                      : tag("bad", "the history was edited"));
        for (const std::string& problem : all_.problems) out_ += "<p>" + html_escaped(problem) + "</p>\n";
        out_ +=
            "<table "
            "class=\"stack\"><thead><tr><th>Drill</th><th>When</th><th>Result</th><th>Recovery</th><th>Restored</th>"
            "</tr></thead><tbody>\n";
        for (auto one = drills.rbegin(); one != drills.rend(); ++one) {
            const DrillRecord& record = (*one)->record;
            std::uint64_t bytes = 0;
            for (const DrillCase& some : record.cases) bytes += some.bytes;
            out_ += "<tr><td><b>" + std::to_string((*one)->entry.number) + "</b></td><td class=\"num\">" +
                    minute(record.started) + "</td><td>" + tag(class_of(record.result), result_text(record.result)) +
                    ((*one)->entry.authentic ? "" : " " + tag("bad", "altered")) +
                    "</td><td class=\"num\" data-of=\"recovery\">" + span_text(recovery_of(record)) +
                    "</td><td data-of=\"restored\">" + counted(record.cases.size(), "backup") + ", " +
                    human_size(bytes) + "</td></tr>\n";
        }
        out_ += "</tbody></table>\n";
        end_card();
    }

    void proof() {
        card("What vouches for this", "The page itself is not signed: the record below is, and it is what counts.");
        out_ += "<dl>\n";
        pair("Signature",
             one_.entry.authentic ? tag("good", "fits the record") : tag("bad", "does not fit the record"));
        pair("Writer", "<code>" + one_.entry.writer.hex() + "</code>");
        pair("Digest", "<code>" + one_.entry.digest.hex() + "</code>");
        pair("Checked with", "<code>signet drill history</code> on " + html_escaped(record_.host));
        out_ += "</dl>\n<details><summary>The signed record</summary><pre>" + html_escaped(one_.entry.text) +
                "</pre></details>\n";
        end_card();
    }

    const DrillEvidences& all_;
    const DrillEvidence& one_;
    const DrillRecord& record_;
    std::string out_;
};

}  // namespace

std::string drill_page(const DrillEvidences& all, const DrillEvidence& one) { return Page(all, one).run(); }

}  // namespace signet::cli
