#include "cli/setup.h"

#include <nlohmann/json.hpp>
#include <vector>

namespace signet::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string region_of(const SetupPlan& plan) { return plan.region.empty() ? "eu-west-1" : plan.region; }
std::string account_of(const SetupPlan& plan) { return plan.group.empty() ? "ACCOUNT" : plan.group; }

std::string partition_of(const SetupPlan& plan) {
    const std::string region = region_of(plan);
    if (region.starts_with("cn-")) return "aws-cn";
    return region.starts_with("us-gov-") ? "aws-us-gov" : "aws";
}

std::string who(const SetupPlan& plan, const std::string& identity, const char* otherwise) {
    return identity.empty() ? "arn:" + partition_of(plan) + ":iam::" + account_of(plan) + ":role/" + otherwise
                            : identity;
}

/// The pairs that every wrapped data key is bound to, and no others.
Json bound_to_a_data_key() {
    return {
        {"Null", {{"kms:EncryptionContext:signet:repository", "false"}, {"kms:EncryptionContext:signet:dek", "false"}}},
        {"ForAllValues:StringEquals", {{"kms:EncryptionContextKeys", {"signet:repository", "signet:dek"}}}}};
}

Json statement(const char* id, const std::vector<std::string>& principals, const std::vector<std::string>& actions) {
    return {
        {"Sid", id}, {"Effect", "Allow"}, {"Principal", {{"AWS", principals}}}, {"Action", actions}, {"Resource", "*"}};
}

/// Whoever administers the key does not use it: no Encrypt, Decrypt, GenerateDataKey, ReEncrypt or CreateGrant.
Json administration(const std::string& root) {
    return statement(
        "TheAccountAdministersIt", {root},
        {"kms:DescribeKey",        "kms:GetKeyPolicy",      "kms:GetKeyRotationStatus", "kms:GetPublicKey",
         "kms:ListGrants",         "kms:ListKeyPolicies",   "kms:ListKeyRotations",     "kms:ListResourceTags",
         "kms:PutKeyPolicy",       "kms:EnableKey",         "kms:DisableKey",           "kms:EnableKeyRotation",
         "kms:DisableKeyRotation", "kms:RotateKeyOnDemand", "kms:CreateAlias",          "kms:UpdateAlias",
         "kms:DeleteAlias",        "kms:ReplicateKey",      "kms:UpdatePrimaryRegion",  "kms:UpdateKeyDescription",
         "kms:TagResource",        "kms:UntagResource",     "kms:RevokeGrant",          "kms:ScheduleKeyDeletion",
         "kms:CancelKeyDeletion"});
}

}  // namespace

std::string setup_template_aws(const SetupPlan& plan) {
    const std::string restores = who(plan, plan.identity, "signet");
    std::vector<std::string> all = {restores};
    if (!plan.backup_identity.empty()) all.push_back(plan.backup_identity);

    Json statements = Json::array();
    statements.push_back(administration("arn:" + partition_of(plan) + ":iam::" + account_of(plan) + ":root"));
    statements.push_back(statement("SignetLooksAtIt", all, {"kms:DescribeKey"}));
    Json wrap = statement("SignetWrapsDataKeys", all, {"kms:Encrypt"});
    wrap["Condition"] = bound_to_a_data_key();
    statements.push_back(std::move(wrap));
    Json unwrap =
        statement("SignetUnwrapsDataKeys", {restores}, {"kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"});
    unwrap["Condition"] = bound_to_a_data_key();
    statements.push_back(std::move(unwrap));
    return Json({{"Version", "2012-10-17"}, {"Id", "signet"}, {"Statement", std::move(statements)}}).dump(2) + "\n";
}

std::string setup_aws(const SetupPlan& plan) {
    const bool has_twin = !plan.twin_region.empty();
    const std::string region = region_of(plan);
    const auto arn = [&](const std::string& where) {
        return "arn:" + partition_of(plan) + ":kms:" + where + ":" + account_of(plan);
    };
    const std::string key = " --region " + region + " --key-id KEY-ID";
    std::string text =
        "# 1. The key policy. Who administers the key does not use it; each use is bound to one data key.\n"
        "cat > signet-key-policy.json <<'END'\n" +
        setup_template_aws(plan) +
        "END\n"
        "\n"
        "# 2. The key, by the key officer" +
        std::string(has_twin ? ", for several regions" : "") +
        ". KEY-ID is what the first command prints as KeyId.\n"
        "aws kms create-key --region " +
        region + (has_twin ? " --multi-region" : "") +
        " --description 'Signet backups' --policy file://signet-key-policy.json\n"
        "aws kms create-alias --region " +
        region + " --alias-name alias/" + plan.key +
        " --target-key-id KEY-ID\n"
        "aws kms enable-key-rotation" +
        key + "\n";
    if (has_twin) {
        text +=
            "#    Its twin, which serves while the first region is out of reach.\n"
            "aws kms replicate-key" +
            key + " --replica-region " + plan.twin_region + " --policy file://signet-key-policy.json\n";
    }
    text +=
        "\n"
        "# 3. Here, as " +
        who(plan, plan.identity, "signet") +
        ": the key wraps and unwraps something before it is linked.\n"
        "signet keyring link aws:" +
        arn(region) + ":alias/" + plan.key + " --default\n";
    if (has_twin) {
        text += "signet keyring link aws:" + arn(plan.twin_region) + ":key/KEY-ID --twin-of " + plan.key + "\n";
    }
    text += "signet init -r REPOSITORY --provider aws --region " + region +
            "\n"
            "\n"
            "# To withdraw access, disable the key" +
            std::string(has_twin ? " in both regions" : "") +
            ":\n"
            "#   aws kms disable-key" +
            key + "\n";
    if (has_twin) text += "#   aws kms disable-key --region " + plan.twin_region + " --key-id KEY-ID\n";
    return text;
}

}  // namespace signet::cli
