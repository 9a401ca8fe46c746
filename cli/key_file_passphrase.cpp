#include "cli/key_file_passphrase.h"

#include "cli/passphrase.h"

namespace signet::cli {

std::vector<OptionSpec> passphrase_options(const std::string& prefix, const std::string& whose) {
    return {
        {.name = prefix + "-file", .takes = Takes::one, .value_name = "FILE", .help = "the passphrase of " + whose},
        {.name = prefix + "-command", .takes = Takes::one, .value_name = "CMD",
         .help = "a command that prints the passphrase of " + whose},
        {.name = prefix + "-fd", .takes = Takes::one, .value_name = "N",
         .help = "a descriptor from which to read the passphrase of " + whose},
    };
}

bool has_passphrase_option(const Context& context, const std::string& prefix) {
    const Options& options = context.options();
    return options.given(prefix + "-file") || options.given(prefix + "-command") || options.given(prefix + "-fd");
}

SecretBytes ask_passphrase(const Context& context, const std::string& prefix, const std::string& object, bool is_new) {
    return passphrase_asker(context.options(), prefix)({is_new ? "create" : "unlock", object, is_new});
}

}  // namespace signet::cli
