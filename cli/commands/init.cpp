#include "cli/commands/commands.h"
#include "cli/copying.h"
#include "cli/escrow.h"
#include "cli/new_replica.h"
#include "cli/officer.h"
#include "core/crypto/random.h"
#include "format/config.h"
#include "keyring/escrow_mark.h"
#include "storage/open_store.h"

namespace signet::cli {
namespace {

struct Place {
    std::string provider;
    std::string region;
};

Place place_of(const Context& context) {
    Place place{context.options().text_or("provider", "local"), context.options().text_or("region", "local")};
    for (const std::string& name : {place.provider, place.region}) {
        if (!format::is_region_name(name)) {
            throw Error(ErrorCode::usage, "no name of a provider or region: " + printable(name),
                        "they are [a-z0-9-]{1,64}");
        }
    }
    return place;
}

/// The default protector of that region, made where nothing is linked. returns  its thumbprint
format::Thumbprint protector_for(Context& context, const Place& place) {
    const keyring::Link* link = context.keyring().default_link(place.provider, place.region);
    if (link != nullptr) return link->thumbprint;
    if (place.provider != "local") {
        throw Error(
            ErrorCode::key_unavailable, "no default protector is linked for " + place.provider + "/" + place.region,
            "signet keyring link LOCATION --default --provider " + place.provider + " --region " + place.region);
    }
    return make_escrow_protector(context, place.region);
}

/// What a run of init made that was ended before its officer had said a word: this one goes on with it. Nobody else can
/// have used it yet, and an officer of whom anything was seen there is not believed to have been silent.
/// throws  Error{refused}: there is a repository already, or the remains of one
std::optional<format::RepositoryConfig> begun_before(Context& context, const std::shared_ptr<storage::Store>& store,
                                                     const Place& place) {
    const bool has_journals = !store->list("journal/").empty();
    if (!store->exists(format::kConfigName)) {
        if (!has_journals) return {};
        throw Error(ErrorCode::refused,
                    store->location() + " holds journals, but no " + std::string(format::kConfigName),
                    "a repository lost it; name an empty place");
    }
    const format::RepositoryConfig config = storage::Repository::open(store).config();
    const bool is_own = context.keyring().officer_identity(context.vaults()) == config.officer;
    const keyring::RepositoryPin* pin = context.keyring().pin(config.repository);
    const bool was_used = has_journals || (pin != nullptr && !pin->seen.empty());
    if (!is_own || was_used || config.provider != place.provider || config.region != place.region)
        throw Error(ErrorCode::refused, "there is a repository in " + store->location() + " already");
    context.terminal().warning("an init was ended before it was done here; this one goes on with it");
    return config;
}

/// Every writer that this keyring holds is its own; the officer says so in the repository.
void trust_own_writer(Context& context, const crypto::SigningKey& officer) {
    format::TrustStatement statement;
    statement.identity = context.keyring().writer().identity();
    const Bytes fields = format::TrustFields{{statement}}.encode();
    append_to_journal(context, officer, [&](const format::EntryHead& head, const crypto::SigningKey& key) {
        return format::make_plain_entry(format::EntryKind::trust, head, fields, key);
    });
}

void print(Context& context, const format::RepositoryConfig& config, const format::Thumbprint& protector, bool escrow) {
    const IdentityId writer = context.keyring().writer().identity();
    Terminal& terminal = context.terminal();
    if (terminal.json()) {
        terminal.object(Json{{"message_type", "initialized"},
                             {"id", config.repository.hex()},
                             {"repository", context.repository_location()},
                             {"officer", config.officer.hex()},
                             {"writer", writer.hex()},
                             {"provider", config.provider},
                             {"region", config.region},
                             {"protector_thumbprint", protector.text()},
                             {"escrow", escrow}});
        return;
    }
    terminal.result("repository  " + config.repository.hex());
    terminal.result("officer     " + config.officer.hex());
    terminal.result("writer      " + writer.hex());
    terminal.result("protector   " + protector.text() + (escrow ? "  (escrow)" : ""));
    terminal.message("");
    terminal.message(
        "write the officer's fingerprint down: on another machine it tells this repository from a forged one");
    if (escrow) {
        terminal.message(
            "keep the passphrase: repository and passphrase together restore everything, and without it nothing does");
    }
}

ExitCode run(Context& context) {
    const Place place = place_of(context);
    if (const auto primary = context.options().text("replica-of")) {
        if (!context.options().given("region"))
            throw Error(ErrorCode::usage, "a replica is in a region of its own", "give --region R");
        return make_replica(context, *primary, {place.provider, place.region});
    }
    if (context.options().flag("no-rewrap")) throw Error(ErrorCode::usage, "--no-rewrap is for --replica-of");
    const std::shared_ptr<storage::Store> store =
        storage::open_store(context.repository_location(), storage::OpenMode::create);
    const std::optional<format::RepositoryConfig> begun = begun_before(context, store, place);
    const format::Thumbprint protector = protector_for(context, place);
    const bool escrow = keyring::is_escrow(context.keyring(), protector);
    const crypto::SigningKey officer = context.keyring().officer(context.vaults());

    format::RepositoryConfig config;
    if (begun) {
        config = *begun;
    } else {
        config.repository = crypto::random_id<RepositoryId>();
        config.officer = officer.verify_key().identity();
        config.provider = place.provider;
        config.region = place.region;
    }
    // The escrow object first: a repository that is there can be restored from.
    if (escrow && !begun) store_escrow(context, *store, config.repository, protector);
    if (!begun) storage::Repository::create(*store, config);
    context.keyring().pin_repository(config.repository, config.officer, config.hash());
    context.keyring().note_location(canonical_location(*store), config.repository);
    trust_own_writer(context, officer);
    print(context, config, protector, escrow);
    return ExitCode::done;
}

}  // namespace

Command init_command() {
    Command command;
    command.name = "init";
    command.synopsis = "-r DIR [--region R] [--provider P] [--replica-of PRIMARY]";
    command.summary = "make a repository";
    command.description =
        "Makes an empty repository, and what is not there yet: keyring, writer and officer identities. The officer is "
        "the root of trust; its fingerprint is printed and should be written down.\n\n"
        "Nothing is ever stored in clear: when the keyring has no default protector, an escrow protector is made. It "
        "is kept in the local vault and, sealed under the vault's passphrase, in the repository, so that repository "
        "and passphrase alone restore everything on a bare machine (signet keyring recover). To hold the keys "
        "yourself, link a protector first: signet keyring link local:NAME --default. An init that was ended before it "
        "was "
        "done is run again.\n\n"
        "With --replica-of the place becomes a replica of a repository that exists: the same id and octets, under the "
        "keys of another region. The officer's policy must name that region (signet keyring policy set replicas=R), "
        "and the keyring have a default protector for it. The keyring remembers the place, and everything is copied; "
        "signet copy keeps it up.";
    command.options = {
        {.name = "region",
         .takes = Takes::one,
         .value_name = "R",
         .help = "where the repository is; its backups are wrapped with that region's default protector"},
        {.name = "provider",
         .takes = Takes::one,
         .value_name = "P",
         .help = "whose region that is; local when nothing is said"},
        {.name = "replica-of",
         .takes = Takes::one,
         .value_name = "PRIMARY",
         .help = "make a replica of the repository in this place"},
        no_rewrap_option(),
    };
    command.examples = {
        {"signet init -r /srv/backup", "A repository with an escrow protector"},
        {"signet key create prod && signet keyring link local:prod --default && signet init -r /srv/backup",
         "A repository whose keys are yours alone"},
        {"signet init --replica-of /w/repository -r /e/repository --region east -k /e/keyring",
         "The same repository in a second region"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
