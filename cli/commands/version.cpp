#include "cli/commands/commands.h"
#include "cli/context.h"

namespace signet::cli {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "clang " __clang_version__;
#else
constexpr const char* kCompiler = "gcc " __VERSION__;
#endif

ExitCode run(Context& context) {
    if (context.terminal().json()) {
        context.terminal().object(Json{{"message_type", "version"},
                                       {"version", SIGNET_VERSION},
                                       {"repository_format", 1},
                                       {"compiler", kCompiler}});
    } else {
        context.terminal().result("signet " SIGNET_VERSION ", repository format 1, built with " +
                                  std::string(kCompiler));
    }
    return ExitCode::done;
}

}  // namespace

Command version_command() {
    Command command;
    command.name = "version";
    command.summary = "print the version";
    command.description = "Prints the version of the program and of the repository format that it writes.";
    command.examples = {{"signet version --json", "For a program"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
