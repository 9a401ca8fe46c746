#include "cli/commands/commands.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/token_key.h"

namespace signet::cli {
namespace {

using keyring::RotationPolicy;

std::optional<std::uint32_t> days(const Context& context, std::string_view name) {
    const auto number = context.options().integer(name, RotationPolicy::kLeastDays, RotationPolicy::kMostDays);
    if (!number) return std::nullopt;
    return static_cast<std::uint32_t>(*number);
}

/// What is asked for; nothing when the policy is only to be shown.
std::optional<RotationPolicy> wanted(const Context& context) {
    const RotationPolicy policy{days(context, "after"), days(context, "before-expiry")};
    if (context.options().flag("off")) {
        if (policy.is_set()) throw Error(ErrorCode::usage, "--off and a policy contradict each other");
        return RotationPolicy{};
    }
    if (!policy.is_set()) return std::nullopt;
    return policy;
}

ExitCode run(Context& context) {
    const std::string& name = context.arguments().front();
    require_local_key(name, Notion::remarks);
    const keyring::KeyVersion key = vault(context).get(name);
    if (key.name != name) throw Error(ErrorCode::usage, "a rotation policy belongs to all versions: " + key.name);
    const auto policy = wanted(context);
    if (!policy) {
        show_key(context, key);
        return ExitCode::done;
    }
    keyring::LocalVault& keys = unlocked_vault(context);
    // On record before it is done.
    audit_key_change(context, "key-rotation-policy", {key});
    keys.set_rotation_policy(name, *policy);
    show_key(context, key);
    if (policy->before_expiry_days && !key.attributes.expires) {
        context.terminal().warning(key.reference() +
                                   " never expires: --before-expiry takes effect with a version that does");
    }
    remind_of_key_backup(context, name);
    return ExitCode::done;
}

}  // namespace

Command key_rotation_policy_command() {
    Command command;
    command.name = "key rotation-policy";
    command.synopsis = "NAME [--after DAYS] [--before-expiry DAYS] | --off";
    command.summary = "say when a key is to be rotated";
    command.description =
        "Says when signet key rotate --due makes a new version of the key: some days after the newest one was made, "
        "some days before it expires, or whichever comes first. Without an option the policy is shown. Nothing "
        "rotates by itself: run signet key rotate --due from cron. Disabled and deleted keys are not rotated.";
    command.options = {
        {.name = "after",
         .takes = Takes::one,
         .value_name = "DAYS",
         .help = "days after the newest version was made: 7 to 3650"},
        {.name = "before-expiry",
         .takes = Takes::one,
         .value_name = "DAYS",
         .help = "days before it expires: 7 to 3650"},
        {.name = "off", .help = "no policy"},
    };
    command.arguments = {"name", 1, 1};
    command.examples = {{"signet key rotation-policy prod-2026 --after 90", "Rotate a key every 90 days"},
                        {"signet key rotation-policy prod-2026 --off", "Rotate it by hand again"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
