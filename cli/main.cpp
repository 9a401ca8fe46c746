// signet: one binary, one command each time. Everything that goes wrong ends here, as a message and an exit code.

#include "cli/caller.h"
#include "cli/context.h"
#include "cli/help.h"
#include "cli/signals.h"
#include "core/secret.h"

#include <malloc.h>
#include <cerrno>
#include <exception>
#include <new>

namespace signet::cli {
namespace {

/// A failed restore explains itself: people get the report in place of the message, machines get it as the result.
void report_failure(Terminal& terminal, const Error& error, ExitCode code) {
    const auto* missing = dynamic_cast<const restore::KeyUnavailable*>(&error);
    if (missing == nullptr) return terminal.failure(error, code);
    if (terminal.json()) {
        terminal.raw(as_bytes(missing->plan().json() + "\n"));
        return terminal.failure(error, code);
    }
    std::string text = missing->plan().text();
    if (text.empty() || text.back() != '\n') text += '\n';
    terminal.block("signet: " + text);
}

ExitCode run_command(const std::vector<std::string>& words, Terminal& terminal) {
    const Invocation invocation = parse_command_line(words);
    if (!invocation.planned.empty()) {
        if (is_group(invocation.planned)) {
            if (!invocation.help) {
                throw Error(ErrorCode::usage, "signet " + invocation.planned + " needs a second word",
                            "see: signet " + invocation.planned + " --help");
            }
            terminal.raw(as_bytes(overview(invocation.planned)));
            return ExitCode::done;
        }
        throw Error(ErrorCode::failed, "signet " + invocation.planned + " is not built yet");
    }
    if (invocation.command == nullptr) {
        if (!invocation.help) throw Error(ErrorCode::usage, "no command was given", "see: signet help");
        terminal.raw(as_bytes(overview()));
        return ExitCode::done;
    }
    if (invocation.help) {
        terminal.raw(as_bytes(manual(*invocation.command)));
        return ExitCode::done;
    }
    const Options& options = invocation.options;
    terminal.configure(options.flag("json"), options.flag("quiet") ? -1 : options.count("verbose"));
    Context context(*invocation.command, options, terminal);
    try {
        (void)context.jobs();  // refused also where nothing is done in parallel
        return invocation.command->run(context);
    } catch (const Error& error) {
        // Whoever used it wrongly is told at least where to read.
        if (error.code() != ErrorCode::usage || !error.hint().empty()) throw;
        throw Error(ErrorCode::usage, error.what(), "see: signet help " + invocation.command->name);
    }
}

/// Runs and finishes, and turns whatever is thrown into an exit code. A result that could not be written is a failure.
ExitCode guarded(const std::vector<std::string>& words, Terminal& terminal) {
    ExitCode code = ExitCode::failed;
    const auto fail = [&](const Error& error) {
        // A signal makes system calls fail in many ways; it is the reason all the same.
        code = interrupted().load() ? ExitCode::interrupted : exit_code_of(error.code());
        report_failure(terminal, error, code);
    };
    try {
        code = run_command(words, terminal);
    } catch (const Error& error) {
        fail(error);
    } catch (const std::bad_alloc&) {
        fail(Error(ErrorCode::failed, "not enough memory"));
    } catch (const std::exception& error) {
        fail(Error(ErrorCode::failed, error.what()));
    }
    try {
        terminal.finish();
    } catch (const Error& error) {
        // Who closed the pipe knows, and has read enough.
        if (code != ExitCode::done) return code;
        if (error.system_error() != EPIPE) fail(error);
        code = ExitCode::failed;
    }
    return code;
}

}  // namespace
}  // namespace signet::cli

int main(int argc, char** argv) {
    using namespace signet;
    // Many threads that hand memory to each other: with an arena for each it would lie about unused.
    ::mallopt(M_ARENA_MAX, 2);
    harden_process();
    std::vector<std::string> words(argv + 1, argv + argc);
    const cli::Caller caller = cli::caller_of(words);
    cli::install_signal_handlers(cli::number_for(caller, cli::ExitCode::interrupted));
    if (words.size() == 1 && words.front() == "--version") words.front() = "version";
    cli::Terminal terminal;
    terminal.configure(cli::has_word(words, "--json"), 0);
    return cli::number_for(caller, cli::guarded(words, terminal));
}
