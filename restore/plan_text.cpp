// How a plan is shown: text for people, and one JSON object.
#include "core/zone.h"
#include "restore/plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace signet::restore {
namespace {

using Json = nlohmann::ordered_json;

/// The last moment before `end` for tables: a whole minute, or a second where the minute is before `start`.
std::string last_moment_text(TimePoint end, TimePoint start) {
    const std::string minute = to_table_time({end.ns - 1}).substr(0, 16);
    return minute < first_moment_text(start) ? to_table_time({std::max(end.ns - 1, start.ns)}) : minute;
}

std::string counted(std::uint64_t count, const char* one) {
    return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

std::string status_text(const RequiredProtector& one) {
    if (!one.report.detail.empty()) return one.report.detail;
    if (one.report.status == keyring::ProtectorStatus::missing) return "missing from this keyring";
    return std::string(keyring::text(one.report.status));
}

std::string needed_text(const RequiredProtector& one) {
    std::string text = "needed for " + first_moment_text(one.needed_from);
    if (one.needed_to != one.needed_from) text += " .. " + first_moment_text(one.needed_to);
    text += " (" + counted(one.backups, "backup");
    if (one.logs > 0) text += ", " + counted(one.logs, "log");
    return text + ")" + (one.inherited ? ", inherited" : "");
}

/// Characters, not octets; names may be UTF-8.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & '\xc0') != '\x80'; }));
}

std::string padded(const std::string& text, std::size_t to) {
    const std::size_t have = width(text);
    return text + std::string(to > have ? to - have : 0, ' ');
}

std::string table(const std::vector<RequiredProtector>& required) {
    std::size_t name_width = 0;
    std::size_t status_width = 0;
    for (const RequiredProtector& one : required) {
        name_width = std::max(name_width, width(one.title()));
        status_width = std::max(status_width, width(status_text(one)));
    }
    std::string text;
    for (const RequiredProtector& one : required) {
        text += "  " + padded(one.report.thumbprint.short_text(), 19) + "  " + padded(one.title(), name_width) + "  " +
                padded(status_text(one), status_width) + "  " + needed_text(one) + "\n";
    }
    return text;
}

/// For a protector that this keyring has never met: the slot's hint, unless that is a public half, which opens nothing.
std::string link_command(const RequiredProtector& one) {
    if (one.locations.empty()) return one.report.hint;
    const std::string& location = one.locations.front();
    if (!location.starts_with("public:")) return "signet keyring link " + keyring::for_command(location);
    return "signet keyring link LOCATION --thumbprint " + one.report.thumbprint.short_text();
}

/// Commands that would help, the first three.
std::string helps(const std::vector<RequiredProtector>& required) {
    std::vector<std::string> commands;
    for (const RequiredProtector& one : required) {
        if (one.usable) continue;
        // Where the protector was when the slot was made says more than the resolver, which has never met it, can.
        const bool is_missing = one.report.status == keyring::ProtectorStatus::missing;
        const std::string command = is_missing && one.escrowed ? "signet keyring recover --officer FINGERPRINT"
                                    : is_missing               ? link_command(one)
                                                               : one.report.hint;
        if (!command.empty() && std::find(commands.begin(), commands.end(), command) == commands.end()) {
            commands.push_back(command);
        }
    }
    if (commands.empty()) return {};
    if (commands.size() == 1) return "  link or enable it, then run this again:   " + commands[0] + "\n";
    std::string text = "  link or enable them, then run this again:\n";
    for (std::size_t i = 0; i < std::min<std::size_t>(commands.size(), 3); ++i) text += "      " + commands[i] + "\n";
    return text;
}

std::string restorable_text(const std::vector<CoverageInterval>& coverage) {
    std::vector<std::string> parts;
    for (std::size_t i = coverage.size(); i-- > 0;) {
        const CoverageInterval& interval = coverage[i];
        if (!interval.restorable) continue;
        const std::string from = first_moment_text(interval.from);
        const std::string claim = interval.unproven ? " (unproven)" : "";
        if (i + 1 == coverage.size()) {
            parts.push_back(std::string("every moment from ").append(from).append(" on").append(claim));
        } else {
            parts.push_back(
                std::string(from).append(" .. ").append(last_moment_text(interval.to, interval.from)).append(claim));
        }
    }
    if (parts.empty()) return "  restorable now: nothing of this series\n";
    std::string text = "  restorable now: " + parts.front();
    for (std::size_t i = 1; i < parts.size(); ++i) text += (i + 1 == parts.size() ? ", and " : ", ") + parts[i];
    return text + "\n";
}

Json thumbprints(const std::vector<format::Thumbprint>& all) {
    Json list = Json::array();
    for (const format::Thumbprint& one : all) list.push_back(one.text());
    return list;
}

/// Of the times in the tables: the first line has its own.
std::string zone_text(const Plan& plan) {
    std::vector<TimePoint> times;
    for (const RequiredProtector& one : plan.required) {
        times.push_back(one.needed_from);
        times.push_back(one.needed_to);
    }
    if (!plan.restorable) {
        for (const CoverageInterval& interval : plan.coverage) {
            times.push_back(interval.from);
            times.push_back(interval.to);
        }
    }
    if (times.empty()) return {};
    return "  (times without a zone are " + zone_of(times) + ")\n";
}

Json moment(const std::optional<TimePoint>& time) { return time ? Json(to_rfc3339(*time)) : Json(nullptr); }

/// What a restore asks of key managers, and how long that takes, going by how long the plan's own question took.
std::string calls_text(const std::vector<RequiredProtector>& required) {
    std::string text;
    for (const RequiredProtector& one : required) {
        const auto calls = one.calls();
        if (!calls) continue;
        text += "  asks " + calls->vault + " to unwrap " + counted(calls->count, "time");
        if (calls->at_once > 1 && calls->count > 1) text += ", " + std::to_string(calls->at_once) + " at once";
        if (calls->time.count() > 0) {
            const std::int64_t seconds = (calls->time.count() + 999) / 1000;
            text += seconds <= 1 ? ": about a second" : ": about " + std::to_string(seconds) + " s";
        }
        text += "\n";
    }
    return text;
}

Json calls_json(const RequiredProtector& one) {
    const auto calls = one.calls();
    if (!calls) return nullptr;
    return {{"vault", calls->vault},
            {"count", calls->count},
            {"at_once", calls->at_once},
            {"seconds", static_cast<double>(calls->time.count()) / 1000}};
}

Json to_json(const RequiredProtector& one) {
    Json moments = Json::array();
    for (const Moments& some : one.moments)
        moments.push_back({{"from", to_rfc3339(some.from)}, {"to", to_rfc3339(some.to)}});
    return {{"thumbprint", one.report.thumbprint.text()},
            {"name", one.report.name.empty() ? Json(nullptr) : Json(one.report.name)},
            {"status", std::string(keyring::text(one.report.status))},
            {"inherited", one.inherited},
            {"alternatives", thumbprints(one.alternatives)},
            {"locations", one.locations},
            {"escrowed", one.escrowed},
            {"needed_from", to_rfc3339(one.needed_from)},
            {"needed_to", to_rfc3339(one.needed_to)},
            {"moments", std::move(moments)},
            {"backups", one.backups},
            {"logs", one.logs},
            {"deks", one.deks},
            {"unproven", one.unproven},
            {"calls", calls_json(one)}};
}

Json to_json(const CoverageInterval& interval) {
    return {{"from", to_rfc3339(interval.from)},
            {"to", to_rfc3339(interval.to)},
            {"restorable", interval.restorable},
            {"unproven", interval.unproven},
            {"blocked_by", thumbprints(interval.blocked_by)},
            {"damage", interval.damage.empty() ? Json(nullptr) : Json(interval.damage)},
            {"refused", interval.refused.empty() ? Json(nullptr) : Json(interval.refused)},
            {"backups", interval.backups}};
}

/// Under the first line: what the verdict rests on.
std::string claims_text(std::uint64_t unproven) {
    return "  unproven: that " + counted(unproven, "data key") + (unproven == 1 ? " opens" : " open") +
           " is said only by stored slots that stand in no signed entry;\n"
           "  whoever can write to the repository can store such slots, and only opening proves them\n";
}

/// Hints of slots are what their makers said: nothing but names is shown of them.
bool is_plain_name(std::string_view text) {
    return !text.empty() &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") ==
               std::string_view::npos;
}

}  // namespace

std::string RequiredProtector::title() const {
    if (!locations.empty() && locations.front().starts_with("local:")) {
        const std::string& location = locations.front();
        const std::size_t folder_end = location.find('#');
        std::string name = location.substr(folder_end == std::string::npos ? 6 : folder_end + 1);
        if (is_plain_name(name)) return name;
    }
    return report.name;
}

std::optional<RemoteCalls> RequiredProtector::calls() const {
    if (!usable || !report.remote || deks == 0) return std::nullopt;
    const auto lanes = static_cast<std::uint64_t>(std::max(1, report.remote->lanes));
    const std::uint64_t rounds = (deks + lanes - 1) / lanes;
    return RemoteCalls{report.remote->vault, deks, std::min(lanes, deks),
                       report.remote->per_call * static_cast<std::int64_t>(rounds)};
}

std::string Plan::reason() const {
    const auto unusable = static_cast<std::uint64_t>(
        std::count_if(required.begin(), required.end(), [](const RequiredProtector& one) { return !one.usable; }));
    if (!orphaned.empty()) return counted(orphaned.size(), "data key") + " it needs cannot be opened by anything";
    const bool is_refused = std::any_of(coverage.begin(), coverage.end(),
                                        [](const CoverageInterval& interval) { return !interval.refused.empty(); });
    if (unusable == 0 && is_refused) return "a restore to some of these moments is refused";
    return std::to_string(unusable) + " of " + counted(required.size(), "protector") + " it needs cannot be used";
}

std::string Plan::text() const {
    const std::string when =
        from == to ? " at " + to_rfc3339(to) : " from " + to_rfc3339(from) + " to " + to_rfc3339(to);
    std::string text;
    if (restorable) {
        text = series + when + " can be restored with " + counted(required.size(), "protector") +
               (unproven > 0 ? ", if unproven slots hold what they claim\n" + claims_text(unproven) : "\n") + "\n" +
               table(required) + calls_text(required) + zone_text(*this);
    } else {
        std::vector<RequiredProtector> unusable;
        std::copy_if(required.begin(), required.end(), std::back_inserter(unusable),
                     [](const RequiredProtector& one) { return !one.usable; });
        text = "cannot restore " + series + when + ": " + reason() + "\n\n" + table(unusable) + "\n" + helps(unusable) +
               (reachable
                    ? "  with the keys at hand every moment can be restored up to " + to_table_time(*reachable) + "\n"
                    : restorable_text(coverage)) +
               zone_text(*this);
    }
    if (!warnings.empty()) text += "\n";
    for (const std::string& warning : warnings) text += "  note: " + warning + "\n";
    return text;
}

std::string Plan::json() const {
    Json object{{"message_type", "key_report"}, {"series", series},
                {"series_id", series_id.hex()}, {"backup", backup ? Json(backup->hex()) : Json(nullptr)},
                {"from", to_rfc3339(from)},     {"to", to_rfc3339(to)},
                {"restorable", restorable},     {"unproven", unproven}};
    object["required"] = Json::array();
    for (const RequiredProtector& one : required) object["required"].push_back(to_json(one));
    object["coverage"] = Json::array();
    for (const CoverageInterval& interval : coverage) object["coverage"].push_back(to_json(interval));
    if (reachable) object["reachable"] = to_rfc3339(*reachable);
    object["nearest"] = {{"before", moment(before)}, {"after", moment(after)}};
    object["warnings"] = warnings;
    if (!options.without_keys.empty()) object["without_keys"] = options.without_keys;
    if (options.as_of) object["as_of"] = to_rfc3339(*options.as_of);
    if (options.offline) object["offline"] = true;
    return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace signet::restore
