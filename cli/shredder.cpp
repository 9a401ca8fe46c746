#include "cli/shredder.h"

#include "cli/signals.h"
#include "cli/table.h"

namespace signet::cli {
namespace {

std::string users_text(const restore::Shared& shared) {
    const std::vector<std::string> users(shared.users.begin(), shared.users.end());
    return users.empty() ? "packs of it stay" : "needed by " + join(users, ", ");
}

Json shared_json(const std::vector<restore::Shared>& all) {
    Json rows = Json::array();
    for (const restore::Shared& one : all)
        rows.push_back({{"object", one.what}, {"size", one.size}, {"backups", one.users}});
    return rows;
}

std::uint64_t octets_of(const std::vector<restore::Doomed>& objects) {
    std::uint64_t octets = 0;
    for (const restore::Doomed& object : objects) octets += object.size;
    return octets;
}

}  // namespace

void print_shared(Context& context, const restore::Shredding& shredding) {
    Terminal& terminal = context.terminal();
    if (terminal.json()) return;
    for (const restore::Shared& pack : shredding.shared_packs)
        terminal.result("stays  " + pack.what + "  " + human_size(pack.size) + "  " + users_text(pack));
    for (const restore::Shared& dek : shredding.shared_deks)
        terminal.result("stays  data key " + dek.what + "  " + users_text(dek));
    if (!shredding.strangers.empty()) {
        const std::vector<std::string> strangers(shredding.strangers.begin(), shredding.strangers.end());
        terminal.warning("nothing stays for backups by writers who are not trusted: " + join(strangers, ", "));
    }
}

std::vector<std::string> what_is_unproven(Context& context, const restore::Shredding& shredding) {
    std::vector<std::string> sentences = {
        "copies, snapshots, versions and replicas of " + context.repository().store().location() +
        ", and locks on them, are not known here: whatever holds the packs there still has them"};
    if (!shredding.deks.empty()) {
        sentences.push_back(
            "wrapped copies of " + counted(shredding.deks.size(), "data key") +
            " stay in signed entries: with a copy of the packs, who holds a protector that opens them reads them, "
            "until every such protector is destroyed");
    }
    return sentences;
}

ShredReceipt shred_forgotten(Context& context, const std::set<EntryId>& backups) {
    ShredReceipt receipt;
    for (const EntryId& id : backups) receipt.backups.push_back(id.hex());
    // From scratch: what was looked at before the tombstone may be out of date.
    context.forget_catalogue();
    receipt.shredding = restore::plan_shredding(context.catalogue(), context.repository(), backups);
    stop_if_interrupted();
    const storage::CompleteListing& listing = *receipt.shredding.listing;
    restore::shred(context.repository(), listing, receipt.shredding.packs, receipt.deletion);
    restore::shred(context.repository(), listing, receipt.shredding.indexes, receipt.deletion);
    // A run that began before the tombstone may have committed since. Its writer looks at packs after committing, and
    // this looks at journals after deleting: one of the two sees it.
    context.forget_catalogue();
    receipt.broken = restore::broken_by(context.catalogue(), receipt.shredding);
    if (receipt.broken.empty() && receipt.deletion.stay.empty())
        restore::shred(context.repository(), listing, receipt.shredding.slots, receipt.deletion);
    receipt.unproven = what_is_unproven(context, receipt.shredding);
    return receipt;
}

void print_receipt(Context& context, const ShredReceipt& receipt) {
    Terminal& terminal = context.terminal();
    const restore::Shredding& shredding = receipt.shredding;
    if (terminal.json()) {
        Json deks = Json::array();
        for (const DekId& dek : shredding.deks) deks.push_back(dek.hex());
        Json stay = Json::array();
        for (const std::string& what : receipt.deletion.stay) stay.push_back(what);
        terminal.object(Json{{"message_type", "summary"},
                             {"forgotten", receipt.backups},
                             {"packs", shredding.packs.size()},
                             {"indexes", shredding.indexes.size()},
                             {"slots", shredding.slots.size()},
                             {"objects_deleted", receipt.deletion.objects},
                             {"bytes_deleted", receipt.deletion.octets},
                             {"deks", std::move(deks)},
                             {"shared_packs", shared_json(shredding.shared_packs)},
                             {"shared_deks", shared_json(shredding.shared_deks)},
                             {"untrusted_backups", shredding.strangers},
                             {"not_deleted", std::move(stay)},
                             {"broken_backups", receipt.broken},
                             {"unproven", receipt.unproven},
                             {"time", to_rfc3339(context.clock().now())},
                             {"dry_run", receipt.dry_run}});
        return;
    }
    const std::string what = counted(shredding.packs.size(), "pack") + " (" + human_size(octets_of(shredding.packs)) +
                             "), " + counted(shredding.indexes.size(), "index segment") + ", " +
                             counted(shredding.slots.size(), "slot") + " of " +
                             counted(shredding.deks.size(), "data key");
    if (receipt.dry_run) {
        terminal.result("would be deleted  " + what);
    } else {
        terminal.result("deleted  " + counted(receipt.deletion.objects, "object") + " of " + what);
        terminal.result("at       " + to_rfc3339(context.clock().now()));
    }
    for (const std::string& one : receipt.deletion.stay) terminal.warning("not deleted: " + printable(one));
    for (const std::string& one : receipt.unproven) terminal.result("unproven  " + printable(one));
}

}  // namespace signet::cli
