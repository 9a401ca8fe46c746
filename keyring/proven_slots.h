// Which stored slots this host knows to be true, because it wrapped them or opened them itself. Anybody with access to
// the storage can add a slot that claims what it likes, so only these and the slots of signed entries count after a
// rotation.
#pragma once

#include "core/secret.h"
#include "format/names.h"

#include <set>
#include <string>

namespace signet::keyring {

/// A file in the cache, authenticated under the writer's cache key: an altered or foreign one is as good as none.
class ProvenSlots {
public:
    /// path  empty: nothing is remembered
    ProvenSlots(std::string path, const SecretBytes& cache_key);
    /// Where a writer's are kept. cache_directory  empty: nowhere
    [[nodiscard]] static std::string path_in(const std::string& cache_directory, const RepositoryId& repository,
                                             const IdentityId& writer);
    [[nodiscard]] bool has(const format::SlotName& name) const;
    /// Remembered at once. A cache that cannot be written costs time, nothing else.
    void add(const format::SlotName& name) noexcept;

private:
    [[nodiscard]] std::string tag(const std::string& lines) const;
    std::string path_;
    SecretBytes key_;
    std::set<std::string> names_;
};

}  // namespace signet::keyring
