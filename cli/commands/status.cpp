#include "cli/commands/commands.h"
#include "cli/drill/evidence.h"
#include "cli/health.h"
#include "cli/state_notice.h"
#include "cli/table.h"
#include "cli/twins.h"
#include "core/zone.h"

#include <algorithm>
#include <set>

namespace signet::cli {
namespace {

/// What is not as it should be, and the code that says so.
struct Verdict {
    std::vector<std::string> problems;
    ExitCode code = ExitCode::done;

    void add(ExitCode with, const std::string& problem) {
        problems.push_back(problem);
        code = worse(code, with);
    }
};

std::string age_text(TimePoint since, TimePoint now) {
    return human_duration(static_cast<double>(now.ns - since.ns) / static_cast<double>(kNsPerSecond));
}

void judge_series(const Health& health, const std::optional<std::int64_t>& max_age, Verdict& verdict) {
    bool has_any = false;
    for (const SeriesHealth& one : health.series) {
        if (!one.last) continue;  // nobody is trusted there: that it is refused is said already
        has_any = true;
        if (!one.restorable && !one.broken)
            verdict.add(ExitCode::key_unavailable,
                        "the newest backup of " + one.title() + " cannot be restored with the keys at hand");
        if (!max_age) continue;
        if (*one.last > after(health.now, *max_age)) {
            // It would hide for as long that no others are made.
            verdict.add(ExitCode::objective_missed, "the newest backup of " + one.title() + " is dated ahead, " +
                                                        to_table_time(*one.last) + ": how old it is nobody can say");
        } else if (after(*one.last, *max_age) < health.now) {
            verdict.add(ExitCode::objective_missed,
                        "the newest backup of " + one.title() + " is " + age_text(*one.last, health.now) + " old");
        }
    }
    if (max_age && !has_any) verdict.add(ExitCode::objective_missed, "there is no backup that counts");
}

void judge_repository(const Health& health, Verdict& verdict) {
    for (const Error& problem : health.problems) {
        verdict.add(exit_code_of(problem.code()),
                    problem.what() + (problem.hint().empty() ? std::string() : "; " + problem.hint()));
    }
}

/// Of the newest backup of a line, for people.
std::string restorable_text(const SeriesHealth& one) {
    if (!one.last) return "not trusted";
    if (!one.restorable) return "no";
    return one.latest_restorable ? "yes" : "refused";
}

void judge_protectors(const Health& health, const std::optional<std::int64_t>& max_proof_age, Verdict& verdict) {
    for (const ProtectorHealth& one : health.protectors) {
        const std::string name = title_of(one.need.report) + " (" + one.need.report.thumbprint.short_text() + ")";
        if (!one.need.report.can_unwrap && one.need.sole_backups > 0) {
            verdict.add(ExitCode::key_unavailable, counted(one.need.sole_backups, "backup") +
                                                       " cannot be restored without protector " + name + ", which is " +
                                                       std::string(keyring::text(one.need.report.status)));
        }
        // Those that cannot unwrap are judged above, and a slot that nobody signed proves no need.
        if (!max_proof_age || !one.need.report.can_unwrap || one.need.newest == nullptr) continue;
        if (!one.last_proven)
            verdict.add(ExitCode::objective_missed, "protector " + name + " was never proven: signet keyring check");
        else if (health.now.ns - one.last_proven->ns > *max_proof_age) {
            verdict.add(ExitCode::objective_missed,
                        "protector " + name + " was last proven " + age_text(*one.last_proven, health.now) + " ago");
        }
    }
}

/// Whether a drill has restored each series lately, whole and as it was.
void judge_restores(Context& context, const Health& health, const DrillEvidences& drills,
                    const std::optional<std::int64_t>& max_age, Verdict& verdict) {
    if (!max_age) return;
    if (drills.drills.empty()) return verdict.add(ExitCode::objective_missed, "no drill is on record");
    const auto last = drilled_series(drills, context.repository().config().repository.hex());
    std::set<SeriesId> judged;
    for (const SeriesHealth& one : health.series) {
        if (!one.last || !judged.insert(one.id).second) continue;
        const auto drilled = last.find(one.id.hex());
        if (drilled == last.end()) {
            verdict.add(ExitCode::objective_missed,
                        "no drill on record has restored " + one.title() + ": signet drill run");
        } else if (health.now.ns - drilled->second.ns > *max_age) {
            verdict.add(ExitCode::objective_missed,
                        "a drill last restored " + one.title() + " " + age_text(drilled->second, health.now) + " ago");
        }
    }
}

/// Whether each twin has stood in lately.
void judge_failovers(Context& context, const Health& health, const DrillEvidences& drills,
                     const std::optional<std::int64_t>& max_age, Verdict& verdict) {
    if (!max_age) return;
    const auto last = failed_over(drills, context.repository().config().repository.hex());
    for (const keyring::Link& link : context.keyring().links()) {
        if (unwrapping_places(link).size() < 2) continue;
        const auto drilled = last.find(link.thumbprint.text());
        if (drilled == last.end()) {
            verdict.add(ExitCode::objective_missed,
                        "the twin of " + link.name + " has never stood in: signet drill failover");
        } else if (health.now.ns - drilled->second.ns > *max_age) {
            verdict.add(ExitCode::objective_missed, "the twin of " + link.name + " last stood in " +
                                                        age_text(drilled->second, health.now) + " ago");
        }
    }
}

/// How much would be lost if the server were lost now.
void judge_logs(const Health& health, const std::optional<std::int64_t>& max_age, Verdict& verdict) {
    if (!max_age) return;
    for (const SeriesHealth& one : health.series) {
        if (!one.logs) continue;
        if (!one.logs->newest)
            verdict.add(ExitCode::objective_missed, one.title() + " has no logs");
        else if (health.now.ns - one.logs->newest->ns > *max_age)
            verdict.add(ExitCode::objective_missed,
                        "the newest log of " + one.title() + " is " + age_text(*one.logs->newest, health.now) + " old");
    }
}

Json logs_json(const SeriesHealth& one, TimePoint now) {
    if (!one.logs) return nullptr;
    const std::optional<TimePoint>& newest = one.logs->newest;
    return {{"count", one.logs->logs},
            {"newest", time_json(newest)},
            {"age_seconds", newest ? Json((now.ns - newest->ns) / kNsPerSecond) : Json(nullptr)},
            {"gaps", one.logs->gaps},
            {"stored_again", one.logs->stored_again.size()}};
}

std::string logs_text(const SeriesHealth& one) {
    if (!one.logs) return "";
    return one.logs->newest ? "to " + first_second_text(*one.logs->newest) : "none";
}

std::optional<std::int64_t> span_option(const Context& context, std::string_view name) {
    const auto text = context.options().text(name);
    return text ? std::optional(parse_span(*text)) : std::nullopt;
}

Json to_json(const Health& health, const Verdict& verdict) {
    Json series = Json::array();
    for (const SeriesHealth& one : health.series) {
        Json row = Json::object();
        set_text(row, "series", one.series);
        row["series_id"] = one.id.hex();
        set_text(row, "host", one.host);
        row["writer"] = one.writer.hex();
        row["backups"] = one.backups;
        row["untrusted"] = one.untrusted;
        row["last_backup"] = time_json(one.last);
        row["age_seconds"] = one.last ? Json((health.now.ns - one.last->ns) / kNsPerSecond) : Json(nullptr);
        row["restorable"] = one.restorable;
        row["latest_restorable"] = one.latest_restorable;
        row["logs"] = logs_json(one, health.now);
        series.push_back(std::move(row));
    }
    Json protectors = Json::array();
    for (const ProtectorHealth& one : health.protectors) {
        protectors.push_back({{"thumbprint", one.need.report.thumbprint.text()},
                              {"name", one.need.report.name.empty() ? Json(nullptr) : Json(one.need.report.name)},
                              {"status", keyring::text(one.need.report.status)},
                              {"backups", one.need.backups},
                              {"sole_backups", one.need.sole_backups},
                              {"last_proven", time_json(one.last_proven)},
                              {"expires", time_json(one.need.report.expires)}});
    }
    return {{"message_type", "summary"},
            {"state", text(health.access.state)},
            {"latest_restorable", health.latest_restorable ? Json(*health.latest_restorable) : Json(nullptr)},
            {"series", std::move(series)},
            {"protectors", std::move(protectors)},
            {"reminders", health.reminders},
            {"problems", verdict.problems}};
}

void print(Terminal& terminal, const Health& health, const Verdict& verdict) {
    terminal.result("keyring  " + printable(access_text(health.access)));
    if (!health.series.empty()) terminal.result("");
    const bool any_logs = std::any_of(health.series.begin(), health.series.end(),
                                      [](const SeriesHealth& one) { return one.logs.has_value(); });
    std::vector<std::string> headings = {"SERIES", "HOST", "BACKUPS", "NEWEST", "AGE", "RESTORABLE"};
    if (any_logs) headings.emplace_back("LOGS");
    Table series(std::move(headings));
    for (const SeriesHealth& one : health.series) {
        const std::string name = one.has_namesake ? one.series + " (" + one.id.short_hex(8) + ")" : one.series;
        series.add({printable(name), one.host.empty() ? "writer " + one.writer.short_hex(16) : printable(one.host),
                    std::to_string(one.backups), one.last ? first_second_text(*one.last) : "none",
                    one.last ? age_text(*one.last, health.now) : "", restorable_text(one), logs_text(one)});
    }
    if (!series.empty()) series.print(terminal);
    if (!health.protectors.empty()) terminal.result("");
    Table protectors({"PROTECTOR", "NAME", "STATUS", "BACKUPS", "PROVEN"});
    for (const ProtectorHealth& one : health.protectors) {
        protectors.add({one.need.report.thumbprint.short_text(), printable(title_of(one.need.report)),
                        std::string(keyring::text(one.need.report.status)), std::to_string(one.need.backups),
                        one.last_proven ? to_table_time(*one.last_proven) : "never"});
    }
    if (!protectors.empty()) protectors.print(terminal);
    if (!health.reminders.empty() || !verdict.problems.empty()) terminal.result("");
    for (const std::string& reminder : health.reminders) terminal.result("reminder: " + printable(reminder));
    for (const SeriesHealth& one : health.series) {
        if (!one.logs) continue;
        for (const std::string& sentence : one.logs->stored_again) terminal.message("note: " + printable(sentence));
    }
    for (const std::string& problem : verdict.problems) terminal.result("problem: " + printable(problem));
}

/// The history of drills, where an age of it was asked for.
void judge_drills(Context& context, const Health& health, Verdict& verdict) {
    const auto restored = span_option(context, "max-drill-age");
    const auto stood_in = span_option(context, "max-failover-age");
    if (!restored && !stood_in) return;
    const DrillEvidences drills = load_drills(context.keyring());
    if (!drills.intact())
        verdict.add(ExitCode::damaged, "the history of drills was edited: " + drills.problems.front());
    judge_restores(context, health, drills, restored, verdict);
    judge_failovers(context, health, drills, stood_in, verdict);
}

ExitCode run(Context& context) {
    const Health health = health_of(context);
    Verdict verdict;
    judge_repository(health, verdict);
    judge_series(health, span_option(context, "max-age"), verdict);
    judge_logs(health, span_option(context, "max-log-age"), verdict);
    judge_protectors(health, span_option(context, "max-proof-age"), verdict);
    judge_drills(context, health, verdict);
    if (health.access.state == keyring::AccessState::inaccessible) {
        verdict.add(ExitCode::key_unavailable, "the default protector cannot be used: new backups are refused");
    } else if (health.access.state == keyring::AccessState::needs_revalidation) {
        verdict.add(ExitCode::key_unavailable, "the keyring waits for signet keyring revalidate");
    }
    if (context.terminal().json())
        context.terminal().object(to_json(health, verdict));
    else
        print(context.terminal(), health, verdict);
    return verdict.code;
}

}  // namespace

Command status_command() {
    Command command;
    command.name = "status";
    command.synopsis =
        "[--max-age D] [--max-log-age D] [--max-proof-age D] [--max-drill-age D] [--max-failover-age D] "
        "[--on-state-change CMD] [--webhook URL]";
    command.summary = "say whether backups and keys are as they should be";
    command.description =
        "For cron and monitoring: the state of the keyring, the age of each series, whether its newest backup can be "
        "restored with the keys at hand and how far its logs lead, every protector that backups need and when it was "
        "last proven (signet "
        "keyring check), and reminders. Nothing is unwrapped and no passphrase is asked for.\n\n"
        "Series of one name that different hosts make have a row each. \"refused\" stands where the keys are there and "
        "a restore of the newest backup is refused all the same: an entry is damaged, or a newer backup is by a writer "
        "who is not trusted. A series that only such writers make is shown as \"not trusted\".\n\n"
        "Exit code 13 when a protector that backups need cannot be used, else 14 when something is damaged, 17 when "
        "the newest backup of all or of a series is by a writer who is not trusted, 16 when an age is above its limit. "
        "Reminders change no exit code.";
    command.options = {{.name = "max-age",
                        .takes = Takes::one,
                        .value_name = "D",
                        .help = "the newest backup of each series may be this old, or dated this far ahead: 26h"},
                       {.name = "max-log-age",
                        .takes = Takes::one,
                        .value_name = "D",
                        .help = "the newest log of each series that has logs may be this old: 10m"},
                       {.name = "max-proof-age",
                        .takes = Takes::one,
                        .value_name = "D",
                        .help = "each needed protector was proven within: 7d"},
                       {.name = "max-drill-age",
                        .takes = Takes::one,
                        .value_name = "D",
                        .help = "a drill has restored each series within: 30d"},
                       {.name = "max-failover-age",
                        .takes = Takes::one,
                        .value_name = "D",
                        .help = "each twin has stood in within: 90d (signet drill failover)"}};
    for (const OptionSpec& option : state_notice_options()) command.options.push_back(option);
    command.examples = {{"signet status --max-age 26h --max-proof-age 7d", "In a monitor"},
                        {"signet status --json", "For a program"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
