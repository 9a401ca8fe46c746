#include "cli/access.h"
#include "cli/commands/commands.h"
#include "cli/link_view.h"
#include "cli/signals.h"
#include "cli/state_notice.h"
#include "cli/table.h"
#include "cli/twins.h"
#include "keyring/remote_vault.h"

#include <chrono>
#include <thread>

namespace signet::cli {
namespace {

/// What vaults let people do takes minutes to change: tests again until it is well or the time is over.
keyring::LinkTest test_until(Context& context, const format::Thumbprint& thumbprint,
                             const std::chrono::steady_clock::time_point& end) {
    constexpr std::chrono::seconds kBetween{5};
    for (;;) {
        keyring::LinkTest test = context.keyring().test(thumbprint, context.vaults());
        const auto left = end - std::chrono::steady_clock::now();
        if (test.ok() || left <= std::chrono::seconds(0)) return test;
        context.terminal().message(thumbprint.short_text() + " is not usable yet; trying again");
        const auto until =
            std::chrono::steady_clock::now() + std::min<std::chrono::steady_clock::duration>(kBetween, left);
        while (std::chrono::steady_clock::now() < until) {
            stop_if_interrupted();
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
    }
}

/// Whoever gets hold of this host has its rights too.
void warn_of_excess(Context& context, const keyring::Location& location) {
    if (!location.is_remote()) return;
    const auto excess = context.vaults().remote().at(location).excess_rights(location);
    if (excess.empty()) return;
    context.terminal().warning("this host may also " + join(excess, ", ") + " at " + location.vault_name() +
                               ": wrapping and unwrapping need none of that; signet keyring setup " +
                               location.provider() + " shows rights on the key alone");
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    const auto wait = context.options().text("wait");
    const auto end = std::chrono::steady_clock::now() + std::chrono::nanoseconds(wait ? parse_span(*wait) : 0);
    std::vector<format::Thumbprint> wanted;
    for (const std::string& reference : context.arguments())
        wanted.push_back(context.keyring().get(reference).thumbprint);
    if (wanted.empty()) {
        for (const keyring::Link& link : context.keyring().links()) wanted.push_back(link.thumbprint);
    }
    bool all_ok = true;
    Json rows = Json::array();
    for (const format::Thumbprint& thumbprint : wanted) {
        const keyring::LinkTest test = test_until(context, thumbprint, end);
        all_ok = all_ok && test.ok();
        Json results = Json::array();
        terminal.result(thumbprint.short_text() + "  " +
                        (test.ok() ? terminal.paint(Terminal::Colour::green, "ok")
                                   : terminal.paint(Terminal::Colour::red, "not usable")));
        for (const keyring::LinkTest::Result& result : test.results) {
            const keyring::Location location = keyring::Location::parse(result.location);
            const std::string who = context.vaults().at(location).identity();
            results.push_back({{"location", result.location},
                               {"outcome", keyring::text(result.outcome)},
                               {"detail", result.detail},
                               {"proven", result.proven},
                               {"identity", who.empty() ? Json(nullptr) : Json(who)}});
            terminal.result("  " + printable(result.location) + "  " + std::string(keyring::text(result.outcome)) +
                            (result.outcome != keyring::Outcome::ok ? ""
                             : result.proven                        ? ", wraps and unwraps"
                                                                    : ", wraps") +
                            (result.detail.empty() ? "" : ": " + printable(result.detail)));
            if (!who.empty()) terminal.result("    as " + printable(who));
            if (result.outcome == keyring::Outcome::ok) warn_of_excess(context, location);
        }
        rows.push_back({{"thumbprint", thumbprint.text()}, {"ok", test.ok()}, {"results", std::move(results)}});
    }
    if (terminal.json()) terminal.object(rows);
    for (const format::Thumbprint& thumbprint : wanted) {
        if (const keyring::Link* link = context.keyring().find(thumbprint)) warn_of_missing_twin(context, *link);
    }
    (void)look_at_access(context);
    return all_ok ? ExitCode::done : ExitCode::key_unavailable;
}

}  // namespace

Command keyring_test_command() {
    Command command;
    command.name = "keyring test";
    command.synopsis = "[T…] [--wait D] [--on-state-change CMD] [--webhook URL]";
    command.summary = "wrap, unwrap and compare with linked protectors";
    command.description =
        "Really uses the named protectors, or all of them, at every location, and says what each vault answered. Exit "
        "code 13 when one of them cannot be used. A link to a public half is well when it wraps.\n\n"
        "Where a key manager tells, it is warned about what this host may do there beside wrapping and unwrapping.\n\n"
        "A change of permission takes minutes in some vaults: --wait tests again every five seconds, for so long.";
    command.options = {{.name = "wait",
                        .takes = Takes::one,
                        .value_name = "D",
                        .help = "test again until all is well, for this long: 90s, 10m"}};
    for (const OptionSpec& option : state_notice_options()) command.options.push_back(option);
    command.arguments = {"thumbprint", 0, Arguments::kAnyNumber};
    command.examples = {{"signet keyring test", "Test everything that is linked"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
