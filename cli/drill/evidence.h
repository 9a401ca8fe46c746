// The history of drills, as a keyring and its audit log have it.
#pragma once

#include "cli/drill/record.h"
#include "keyring/drill_history.h"
#include "keyring/keyring.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace signet::cli {

/// A record with its proof.
struct DrillEvidence {
    keyring::DrillEntry entry;
    DrillRecord record;
};

struct DrillEvidences {
    std::vector<DrillEvidence> drills;  ///< oldest first; lines that are no record are left out
    std::vector<std::string> problems;  ///< where the history was edited
    std::vector<std::string> remarks;
    [[nodiscard]] bool intact() const { return problems.empty(); }
};

/// Verifies all of it against signatures, chain and audit log. throws  Error{io}
[[nodiscard]] DrillEvidences load_drills(const keyring::Keyring& keyring);

/// Signs a record, appends it, and notes it in the audit log as the outcome of `intent`. throws  Error{io}
DrillEvidence append_drill(keyring::Keyring& keyring, const keyring::WriterIdentity& writer, const DrillRecord& record,
                           std::uint64_t intent);

/// By thumbprint: when authentic records of a repository say that each protector was proven last.
[[nodiscard]] std::map<std::string, std::string> proven_by_drills(const DrillEvidences& drills,
                                                                  const std::string& repository);

/// By series id: when a drill of that repository last restored it, whole and as it was.
[[nodiscard]] std::map<std::string, TimePoint> drilled_series(const DrillEvidences& drills,
                                                              const std::string& repository);

/// By thumbprint: when a drill of that repository last saw its twin stand in.
[[nodiscard]] std::map<std::string, TimePoint> failed_over(const DrillEvidences& drills, const std::string& repository);

}  // namespace signet::cli
