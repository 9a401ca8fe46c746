#include "cli/key_file.h"

#include "cli/passphrase.h"

#include <filesystem>

namespace signet::cli {

std::vector<OptionSpec> passphrase_options(const std::string& prefix, const std::string& whose) {
    return {
        {.name = prefix + "-file", .takes = Takes::one, .value_name = "FILE", .help = "the passphrase of " + whose},
        {.name = prefix + "-command",
         .takes = Takes::one,
         .value_name = "CMD",
         .help = "a command that prints the passphrase of " + whose},
        {.name = prefix + "-fd",
         .takes = Takes::one,
         .value_name = "N",
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

std::string new_output_file(const Context& context) {
    const auto path = context.options().text("output");
    if (!path || path->empty()) throw Error(ErrorCode::usage, "no file was named to write to", "name one with -o FILE");
    if (std::filesystem::exists(std::filesystem::symlink_status(*path))) {
        throw Error(ErrorCode::refused, *path + " is there already", "a key file replaces nothing: name another file");
    }
    return *path;
}

}  // namespace signet::cli
