#include "cli/setup.h"

#include "core/error.h"

namespace signet::cli {

std::string setup_aws(const SetupPlan& plan) {
    static_cast<void>(plan);
    throw Error(ErrorCode::usage, "aws: is not built in yet");
}

std::string setup_template_aws(const SetupPlan& plan) { return setup_aws(plan); }

}  // namespace signet::cli
