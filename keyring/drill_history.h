// What drills have found: one record a drill, chained by hashes and signed by the writer that ran it.
//
// One JSON object a line, canonical: "number" from 1, "prev" (SHA-256 of the line before, without its line feed), "key"
// (public, of the writer), "drill" (what was found), and "signature" over the line without it. Who cannot sign as the
// writer can alter or forge no record unnoticed, nor take one out of the middle; the digest of each line is noted in
// the audit log as well, whose head the next backup signs, so that records cut off at the end are missed there.
#pragma once

#include "core/crypto/identity_key.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace signet::keyring {

/// A record as it stands in the history.
struct DrillEntry {
    std::uint64_t line = 0;    ///< of the file, from 1
    std::uint64_t number = 0;  ///< as it says; 0 where the line is no record
    std::string text;          ///< the whole line
    std::string drill;         ///< what was found: one JSON object; empty where the line is no record
    IdentityId writer;         ///< of the key that the record names
    Digest digest;             ///< of the line
    bool authentic = false;    ///< its signature fits
};

struct DrillHistoryReport {
    std::vector<DrillEntry> entries;    ///< oldest first
    std::vector<std::string> problems;  ///< where it was edited: "record 3 was altered: …"
    std::vector<std::string> remarks;   ///< nothing that anybody did wrong
    [[nodiscard]] bool intact() const { return problems.empty(); }
};

/// Appends under a file lock, and replaces the file at once: a crash leaves the old one or the new one.
class DrillHistory {
public:
    explicit DrillHistory(std::string path) : path_(std::move(path)) {}
    /// Where a keyring's is.
    [[nodiscard]] static DrillHistory of(const std::string& keyring_folder) {
        return DrillHistory(keyring_folder + "/drills.log");
    }

    /// drill  one JSON object. throws  Error{io}; Error{damaged}: the file is larger than any history
    DrillEntry append(const std::string& drill, const crypto::SigningKey& writer) const;
    /// Walks the whole chain. writer  who signs here now. noted  digests that the audit log has: each must be a line
    [[nodiscard]] DrillHistoryReport read(const IdentityId& writer, const std::set<Digest>& noted) const;
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

}  // namespace signet::keyring
