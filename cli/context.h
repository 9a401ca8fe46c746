// What a command works with, each part made when it is first asked for: keyrings, vaults, the repository, its
// catalogue.
#pragma once

#include "cli/options.h"
#include "cli/terminal.h"
#include "keyring/keyring.h"
#include "keyring/proven_slots.h"
#include "keyring/resolver.h"
#include "restore/catalogue.h"
#include "restore/opener.h"
#include "restore/plan.h"
#include "storage/repository.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace signet::cli {

/// One spelling for one place, whatever the working directory and links are.
[[nodiscard]] std::string canonical_location(const storage::Store& store);
/// The same of a place that need not be there.
[[nodiscard]] std::string canonical_place(const std::string& location);

class Context {
public:
    Context(const Command& command, const Options& options, Terminal& terminal);
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    [[nodiscard]] const Command& command() const { return command_; }
    [[nodiscard]] const Options& options() const { return options_; }
    [[nodiscard]] const std::vector<std::string>& arguments() const { return options_.arguments(); }
    [[nodiscard]] Terminal& terminal() { return terminal_; }
    [[nodiscard]] const Clock& clock() const { return Clock::system(); }
    [[nodiscard]] bool dry_run() const { return options_.flag("dry-run"); }
    /// --jobs, or 0: the program decides.
    [[nodiscard]] int jobs() const;
    /// Where caches are; empty with --no-cache.
    [[nodiscard]] std::string cache_folder() const;

    [[nodiscard]] keyring::PassphraseSource& passphrases();
    [[nodiscard]] keyring::Vaults& vaults();
    [[nodiscard]] keyring::KeyringSet& keyrings();
    /// The host's own.
    [[nodiscard]] keyring::Keyring& keyring() { return keyrings().own(); }
    [[nodiscard]] keyring::Resolver& resolver();

    [[nodiscard]] bool has_repository() const { return location_.has_value() || options_.given("repo"); }
    /// throws  Error{usage}: none was named
    [[nodiscard]] std::string repository_location() const;
    /// throws  Error{no_repository}, Error{unsupported}, Error{damaged}, Error{usage}
    ///         Error{refused}: a keyring knows another repository at this place
    [[nodiscard]] const storage::Repository& repository();
    /// Works with another repository from now on, in the place of --repo. What refers to the one before, its catalogue
    /// and its planner, is not to be used any more.
    void turn_to(const std::string& location);
    /// throws  Error{refused}: a keyring knows another repository at this one's place
    void hold_to_place(const storage::Repository& repository);
    /// What this host knows of stored slots.
    [[nodiscard]] keyring::ProvenSlots proven_slots(const RepositoryId& repository);
    /// Whatever repository is there now: for the command that accepts it.
    [[nodiscard]] const storage::Repository& any_repository();
    /// Remembers, once the repository is pinned, that this is its place.
    void note_location();
    /// All journals, read once. remember  whether a first contact is pinned; counts for the first call
    [[nodiscard]] const restore::Catalogue& catalogue(bool remember = true);
    /// The same for commands that only look at headers: remembers nothing, reads no more than it must (the cache of
    /// verified entries), and no backup of it can be opened. throws  as catalogue()
    [[nodiscard]] const restore::Catalogue& headers();
    /// The headers as they are now, whatever was read before, and without a word: for who looks what became of an
    /// entry.
    [[nodiscard]] restore::Catalogue look_again();
    /// Another way of reading it. throws  Error{failed}: it was read before
    const restore::Catalogue& load_catalogue(restore::CatalogueOptions options);
    /// Without options of its own.
    [[nodiscard]] restore::Planner& planner();
    /// Gives back the memory of catalogue and planner; what refers to them is not to be used any more.
    void forget_catalogue();
    /// Opens a backup for reading; warnings go to the terminal.
    [[nodiscard]] std::unique_ptr<restore::OpenBackup> open(const restore::Backup& backup, bool salvage = false);

private:
    void learn_names(const restore::OpenBackup& open);

    const Command& command_;
    const Options& options_;
    Terminal& terminal_;
    std::unique_ptr<keyring::PassphraseSource> passphrases_;
    std::unique_ptr<keyring::Vaults> vaults_;
    std::unique_ptr<keyring::KeyringSet> keyrings_;
    std::unique_ptr<keyring::Resolver> resolver_;
    std::optional<std::string> location_;  ///< of turn_to()
    std::optional<storage::Repository> repository_;
    bool place_is_held_ = false;
    std::optional<restore::Catalogue> catalogue_;
    std::unique_ptr<restore::Planner> planner_;
};

}  // namespace signet::cli
