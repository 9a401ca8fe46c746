#include "cli/option.h"

namespace signet::cli {

const std::vector<OptionSpec>& global_options() {
    static const std::vector<OptionSpec> options = {
        {.name = "repo",
         .letter = 'r',
         .takes = Takes::one,
         .value_name = "DIR",
         .help = "the repository (SIGNET_REPOSITORY)"},
        {.name = "keyring",
         .letter = 'k',
         .takes = Takes::many,
         .value_name = "DIR",
         .help = "the host's keyring; given again: further keyrings to look for protectors in (SIGNET_KEYRING)"},
        {.name = "vault",
         .takes = Takes::one,
         .value_name = "DIR",
         .help = "the local vault that local:NAME means (SIGNET_VAULT)"},
        {.name = "json", .help = "results as JSON on standard output, errors as JSON on standard error"},
        {.name = "quiet", .letter = 'q', .help = "print results and errors alone"},
        {.name = "verbose", .letter = 'v', .takes = Takes::count, .help = "say more; may be repeated"},
        {.name = "progress", .help = "show progress even when standard error is no terminal"},
        {.name = "dry-run", .letter = 'n', .help = "say what would be done and change nothing"},
        {.name = "jobs", .takes = Takes::one, .value_name = "N", .help = "worker threads; default: by the processors"},
        {.name = "cache-dir",
         .takes = Takes::one,
         .value_name = "DIR",
         .help = "where caches are kept (SIGNET_CACHE_DIR)"},
        {.name = "no-cache", .help = "use no cache"},
        {.name = "config",
         .takes = Takes::one,
         .value_name = "FILE",
         .help = "an INI file in which every flag can stand (SIGNET_CONFIG)"},
        {.name = "passphrase-file",
         .takes = Takes::one,
         .value_name = "FILE",
         .help = "read the passphrase from a file (SIGNET_PASSPHRASE_FILE)"},
        {.name = "passphrase-command",
         .takes = Takes::one,
         .value_name = "CMD",
         .help = "read the passphrase from a command's output (SIGNET_PASSPHRASE_COMMAND)"},
        {.name = "passphrase-fd",
         .takes = Takes::one,
         .value_name = "N",
         .help = "read the passphrase from a descriptor (SIGNET_PASSPHRASE_FD)"},
        {.name = "audit-syslog", .help = "send what is written into the audit log to the system's log as well"},
        {.name = "help", .letter = 'h', .help = "show the manual of the command"},
    };
    return options;
}

}  // namespace signet::cli
