#include "cli/state_notice.h"

#include "cli/hooks.h"
#include "cli/places.h"
#include "cli/signals.h"
#include "core/http_client.h"

namespace signet::cli {
namespace {

using keyring::AccessState;

constexpr const char* kCommand = "on-state-change";
constexpr const char* kWebhook = "webhook";

/// One thing to tell.
struct Notice {
    const Access& access;
    std::string before;
    bool is_reminder = false;
};

std::string since_text(const Access& access) { return access.since ? to_rfc3339(*access.since) : ""; }

void run_command(Context& context, const Notice& notice) {
    const Access& access = notice.access;
    run_hooks(context, kCommand,
              {{"SIGNET_STATE", std::string(text(access.state))},
               {"SIGNET_STATE_BEFORE", notice.before},
               {"SIGNET_STATE_PROTECTOR", access.protector},
               {"SIGNET_STATE_WHY", access.why},
               {"SIGNET_STATE_SINCE", since_text(access)},
               {"SIGNET_HEAL_SECONDS", std::to_string(access.heal_left_ns / kNsPerSecond)},
               {"SIGNET_REMINDER", notice.is_reminder ? "yes" : "no"}});
}

/// The repository's id, where one is named and there.
Json repository_json(Context& context) {
    if (!context.has_repository()) return nullptr;
    try {
        return context.any_repository().config().repository.hex();
    } catch (const Error&) {
        return nullptr;
    }
}

Json to_json(Context& context, const Notice& notice) {
    const Access& access = notice.access;
    Json body = {{"message_type", "state"}, {"state", text(access.state)}, {"before", notice.before}};
    set_text(body, "protector", access.protector);
    set_text(body, "why", access.why);
    body["since"] = time_json(access.since);
    body["heal_seconds"] = access.heal_left_ns / kNsPerSecond;
    body["reminder"] = notice.is_reminder;
    body["time"] = to_rfc3339(context.clock().now());
    set_text(body, "host", host_name());
    body["repository"] = repository_json(context);
    return body;
}

void post(Context& context, const Notice& notice) {
    const std::string url = context.options().text_or(kWebhook, "");
    const std::string origin = url_origin(url);
    if (context.dry_run()) {
        context.terminal().message("would post to " + printable(origin));
        return;
    }
    HttpSettings settings;
    settings.connect_timeout = std::chrono::seconds(5);
    settings.timeout = std::chrono::seconds(15);
    settings.ca_file = context.options().text_or("webhook-ca", "");
    settings.cancelled = [] { return interrupted().load(); };
    const std::string body = to_line(to_json(context, notice));
    const HttpResponse response = HttpClient(std::move(settings))
                                      .send({.method = HttpMethod::post,
                                             .url = url,
                                             .headers = {"Content-Type: application/json"},
                                             .body = as_bytes(body)});
    if (!response.ok()) throw Error(ErrorCode::io, origin + " answered " + std::to_string(response.status));
}

/// Whether a state that was told already is to be told again.
bool is_due(Context& context, const keyring::Told& told) {
    const auto every = context.options().text("remind-every");
    return every && told.when && context.clock().now().ns - told.when->ns >= parse_span(*every);
}

/// Remembered is what was told: a state that only other commands have seen, or that could not be told, is told the next
/// time.
void tell(Context& context, const Access& access, const std::string& channel, void (*say)(Context&, const Notice&)) {
    if (!context.options().given(channel)) return;
    const std::string now(text(access.state));
    const keyring::Told told = context.keyring().told(channel);
    Notice notice{access, told.state.empty() ? std::string(text(AccessState::ok)) : told.state};
    if (now == notice.before || (told.state.empty() && access.state == AccessState::none)) {
        const bool is_well = access.state == AccessState::ok || access.state == AccessState::none;
        if (is_well || !is_due(context, told)) return;
        notice.is_reminder = true;
    }
    try {
        say(context, notice);
        if (!context.dry_run()) context.keyring().note_told(channel, now);
    } catch (const Error& error) {
        context.terminal().warning((channel == kWebhook ? "the webhook was not told: " : "") +
                                   std::string(error.what()));
    }
}

}  // namespace

std::vector<OptionSpec> state_notice_options() {
    return {
        {.name = kCommand,
         .takes = Takes::many,
         .value_name = "CMD",
         .help = "run when the keyring's state is another than the last time, with SIGNET_STATE, SIGNET_STATE_BEFORE, "
                 "…_PROTECTOR, …_WHY, …_SINCE, SIGNET_HEAL_SECONDS, SIGNET_REMINDER"},
        {.name = kWebhook,
         .takes = Takes::one,
         .value_name = "URL",
         .help = "post the same there as JSON; as a URL may hold a token, keep it in the configuration file"},
        {.name = "webhook-ca",
         .takes = Takes::one,
         .value_name = "FILE",
         .help = "trust these authorities (PEM) for the webhook, and no others"},
        {.name = "remind-every",
         .takes = Takes::one,
         .value_name = "D",
         .help = "while the state is not ok, tell again after so long: 1h"},
    };
}

void tell_of_state(Context& context, const Access& access) {
    tell(context, access, kCommand, run_command);
    tell(context, access, kWebhook, post);
}

}  // namespace signet::cli
