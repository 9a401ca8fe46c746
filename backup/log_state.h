// What a host keeps between two pushes of a series: the chain key of the next log, and never one that leads back.
//
// The file is replaced without being synced: after a power cut it may be older than the repository, and its owner
// catches up by reading what was stored since. A lost, torn or foreign one costs a new epoch and nothing else.
#pragma once

#include "format/log_epoch.h"

#include <optional>
#include <string>
#include <vector>

namespace signet::backup {

struct LogState {
    RepositoryId repository;
    IdentityId writer;
    SeriesId series;
    format::LogSource source;
    DekId epoch;
    std::uint64_t next = 1;  ///< number of the next log
    format::LogId last;      ///< of the log before it; zero when there is none
    std::string last_name;   ///< of that log
    SecretBytes chain_key;   ///< of the next log; empty: the epoch has ended here
    TimePoint opened;
    TimePoint looked;                            ///< when vault and policy were asked last, and agreed
    std::vector<format::Thumbprint> linked;      ///< what the keyring alone would have wrapped with
    std::vector<format::Thumbprint> protectors;  ///< what it was wrapped with
    std::uint64_t names = 0;                     ///< in the list of names, this epoch's and all before
};

/// One file, of mode 0600.
class LogStateFile {
public:
    explicit LogStateFile(std::string path) : path_(std::move(path)) {}
    /// Nothing: there is none, or not one that this repository, writer and series can go on with.
    /// throws  Error{refused}: others than the owner can read it; Error{io}
    [[nodiscard]] std::optional<LogState> load(const RepositoryId& repository, const IdentityId& writer,
                                               const SeriesId& series) const;
    /// throws  Error{io}
    void save(const LogState& state) const;

private:
    std::string path_;
};

/// The names under which a series' logs were stored, each with its content tag: so that one is never stored twice.
/// Appended to without being synced; rebuilt from the repository where it is not whole.
class LogNames {
public:
    LogNames(std::string path, const RepositoryId& repository, const IdentityId& writer, const SeriesId& series);

    /// Reads it. returns  how many names there are; nothing when it is none of this repository, writer and series
    [[nodiscard]] std::optional<std::uint64_t> load();
    /// Leaves only the first ones.
    void truncate(std::uint64_t count);
    /// The content tag of the first log of that name.
    [[nodiscard]] std::optional<Digest> find(std::string_view name) const;
    void add(std::string_view name, const Digest& tag);
    /// Begins anew.
    void clear();
    [[nodiscard]] std::uint64_t count() const { return records_.size() / kRecord; }

private:
    static constexpr std::size_t kHeader = 32;
    static constexpr std::size_t kName = 16;
    static constexpr std::size_t kRecord = kName + 32;
    std::string path_;
    Digest header_;
    Bytes records_;
};

}  // namespace signet::backup
