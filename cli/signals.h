// Ctrl-C, TERM and USR1 as flags that the work looks at.
#pragma once

#include <atomic>

namespace signet::cli {

/// Installs the handlers: INT, TERM and HUP ask for an orderly end (a second one ends at once with `at_once`), USR1
/// asks for a progress line, PIPE is ignored so that a closed standard output becomes an error and not a death.
void install_signal_handlers(int at_once);

/// Set once INT, TERM or HUP arrived.
[[nodiscard]] std::atomic<bool>& interrupted();

/// throws  Error{interrupted} once INT, TERM or HUP arrived
void stop_if_interrupted();

/// Whether USR1 arrived since the last call.
[[nodiscard]] bool take_progress_request();

/// Default handling again, for a child between fork and exec. Async-signal-safe.
void restore_signals_in_child() noexcept;

}  // namespace signet::cli
