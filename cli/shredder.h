// forget --shred: what goes, what stays and why, and the receipt.
#pragma once

#include "cli/context.h"
#include "restore/shred.h"

#include <set>
#include <string>
#include <vector>

namespace signet::cli {

/// What was deleted, what stays and why, and what nobody here can know.
struct ShredReceipt {
    std::vector<std::string> backups;  ///< ids
    restore::Shredding shredding;
    restore::Deletion deletion;
    std::set<std::string> broken;       ///< short ids of backups made meanwhile that need something deleted
    std::vector<std::string> unproven;  ///< sentences
    bool dry_run = false;
};

/// Says what the backups share with others, before anything is done. With --json nothing.
void print_shared(Context& context, const restore::Shredding& shredding);

/// Deletes what only these backups need: packs, index segments, and last the slots of data keys that nothing needs.
/// The repository is read anew first, and all of them must be forgotten by then; and once more before the slots go.
/// throws  Error{refused}: one of them is not forgotten; Error{damaged}: a journal is not whole; Error{io}: a listing
///         failed, or a deletion is not durable
[[nodiscard]] ShredReceipt shred_forgotten(Context& context, const std::set<EntryId>& backups);

/// What can never be said from here.
[[nodiscard]] std::vector<std::string> what_is_unproven(Context& context, const restore::Shredding& shredding);

void print_receipt(Context& context, const ShredReceipt& receipt);

}  // namespace signet::cli
