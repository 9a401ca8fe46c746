#include "cli/remote_key.h"

#include <algorithm>

#include "cli/key_rotation.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/table.h"
#include "cli/twins.h"
#include "core/file.h"

namespace signet::cli {
namespace {

constexpr std::size_t kMaxBackup = std::size_t{1} << 20U;

/// Runs `deed` on the key manager of a location, and says what would help where it refuses.
template <class Deed>
auto with_manager(Context& context, const keyring::Location& location, const Deed& deed) {
    try {
        return deed(context.vaults().remote().at(location));
    } catch (const keyring::RemoteError& error) {
        throw Error(error.code(), location.text() + ": " + error.what(),
                    keyring::remote_hint(error.outcome(), location));
    }
}

/// throws  Error{refused}: that kind of vault does not do it
void require_verb(Context& context, const keyring::Location& location, keyring::AdminVerb verb) {
    if (context.vaults().remote().at(location).can(verb)) return;
    throw Error(ErrorCode::refused,
                "signet does not " + std::string(keyring::text(verb)) + " keys in " + location.text(),
                "use the key manager's own tool: signet keyring setup " + location.provider());
}

void note(Context& context, const std::string& operation, const keyring::KeyDescription& key) {
    context.keyring().audit().note({operation, key.thumbprint, key.location.text(), ""}, "");
}

/// Whether a location of a link is that key, or one of its versions: what an alias of KMS stands for is told by what
/// the link follows.
bool is_of(const keyring::Link& link, const std::string& text, const keyring::Location& key) {
    const std::string place = key.without_version().text();
    return keyring::Location::parse(text).without_version().text() == place || link.follow == place;
}

/// The links to versions of a key, the default one first.
std::vector<keyring::Link> links_to(Context& context, const keyring::Location& location) {
    std::vector<keyring::Link> found;
    for (const keyring::Link& link : context.keyring().links()) {
        const auto is_here = [&](const std::string& text) { return is_of(link, text, location); };
        if (std::any_of(link.locations.begin(), link.locations.end(), is_here)) found.push_back(link);
    }
    std::stable_sort(found.begin(), found.end(), [](const keyring::Link& left, const keyring::Link& right) {
        return static_cast<int>(left.role) < static_cast<int>(right.role);
    });
    return found;
}

/// So that what a person has just withdrawn stays refused when the manager is out of reach later.
void remember(Context& context, const keyring::Location& location) {
    for (const keyring::Link& link : links_to(context, location)) {
        for (const std::string& text : link.locations) {
            if (!is_of(link, text, location)) continue;
            const keyring::Location place = keyring::Location::parse(text);
            const auto answer = context.keyring().describe(place, context.vaults());
            const auto outcome = answer.ok() ? keyring::refusal_of(answer.value->state) : answer.outcome;
            context.keyring().note_answer(text, "describe", outcome, context.vaults());
        }
    }
}

void warn_of_wrapping(Context& context, const keyring::Location& location, const std::string& until) {
    for (const keyring::Link& link : links_to(context, location)) {
        if (!link.wraps()) continue;
        context.terminal().warning(link.name + " is the " + std::string(keyring::text(link.role)) + " protector of " +
                                   link.provider + "/" + link.region + ": backups there stop until " + until);
    }
}

void print_result(Context& context, const keyring::Location& location, const std::string& state,
                  const std::optional<TimePoint>& until = {}) {
    if (context.terminal().json()) {
        Json object = {{"location", location.text()}, {"state", state}};
        object["recoverable_until"] = until ? Json(to_rfc3339(*until)) : Json(nullptr);
        context.terminal().object(object);
        return;
    }
    context.terminal().result(location.text() + " is " + state +
                              (until ? "; it can be recovered until " + to_table_time(*until) : ""));
}

}  // namespace

std::optional<keyring::Location> manager_location(const std::string& argument) {
    for (const char* scheme : {"azure:", "aws:", "transit:"}) {
        if (argument.starts_with(scheme)) return keyring::Location::parse(argument);
    }
    return std::nullopt;
}

ExitCode show_in_manager(Context& context, const keyring::Location& location) {
    print_token_key(context.terminal(),
                    keyring::require_key(context.vaults().at(location).describe(location), location));
    return ExitCode::done;
}

ExitCode list_in_manager(Context& context, const keyring::Location& location) {
    const auto keys =
        with_manager(context, location, [&](keyring::RemoteVault& vault) { return vault.versions(location); });
    Terminal& terminal = context.terminal();
    Json rows = Json::array();
    Table table({"LOCATION", "THUMBPRINT", "KIND", "STATE", "VALID FROM", "EXPIRES"});
    for (const keyring::KeyDescription& key : keys) {
        rows.push_back(token_key_json(key));
        const auto& [enabled, from, until, deleted, purge] = key.attributes;
        table.add({printable(key.location.text()), key.thumbprint.short_text(),
                   key.kind + " " + std::to_string(key.size_bits), std::string(keyring::text(key.state)),
                   from ? to_table_time(*from) : "always", until ? to_table_time(*until) : "never"});
    }
    if (terminal.json()) {
        terminal.object(rows);
    } else {
        table.print(terminal);
    }
    return ExitCode::done;
}

ExitCode create_in_manager(Context& context, const keyring::Location& location, const keyring::NewKey& wanted) {
    require_verb(context, location, keyring::AdminVerb::create);
    audit_before_key_change(context, "key-create", location.text());
    const auto key =
        with_manager(context, location, [&](keyring::RemoteVault& vault) { return vault.create(location, wanted); });
    note(context, "key-create", key);
    print_token_key(context.terminal(), key);
    return ExitCode::done;
}

ExitCode copy_in_manager(Context& context, const keyring::Location& key, const keyring::Location& location) {
    if (key.provider() != location.provider() || key.without_version().text() == location.without_version().text()) {
        throw Error(ErrorCode::usage, "a twin is in another vault of the same kind: " + location.text(),
                    "into a vault of another kind the same file is imported twice: signet key import LOCATION FILE");
    }
    if (context.vaults().at(location).describe(location).ok()) {
        throw Error(ErrorCode::refused, "there is a key " + location.text() + " already",
                    "a twin has the name of a key that is not there yet");
    }
    const bool by_replication = context.vaults().remote().at(key).can(keyring::AdminVerb::replicate);
    if (!by_replication) require_verb(context, key, keyring::AdminVerb::backup);
    audit_before_key_change(context, "key-copy", location.text());
    keyring::KeyDescription twin;
    if (by_replication) {
        twin = with_manager(context, key, [&](keyring::RemoteVault& vault) { return vault.replicate(key, location); });
    } else {
        const auto blob = with_manager(context, key, [&](keyring::RemoteVault& vault) { return vault.backup(key); });
        twin =
            with_manager(context, location, [&](keyring::RemoteVault& vault) { return vault.restore(location, blob); });
    }
    note(context, "key-copy", twin);
    print_token_key(context.terminal(), twin);
    return ExitCode::done;
}

ExitCode import_into_manager(Context& context, const keyring::Location& location, const crypto::RsaPrivateKey& key,
                             const keyring::KeyDates& dates) {
    require_verb(context, location, keyring::AdminVerb::import_key);
    audit_before_key_change(context, "key-import", location.text());
    const auto made = with_manager(context, location,
                                   [&](keyring::RemoteVault& vault) { return vault.import_key(location, key, dates); });
    note(context, "key-import", made);
    print_token_key(context.terminal(), made);
    return ExitCode::done;
}

ExitCode import_byok_into_manager(Context& context, const keyring::Location& location, ByteView file,
                                  const keyring::KeyDates& dates) {
    require_verb(context, location, keyring::AdminVerb::import_key);
    audit_before_key_change(context, "key-import", location.text());
    const auto made = with_manager(
        context, location, [&](keyring::RemoteVault& vault) { return vault.import_byok(location, file, dates); });
    note(context, "key-import", made);
    print_token_key(context.terminal(), made);
    return ExitCode::done;
}

ExitCode rotate_in_manager(Context& context, const keyring::Location& location, int bits,
                           const keyring::KeyDates& dates) {
    require_verb(context, location, keyring::AdminVerb::rotate);
    audit_before_key_change(context, "key-rotate", location.text());
    const auto key = with_manager(context, location,
                                  [&](keyring::RemoteVault& vault) { return vault.rotate(location, bits, dates); });
    note(context, "key-rotate", key);
    print_token_key(context.terminal(), key);
    const std::vector<keyring::Link> before = links_to(context, location);
    if (before.empty()) return ExitCode::done;
    const auto follow = before.front().follow_newest() ? std::optional(before.front().follow) : std::nullopt;
    const auto [link, waiting] = link_successor(context, before.front(), key.thumbprint, key.location, follow);
    context.terminal().result("linked       " + std::string(keyring::text(link.role)) + ", " + link.provider + "/" +
                              link.region);
    warn_of_missing_twin(context, link);
    if (!waiting.empty()) stop_before_primary(token_key_name(key), key.location.text(), waiting);
    return ExitCode::done;
}

ExitCode set_enabled_in_manager(Context& context, const keyring::Location& location, bool enabled) {
    require_verb(context, location, keyring::AdminVerb::set_enabled);
    // What is disabled may not even show its public half.
    const auto answer = context.vaults().at(location).describe(location);
    const bool is_hidden = enabled && answer.outcome == keyring::Outcome::key_disabled;
    const keyring::Location place = is_hidden ? location : keyring::require_key(answer, location).location;
    const auto thumbprint = is_hidden ? std::nullopt : std::optional(answer.value->thumbprint);
    context.keyring().audit().note({enabled ? "key-enable" : "key-disable", thumbprint, place.text(), ""}, "");
    with_manager(context, location, [&](keyring::RemoteVault& vault) { vault.set_enabled(place, enabled); });
    remember(context, place);
    print_result(context, place, enabled ? "enabled" : "disabled");
    if (!enabled) warn_of_wrapping(context, place, "it is enabled or replaced");
    return ExitCode::done;
}

ExitCode delete_in_manager(Context& context, const keyring::Location& location) {
    require_verb(context, location, keyring::AdminVerb::remove);
    const std::vector<keyring::Link> linked = links_to(context, location);
    if (!linked.empty() && !context.options().flag("force")) {
        const std::string which = linked.front().thumbprint.short_text();
        throw Error(ErrorCode::refused, location.text() + " is linked in this keyring as " + linked.front().name,
                    "see which backups need it: signet timeline --without-key " + which +
                        "; then signet keyring unlink " + which + ", or --force");
    }
    if (context.dry_run()) {
        context.terminal().message("nothing was deleted (--dry-run)");
        return ExitCode::done;
    }
    context.keyring().audit().note({"key-delete", std::nullopt, location.text(), ""}, linked.empty() ? "" : "forced");
    const auto removed =
        with_manager(context, location, [&](keyring::RemoteVault& vault) { return vault.remove(location); });
    remember(context, location);
    print_result(context, location, "deleted", removed.purge_at);
    warn_of_wrapping(context, location, "it is recovered or replaced");
    return ExitCode::done;
}

ExitCode recover_in_manager(Context& context, const keyring::Location& location) {
    require_verb(context, location, keyring::AdminVerb::recover);
    context.keyring().audit().note({"key-recover", std::nullopt, location.text(), ""}, "");
    const auto key =
        with_manager(context, location, [&](keyring::RemoteVault& vault) { return vault.recover(location); });
    remember(context, location);
    print_token_key(context.terminal(), key);
    return ExitCode::done;
}

ExitCode purge_in_manager(Context& context, const keyring::Location& location) {
    require_verb(context, location, keyring::AdminVerb::purge);
    if (context.options().text("confirm") != location.text()) {
        throw Error(ErrorCode::usage, "purging cannot be undone and must be confirmed",
                    "if you mean it: signet key purge " + location.text() + " --confirm " + location.text());
    }
    if (context.dry_run()) {
        context.terminal().message("nothing was purged (--dry-run)");
        return ExitCode::done;
    }
    context.keyring().audit().note({"key-purge", std::nullopt, location.text(), ""}, "");
    with_manager(context, location, [&](keyring::RemoteVault& vault) { vault.purge(location); });
    print_result(context, location, "purged");
    return ExitCode::done;
}

ExitCode back_up_in_manager(Context& context, const keyring::Location& location, const std::string& path) {
    require_verb(context, location, keyring::AdminVerb::backup);
    context.keyring().audit().note({"key-backup", std::nullopt, location.text(), ""}, "");
    const auto blob =
        with_manager(context, location, [&](keyring::RemoteVault& vault) { return vault.backup(location); });
    replace_file(path, blob.reveal(), 0600);
    context.terminal().message("key backup of " + location.text() + " in " + printable(path) +
                               ": only a vault of the same subscription and geography takes it");
    return ExitCode::done;
}

ExitCode restore_in_manager(Context& context, const keyring::Location& location, const std::string& path) {
    require_verb(context, location, keyring::AdminVerb::restore);
    Bytes content = read_file(path, kMaxBackup);
    while (!content.empty() && (content.back() == '\n' || content.back() == '\r')) content.pop_back();
    const SecretBytes blob{ByteView(content)};
    wipe(content);
    audit_before_key_change(context, "key-restore", location.text());
    const auto key =
        with_manager(context, location, [&](keyring::RemoteVault& vault) { return vault.restore(location, blob); });
    note(context, "key-restore", key);
    print_token_key(context.terminal(), key);
    return ExitCode::done;
}

}  // namespace signet::cli
