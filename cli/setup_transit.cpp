#include "cli/setup.h"

namespace signet::cli {
namespace {

std::string space_flag(const SetupPlan& plan) { return plan.group.empty() ? "" : " -namespace=" + plan.group; }
std::string mount_of(const SetupPlan& plan) { return plan.vault.empty() ? "transit" : plan.vault; }

}  // namespace

std::string setup_template_transit(const SetupPlan& plan) {
    const std::string mount = mount_of(plan);
    return "# A host that makes backups and restores them. One that only makes them needs no decrypt. Never \"create\" "
           "on\n"
           "# encrypt: that would make a key that is missing.\n"
           "path \"" +
           mount + "/keys/" + plan.key +
           "\" { capabilities = [\"read\"] }\n"
           "path \"" +
           mount + "/encrypt/" + plan.key +
           "\" { capabilities = [\"update\"] }\n"
           "path \"" +
           mount + "/decrypt/" + plan.key + "\" { capabilities = [\"update\"] }\n";
}

std::string setup_transit(const SetupPlan& plan) {
    const std::string mount = mount_of(plan);
    const std::string flag = space_flag(plan);
    return "# 1. The key, by the key officer. RSA, so that its public half is enough for write-only hosts; or "
           "aes256-gcm96.\n"
           "vault secrets enable" +
           flag + " -path=" + mount +
           " transit\n"
           "vault write" +
           flag + " -f " + mount + "/keys/" + plan.key +
           " type=rsa-3072\n"
           "\n"
           "# 2. What this host may do.\n"
           "vault policy write" +
           flag + " signet-" + plan.key + " - <<'END'\n" + setup_template_transit(plan) +
           "END\n"
           "\n"
           "# 3. Who it is: an AppRole, whose ids go into the file of SIGNET_CREDENTIALS (mode 0600).\n"
           "vault write" +
           flag + " auth/approle/role/signet-" + plan.key + " token_policies=signet-" + plan.key +
           " token_ttl=20m token_max_ttl=24h\n"
           "vault read" +
           flag + " auth/approle/role/signet-" + plan.key +
           "/role-id\n"
           "vault write" +
           flag + " -f auth/approle/role/signet-" + plan.key +
           "/secret-id\n"
           "#   {\"https://HOST:8200\": {\"role_id\": \"…\", \"secret_id_file\": \"/etc/signet/secret-id\"}}\n"
           "\n"
           "# 4. Here.\n"
           "signet keyring link 'transit:https://HOST:8200/" +
           mount + "/keys/" + plan.key + (plan.group.empty() ? "" : "?namespace=" + plan.group) +
           "' --default\n"
           "signet init -r REPOSITORY --provider transit\n";
}

}  // namespace signet::cli
