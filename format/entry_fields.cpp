#include "format/entry_fields.h"

#include "format/backup_entry.h"
#include "format/log_epoch.h"
#include "format/log_release.h"
#include "format/names.h"
#include "format/officer_entry.h"
#include "format/prune_entry.h"
#include "format/repack_entry.h"

namespace signet::format {

void check_fields(const SignedEntry& entry) {
    const std::string what = journal_name(entry.identity, entry.head.sequence);
    switch (entry.kind) {
        case EntryKind::backup:
        case EntryKind::partial:
            return void(backup_public(entry));
        case EntryKind::trust:
            return void(TrustFields::decode(entry.public_fields(), what));
        case EntryKind::policy:
            return void(PolicyFields::decode(entry.public_fields(), what));
        case EntryKind::remark:
            return void(RemarkFields::decode(entry.public_fields(), what));
        case EntryKind::repack:
            return void(repack_fields(entry));
        case EntryKind::tombstone:
            return void(TombstoneFields::decode(entry.public_fields(), what));
        case EntryKind::condemnation:
            return void(CondemnationFields::decode(entry.public_fields(), what));
        case EntryKind::verdict:
            return void(VerdictFields::decode(entry.public_fields(), what));
        case EntryKind::acknowledgement:
            return void(AcknowledgementFields::decode(entry.public_fields(), what));
        case EntryKind::log_epoch:
            return void(log_epoch_public(entry));
        case EntryKind::log_release:
            return void(LogReleaseFields::decode(entry.public_fields(), what));
    }
}

}  // namespace signet::format
