#include "cli/log_pushing.h"

#include "cli/access.h"
#include "cli/escrow.h"
#include "cli/log_series.h"
#include "cli/officer.h"
#include "cli/places.h"
#include "cli/replicas.h"
#include "cli/state_notice.h"
#include "format/limits.h"
#include "keyring/policy_check.h"

namespace signet::cli {
namespace {

std::int64_t span_or(const Options& options, std::string_view name, std::int64_t usual) {
    const auto seconds = options.seconds(name);
    return seconds ? static_cast<std::int64_t>(*seconds * static_cast<double>(kNsPerSecond)) : usual;
}

std::optional<format::LogFamily> family_of(const Options& options) {
    const auto text = options.text("kind");
    if (!text || *text == "auto") return std::nullopt;
    if (*text == "postgres") return format::LogFamily::postgres;
    if (*text == "generic") return format::LogFamily::generic;
    throw Error(ErrorCode::usage, "--kind is auto, postgres or generic: " + *text);
}

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

/// Whose logs restores would refuse stores none in silence.
void check_trust(Context& context) {
    const keyring::Trust trust = load_trust(context);
    const IdentityId writer = context.keyring().writer().identity();
    const keyring::TrustedIdentity* known = trust.find(writer, format::Role::writer);
    if (known == nullptr) {
        context.terminal().warning(
            "this repository does not trust this writer yet: until an officer runs `signet keyring trust " +
            writer.hex() + "`, restores refuse its logs");
        return;
    }
    if (known->last_sequence == UINT64_MAX) return;
    throw Error(ErrorCode::refused,
                "the officer trusts writer " + writer.hex() + " up to entry " + std::to_string(known->last_sequence) +
                    " only: no restore would accept its logs",
                "another machine may have taken its place: then signet keyring adopt --new-identity makes a writer of "
                "this machine's own; or an officer says signet keyring trust " +
                    writer.hex());
}

/// Asks vault and policy whether anything may be stored, and under what.
std::vector<format::Thumbprint> look(Context& context) {
    require_primary(context);
    follow_rotation(context);
    check_access(context);
    check_trust(context);
    std::vector<format::Thumbprint> protectors = require_wrapping(context);
    const keyring::ProtectorReport report = context.resolver().status_for_wrapping(protectors.front());
    if (keyring::is_refused(report.status)) {
        throw Error(ErrorCode::key_unavailable,
                    "no log is stored: protector " + report.name + " (" + report.thumbprint.short_text() + ") is " +
                        (report.detail.empty() ? std::string(text(report.status)) : report.detail),
                    report.hint);
    }
    require_proof(policy_in_force(context), context.keyring(), protectors.front(), context.clock().now());
    return protectors;
}

}  // namespace

std::vector<OptionSpec> log_pushing_options() {
    std::vector<OptionSpec> options = {
        {.name = "series",
         .takes = Takes::one,
         .value_name = "NAME",
         .help = "whose log it is: the series of the backups that it continues"},
        {.name = "name",
         .takes = Takes::one,
         .value_name = "NAME",
         .help = "the name that it is fetched by; the file's own when nothing is said"},
        {.name = "kind",
         .takes = Takes::one,
         .value_name = "KIND",
         .help = "postgres, generic, or auto (by its name, as when nothing is said)"},
        {.name = "sequence",
         .takes = Takes::one,
         .value_name = "PATTERN",
         .help = "how generic names are numbered, so that gaps are seen: binlog.%06d"},
        {.name = "first",
         .takes = Takes::one,
         .value_name = "POS",
         .help = "of a generic log: where it begins, as its program writes it"},
        {.name = "last", .takes = Takes::one, .value_name = "POS", .help = "of a generic log: where it ends"},
        {.name = "host",
         .takes = Takes::one,
         .value_name = "NAME",
         .help = "the name of the host; its own when nothing is said"},
        {.name = "epoch-logs",
         .takes = Takes::one,
         .value_name = "N",
         .help = "a new data key after so many logs: 1024"},
        {.name = "epoch-time", .takes = Takes::one, .value_name = "D", .help = "or after so long: 8h"},
        {.name = "check-every",
         .takes = Takes::one,
         .value_name = "D",
         .help = "ask vault and policy again after so long: 60s"},
        {.name = "lock-wait",
         .takes = Takes::one,
         .value_name = "D",
         .help = "how long to wait for another push of the series: 30s"},
    };
    for (OptionSpec& option : state_notice_options()) options.push_back(std::move(option));
    return options;
}

backup::LogRequest log_request(const Context& context) {
    const Options& options = context.options();
    backup::LogRequest request;
    request.series = log_series_name(context);
    if (!context.arguments().empty()) {
        request.path = context.arguments().front();
        request.name = options.text_or("name", file_name(request.path));
    }
    request.family = family_of(options);
    request.sequence = options.text_or("sequence", "");
    if (!request.sequence.empty()) (void)format::LogSequence::parse(request.sequence);
    request.first = options.text_or("first", "");
    request.last = options.text_or("last", "");
    request.host = options.text_or("host", host_name());
    request.user = user_name();
    request.program = "signet " SIGNET_VERSION;
    request.epoch_logs = options.integer("epoch-logs", 1, format::kMaxLogsInEpoch).value_or(request.epoch_logs);
    request.epoch_ns = span_or(options, "epoch-time", request.epoch_ns);
    request.look_ns = span_or(options, "check-every", request.look_ns);
    request.lock_wait_seconds = options.seconds("lock-wait").value_or(request.lock_wait_seconds);
    return request;
}

backup::LogReport push_log(Context& context, const backup::LogRequest& request) {
    context.keyring().require_not_paused();
    pin_on_first_contact(context);
    const storage::Repository& repository = context.repository();
    const keyring::ProtectorRegion region = region_of(context, repository);
    backup::LogServices services;
    services.linked = [&] { return context.resolver().wrapping_protectors(region.provider, region.region); };
    services.look = [&] { return look(context); };
    services.wrap = [&](const format::DataKey& dek, const std::vector<format::Thumbprint>& protectors) {
        auto slots = context.resolver().wrap_for_backup(dek, protectors);
        for (const format::Thumbprint& protector : protectors) keep_recoverable(context, protector);
        return slots;
    };
    services.append = [&](const EntryMaker& make) {
        const crypto::SigningKey key = crypto::SigningKey::from_seed(context.keyring().writer().key.seed().clone());
        append_to_journal(context, key, make);
    };
    services.warn = [&](const std::string& sentence) { context.terminal().warning(sentence); };
    return backup::push_log(request, repository, context.keyring(), services);
}

}  // namespace signet::cli
