#include "cli/key_state_change.h"

#include "cli/key_view.h"
#include "cli/table.h"

namespace signet::cli {

ExitCode set_key_enabled(Context& context, bool enabled) {
    Terminal& terminal = context.terminal();
    const std::string& reference = context.arguments().front();
    keyring::LocalVault& keys = unlocked_vault(context);
    const keyring::KeyVersion named = keys.get(reference);
    keys.set_enabled(reference, enabled);

    // A name stands for all versions.
    const bool is_name = reference == named.name;
    const TimePoint now = context.clock().now();
    Json rows = Json::array();
    for (const keyring::KeyVersion& key : keys.list()) {
        if (is_name ? key.name != named.name : key.thumbprint != named.thumbprint) continue;
        rows.push_back(key_json(key, now));
        terminal.result(key.reference() + " is " + std::string(keyring::text(key.state(now))));
        const keyring::Link* link = context.keyring().find(key.thumbprint);
        if (!enabled && link != nullptr && link->wraps()) {
            terminal.warning(key.reference() + " is the " + std::string(keyring::text(link->role)) + " protector of " +
                             link->provider + "/" + link->region + ": backups there stop until it is enabled or replaced");
        }
    }
    if (terminal.json()) terminal.object(rows.size() == 1 ? rows.front() : rows);
    return ExitCode::done;
}

}  // namespace signet::cli
