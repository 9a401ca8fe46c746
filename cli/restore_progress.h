// Progress of a restore, whoever asked for it.
#pragma once

#include "cli/context.h"
#include "cli/progress.h"
#include "restore/extractor.h"

namespace signet::cli {

/// Shows how far a restore is until it is destroyed.
class ShownRestore {
public:
    explicit ShownRestore(Context& context);
    /// For RestoreRequest::progress; not for longer than this lives.
    [[nodiscard]] restore::RestoreProgress& progress() { return progress_; }

private:
    restore::RestoreProgress progress_;
    ProgressReporter reporter_;  ///< ends first: it reads the other
};

}  // namespace signet::cli
