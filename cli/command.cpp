#include "cli/command.h"

#include "cli/commands/commands.h"
#include "cli/drill/commands.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace signet::cli {
namespace {

constexpr std::array kPlanned = {"mount", "keyring import"};

constexpr std::array kGroups = {"key", "keyring", "log", "drill"};

/// What users of restic, borg, kopia and others type.
constexpr std::array<std::pair<std::string_view, std::string_view>, 15> kElsewhere = {{
    {"snapshots", "list"},
    {"snapshot", "backup"},
    {"create", "backup"},
    {"save", "backup"},
    {"extract", "restore"},
    {"cat", "show"},
    {"info", "show"},
    {"verify", "check"},
    {"rewrite", "tag"},
    {"passwd", "key passphrase"},
    {"coverage", "timeline"},
    {"export-tar", "dump"},
    {"repo-create", "init"},
    {"repo-list", "list"},
    {"keys", "key list"},
}};

std::size_t edit_distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> row(right.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < left.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < right.size(); ++j) {
            const std::size_t replaced = diagonal + (left[i] == right[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

const OptionSpec* Command::find_option(std::string_view long_name) const {
    const auto found =
        std::find_if(options.begin(), options.end(), [&](const OptionSpec& o) { return o.name == long_name; });
    return found == options.end() ? nullptr : &*found;
}

const std::vector<Command>& commands() {
    static const std::vector<Command> all = {init_command(),
                                             backup_command(),
                                             list_command(),
                                             show_command(),
                                             ls_command(),
                                             find_files_command(),
                                             diff_command(),
                                             dump_command(),
                                             restore_command(),
                                             stats_command(),
                                             tag_command(),
                                             plan_command(),
                                             timeline_command(),
                                             check_command(),
                                             checkpoint_command(),
                                             repair_command(),
                                             rewrap_command(),
                                             copy_command(),
                                             reseal_command(),
                                             consolidate_command(),
                                             forget_command(),
                                             undelete_command(),
                                             log_push_command(),
                                             log_fetch_command(),
                                             log_list_command(),
                                             log_check_command(),
                                             prune_command(),
                                             drill_run_command(),
                                             drill_failover_command(),
                                             drill_history_command(),
                                             drill_report_command(),
                                             drill_schedule_command(),
                                             status_command(),
                                             metrics_command(),
                                             key_create_command(),
                                             key_import_command(),
                                             key_list_command(),
                                             key_show_command(),
                                             key_rotate_command(),
                                             key_rotation_policy_command(),
                                             key_tag_command(),
                                             key_enable_command(),
                                             key_disable_command(),
                                             key_delete_command(),
                                             key_recover_command(),
                                             key_purge_command(),
                                             key_retire_command(),
                                             key_compromised_command(),
                                             key_backup_command(),
                                             key_restore_command(),
                                             key_export_command(),
                                             key_export_public_command(),
                                             key_passphrase_command(),
                                             keyring_show_command(),
                                             keyring_link_command(),
                                             keyring_unlink_command(),
                                             keyring_default_command(),
                                             keyring_test_command(),
                                             keyring_check_command(),
                                             keyring_audit_command(),
                                             keyring_trust_command(),
                                             keyring_adopt_command(),
                                             keyring_recover_command(),
                                             keyring_policy_command(),
                                             keyring_pause_command(),
                                             keyring_resume_command(),
                                             keyring_revalidate_command(),
                                             keyring_setup_command(),
                                             keyring_export_command(),
                                             keyring_replica_command(),
                                             keyring_compare_command(),
                                             config_command(),
                                             completion_command(),
                                             help_command(),
                                             version_command()};
    return all;
}

const Command* find_command(std::string_view name) {
    const auto& all = commands();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Command& c) { return c.name == name; });
    return found == all.end() ? nullptr : &*found;
}

bool is_group(std::string_view word) { return std::find(kGroups.begin(), kGroups.end(), word) != kGroups.end(); }

bool is_planned(std::string_view name) { return std::find(kPlanned.begin(), kPlanned.end(), name) != kPlanned.end(); }

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
    std::string best;
    std::size_t best_distance = word.size() / 3 + 2;
    for (const std::string& name : names) {
        const std::size_t distance = edit_distance(word, name);
        if (distance < best_distance) {
            best_distance = distance;
            best = name;
        }
    }
    return best;
}

std::string suggest_command(std::string_view word) {
    std::string near;
    for (const auto& [theirs, ours] : kElsewhere) {
        if (word == theirs) near = ours;
    }
    if (near.empty()) {
        std::vector<std::string> names(kPlanned.begin(), kPlanned.end());
        for (const Command& command : commands()) names.push_back(command.name);
        near = nearest(word, names);
    }
    return (near.empty() ? "" : "did you mean \"signet " + near + "\"? ") + std::string("see: signet help");
}

}  // namespace signet::cli
