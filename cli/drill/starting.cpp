#include "cli/drill/starting.h"

#include "cli/child.h"
#include "cli/places.h"
#include "cli/signals.h"
#include "cli/table.h"

#include <algorithm>

namespace signet::cli {
namespace {

bool is_on_command_line(const Options& options, std::string_view name) {
    const auto& given = options.sources();
    return std::any_of(given.begin(), given.end(),
                       [&](const Options::Given& one) { return one.name == name && one.source == "command line"; });
}

/// What a recovery command finds in its environment: the empty places, and how passphrases are asked for here.
std::map<std::string, std::string> variables_of(const Context& context, const DrillScratch& scratch) {
    std::map<std::string, std::string> variables = {
        {"SIGNET_REPOSITORY", canonical_place(context.repository_location())},
        {"SIGNET_KEYRING", scratch.keys() + "/keyring"},
        {"SIGNET_VAULT", scratch.keys() + "/vault"},
        {"SIGNET_CACHE_DIR", scratch.keys() + "/cache"}};
    if (const auto file = context.options().text("passphrase-file"))
        variables["SIGNET_PASSPHRASE_FILE"] = absolute_path(*file);
    if (const auto command = context.options().text("passphrase-command"))
        variables["SIGNET_PASSPHRASE_COMMAND"] = *command;
    if (const auto officer = context.options().text("officer")) variables["SIGNET_DRILL_OFFICER"] = *officer;
    return variables;
}

/// The words that ask for the same in places of the scratch folder.
std::vector<std::string> words_at(const Context& asked, const DrillScratch& scratch) {
    std::vector<std::string> words = {"drill", "run", "--keyring=" + scratch.keys() + "/keyring",
                                      "--vault=" + scratch.keys() + "/vault",
                                      "--cache-dir=" + scratch.keys() + "/cache"};
    for (const Options::Given& given : asked.options().sources()) {
        if (given.name == "keyring" || given.name == "vault" || given.name == "cache-dir" || given.name == "no-cache")
            continue;
        const std::vector<std::string> texts = asked.options().list(given.name);
        for (const std::string& text : texts) words.push_back("--" + given.name + "=" + text);
        for (int i = 0; texts.empty() && i < asked.options().count(given.name); ++i) words.push_back("--" + given.name);
    }
    return words;
}

/// The repository that the safe's paper speaks of is the one that is restored from.
void require_officer(Context& context) {
    const auto wanted = context.options().text("officer");
    if (!wanted) return;
    const std::string claimed = context.repository().config().officer.hex();
    if (wanted->size() >= 16 && claimed.starts_with(*wanted)) return;
    throw Error(ErrorCode::refused, "the officer of this repository is " + claimed + ", not " + printable(*wanted));
}

}  // namespace

DrillRecord begin_drill_record(const Context& context) {
    DrillRecord record;
    record.started = to_rfc3339(context.clock().now());
    record.host = host_name();
    record.user = user_name();
    record.program = std::string("signet ") + SIGNET_VERSION;
    record.location = canonical_place(context.repository_location());
    return record;
}

std::string drill_keys(const Context& context) {
    const Options& options = context.options();
    options.refuse_together({"from-nothing", "no-default-keyring"});
    if (options.flag("from-nothing")) {
        if (options.given("officer") || options.given("recover-command")) return "nothing";
        throw Error(ErrorCode::usage, "--from-nothing needs --officer FINGERPRINT, or --recover-command CMD",
                    "the fingerprint is what signet init printed; it belongs in the safe with the keys");
    }
    for (const char* name : {"officer", "recover-command"}) {
        if (options.given(name)) throw Error(ErrorCode::usage, "--" + std::string(name) + " belongs to --from-nothing");
    }
    if (!options.flag("no-default-keyring")) return "keyring";
    if (is_on_command_line(options, "keyring")) return "given keyrings";
    throw Error(ErrorCode::usage, "--no-default-keyring needs the keyrings to use instead", "name them: --keyring DIR");
}

std::string evidence_keyring(const Context& context) {
    const Options& options = context.options();
    if (const auto named = options.text("evidence-keyring")) return absolute_path(*named);
    const std::vector<std::string> usual = split(variable("SIGNET_KEYRING"), ':');
    if (options.flag("no-default-keyring")) return absolute_path(usual.empty() ? default_keyring() : usual.front());
    const std::vector<std::string> given = options.list("keyring");
    return absolute_path(given.empty() ? default_keyring() : given.front());
}

DrillSite::DrillSite(Context& asked)
    : context_(std::make_unique<Context>(asked.command(), asked.options(), asked.terminal())) {}

DrillSite::DrillSite(Context& asked, const DrillScratch& scratch)
    : invocation_(std::make_unique<Invocation>(parse_command_line(words_at(asked, scratch)))),
      context_(std::make_unique<Context>(asked.command(), invocation_->options, asked.terminal())) {}

void recover_from_nothing(Context& context, const DrillScratch& scratch) {
    make_folders(scratch.keys(), 0700);
    if (const auto command = context.options().text("recover-command")) {
        const ChildEnd end = run_shell_until(interrupted(), *command, variables_of(context, scratch));
        if (!end.ok()) throw Error(ErrorCode::failed, "--recover-command ended with " + end.text());
        require_officer(context);
        return;
    }
    (void)find_command("keyring recover")->run(context);
    // What it learnt of the repository was read before the keys were there.
    context.forget_catalogue();
}

}  // namespace signet::cli
