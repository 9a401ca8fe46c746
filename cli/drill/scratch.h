// The folder that a drill restores into: made by it, marked as its own, and gone afterwards.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace signet::cli {

/// Places that a drill must not write into or above.
struct LivePlaces {
    std::vector<std::string> sources;  ///< of backups: refused are these and what they lie in
    std::vector<std::string> stores;   ///< repository, keyrings, vault, caches: refused is what lies in these as well
};

class DrillScratch {
public:
    static constexpr const char* kRestored = "restored";
    static constexpr const char* kKeys = "keys";
    static constexpr const char* kKeysFile = "keys-file";  ///< a link
    /// wanted  nothing: a new folder below TMPDIR, else /var/tmp. A folder that is there must be empty, or be what an
    ///         earlier drill left behind: that is removed first
    /// throws  Error{refused}: it is neither, or live; Error{busy}: another drill works in it; Error{io}
    [[nodiscard]] static DrillScratch make(const std::optional<std::string>& wanted, const LivePlaces& live);

    DrillScratch(DrillScratch&& other) noexcept;
    DrillScratch& operator=(DrillScratch&&) = delete;
    DrillScratch(const DrillScratch&) = delete;
    DrillScratch& operator=(const DrillScratch&) = delete;
    /// Cleans up as far as that goes.
    ~DrillScratch();

    [[nodiscard]] const std::string& folder() const { return folder_; }
    /// Where what is restored goes.
    [[nodiscard]] std::string restored() const { return folder_ + "/" + kRestored; }
    /// Where keyring and vault of a drill from nothing are.
    [[nodiscard]] std::string keys() const { return folder_ + "/" + kKeys; }
    /// Says where the keys are that a server in it reads, outside of it: they go with the rest, also after a kill.
    void note_keys_file(const std::string& path) const;
    /// Removes what was restored. throws  Error{io}, Error{refused}: something is mounted in it
    void remove_restored();
    /// Removes everything that drills make, and the folder itself where it was made for this. throws  the same
    void clean();

private:
    DrillScratch(std::string folder, bool made, int lock);
    std::string folder_;  ///< empty: cleaned up
    bool made_ = false;
    int lock_ = -1;  ///< the marker, locked as long as the drill goes on
};

/// throws  Error{refused}: a folder is one of these places, or they lie in it
void require_not_live(const std::string& folder, const LivePlaces& live);

}  // namespace signet::cli
