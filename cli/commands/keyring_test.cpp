#include "cli/commands/commands.h"
#include "cli/link_view.h"

namespace signet::cli {
namespace {

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    std::vector<format::Thumbprint> wanted;
    for (const std::string& reference : context.arguments()) wanted.push_back(context.keyring().get(reference).thumbprint);
    if (wanted.empty()) {
        for (const keyring::Link& link : context.keyring().links()) wanted.push_back(link.thumbprint);
    }
    bool all_ok = true;
    Json rows = Json::array();
    for (const format::Thumbprint& thumbprint : wanted) {
        const keyring::LinkTest test = context.keyring().test(thumbprint, context.vaults());
        all_ok = all_ok && test.ok();
        Json results = Json::array();
        terminal.result(thumbprint.short_text() + "  " + (test.ok() ? terminal.paint(Terminal::Colour::green, "ok") : terminal.paint(Terminal::Colour::red, "not usable")));
        for (const keyring::LinkTest::Result& result : test.results) {
            results.push_back({{"location", result.location},
                               {"outcome", keyring::text(result.outcome)},
                               {"detail", result.detail},
                               {"proven", result.proven}});
            terminal.result("  " + printable(result.location) + "  " + std::string(keyring::text(result.outcome)) +
                            (result.outcome != keyring::Outcome::ok ? "" : result.proven ? ", wraps and unwraps" : ", wraps") +
                            (result.detail.empty() ? "" : ": " + printable(result.detail)));
        }
        rows.push_back({{"thumbprint", thumbprint.text()}, {"ok", test.ok()}, {"results", std::move(results)}});
    }
    if (terminal.json()) terminal.object(rows);
    return all_ok ? ExitCode::done : ExitCode::key_unavailable;
}

}  // namespace

Command keyring_test_command() {
    Command command;
    command.name = "keyring test";
    command.synopsis = "[T…]";
    command.summary = "wrap, unwrap and compare with linked protectors";
    command.description =
        "Really uses the named protectors, or all of them, at every location, and says what each vault answered. Exit code 13 "
        "when one of them cannot be used. A link to a public half is well when it wraps.";
    command.arguments = {"thumbprint", 0, Arguments::kAnyNumber};
    command.examples = {{"signet keyring test", "Test everything that is linked"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
