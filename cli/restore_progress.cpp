#include "cli/restore_progress.h"

namespace signet::cli {
namespace {

ProgressState state_of(const restore::RestoreProgress& progress) {
    ProgressState state;
    state.files_done = progress.items_done.load();
    state.files_total = progress.files_total.load();
    state.bytes_done = progress.bytes_done.load();
    state.bytes_total = progress.bytes_total.load();
    state.errors = progress.errors.load();
    state.total_known = state.bytes_total > 0;
    state.current = progress.current();
    return state;
}

}  // namespace

ShownRestore::ShownRestore(Context& context)
    : reporter_(context.terminal(), progress_policy(context.terminal(), context.options().flag("progress")),
                [this] { return state_of(progress_); }) {}

}  // namespace signet::cli
