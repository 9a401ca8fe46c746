#include "backup/backup.h"

#include "backup/backup_run.h"
#include "core/file.h"

#include <algorithm>

namespace signet::backup {

std::string Progress::current() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

void Progress::set_current(std::string path) {
    const std::lock_guard lock(mutex_);
    current_ = std::move(path);
}

std::string series_name(const BackupRequest& request) {
    if (request.series) return *request.series;
    std::string name = request.host + ":";
    if (request.stream_fd >= 0) return name + request.stream_name;
    std::vector<std::string> paths;
    for (const auto& path : request.paths) paths.push_back(absolute_path(path, request.working_directory));
    std::sort(paths.begin(), paths.end());
    for (std::size_t i = 0; i < paths.size(); ++i) name += (i == 0 ? "" : ",") + paths[i];
    return name;
}

std::string series_lock(const keyring::Keyring& keyring, const RepositoryId& repository, const SeriesId& series) {
    return keyring.folder() + "/locks/" + repository.short_hex(16) + "-" + series.hex();
}

BackupReport run_backup(const BackupRequest& request, const storage::Repository& repository,
                        keyring::KeyringSet& keyrings, keyring::Resolver& resolver) {
    return BackupRun(request, repository, keyrings, resolver).execute();
}

}  // namespace signet::backup
