#include "cli/octet_progress.h"

namespace signet::cli {

OctetProgress::OctetProgress(Context& context)
    : reporter_(context.terminal(), progress_policy(context.terminal(), context.options().flag("progress")), [this] {
          ProgressState now;
          now.bytes_done = done_;
          now.bytes_total = total_;
          now.total_known = now.bytes_total > 0;
          return now;
      }) {}

std::function<void(std::uint64_t, std::uint64_t)> OctetProgress::taker() {
    return [this](std::uint64_t done, std::uint64_t total) {
        done_ = done;
        total_ = total;
    };
}

}  // namespace signet::cli
