#include "cli/token_key.h"

#include "cli/key_rotation.h"
#include "cli/key_state_change.h"
#include "cli/key_view.h"
#include "cli/table.h"
#include "cli/twins.h"

#include <algorithm>

namespace signet::cli {
namespace {

struct Refusal {
    const char* why;
    const char* hint;
};

Refusal refusal_of(Notion notion) {
    switch (notion) {
        case Notion::states:
            return {"a key on a token is not enabled and disabled",
                    "signet keyring pause stops backups; the token's own tool takes away the right to decrypt "
                    "(CKA_DECRYPT); signet keyring unlink forgets the key"};
        case Notion::soft_deletion:
            return {"a token deletes for good and recovers nothing",
                    "see which backups need the key (signet timeline --without-key K), then delete it with the token's "
                    "own tool: pkcs11-tool --delete-object"};
        case Notion::extraction:
            return {"a private key never leaves a token",
                    "import one key into both tokens before it is used (signet key import 'pkcs11:…' FILE), or keep a "
                    "recovery protector"};
        case Notion::remarks:
            return {"a token keeps neither tags nor rotation policies",
                    "rotate a key on a token from cron: signet key rotate 'pkcs11:…'"};
    }
    invariant(false, "a notion has a refusal");
    return {};
}

Json row(const keyring::TokenKey& listed) {
    Json object = token_key_json(listed.key);
    object["id"] = to_hex(listed.id);
    object["may_unwrap"] = listed.may_unwrap ? Json(*listed.may_unwrap) : Json(nullptr);
    return object;
}

std::string may_unwrap_text(const keyring::TokenKey& listed) {
    if (!listed.may_unwrap) return "not seen";
    return *listed.may_unwrap ? "yes" : "no";
}

std::string time_text(const std::optional<TimePoint>& time, const char* none) {
    return time ? to_table_time(*time) : none;
}

/// The link to any version of the key, the default one first, then one that wraps as well.
const keyring::Link* link_to_version_of(Context& context, const keyring::Location& location) {
    const keyring::Link* found = nullptr;
    for (const keyring::TokenKey& listed : context.vaults().tokens().list(location.uri)) {
        if (listed.key.location.name != location.name) continue;
        const keyring::Link* link = context.keyring().find(listed.key.thumbprint);
        if (link == nullptr) continue;
        const bool is_nearer =
            found == nullptr || link->role == keyring::LinkRole::default_ || (link->wraps() && !found->wraps());
        if (is_nearer) found = link;
    }
    return found;
}

}  // namespace

void require_local_key(const std::string& argument, Notion notion) {
    if (!token_location(argument)) return;
    const Refusal refusal = refusal_of(notion);
    throw Error(ErrorCode::refused, refusal.why, refusal.hint);
}

ExitCode list_token(Context& context, const std::string& argument) {
    if (!argument.starts_with("pkcs11:")) {
        throw Error(ErrorCode::usage, "no token: " + printable(argument), "signet key list 'pkcs11:token=LABEL'");
    }
    const std::vector<keyring::TokenKey> keys = context.vaults().tokens().list(argument);
    Terminal& terminal = context.terminal();
    if (terminal.json()) {
        Json rows = Json::array();
        for (const keyring::TokenKey& listed : keys) rows.push_back(row(listed));
        terminal.object(rows);
        return ExitCode::done;
    }
    if (keys.empty()) terminal.message("no key on this token that can be a protector");
    Table table({"NAME", "ID", "THUMBPRINT", "KIND", "STATE", "VALID FROM", "EXPIRES", "UNWRAPS"});
    for (const keyring::TokenKey& listed : keys) {
        const keyring::KeyDescription& key = listed.key;
        table.add({printable(token_key_name(key)), to_hex(listed.id), key.thumbprint.short_text(),
                   key.kind + " " + std::to_string(key.size_bits), std::string(keyring::text(key.state)),
                   time_text(key.attributes.not_before, "always"), time_text(key.attributes.expires, "never"),
                   may_unwrap_text(listed)});
    }
    if (!keys.empty()) table.print(terminal);
    return ExitCode::done;
}

ExitCode rotate_on_token(Context& context, const keyring::Location& location, int bits,
                         const keyring::KeyDates& dates) {
    audit_before_key_change(context, "key-rotate", location.public_text());
    const keyring::KeyDescription key = context.vaults().tokens().rotate(location, bits, dates);
    audit_token_key(context, "key-rotate", key);
    print_token_key(context.terminal(), key);
    const keyring::Link* before = link_to_version_of(context, location);
    if (before == nullptr) return ExitCode::done;
    const auto follow = before->follow_newest() ? std::optional(before->follow) : std::nullopt;
    const auto [link, waiting] = link_successor(context, keyring::Link(*before), key.thumbprint, key.location, follow);
    context.terminal().result("linked       " + std::string(keyring::text(link.role)) + ", " + link.provider + "/" +
                              link.region);
    warn_of_missing_twin(context, link);
    if (!waiting.empty()) stop_before_primary(token_key_name(key), key.location.text(), waiting);
    return ExitCode::done;
}

void audit_token_key(Context& context, const std::string& operation, const keyring::KeyDescription& key) {
    context.keyring().audit().note({operation, key.thumbprint, key.location.public_text(), ""}, "");
}

}  // namespace signet::cli
