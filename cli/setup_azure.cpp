#include "cli/json.h"
#include "cli/setup.h"

namespace signet::cli {
namespace {

// Built-in roles of Azure, by their ids.
constexpr const char* kEncryptionUser = "e147488a-f6f5-4113-8e2d-b22465e65bf6";
constexpr const char* kApi = "2023-07-01";

std::string or_word(const std::string& given, const char* word) { return given.empty() ? word : given; }

}  // namespace

std::string setup_azure(const SetupPlan& plan) {
    const std::string group = or_word(plan.group, "GROUP");
    const std::string region = or_word(plan.region, "westeurope");
    const std::string identity = or_word(plan.identity, "IDENTITY_OBJECT_ID");
    const std::string scope = "\"$(az keyvault show --name " + plan.vault + " --query id --output tsv)";
    return "# 1. The vault, by whoever makes vaults: soft delete for 90 days, purge protection, and a lock on it.\n"
           "az group create --name " +
           group + " --location " + region +
           "\n"
           "az keyvault create --name " +
           plan.vault + " --resource-group " + group + " --location " + region +
           " --enable-rbac-authorization true --retention-days 90 --enable-purge-protection true\n"
           "az lock create --name " +
           plan.vault + "-keep --lock-type CanNotDelete --resource-group " + group + " --resource " + plan.vault +
           " --resource-type Microsoft.KeyVault/vaults\n"
           "# A vault that is there already:\n"
           "#   az keyvault update --name " +
           plan.vault +
           " --enable-purge-protection true\n"
           "\n"
           "# 2. The key, by the key officer, who has the role Key Vault Crypto Officer; another person than the "
           "operator.\n"
           "az role assignment create --role 'Key Vault Crypto Officer' --assignee OFFICER --scope " +
           scope +
           "\"\n"
           "az keyvault key create --vault-name " +
           plan.vault + " --name " + plan.key +
           " --kty RSA --size 3072 --ops wrapKey unwrapKey\n"
           "az keyvault key backup --vault-name " +
           plan.vault + " --name " + plan.key + " --file " + plan.key +
           ".backup\n"
           "\n"
           "# 3. This host's identity: the managed identity of the machine, or an application. Its object id:\n"
           "#   az vm identity assign --resource-group GROUP --name MACHINE --query systemAssignedIdentity --output "
           "tsv\n"
           "#   az ad sp show --id CLIENT_ID --query id --output tsv\n"
           "# It may get, wrap and unwrap with this key, and nothing else: the role is assigned on the key, not on the "
           "vault.\n"
           "az role assignment create --role 'Key Vault Crypto Service Encryption User' --assignee-object-id " +
           identity + " --assignee-principal-type ServicePrincipal --scope " + scope + "/keys/" + plan.key +
           "\"\n"
           "# A vault with access policies:\n"
           "#   az keyvault set-policy --name " +
           plan.vault + " --object-id " + identity +
           " --key-permissions get wrapKey unwrapKey\n"
           "# A new role may take ten minutes to count.\n"
           "\n"
           "# 4. Here: AZURE_TENANT_ID, AZURE_CLIENT_ID and a credential are set, or the machine has its managed "
           "identity.\n"
           "signet keyring link azure:https://" +
           plan.vault + ".vault.azure.net/keys/" + plan.key +
           " --default\n"
           "signet init -r REPOSITORY --provider azure --region " +
           region + "\n";
}

std::string setup_template_azure(const SetupPlan& plan) {
    const Json vault_id = "[resourceId('Microsoft.KeyVault/vaults', parameters('vaultName'))]";
    const Json key_id =
        "[resourceId('Microsoft.KeyVault/vaults/keys', parameters('vaultName'), parameters('keyName'))]";
    Json form = Json::object();
    form["$schema"] = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";
    form["contentVersion"] = "1.0.0.0";
    form["parameters"] = {
        {"vaultName", {{"type", "string"}, {"defaultValue", plan.vault}}},
        {"keyName", {{"type", "string"}, {"defaultValue", plan.key}}},
        {"location",
         {{"type", "string"}, {"defaultValue", plan.region.empty() ? "[resourceGroup().location]" : plan.region}}},
        {"identityObjectId", {{"type", "string"}}}};
    if (!plan.identity.empty()) form["parameters"]["identityObjectId"]["defaultValue"] = plan.identity;
    Json vault = {{"type", "Microsoft.KeyVault/vaults"},
                  {"apiVersion", kApi},
                  {"name", "[parameters('vaultName')]"},
                  {"location", "[parameters('location')]"},
                  {"properties",
                   {{"tenantId", "[subscription().tenantId]"},
                    {"sku", {{"family", "A"}, {"name", "standard"}}},
                    {"enableRbacAuthorization", true},
                    {"enableSoftDelete", true},
                    {"softDeleteRetentionInDays", 90},
                    {"enablePurgeProtection", true}}}};
    Json key = {{"type", "Microsoft.KeyVault/vaults/keys"},
                {"apiVersion", kApi},
                {"name", "[concat(parameters('vaultName'), '/', parameters('keyName'))]"},
                {"dependsOn", Json::array({vault_id})},
                {"properties", {{"kty", "RSA"}, {"keySize", 3072}, {"keyOps", Json::array({"wrapKey", "unwrapKey"})}}}};
    Json lock = {{"type", "Microsoft.Authorization/locks"},
                 {"apiVersion", "2020-05-01"},
                 {"name", "[concat(parameters('vaultName'), '-keep')]"},
                 {"scope", "[concat('Microsoft.KeyVault/vaults/', parameters('vaultName'))]"},
                 {"dependsOn", Json::array({vault_id})},
                 {"properties", {{"level", "CanNotDelete"}, {"notes", "holds protectors of backups"}}}};
    Json role = {
        {"type", "Microsoft.Authorization/roleAssignments"},
        {"apiVersion", "2022-04-01"},
        {"name", "[guid(parameters('vaultName'), parameters('keyName'), parameters('identityObjectId'))]"},
        {"scope", "[concat('Microsoft.KeyVault/vaults/', parameters('vaultName'), '/keys/', parameters('keyName'))]"},
        {"dependsOn", Json::array({key_id})},
        {"properties",
         {{"roleDefinitionId", std::string("[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '") +
                                   kEncryptionUser + "')]"},
          {"principalId", "[parameters('identityObjectId')]"},
          {"principalType", "ServicePrincipal"}}}};
    form["resources"] = Json::array({std::move(vault), std::move(key), std::move(lock), std::move(role)});
    form["outputs"] = {
        {"location",
         {{"type", "string"},
          {"value", "[concat('azure:', reference(" +
                        key_id.get<std::string>().substr(1, key_id.get<std::string>().size() - 2) + ").keyUri)]"}}}};
    return form.dump(2) + "\n";
}

}  // namespace signet::cli
