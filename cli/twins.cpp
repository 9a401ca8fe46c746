#include "cli/twins.h"

#include "keyring/escrow_mark.h"

#include <algorithm>

namespace signet::cli {
namespace {

constexpr const char* kSetting = "without-twin";

}  // namespace

std::string missing_twin(Context& context, const keyring::Link& link) {
    const auto holds_private_half = [](const std::string& text) { return keyring::Location::parse(text).can_unwrap(); };
    const auto places = std::count_if(link.locations.begin(), link.locations.end(), holds_private_half);
    if (link.role != keyring::LinkRole::default_ || places != 1) return {};
    if (keyring::is_escrow(context.keyring(), link.thumbprint) || context.keyring().settings().contains(kSetting)) return {};
    return "protector " + link.name + " (" + link.thumbprint.short_text() +
           ") has no twin: while its vault is out of reach nothing can be restored. Have the same key in a second one: "
           "signet keyring link LOCATION --twin-of " +
           link.thumbprint.short_text();
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
