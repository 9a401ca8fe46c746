#include "cli/access.h"
#include "cli/commands/commands.h"
#include "cli/link_view.h"
#include "cli/places.h"
#include "cli/proof.h"
#include "cli/signals.h"
#include "cli/state_notice.h"

#include <algorithm>

namespace signet::cli {
namespace {

std::vector<format::Thumbprint> defaults(Context& context) {
    std::vector<format::Thumbprint> all;
    for (const keyring::Link& link : context.keyring().links()) {
        if (link.role == keyring::LinkRole::default_) all.push_back(link.thumbprint);
    }
    return all;
}

/// Tests every default as `keyring test` does. throws  Error{key_unavailable}: one of them is not well
void retry_keys(Context& context) {
    for (const format::Thumbprint& thumbprint : defaults(context)) {
        const keyring::LinkTest test = context.keyring().test(thumbprint, context.vaults());
        if (test.ok()) continue;
        const auto& first = test.results.front();
        throw Error(ErrorCode::key_unavailable,
                    "protector " + thumbprint.short_text() +
                        " cannot be used yet: " + std::string(keyring::text(first.outcome)) + " at " + first.location +
                        (first.detail.empty() ? "" : ", " + first.detail),
                    "put it right in its vault, or choose another: signet keyring revalidate --use-key T");
    }
}

/// Who answers for it in the audit log.
std::string person(Context& context) {
    std::string name = context.options().text_or("by", user_name());
    if (name.empty() || !is_utf8(name)) throw Error(ErrorCode::usage, "who decides is not said", "add --by NAME");
    return name;
}

bool has_twin(const keyring::Link& link) {
    return std::count_if(link.locations.begin(), link.locations.end(),
                         [](const std::string& place) { return keyring::Location::parse(place).can_unwrap(); }) >= 2;
}

/// Of every default that has one. throws  Error{usage}: there is none; as Keyring::use_twin()
void use_twins(Context& context) {
    std::vector<format::Thumbprint> wanted;
    for (const format::Thumbprint& thumbprint : defaults(context)) {
        if (has_twin(*context.keyring().find(thumbprint))) wanted.push_back(thumbprint);
    }
    if (wanted.empty()) {
        throw Error(ErrorCode::usage, "the default protector has no twin",
                    "link it: signet keyring link LOCATION --twin-of T");
    }
    for (const format::Thumbprint& thumbprint : wanted) {
        const std::string first = context.keyring().use_twin(thumbprint, person(context), context.vaults());
        context.terminal().message("protector " + thumbprint.short_text() + " is asked at " + printable(first) +
                                   " first");
    }
}

/// After a long loss more may have gone than the default: opens a data key with each protector that backups of the
/// repository need, and warns of those that do not open. The keyring goes back into use all the same.
void prove_needed(Context& context) {
    if (!context.has_repository()) return;
    const ProtectorNeeds needs = protector_needs(context);
    for (const Error& error : needs.broken) context.terminal().warning(error.what());
    std::size_t proven = 0;
    for (const ProtectorNeed& need : needs.protectors) {
        stop_if_interrupted();
        const Proof proof = prove(context, need);
        proven += proof.is_proven ? 1 : 0;
        if (proof.is_proven || need.backups == 0) continue;
        context.terminal().warning("protector " + need.report.thumbprint.short_text() + " (" +
                                   printable(need.report.name) + "), needed by " + counted(need.backups, "backup") +
                                   ", is not proven: " + printable(proof.what));
    }
    for (const std::string& backup : unopenable(context, needs))
        context.terminal().warning(std::string("backup ")
                                       .append(backup)
                                       .append(" cannot be opened by any protector at hand: signet plan ")
                                       .append(backup));
    context.terminal().message(counted(proven, "protector") + " of " + std::to_string(needs.protectors.size()) +
                               " that backups need " + (proven == 1 ? "was" : "were") + " proven");
}

ExitCode run(Context& context) {
    context.options().refuse_together({"retry-key", "use-key", "use-twin"});
    if (context.options().flag("use-twin")) use_twins(context);
    if (const auto other = context.options().text("use-key")) {
        const format::Thumbprint thumbprint = context.keyring().get(*other).thumbprint;
        print_link_report(context, context.keyring().set_default(thumbprint, context.vaults()));
    }
    retry_keys(context);
    for (const format::Thumbprint& thumbprint : defaults(context))
        context.keyring().revalidate(thumbprint, person(context));
    const Access access = look_at_access(context);
    prove_needed(context);
    if (context.terminal().json())
        context.terminal().object(Json{{"message_type", "summary"}, {"state", text(access.state)}});
    else
        context.terminal().result("state  " + access_text(access));
    return access.state == keyring::AccessState::ok || access.state == keyring::AccessState::none
               ? ExitCode::done
               : ExitCode::key_unavailable;
}

}  // namespace

Command keyring_revalidate_command() {
    Command command;
    command.name = "keyring revalidate";
    command.synopsis = "[--retry-key | --use-key T | --use-twin] [--by NAME] [--on-state-change CMD] [--webhook URL]";
    command.summary = "take a keyring back into use that has lost its key for long";
    command.description =
        "A default protector that its vault refuses makes the keyring inaccessible. When access comes back within the "
        "heal window (policy heal-window, 8 hours) that is all; later the keyring needs revalidation: a person looks "
        "first whether the refusal was meant. This command tests the default protector as keyring test does, or makes "
        "another linked one the default and tests that, and takes the keyring back into use. With a repository it then "
        "opens a data key with every protector that backups there need, and warns of those that do not open. Exit code "
        "13 while the default protector is still refused. Settings, policy, links and backups are as they were.\n\n"
        "A location that refused is remembered, and an outage after it opens no way to a twin: the refusal may have "
        "been meant. --use-twin lifts that, for the locations of the default protector: all of them are tested, what "
        "was refused is forgotten, and where the first location still refuses, a twin that unwraps is asked first from "
        "now on. Who decided that stands in the audit log.";
    command.options = {
        {.name = "retry-key", .help = "the same protector again (what happens when nothing is said)"},
        {.name = "use-key", .takes = Takes::one, .value_name = "T", .help = "make this linked protector the default"},
        {.name = "use-twin", .help = "the refusal of one location was not meant: go on with the twin"},
        {.name = "by", .takes = Takes::one, .value_name = "NAME", .help = "who decides; default: the user's name"}};
    for (const OptionSpec& option : state_notice_options()) command.options.push_back(option);
    command.examples = {{"signet keyring revalidate", "The key is enabled again"},
                        {"signet keyring revalidate --use-key prod-2026", "Go on with another key"},
                        {"signet keyring revalidate --use-twin --by 'Anna Berg'", "Go on with its twin"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
