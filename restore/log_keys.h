// What a restore leaves for `log fetch` until recovery ends: its plan's logs with the data keys of their epochs. One
// file of mode 0600, meant for a file system in memory (docs/threat-model.md).
#pragma once

#include "format/data_key.h"
#include "restore/log_reader.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace signet::restore {

class LogKeys {
public:
    struct Entry {
        DekId epoch;
        std::uint64_t number = 0;
        format::LogId id;
    };

    LogKeys(const RepositoryId& repository, const Digest& config_hash, std::string series)
        : repository_(repository), config_hash_(config_hash), series_(std::move(series)) {}

    /// throws  Error{refused}: others than the owner can read it; Error{damaged}; Error{io}: also when it is not there
    [[nodiscard]] static LogKeys load(const std::string& path);
    /// owner  uid and gid of who will fetch; nothing: as it is. throws  Error{io}
    void save(const std::string& path, const std::optional<std::pair<unsigned, unsigned>>& owner) const;

    [[nodiscard]] bool has_key(const DekId& epoch) const { return keys_.contains(epoch); }
    void add_key(format::DataKey key) { keys_.emplace(key.id(), std::move(key)); }
    void add_log(const std::string& name, const Entry& entry) { logs_.emplace(name, entry); }

    [[nodiscard]] const RepositoryId& repository() const { return repository_; }
    [[nodiscard]] const Digest& config_hash() const { return config_hash_; }
    [[nodiscard]] const std::string& series() const { return series_; }
    /// nullptr: it is not in the plan.
    [[nodiscard]] const Entry* find(const std::string& name) const;
    /// throws  Error{damaged}: a log without its key
    [[nodiscard]] const format::DataKey& key(const DekId& epoch) const;

private:
    [[nodiscard]] SecretBytes encode() const;
    RepositoryId repository_;
    Digest config_hash_;
    std::string series_;
    std::map<DekId, format::DataKey> keys_;
    std::map<std::string, Entry, std::less<>> logs_;
};

/// Where such a file goes when nothing is said: a new name in a folder in memory.
/// throws  Error{failed}: this system has none; the hint says what to do
[[nodiscard]] std::string new_log_keys_path();
/// Whether a file in such a folder is called as new_log_keys_path() calls them.
[[nodiscard]] bool is_log_keys_name(std::string_view name);
/// Whether a path lies in a file system that is kept in memory.
[[nodiscard]] bool is_in_memory(const std::string& path);

}  // namespace signet::restore
