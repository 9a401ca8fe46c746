#include "cli/access.h"
#include "cli/commands/commands.h"
#include "cli/key_view.h"
#include "cli/replicas.h"
#include "cli/retirement.h"
#include "cli/table.h"

#include <algorithm>

namespace signet::cli {
namespace {

/// What a place that could not be looked at says. What a person has named must be there.
Retirement not_judged(Context& context, const Place& place, const Error& error) {
    if (place.was_named || error.code() == ErrorCode::usage || error.code() == ErrorCode::wrong_passphrase ||
        error.code() == ErrorCode::interrupted)
        throw error;
    Retirement one;
    one.location = place.location;
    one.is_replica = is_replica_here(context);
    one.obstacles.push_back(why_not_judged(context, error));
    return one;
}

/// Whether this keyring wraps with it what is backed up to the repository.
bool wraps_here(Context& context, const NamedProtector& protector) {
    const keyring::ProtectorRegion region = region_of(context, context.repository());
    const keyring::Link* own = context.keyring().default_link(region.provider, region.region);
    return own != nullptr && own->thumbprint == protector.thumbprint;
}

/// The fence first: what is judged then can only get better. A repository in which the protector opens nothing, for
/// which this keyring does not wrap with it, and whose officer is somebody else, needs none.
Retirement treat(Context& context, const Place& place, const NamedProtector& protector) {
    try {
        context.turn_to(place.location);
        std::optional<Error> unfenced;
        if (!context.dry_run()) {
            try {
                if (raise_fence(context, protector, FenceKind::retiring))
                    context.terminal().message("the policy of " + place.location + " now says that " + protector.name +
                                               " is to go");
            } catch (const Error& error) {
                if (place.was_named || error.code() != ErrorCode::refused) throw;
                unfenced = error;
            }
        }
        Retirement one = judge_retirement(context, protector);
        if (unfenced && one.backups == 0 && one.obstacles.empty() && !wraps_here(context, protector)) one.free = true;
        if (unfenced && !one.free) one.obstacles.emplace_back(unfenced->what());
        return one;
    } catch (const Error& error) {
        return not_judged(context, place, error);
    }
}

/// It opens what it opened, and wraps nothing more, whoever asks the vault.
void mark_retired(Context& context, const keyring::KeyVersion& key) {
    keyring::LocalVault& keys = unlocked_vault(context);
    const TimePoint now = context.clock().now();
    const std::string tag = "retired/" + std::to_string(key.version);
    if (keys.record(key.name).tags.contains(tag)) return;
    const bool is_valid_yet = !key.attributes.not_before || *key.attributes.not_before < now;
    if (is_valid_yet && (!key.attributes.expires || *key.attributes.expires > now))
        keys.set_dates(key.thumbprint.text(), {.not_before = key.attributes.not_before, .expires = now});
    keys.set_tags(key.name, {{tag, to_rfc3339(now)}});
}

void print(Context& context, const NamedProtector& protector, const std::vector<Retirement>& all, bool is_free) {
    Terminal& terminal = context.terminal();
    if (!terminal.json()) {
        for (const Retirement& one : all) print_retirement(terminal, one);
        if (is_free) terminal.result(protector.name + " can be destroyed now: nothing needs it");
        return;
    }
    const auto from = latest_date(all);
    Json rows = Json::array();
    for (const Retirement& one : all) rows.push_back(retirement_json(one));
    terminal.object(Json{{"message_type", "key_retirement"},
                         {"key", protector.name},
                         {"thumbprint", protector.thumbprint.text()},
                         {"free", is_free},
                         {"from", from ? Json(to_rfc3339(*from)) : Json(nullptr)},
                         {"repositories", std::move(rows)},
                         {"dry_run", context.dry_run()}});
}

/// What would help, the nearest first.
std::string hint_for(const std::vector<Retirement>& all) {
    for (const Retirement& one : all) {
        const std::string where = " -r " + one.location;
        if (one.is_replica) return "bring the replica up: signet copy --to " + one.location;
        if (one.repository.empty())
            return "make " + one.location + " readable, or say that it is gone: --except " + one.location;
        if (!one.fenced) continue;
        if (!one.waiting.empty()) {
            const restore::WaitingWriter& writer = one.waiting.front();
            return "when they have made their next backup, run this again; a host that is gone: signet keyring trust " +
                   writer.identity.short_hex(16) + " --until " + std::to_string(writer.entries) + where;
        }
        if (one.needing > 0) return "give those backups another opener: signet rewrap --all" + where;
    }
    return "see: signet help key retire";
}

ExitCode run(Context& context) {
    require_revalidated(look_at_access(context));
    const NamedProtector protector = named_protector(context, context.arguments().front());
    const std::vector<Place> known = places(context);
    if (known.empty()) {
        throw Error(ErrorCode::usage, "no repository was named, and this keyring knows none",
                    "give --repo DIR, or set SIGNET_REPOSITORY");
    }
    std::vector<Retirement> all;
    all.reserve(known.size());
    for (const Place& place : known) all.push_back(treat(context, place, protector));
    const bool is_free = std::all_of(all.begin(), all.end(), [](const Retirement& one) { return one.free; });
    print(context, protector, all, is_free);
    if (is_free) {
        if (context.dry_run()) return ExitCode::done;
        context.keyring().audit().note({"key-retire", protector.thumbprint, protector.name, {}},
                                       counted(all.size(), "repository", "repositories") + " looked at: free");
        if (protector.key && !protector.key->attributes.deleted) mark_retired(context, *protector.key);
        return ExitCode::done;
    }
    std::vector<std::string> reasons;
    for (const Retirement& one : all) {
        if (!one.free) reasons.push_back(one.location + ": " + why_not_free(one));
    }
    const auto from = latest_date(all);
    throw Error(ErrorCode::refused,
                protector.name + " must not be destroyed" +
                    (from ? " before " + to_table_time(*from).substr(0, 10) : std::string(" yet")) + ": " +
                    join(reasons, "; "),
                hint_for(all));
}

}  // namespace

Command key_retire_command() {
    Command command;
    command.name = "key retire";
    command.synopsis = "KEY [--also DIR] [--except DIR]";
    command.summary = "take a protector out of use, and tell when it can be destroyed";
    command.description =
        "First the fence: the officer's policy of each repository says that KEY is to go, and which protector stands "
        "in "
        "its place. From then on no backup is wrapped under it, and none refers to data keys that it alone opens: "
        "they are wrapped anew, or their chunks are stored again, by the after-rotation policy. Every manifest names "
        "the policy that it obeyed; who has made no backup behind the fence yet is named, and waited for. A host that "
        "is gone is closed with signet keyring trust WRITER --until N.\n\n"
        "Then the answer, for each repository: how many backups could not be restored without KEY, and from when on it "
        "can be destroyed. Another protector counts as an opener only if this command could unwrap with it there and "
        "then, and if it is not to go itself; another copy of KEY does not count. signet rewrap gives older backups "
        "another opener; else a date is when the newest of them may be forgotten, by the policy keep-within. "
        "Without that there is no date.\n\n"
        "KEY is NAME/VERSION, the name of a link, or a thumbprint. Looked at are --repo, --also, and every repository "
        "that this keyring knows, at the places where it met it; what could not be looked at stands in the way. Run it "
        "again as often as wanted.\n\n"
        "Exit code 0 when KEY can be destroyed now: a key of the local vault is then marked as retired (it expires, "
        "and "
        "has the tag retired/VERSION), so that it opens what it opened and wraps nothing; signet key delete may "
        "follow. Else 17, with what is lacking.";
    command.options = place_options();
    command.arguments = {"key", 1, 1};
    command.examples = {{"signet key rotate prod", "First a successor"},
                        {"signet key retire prod/1 -r /srv/backup", "Then the fence, and the answer"},
                        {"signet key retire prod/1 -n --json", "The answer alone, for every repository that is known"}};
    command.dry_run = DryRun::honoured;
    command.run = run;
    return command;
}

}  // namespace signet::cli
