#include "cli/commands/commands.h"
#include "cli/keyring_comparison.h"
#include "cli/places.h"
#include "cli/table.h"

#include <algorithm>

namespace signet::cli {
namespace {

Json side_json(const std::optional<SideView>& side) {
    if (!side) return nullptr;
    Json row = {{"name", side->name},
                {"role", side->role.empty() ? Json(nullptr) : Json(side->role)},
                {"region", side->region.empty() ? Json(nullptr) : Json(side->region)},
                {"status", keyring::text(side->report.status)},
                {"can_open", side->can_open()},
                {"locations", side->report.locations},
                {"size", nullptr},
                {"state", nullptr},
                {"not_before", nullptr},
                {"expires", nullptr},
                {"purge_protection", side->purge_protection ? Json(*side->purge_protection) : Json(nullptr)},
                {"tested", side->test ? Json(side->test->ok()) : Json(nullptr)}};
    if (side->key) {
        row["size"] = side->key->size_bits;
        row["state"] = keyring::text(side->key->state);
        row["not_before"] = time_json(side->key->attributes.not_before);
        row["expires"] = time_json(side->key->attributes.expires);
    }
    return row;
}

Json to_json(const Comparison& comparison) {
    Json rows = Json::array();
    for (const ComparedProtector& one : comparison.protectors) {
        rows.push_back({{"thumbprint", one.thumbprint.text()},
                        {"backups", one.backups},
                        {"here", side_json(one.here)},
                        {"there", side_json(one.there)},
                        {"differences", one.differences}});
    }
    return {{"message_type", "summary"},
            {"arrangement", text(comparison.arrangement)},
            {"backups", comparison.backups},
            {"only_here", comparison.only_here},
            {"only_there", comparison.only_there},
            {"claimed_here", comparison.claimed_here},
            {"claimed_there", comparison.claimed_there},
            {"broken_backups", comparison.broken.size()},
            {"protectors", std::move(rows)}};
}

std::string side_text(const std::optional<SideView>& side) {
    if (!side) return "missing";
    std::string text(keyring::text(side->report.status));
    if (!side->role.empty()) text += ", " + side->role + " of " + side->region;
    if (side->test) text += side->test->ok() ? ", tested" : ", test failed";
    return text;
}

std::string name_of(const ComparedProtector& one) {
    if (one.here) return one.here->name;
    return one.there ? one.there->name : std::string();
}

void print(Terminal& terminal, const Comparison& comparison) {
    Table table({"THUMBPRINT", "NAME", "BACKUPS", "HERE", "THERE"});
    for (const ComparedProtector& one : comparison.protectors) {
        table.add({one.thumbprint.short_text(), printable(name_of(one)), std::to_string(one.backups),
                   side_text(one.here), side_text(one.there)});
    }
    table.print(terminal);
    for (const ComparedProtector& one : comparison.protectors) {
        for (const std::string& difference : one.differences)
            terminal.result(one.thumbprint.short_text() + "  " + difference);
    }
    terminal.result("arrangement  " + std::string(text(comparison.arrangement)));
}

/// throws  Error{key_unavailable}: a side opens backups only if somebody's claims are true
void require_no_claims(const Comparison& comparison) {
    if (comparison.claimed_here == 0 && comparison.claimed_there == 0) return;
    throw Error(ErrorCode::key_unavailable,
                "of " + counted(comparison.backups, "backup") + " " + std::to_string(comparison.claimed_here) +
                    " open here, and " + std::to_string(comparison.claimed_there) +
                    " there, only if stored slots that nobody signed tell the truth",
                "to try them: signet keyring compare --test; what fails gets new slots by signet rewrap");
}

/// throws  what the comparison found
void require_equal(const Comparison& comparison) {
    require_no_claims(comparison);
    if (comparison.only_here > 0 || comparison.only_there > 0) {
        throw Error(ErrorCode::key_unavailable,
                    "of " + counted(comparison.backups, "backup") + " " + std::to_string(comparison.only_here) +
                        " open only here, and " + std::to_string(comparison.only_there) + " only there",
                    "link the missing keys, or add slots: signet rewrap, or signet copy with both keyrings");
    }
    if (comparison.arrangement == Arrangement::none) {
        throw Error(ErrorCode::key_unavailable, "what is wrapped here from now on could not be opened there",
                    "link the same key there; or here, as --recovery, the public half of a key that is there");
    }
    const auto failed = [](const std::optional<SideView>& side) { return side && side->test && !side->test->ok(); };
    const auto& all = comparison.protectors;
    if (std::any_of(all.begin(), all.end(), [&](const auto& one) { return failed(one.here) || failed(one.there); }))
        throw Error(ErrorCode::key_unavailable, "a key could not be used, as said above", "see: signet keyring test");
    if (!comparison.broken.empty()) {
        throw Error(ErrorCode::damaged,
                    counted(comparison.broken.size(), "backup") +
                        " could not be compared, and cannot be restored: " + comparison.broken.front().what(),
                    "bring back what is missing; signet check names all of it");
    }
    if (comparison.differ())
        throw Error(ErrorCode::failed, "keys that both have differ in their properties, as said above");
}

ExitCode run(Context& context) {
    const auto with = context.options().text("with");
    if (!with)
        throw Error(ErrorCode::usage, "keyring compare needs a keyring to compare with",
                    "signet keyring compare --with DIR");
    ComparisonOptions options;
    options.keyring = absolute_path(*with);
    options.vault = absolute_path(context.options().text_or("with-vault", context.vaults().default_folder()));
    options.test = context.options().flag("test");
    const Comparison comparison = compare_keyrings(context, options);
    if (context.terminal().json())
        context.terminal().object(to_json(comparison));
    else
        print(context.terminal(), comparison);
    require_equal(comparison);
    return ExitCode::done;
}

}  // namespace

Command keyring_compare_command() {
    Command command;
    command.name = "keyring compare";
    command.synopsis = "--with DIR [--with-vault DIR] [--test]";
    command.summary = "compare this keyring with that of a replica";
    command.description =
        "Lists every protector that backups of the repository ever needed, and every one that wraps, as this keyring "
        "has it and as the other one does: role, status, dates, kind of vault, purge protection. Says which backups "
        "only one side can open, and how what is wrapped here is opened there: same-keys, by the default protector "
        "itself; own-keys, by another one that wraps as well; or none. The slots in the place of --repo count: name "
        "the replica's, after a copy. Of stored slots those count that this machine made or opened itself; how many "
        "backups rest on others is said, and makes neither side ready.\n\n"
        "Vaults are asked to describe their keys. With --test each key is really used, on both sides, and slots that "
        "are claims are tried; that asks for passphrases and is in both audit logs.\n\n"
        "Exit code 13 when one side cannot open what the other can, or could not open what comes; 14 when a backup is "
        "damaged: it is left out; 1 when keys that both have differ in their properties.";
    command.options = {
        {.name = "with", .takes = Takes::one, .value_name = "DIR", .help = "the other keyring"},
        {.name = "with-vault",
         .takes = Takes::one,
         .value_name = "DIR",
         .help = "the vault that local:NAME means there; --vault when nothing is said"},
        {.name = "test", .help = "wrap and unwrap with every key, on both sides"},
    };
    command.examples = {{"signet keyring compare --with /e/keyring --with-vault /e/vault -r /e/repository",
                         "Nightly, beside the copy"}};
    command.dry_run = DryRun::nothing_to_change;
    command.run = run;
    return command;
}

}  // namespace signet::cli
