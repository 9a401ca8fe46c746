#include "cli/checking.h"

#include "cli/progress.h"
#include "cli/signals.h"

namespace signet::cli {
namespace {

ProgressState state_of(const restore::Checker& checker) {
    ProgressState state;
    state.files_done = checker.objects_done();
    state.files_total = checker.objects_total();
    state.bytes_done = checker.bytes_done();
    state.bytes_total = checker.bytes_total();
    state.total_known = true;
    return state;
}

}  // namespace

restore::CheckReport run_check(Context& context, const restore::PackSample& sample,
                               const std::function<void(restore::Checker&)>& steps) {
    restore::CatalogueOptions reading;
    reading.tolerate_rollback = true;
    context.load_catalogue(reading);
    restore::Checker checker(context.repository(), context.keyrings(), context.planner(), context.resolver(),
                             {context.jobs(), &interrupted(), sample});
    const ProgressPolicy policy = progress_policy(context.terminal(), context.options().flag("progress"));
    const ProgressReporter reporter(context.terminal(), policy, [&] { return state_of(checker); });
    steps(checker);
    return checker.report();
}

}  // namespace signet::cli
