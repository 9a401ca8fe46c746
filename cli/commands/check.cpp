#include "cli/check_report.h"
#include "cli/checking.h"
#include "cli/checkpoints.h"
#include "cli/commands/commands.h"
#include "cli/signals.h"
#include "cli/size.h"
#include "core/crypto/random.h"

#include <array>
#include <cstdlib>

namespace signet::cli {
namespace {

enum class Reading { names, sample, everything };

/// What is to be read, with the seed of a random choice.
struct Scope {
    Reading reading = Reading::names;
    restore::PackSample sample;
    std::optional<std::uint64_t> seed;
};

[[noreturn]] void refuse_subset(const std::string& text) {
    throw Error(ErrorCode::usage, "--read-data-subset is n/t (part n of t), x% or a size such as 10G: " + text);
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
    if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    return std::stoull(std::string(text));
}

restore::PackSample part_of(const std::string& text, std::size_t slash) {
    const auto part = whole_number(std::string_view(text).substr(0, slash));
    const auto parts = whole_number(std::string_view(text).substr(slash + 1));
    if (!part || !parts || *part < 1 || *part > *parts) refuse_subset(text);
    return restore::PackSample::of_parts(*part, *parts);
}

double share_of(const std::string& text) {
    const std::string number = text.substr(0, text.size() - 1);
    if (number.empty() || number.size() > 9 || number.find_first_not_of("0123456789.") != std::string::npos)
        refuse_subset(text);
    char* end = nullptr;
    const double percent = std::strtod(number.c_str(), &end);
    if (*end != '\0' || !(percent > 0) || percent > 100) refuse_subset(text);
    return percent / 100;
}

Scope scope_of(const Options& options) {
    Scope scope;
    options.refuse_together({"read-data", "read-data-subset"});
    if (options.flag("read-data")) scope.reading = Reading::everything;
    const auto subset = options.text("read-data-subset");
    if (options.given("seed") && !subset)
        throw Error(ErrorCode::usage, "--seed says which packs --read-data-subset chooses: give that too");
    if (!subset) return scope;
    scope.reading = Reading::sample;
    if (const std::size_t slash = subset->find('/'); slash != std::string::npos) {
        if (options.given("seed")) throw Error(ErrorCode::usage, "part n of t is no random choice: leave out --seed");
        scope.sample = part_of(*subset, slash);
        return scope;
    }
    std::array<std::uint8_t, 3> octets{};
    crypto::random_fill(octets);
    std::uint64_t random = 0;
    for (const std::uint8_t octet : octets) random = random << 8U | octet;
    scope.seed = options.integer("seed", 0, UINT64_MAX).value_or(random);
    if (subset->ends_with('%')) {
        scope.sample = restore::PackSample::of_share(share_of(*subset), *scope.seed);
    } else {
        const std::uint64_t size = parse_size(*subset);
        if (size == 0) refuse_subset(*subset);
        scope.sample = restore::PackSample::of_octets(size, *scope.seed);
    }
    return scope;
}

restore::CheckReport carry_out(Context& context, const Scope& scope) {
    return run_check(context, scope.sample, [&](restore::Checker& checker) {
        checker.check_objects();
        if (scope.reading == Reading::everything) checker.check_content();
        if (scope.reading == Reading::sample) checker.check_sample();
    });
}

void require_well(const restore::CheckReport& report) {
    if (!report.findings.empty()) {
        throw Error(
            ErrorCode::damaged,
            "the repository is damaged: " + counted(report.findings.size(), "object") + " not as written",
            restore::are_about_logs(report.findings)
                ? "backups are whole; of the logs push those again that their servers still have (signet log push), "
                  "and make a new base where one is lost; signet log list --gaps"
                : "signet repair -n says what can be mended; backups that are not touched restore as ever, and signet "
                  "restore --salvage restores what opens of the others");
    }
    if (!report.unreadable.empty())
        throw Error(ErrorCode::io, counted(report.unreadable.size(), "object") + " could not be read");
    if (report.missing_keys.empty()) return;
    throw Error(ErrorCode::key_unavailable,
                counted(report.missing_keys.size(), "backup") + " could not be read for want of keys",
                "see: signet timeline");
}

ExitCode run(Context& context) {
    Terminal& terminal = context.terminal();
    const Scope scope = scope_of(context.options());
    const restore::CheckReport report = carry_out(context, scope);
    tell_findings(terminal, report, "check");
    if (terminal.json()) {
        Json summary = check_json(report);
        summary["read_data"] = scope.reading != Reading::names;
        summary["seed"] = scope.seed ? Json(*scope.seed) : Json(nullptr);
        terminal.object(summary);
    }
    // Also of a check that found something: so that the same packs can be read again.
    if (scope.seed) terminal.message("the packs were chosen by --seed " + std::to_string(*scope.seed));
    require_well(report);
    const std::string read = scope.reading == Reading::names    ? std::string()
                             : scope.reading == Reading::sample ? ", and read " + counted(report.chunks, "chunk") +
                                                                      " of " + counted(report.packs, "pack")
                                                                : ", and read " + counted(report.chunks, "chunk");
    terminal.result("checked " + counted(report.objects, "object") + ", " + human_size(report.bytes) + read +
                    ": all as written");
    return ExitCode::done;
}

}  // namespace

Command check_command() {
    Command command;
    command.name = "check";
    command.synopsis = "[--read-data | --read-data-subset n/t|x%|SIZE] [--checkpoint LINE|FILE]…";
    command.summary = "verify a repository";
    command.description =
        "Verifies every signature and chain, that everything which entries name is there, and reads every object and "
        "compares it with its name. Needs no key, so that whoever stores a repository can check it. Exit code 14 when "
        "anything is not as it was written; the message names the object, the backups that it touches, and what "
        "helps. What interrupted runs left behind is a note. It changes nothing: see signet repair.\n\n"
        "With --read-data, every trusted backup is opened as well, and each of its chunks is decrypted and compared "
        "with its id; then the files that cannot be read are named too.\n\n"
        "With --read-data-subset, everything but packs is checked as ever, and of the packs a part is read: "
        "compared with their names, and with the keys opened, every chunk against its id. n/t takes part n of t by "
        "the packs' names, so that t runs read all of them; x% of the packs, or packs of SIZE octets in all, are "
        "chosen at random, by a seed that is printed and that --seed takes again.\n\n"
        "With --checkpoint, the journals are held to lines that signet checkpoint printed earlier: entries that are "
        "gone, or others, are named with their writer and time (14). Without one, and on a machine that never saw the "
        "repository, nobody can know whether newer entries are withheld; that is said.";
    command.options = {
        {.name = "read-data", .help = "open every backup and read every chunk (needs keys)"},
        {.name = "read-data-subset",
         .takes = Takes::one,
         .value_name = "n/t|x%|SIZE",
         .help = "read a part of the packs, with their keys"},
        {.name = "seed", .takes = Takes::one, .value_name = "N", .help = "choose the same packs as a run before"},
        checkpoint_option(),
    };
    command.examples = {{"signet check", "Nightly, by the storage host"},
                        {"signet check --read-data-subset 3/30", "The third of thirty nights that read everything"},
                        {"signet check --read-data", "Monthly, by a key holder"},
                        {"signet check --checkpoint /media/usb/checkpoints", "Whether anything was withheld"}};
    command.run = run;
    return command;
}

}  // namespace signet::cli
