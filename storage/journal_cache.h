// The cache of verified entries: what this host read and verified of a repository's journals, so that looking at it
// again (list, show, plan, timeline) reads what is new alone.
//
// One file for each journal below the cache directory, sealed in blocks under a key of this host: somebody else's, an
// old, a cut or an altered one is as good as none. Nobody relies on it for content: an entry from here has no body.
// docs/threat-model.md section 5 says what it can and cannot hide.
#pragma once

#include "core/secret.h"
#include "format/entry.h"

#include <string>
#include <vector>

namespace signet::storage {

/// For one repository. For any number of threads at once, as far as they are about different journals.
class JournalCache {
public:
    /// folder  of the caches of this repository; made when first written to
    /// cache_key  format::derive_cache_key() of this host's writer
    JournalCache(std::string folder, const RepositoryId& repository, const SecretBytes& cache_key);

    /// Entries 1, 2, 3, … of a journal as they were kept, each following the one before. Nothing when there are none,
    /// or when any bit of them is not as it was written.
    [[nodiscard]] std::vector<format::SignedEntry> load(const IdentityId& identity) const noexcept;
    /// Keeps the verified entries of a journal, the first one first, in place of what was kept before. A cache that
    /// cannot be written costs time, nothing else; one over 256 MiB is not kept.
    void save(const IdentityId& identity, const std::vector<format::SignedEntry>& entries) const noexcept;

private:
    [[nodiscard]] std::string path_of(const IdentityId& identity) const;
    std::string folder_;
    RepositoryId repository_;
    SecretBytes key_;
};

}  // namespace signet::storage
