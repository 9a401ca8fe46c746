// What a person does at a key manager before a protector there can be linked: exact commands and templates.
#pragma once

#include <string>

namespace signet::cli {

struct SetupPlan {
    std::string vault;                 ///< its name there
    std::string key;                   ///< of the protector
    std::string group;                 ///< azure: the resource group; aws: the account; transit: the namespace
    std::string region;                ///< "westeurope", "eu-west-1"
    std::string identity;              ///< who this host is there; empty: to be filled in
    std::string twin_region = {};      ///< aws: where a second key of the same set is made; empty: nowhere
    std::string backup_identity = {};  ///< aws: who only makes backups: wraps, and opens nothing
};

/// Commands, each on a line of its own, with remarks for the shell between them.
[[nodiscard]] std::string setup_azure(const SetupPlan& plan);
[[nodiscard]] std::string setup_aws(const SetupPlan& plan);
[[nodiscard]] std::string setup_transit(const SetupPlan& plan);
/// One JSON object to be deployed: an ARM template; a key policy; a policy of Vault (HCL).
[[nodiscard]] std::string setup_template_azure(const SetupPlan& plan);
[[nodiscard]] std::string setup_template_aws(const SetupPlan& plan);
[[nodiscard]] std::string setup_template_transit(const SetupPlan& plan);

}  // namespace signet::cli
