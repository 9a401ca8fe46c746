#include "cli/commands/commands.h"
#include "cli/exposition.h"
#include "cli/health.h"
#include "core/file.h"

namespace signet::cli {
namespace {

constexpr mode_t kPublicMode = 0644;

std::string seconds(TimePoint time) { return std::to_string(time.ns / kNsPerSecond); }
std::string flag(bool value) { return value ? "1" : "0"; }

std::string exposition(const Health& health, const std::string& repository) {
    Exposition out;
    out.family("signet_keyring_state", "1 for the state that the keyring is in.");
    for (const char* state : {"ok", "degraded", "inaccessible", "needs-revalidation", "none"})
        out.sample({{"repository", repository}, {"state", state}},
                   flag(text(health.access.state) == std::string_view(state)));
    const auto series = [&](const std::string& name, const std::string& help, const auto& value) {
        out.family(name, help);
        for (const SeriesHealth& one : health.series) {
            const std::optional<std::string> text = value(one);
            if (text)
                out.sample({{"repository", repository},
                            {"series", one.series},
                            {"series_id", one.id.hex()},
                            {"host", one.host},
                            {"writer", one.writer.short_hex(16)}},
                           *text);
        }
    };
    using Value = std::optional<std::string>;
    series("signet_last_backup_timestamp_seconds", "Time of the newest trusted backup.",
           [](const auto& one) { return one.last ? Value(seconds(*one.last)) : Value(); });
    series("signet_backups", "Trusted backups.", [](const auto& one) { return Value(std::to_string(one.backups)); });
    series("signet_untrusted_backups", "Backups by writers who are not trusted for them.",
           [](const auto& one) { return Value(std::to_string(one.untrusted)); });
    series("signet_last_backup_restorable", "1 when the newest trusted backup can be restored with the keys at hand.",
           [](const auto& one) { return Value(flag(one.restorable)); });
    series("signet_latest_restorable", "1 when that is so and a restore of the newest backup is not refused.",
           [](const auto& one) { return Value(flag(one.latest_restorable)); });
    series("signet_logs", "Logs of a series that has logs.",
           [](const auto& one) { return one.logs ? Value(std::to_string(one.logs->logs)) : Value(); });
    series("signet_last_log_timestamp_seconds", "When the newest log was last modified.",
           [](const auto& one) { return one.logs && one.logs->newest ? Value(seconds(*one.logs->newest)) : Value(); });
    series("signet_log_gaps", "Stretches that are missing from the logs.",
           [](const auto& one) { return one.logs ? Value(std::to_string(one.logs->gaps)) : Value(); });
    const auto protectors = [&](const std::string& name, const std::string& help, const auto& value) {
        out.family(name, help);
        for (const ProtectorHealth& one : health.protectors) {
            const std::optional<std::string> text = value(one);
            if (text)
                out.sample({{"repository", repository},
                            {"thumbprint", one.need.report.thumbprint.text()},
                            {"name", one.need.report.name}},
                           *text);
        }
    };
    protectors("signet_protector_usable", "1 when a needed protector can unwrap.",
               [](const auto& one) { return Value(flag(one.need.report.can_unwrap)); });
    protectors("signet_protector_backups", "Backups that a protector opens.",
               [](const auto& one) { return Value(std::to_string(one.need.backups)); });
    protectors("signet_protector_sole_backups", "Backups that nothing but this protector opens.",
               [](const auto& one) { return Value(std::to_string(one.need.sole_backups)); });
    protectors("signet_protector_last_proven_timestamp_seconds", "When keyring check last opened a data key with it.",
               [](const auto& one) { return one.last_proven ? Value(seconds(*one.last_proven)) : Value(); });
    protectors("signet_protector_expiry_timestamp_seconds", "When it stops wrapping.", [](const auto& one) {
        return one.need.report.expires ? Value(seconds(*one.need.report.expires)) : Value();
    });
    out.family("signet_problems", "Reasons why the newest backup is refused, and backups that could not be judged.");
    out.sample({{"repository", repository}}, std::to_string(health.problems.size()));
    out.family("signet_reminders", "Things that want doing soon.");
    out.sample({{"repository", repository}}, std::to_string(health.reminders.size()));
    return out.text();
}

ExitCode run(Context& context) {
    const Health health = health_of(context);
    const std::string text = exposition(health, context.repository().config().repository.short_hex(16));
    if (const auto file = context.options().text("textfile"))
        replace_file(*file, as_bytes(text), kPublicMode);
    else
        context.terminal().raw(as_bytes(text));
    ExitCode code = ExitCode::done;
    for (const Error& problem : health.problems) {
        context.terminal().warning(problem.what());
        code = worse(code, exit_code_of(problem.code()));
    }
    return code;
}

}  // namespace

Command metrics_command() {
    Command command;
    command.name = "metrics";
    command.synopsis = "[--textfile FILE]";
    command.summary = "print what status knows for Prometheus";
    command.description =
        "Prints the state of backups and keys in Prometheus' text format, or replaces a file of it at once, as the "
        "textfile collector of node_exporter wants it. Nothing is unwrapped and no passphrase is asked for. Where a "
        "restore of the newest backup would be refused, or something is damaged, the exit code says so (17, 14) after "
        "everything was printed.";
    command.options = {{.name = "textfile",
                        .takes = Takes::one,
                        .value_name = "FILE",
                        .help = "replace this file instead of printing"}};
    command.examples = {{"signet metrics --textfile /var/lib/prometheus/node-exporter/signet.prom", "From cron"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
