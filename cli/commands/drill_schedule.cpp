#include "cli/context.h"
#include "cli/drill/commands.h"
#include "cli/places.h"
#include "cli/shell.h"

#include <algorithm>
#include <array>

namespace signet::cli {
namespace {

struct Rhythm {
    std::string_view name;
    std::string_view cron;
    std::string_view calendar;  ///< OnCalendar of systemd
};

constexpr std::array<Rhythm, 4> kRhythms = {{{"daily", "17 4 * * *", "*-*-* 04:17:00"},
                                             {"weekly", "17 4 * * 0", "Sun *-*-* 04:17:00"},
                                             {"monthly", "17 4 1 * *", "*-*-01 04:17:00"},
                                             {"quarterly", "17 4 1 1,4,7,10 *", "*-01,04,07,10-01 04:17:00"}}};

const Rhythm& rhythm_of(const Options& options) {
    const std::string name = options.text_or("every", "weekly");
    const auto found =
        std::find_if(kRhythms.begin(), kRhythms.end(), [&](const Rhythm& one) { return one.name == name; });
    if (found == kRhythms.end())
        throw Error(ErrorCode::usage, "--every is daily, weekly, monthly or quarterly: " + name);
    return *found;
}

bool is_plain(const std::string& word) {
    return !word.empty() && word.find_first_not_of(
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./=:,+@") == std::string::npos;
}

/// The words of the command: this program, where things are, and what was given for `drill run`.
std::vector<std::string> words_of(const Context& context) {
    const Options& options = context.options();
    std::vector<std::string> words = {own_path()};
    const auto add = [&](const std::string& name, const std::string& value) {
        words.push_back("--" + name);
        words.push_back(value);
    };
    if (!options.config_file().empty()) add("config", absolute_path(options.config_file()));
    if (const auto repository = options.text("repo")) add("repo", absolute_path(*repository));
    for (const std::string& keyring : options.list("keyring")) add("keyring", absolute_path(keyring));
    for (const char* name : {"vault", "cache-dir", "passphrase-file"}) {
        if (const auto path = options.text(name)) add(name, absolute_path(*path));
    }
    if (const auto command = options.text("passphrase-command")) add("passphrase-command", *command);
    words.insert(words.end(), {"-q", "drill", "run"});
    words.insert(words.end(), context.arguments().begin(), context.arguments().end());
    return words;
}

std::string for_cron(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words) {
        line += line.empty() ? "" : " ";
        // To cron a percent sign ends the command, also between quotes.
        for (const char c : is_plain(word) ? word : in_shell(word))
            line += c == '%' ? std::string("\\%") : std::string(1, c);
    }
    return line;
}

std::string for_systemd(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words) {
        line += line.empty() ? "" : " ";
        if (is_plain(word)) {
            line += word;
            continue;
        }
        line += '"';
        for (const char c : word) {
            if (c == '"' || c == '\\') line += '\\';
            if (c == '%' || c == '$') line += c;  // their signs for specifiers and variables
            line += c;
        }
        line += '"';
    }
    return line;
}

void refuse_line_feeds(const std::vector<std::string>& words) {
    for (const std::string& word : words) {
        if (word.find_first_of("\n\r") != std::string::npos)
            throw Error(ErrorCode::usage, "a line of cron and of a unit cannot hold a line feed",
                        "put the commands into a script");
    }
}

std::string service_text(const std::string& command) {
    return "# /etc/systemd/system/signet-drill.service\n"
           "[Unit]\n"
           "Description=Rehearse a restore (signet drill run)\n"
           "Wants=network-online.target\n"
           "After=network-online.target\n\n"
           "[Service]\n"
           "Type=oneshot\n"
           "ExecStart=" +
           command +
           "\n"
           "Nice=10\n"
           "IOSchedulingClass=idle\n"
           "PrivateTmp=yes\n"
           "TimeoutStartSec=infinity\n"
           "KillMode=mixed\n"
           "TimeoutStopSec=10min\n";
}

std::string timer_text(const Rhythm& rhythm) {
    return "# /etc/systemd/system/signet-drill.timer\n"
           "[Unit]\n"
           "Description=Rehearse a restore, " +
           std::string(rhythm.name) +
           "\n\n"
           "[Timer]\n"
           "OnCalendar=" +
           std::string(rhythm.calendar) +
           "\n"
           "RandomizedDelaySec=30min\n"
           "Persistent=true\n\n"
           "[Install]\n"
           "WantedBy=timers.target\n";
}

ExitCode run(Context& context) {
    const Rhythm& rhythm = rhythm_of(context.options());
    const std::vector<std::string> words = words_of(context);
    refuse_line_feeds(words);
    const std::string cron = std::string(rhythm.cron) + "  " + user_name() + "  " + for_cron(words);
    const std::string service = service_text(for_systemd(words));
    const std::string timer = timer_text(rhythm);
    if (context.terminal().json()) {
        Json object = {{"message_type", "summary"}, {"every", rhythm.name}};
        set_text(object, "cron", cron);
        set_text(object, "service", service);
        object["timer"] = timer;
        context.terminal().object(object);
        return ExitCode::done;
    }
    const std::string text = "# /etc/cron.d/signet-drill\n" + cron +
                             "\n\n# or with systemd: then systemctl enable --now "
                             "signet-drill.timer\n\n" +
                             service + "\n" + timer;
    context.terminal().raw(as_bytes(text));
    return ExitCode::done;
}

}  // namespace

Command drill_schedule_command() {
    Command command;
    command.name = "drill schedule";
    command.synopsis = "[--every RHYTHM] [-- OPTIONS OF drill run…]";
    command.summary = "print a line of cron and systemd units that rehearse restores regularly";
    command.description =
        "Prints and changes nothing. Repository, keyring, vault, cache, configuration and the source of the passphrase "
        "are those that this command was given; what stands behind -- goes to signet drill run.";
    command.options = {{.name = "every",
                        .takes = Takes::one,
                        .value_name = "RHYTHM",
                        .help = "daily, weekly (as when nothing is said), monthly or quarterly"}};
    command.arguments = {"option", 0, Arguments::kAnyNumber};
    command.examples = {
        {"signet drill schedule --every weekly -- --select random --rto 1h", "A random backup each week"},
        {"signet drill schedule --every quarterly -- --select each-key", "Every protector, each quarter"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
