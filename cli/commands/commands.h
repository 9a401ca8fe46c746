// One function a command: its words, its texts and what it does. Each is in a file of its own name.
#pragma once

#include "cli/command.h"

namespace signet::cli {

[[nodiscard]] Command init_command();
[[nodiscard]] Command backup_command();
[[nodiscard]] Command list_command();
[[nodiscard]] Command show_command();
[[nodiscard]] Command ls_command();
[[nodiscard]] Command find_files_command();
[[nodiscard]] Command diff_command();
[[nodiscard]] Command dump_command();
[[nodiscard]] Command restore_command();
[[nodiscard]] Command stats_command();
[[nodiscard]] Command tag_command();
[[nodiscard]] Command plan_command();
[[nodiscard]] Command timeline_command();
[[nodiscard]] Command check_command();
[[nodiscard]] Command checkpoint_command();
[[nodiscard]] Command repair_command();
[[nodiscard]] Command rewrap_command();
[[nodiscard]] Command copy_command();
[[nodiscard]] Command reseal_command();
[[nodiscard]] Command consolidate_command();
[[nodiscard]] Command forget_command();
[[nodiscard]] Command undelete_command();
[[nodiscard]] Command log_push_command();
[[nodiscard]] Command log_fetch_command();
[[nodiscard]] Command log_list_command();
[[nodiscard]] Command log_check_command();
[[nodiscard]] Command prune_command();
[[nodiscard]] Command status_command();
[[nodiscard]] Command metrics_command();

[[nodiscard]] Command key_create_command();
[[nodiscard]] Command key_import_command();
[[nodiscard]] Command key_list_command();
[[nodiscard]] Command key_show_command();
[[nodiscard]] Command key_rotate_command();
[[nodiscard]] Command key_rotation_policy_command();
[[nodiscard]] Command key_tag_command();
[[nodiscard]] Command key_enable_command();
[[nodiscard]] Command key_disable_command();
[[nodiscard]] Command key_delete_command();
[[nodiscard]] Command key_recover_command();
[[nodiscard]] Command key_purge_command();
[[nodiscard]] Command key_retire_command();
[[nodiscard]] Command key_compromised_command();
[[nodiscard]] Command key_backup_command();
[[nodiscard]] Command key_restore_command();
[[nodiscard]] Command key_export_command();
[[nodiscard]] Command key_export_public_command();
[[nodiscard]] Command key_passphrase_command();

[[nodiscard]] Command keyring_show_command();
[[nodiscard]] Command keyring_link_command();
[[nodiscard]] Command keyring_unlink_command();
[[nodiscard]] Command keyring_default_command();
[[nodiscard]] Command keyring_test_command();
[[nodiscard]] Command keyring_check_command();
[[nodiscard]] Command keyring_audit_command();
[[nodiscard]] Command keyring_trust_command();
[[nodiscard]] Command keyring_adopt_command();
[[nodiscard]] Command keyring_recover_command();
[[nodiscard]] Command keyring_policy_command();
[[nodiscard]] Command keyring_pause_command();
[[nodiscard]] Command keyring_resume_command();
[[nodiscard]] Command keyring_revalidate_command();
[[nodiscard]] Command keyring_setup_command();
[[nodiscard]] Command keyring_export_command();
[[nodiscard]] Command keyring_replica_command();
[[nodiscard]] Command keyring_compare_command();

[[nodiscard]] Command config_command();
[[nodiscard]] Command completion_command();
[[nodiscard]] Command help_command();
[[nodiscard]] Command version_command();

}  // namespace signet::cli
