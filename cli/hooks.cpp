#include "cli/hooks.h"

#include "cli/child.h"
#include "cli/signals.h"

namespace signet::cli {

void run_hooks(Context& context, const std::string& option, const HookVariables& variables) {
    for (const std::string& line : context.options().list(option)) {
        if (context.dry_run()) {
            context.terminal().message("would run: " + printable(line));
            continue;
        }
        const ChildEnd end = run_shell(line, variables);
        // Whoever stops a backup wants to be told of it all the same.
        if (option != "run-failed") stop_if_interrupted();
        if (!end.ok())
            throw Error(ErrorCode::failed, "--" + option + " ended with " + end.text() + ": " + printable(line));
    }
}

}  // namespace signet::cli
