#include "cli/access.h"
#include "cli/commands/commands.h"
#include "cli/key_state_change.h"
#include "cli/link_view.h"
#include "cli/twins.h"

namespace signet::cli {
namespace {

ExitCode run(Context& context) {
    const Options& options = context.options();
    keyring::LinkOptions link;
    if (options.flag("default")) link.role = keyring::LinkRole::default_;
    if (options.flag("recovery")) link.role = keyring::LinkRole::recovery;
    link.provider = options.text("provider");
    link.region = options.text("region");
    link.thumbprint = options.text("thumbprint");
    link.twin_of = options.text("twin-of");
    link.name = options.text_or("name", "");
    link.may_be_purged = options.flag("allow-purge");
    options.refuse_together({"local-wrap", "remote-wrap"});
    for (const auto& region : {link.region, link.provider}) {
        if (region && !format::is_region_name(*region))
            throw Error(ErrorCode::usage, "no name of a region: " + printable(*region));
    }
    const keyring::Location location = keyring::Location::parse(context.arguments().front()).absolute();
    link.settings_wait = is_lost(look_at_access(context));
    const keyring::LinkReport report = context.keyring().link(location, link, context.vaults());
    if (options.flag("local-wrap")) context.keyring().set_setting("local-wrap", "yes");
    if (options.flag("remote-wrap")) context.keyring().set_setting("local-wrap", std::nullopt);
    print_link_report(context, report);
    if (report.link.wraps()) remind_of_key_backup(context, report.link);
    note_without_twin(context, link.twin_of.has_value());
    warn_of_missing_twin(context, report.link);
    return ExitCode::done;
}

}  // namespace

Command keyring_link_command() {
    Command command;
    command.name = "keyring link";
    command.synopsis = "LOCATION [--default|--recovery] [--region R] [--thumbprint T] [--twin-of T]";
    command.summary = "test a protector and link it";
    command.description =
        "Tests first, then records: the key is described, its kind, size, state and dates are judged, something is "
        "wrapped with it, unwrapped again and compared. Nothing is kept when one of these fails. A default protector "
        "without a twin is warned about: the same key in a second vault or token, linked with --twin-of, opens backups "
        "while the first is out of reach, and only then.\n\n"
        "Locations:\n\n"
        "  local:NAME[/VERSION]      a key in the local vault; without a version, the newest\n"
        "  local:DIR#NAME[/VERSION]  a key in another vault\n"
        "  public:FILE               a public half as PEM: such a link wraps and cannot unwrap\n"
        "  azure:https://V.vault.azure.net/keys/NAME[/VERSION]\n"
        "                            a key in Azure Key Vault or a Managed HSM\n"
        "  aws:arn:aws:kms:REGION:ACCOUNT:key/ID, or …:alias/NAME\n"
        "                            a key of AWS KMS\n"
        "  transit:https://HOST/MOUNT/keys/NAME[/VERSION][?namespace=NS]\n"
        "                            a key in the Transit engine of Vault or OpenBao; signet keyring setup prints how "
        "these\n"
        "                            three are prepared, and whence their credentials come\n"
        "  pkcs11:token=T;object=O   a key on a token (RFC 7512), in quotes for the shell; ?pin-source=file:FILE says "
        "where\n"
        "                            its PIN is, ?module-path=FILE which module to load. Without pin-source the PIN "
        "comes\n"
        "                            as passphrases do. It is tried once. Without "
        "id=\n"
        "                            the link follows newer versions: prod, prod/2, prod/3\n";
    command.options = {
        {.name = "default", .help = "new backups are wrapped with it; what was the default stays linked"},
        {.name = "recovery", .help = "new backups are wrapped with it as well; its private half is kept offline"},
        {.name = "provider",
         .takes = Takes::one,
         .value_name = "P",
         .help = "the provider for which it is the default"},
        {.name = "region", .takes = Takes::one, .value_name = "R", .help = "the region for which it is the default"},
        {.name = "thumbprint",
         .takes = Takes::one,
         .value_name = "T",
         .help = "refuse any other key (the first digits are enough)"},
        {.name = "twin-of",
         .takes = Takes::one,
         .value_name = "T",
         .help = "a second location of this linked protector"},
        {.name = "name", .takes = Takes::one, .value_name = "NAME", .help = "how it is shown"},
        {.name = "allow-purge", .help = "also where its vault has no purge protection"},
        {.name = "local-wrap",
         .help =
             "from now on RSA keys of key managers wrap here, with their public halves: no call, no permission, and "
             "nothing in the manager's log"},
        {.name = "remote-wrap", .help = "from now on key managers wrap, as at first"},
        without_twin_option(),
    };
    command.arguments = {"location", 1, 1};
    command.examples = {
        {"signet keyring link local:prod-2026 --default", "Wrap new backups with a key of the local vault"},
        {"signet keyring link public:offline.pem --recovery", "Wrap them for an offline key as well"}};
    command.dry_run = DryRun::not_offered;
    command.run = run;
    return command;
}

}  // namespace signet::cli
