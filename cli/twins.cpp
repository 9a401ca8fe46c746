#include "cli/twins.h"

#include "keyring/escrow_mark.h"

#include <utility>

namespace signet::cli {
namespace {

constexpr const char* kSetting = "without-twin";

/// Empty: it is well, out of reach, or shows nothing without a login.
std::string why_refused(Context& context, const keyring::Link& link, const keyring::Location& location) {
    using keyring::Outcome;
    const auto answer = context.keyring().describe(location, context.vaults(), keyring::Login::spared);
    if (!answer.ok()) {
        const bool is_unknown = may_fail_over(answer.outcome) || answer.outcome == Outcome::credential_rejected;
        return is_unknown ? "" : answer.detail;
    }
    if (answer.value->thumbprint != link.thumbprint)
        return "another key is there, " + answer.value->thumbprint.short_text();
    return may_unwrap(answer.value->state) ? "" : "the key is " + std::string(keyring::text(answer.value->state));
}

}  // namespace

std::vector<keyring::Location> unwrapping_places(const keyring::Link& link) {
    std::vector<keyring::Location> places;
    for (const std::string& text : link.locations) {
        keyring::Location location = keyring::Location::parse(text);
        if (location.can_unwrap()) places.push_back(std::move(location));
    }
    return places;
}

std::string missing_twin(Context& context, const keyring::Link& link) {
    if (link.role != keyring::LinkRole::default_ || unwrapping_places(link).size() != 1) return {};
    if (keyring::is_escrow(context.keyring(), link.thumbprint) || context.keyring().settings().contains(kSetting))
        return {};
    return "protector " + link.name + " (" + link.thumbprint.short_text() +
           ") has no twin: while its vault is out of reach nothing can be restored. Have the same key in a second one: "
           "signet keyring link LOCATION --twin-of " +
           link.thumbprint.short_text();
}

std::vector<std::string> refusing_twins(Context& context, const keyring::Link& link) {
    std::vector<std::string> sentences;
    if (!link.wraps()) return sentences;
    bool is_first = true;  // what the first one refuses is the state of access
    for (const keyring::Location& location : unwrapping_places(link)) {
        if (std::exchange(is_first, false)) continue;
        const std::string why = why_refused(context, link, location);
        if (why.empty()) continue;
        sentences.push_back("the twin of protector " + link.name + " (" + link.thumbprint.short_text() + ") in " +
                            location.text() + " refuses, and nothing can be restored with it: " + why);
    }
    return sentences;
}

void warn_of_missing_twin(Context& context, const keyring::Link& link) {
    const std::string sentence = missing_twin(context, link);
    if (!sentence.empty()) context.terminal().warning(sentence);
}

OptionSpec without_twin_option() {
    return {.name = "without-twin",
            .help = "no twin is wanted: nothing more is said of one, until --twin-of links one"};
}

void note_without_twin(Context& context, bool twin_linked) {
    const bool is_set = context.keyring().settings().contains(kSetting);
    if (twin_linked) {
        if (is_set) context.keyring().set_setting(kSetting, std::nullopt);
    } else if (context.options().flag("without-twin") && !is_set) {
        context.keyring().set_setting(kSetting, "yes");
    }
}

}  // namespace signet::cli
