// The paths to back up, as one tree: what stands above them, and each that is a folder already being listed.
#pragma once

#include "backup/backup.h"
#include "backup/lister.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace signet::backup {

/// Absolute, without "." and "..", doubled or trailing slashes; symbolic links are left alone.
[[nodiscard]] std::string absolute_path(const std::string& path, const std::string& working_directory);

/// `name` in `folder`, which may be "/".
[[nodiscard]] std::string join(const std::string& folder, const std::string& name);

class Sources {
public:
    /// Examines the paths and starts to list those that are folders, so that the disk works while the run is prepared.
    /// A path that cannot be examined is a problem.
    explicit Sources(const BackupRequest& request);

    /// A folder above a source, or a source.
    struct Top {
        bool is_source = false;
        std::map<std::string, Top> below;
        std::shared_ptr<FolderNode> folder;  ///< a source that is a folder
        SourceStat stat;
        bool exists = false;
    };
    [[nodiscard]] const Top& root() const { return root_; }
    [[nodiscard]] Lister& lister() { return lister_; }
    [[nodiscard]] const std::vector<SourceProblem>& problems() const { return problems_; }

private:
    void place(const BackupRequest& request);
    void examine(Top& top, const std::string& path, std::size_t depth, bool one_file_system);
    Top root_;
    std::vector<SourceProblem> problems_;
    Lister lister_;
};

}  // namespace signet::backup
