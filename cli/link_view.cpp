#include "cli/link_view.h"

#include "cli/table.h"

namespace signet::cli {

Json link_json(const keyring::Link& link, const keyring::ProtectorReport& report) {
    Json object = {{"thumbprint", link.thumbprint.text()},
                   {"name", link.name},
                   {"role", keyring::text(link.role)},
                   {"provider", link.provider},
                   {"region", link.region},
                   {"locations", link.locations},
                   {"status", keyring::text(report.status)},
                   {"detail", report.detail},
                   {"follows", link.follow.empty() ? Json(nullptr) : Json(link.follow)},
                   {"linked", to_rfc3339(link.linked)},
                   {"last_proven", time_json(link.last_proven)},
                   {"expires", time_json(report.expires)}};
    return object;
}

Json link_json(Context& context, const keyring::Link& link) {
    return link_json(link, context.resolver().status(link.thumbprint));
}

/// The first identity that this host has where the protector is; empty where it needs none.
std::string identity_of(Context& context, const keyring::Link& link) {
    for (const std::string& text : link.locations) {
        const keyring::Location location = keyring::Location::parse(text);
        if (!location.is_remote()) continue;
        std::string who = context.vaults().at(location).identity();
        if (!who.empty()) return who;
    }
    return {};
}

void print_link_report(Context& context, const keyring::LinkReport& report) {
    Terminal& terminal = context.terminal();
    for (const std::string& warning : report.warnings) terminal.warning(warning);
    const keyring::Link& link = report.link;
    const std::string who = identity_of(context, link);
    if (terminal.json()) {
        Json object = link_json(context, link);
        object["new"] = report.is_new;
        object["proven"] = report.proven;
        object["identity"] = who.empty() ? Json(nullptr) : Json(who);
        object["former_default"] = report.former_default ? Json(report.former_default->text()) : Json(nullptr);
        terminal.object(object);
        return;
    }
    terminal.result((report.is_new ? "linked " : "updated ") + link.thumbprint.text());
    terminal.result("  name       " + printable(link.name));
    terminal.result("  role       " + std::string(keyring::text(link.role)) + ", " + link.provider + "/" + link.region);
    terminal.result("  locations  " + printable(join(link.locations, ", ")));
    terminal.result(std::string("  tested     ") +
                    (report.proven ? "wraps and unwraps" : "wraps; cannot unwrap from here"));
    if (!who.empty()) terminal.result("  identity   " + printable(who));
    if (report.former_default)
        terminal.result("  before it  " + report.former_default->short_text() + ", which stays linked");
}

}  // namespace signet::cli
