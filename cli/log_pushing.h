// What a push of a log asks of keyring, policy and journal (backup/log_writer.h).
#pragma once

#include "backup/log_writer.h"
#include "cli/context.h"

namespace signet::cli {

/// What is pushed and how, by the options of log_pushing_options().
[[nodiscard]] backup::LogRequest log_request(const Context& context);
[[nodiscard]] std::vector<OptionSpec> log_pushing_options();

/// Stores one log. throws  as backup::push_log(); Error{key_unavailable}: access to the protector is lost
backup::LogReport push_log(Context& context, const backup::LogRequest& request);

}  // namespace signet::cli
