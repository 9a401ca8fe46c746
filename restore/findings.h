// What a check found: each thing that is not as it was written, whom it touches, and what to do about it.
#pragma once

#include "core/error.h"
#include "restore/log_loss.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace signet::restore {

/// One thing that is not as it should be.
struct Finding {
    std::string object;  ///< its name in the repository
    std::string message;
    bool is_altered = false;        ///< it is there, and is not what its name says: what `repair` sets aside
    std::set<std::string> backups;  ///< short ids of the backups that it touches
    /// Files that it touches, by backup: known only to who has read the backups with their keys.
    std::map<std::string, std::set<std::string>> files;
    std::uint64_t more_files = 0;  ///< that are not named
    std::string remedy;            ///< what to do, with the command
    // Of a log.
    std::string log;                ///< its name; empty: nothing tells it
    std::string series;             ///< its name, or its id
    std::optional<TimePoint> from;  ///< moments that need it
    std::optional<TimePoint> to;
};

/// Whether all of them are about logs: what mends backups does not help then.
[[nodiscard]] bool are_about_logs(const std::vector<Finding>& findings);

/// What helps against the loss of an object, by the kind that its name says.
[[nodiscard]] std::string remedy_for(std::string_view object);

/// The object that an error names: a pack or an index segment; empty when it names none.
[[nodiscard]] std::string object_in(const Error& error);

/// Gathers findings, one for each object. For several threads at once.
class Findings {
public:
    /// The first message about an object stays.
    void add(const std::string& object, const std::string& message, bool is_altered, std::set<std::string> backups);
    /// A log. loss  what that means; a finding by its object
    void add_log(const std::string& object, const std::string& message, const LogLoss& loss);
    /// A file that cannot be read because of an object.
    void add_file(const std::string& object, const std::string& message, const std::string& backup,
                  const std::string& path);
    /// All of them, by name.
    [[nodiscard]] std::vector<Finding> all() const;

private:
    Finding& at(const std::string& object, const std::string& message);
    mutable std::mutex mutex_;
    std::map<std::string, Finding> by_object_;
};

}  // namespace signet::restore
