#include "cli/access.h"

#include "cli/officer.h"
#include "cli/replicas.h"
#include "cli/state_notice.h"
#include "keyring/policy_check.h"
#include "keyring/wrapping.h"

namespace signet::cli {
namespace {

using keyring::AccessState;

/// Within it nothing heals.
constexpr std::int64_t kNoWindow = -1;

/// What one default protector says; remembers since when it is refused. heal_window  nothing: no policy was read, which
/// alone says when a loss is over; it is judged by the default then, and stays on record
Access look_at(Context& context, const keyring::Link& link, const std::optional<std::int64_t>& heal_window) {
    const std::int64_t heal_window_ns = heal_window.value_or(keyring::Policy{}.heal_window_ns);
    const keyring::ProtectorReport report = context.resolver().status_for_wrapping(link.thumbprint);
    context.keyring().note_access(link.thumbprint, report.status, report.detail, heal_window.value_or(kNoWindow));
    Access access;
    access.thumbprint = link.thumbprint;
    access.protector = link.name + " (" + link.thumbprint.short_text() + ")";
    access.why = report.detail;
    const TimePoint now = context.clock().now();
    if (const keyring::Link* noted = context.keyring().find(link.thumbprint)) {
        access.since = noted->lost_since;
        if (!keyring::is_refused(report.status) && noted->lost_since) access.why = noted->lost_why;
    }
    access.state = judge_access(report.status, access.since, now, heal_window_ns);
    if (access.state == AccessState::inaccessible && access.since)
        access.heal_left_ns = heal_window_ns - (now.ns - access.since->ns);
    return access;
}

/// Nothing where no repository is named, or none is there yet.
std::optional<keyring::Policy> policy_if_any(Context& context) {
    if (!context.has_repository()) return std::nullopt;
    try {
        const keyring::Trust trust = load_trust(context);
        return trust.policy() ? keyring::Policy::from_values(trust.policy()->values) : keyring::Policy{};
    } catch (const Error& error) {
        // A variable may name a repository that is yet to be made.
        if (error.code() != ErrorCode::no_repository) throw;
        return std::nullopt;
    }
}

/// A repository that cannot be read must not hide what vaults say.
std::optional<std::int64_t> heal_window(Context& context) {
    try {
        const auto policy = policy_if_any(context);
        return policy ? std::optional(policy->heal_window_ns) : std::nullopt;
    } catch (const Error& error) {
        context.terminal().warning(std::string("the policy cannot be read, so its defaults hold here: ") +
                                   error.what());
        return std::nullopt;
    }
}

}  // namespace

keyring::Policy policy_in_force(Context& context) { return policy_if_any(context).value_or(keyring::Policy{}); }

std::vector<format::Thumbprint> require_wrapping(Context& context) {
    const keyring::Policy policy = policy_in_force(context);
    keyring::Wrapping wrapping = wrapping_for(policy, context.keyring(), context.resolver(),
                                              context.repository().config(), region_of(context, context.repository()));
    for (const std::string& warning : wrapping.warnings) context.terminal().warning(warning);
    require_policy(policy, context.keyring(), wrapping.protectors);
    return std::move(wrapping.protectors);
}

Access look_at_access(Context& context) {
    const std::optional<std::int64_t> window = heal_window(context);
    Access worst;
    // A copy: what is remembered changes the links.
    const std::vector<keyring::Link> links = context.keyring().links();
    for (const keyring::Link& link : links) {
        if (link.role != keyring::LinkRole::default_) continue;
        Access access = look_at(context, link, window);
        if (access.state > worst.state) worst = std::move(access);
    }
    // A loss that is still on record is not over yet, and nobody is told that it is.
    const bool is_provisional = !window && worst.state == AccessState::ok && worst.since;
    if (is_provisional) return worst;
    context.keyring().note_state(text(worst.state), worst.thumbprint, worst.why);
    tell_of_state(context, worst);
    return worst;
}

std::string access_text(const Access& access) {
    std::string sentence(text(access.state));
    if (access.state == AccessState::ok || access.state == AccessState::none) return sentence;
    if (access.since) sentence += " since " + to_table_time(*access.since);
    sentence += ": " + access.protector + (access.why.empty() ? "" : ", " + access.why);
    if (access.heal_left_ns > 0) {
        sentence += "; heals by itself for another " +
                    human_duration(static_cast<double>(access.heal_left_ns) / static_cast<double>(kNsPerSecond));
    }
    if (access.state == AccessState::needs_revalidation)
        sentence += "; when it is well again: signet keyring revalidate";
    return sentence;
}

void require_revalidated(const Access& access) {
    if (access.state != AccessState::needs_revalidation) return;
    throw Error(ErrorCode::refused, "this keyring is " + access_text(access), "signet keyring revalidate");
}

bool is_lost(const Access& access) {
    return access.state == AccessState::inaccessible || access.state == AccessState::needs_revalidation;
}

void require_settings_open(const Access& access) {
    if (!is_lost(access)) return;
    throw Error(ErrorCode::refused,
                "while access is lost no setting is changed: this keyring is " + access_text(access),
                "bring the key back (signet key …), link another one, or signet keyring revalidate");
}

}  // namespace signet::cli
