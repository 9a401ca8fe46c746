#include "cli/audit_heads.h"

#include <set>

namespace signet::cli {
namespace {

/// An officer may sign with several keyrings, and each has a log: what is in those that were named besides the first.
std::set<Digest> lines_elsewhere(Context& context) {
    std::set<Digest> lines;
    const auto& all = context.keyrings().all();
    for (std::size_t i = 1; i < all.size(); ++i)
        all[i].audit().read([&](const keyring::AuditRecord& record) { lines.insert(record.digest); });
    return lines;
}

std::vector<Digest> heads_signed_by(Context& context, const std::vector<IdentityId>& identities) {
    std::vector<Digest> heads;
    if (!context.has_repository()) return heads;
    const std::set<Digest> elsewhere = lines_elsewhere(context);
    for (const IdentityId& identity : identities) {
        for (const format::SignedEntry& entry : context.repository().load_journal(identity).entries) {
            const Digest& head = entry.head.audit_head;
            if (!head.is_zero() && !elsewhere.contains(head)) heads.push_back(head);
        }
    }
    return heads;
}

}  // namespace

std::vector<Digest> signed_heads(Context& context) {
    if (!context.has_repository()) return {};
    std::vector<IdentityId> own;
    if (const auto writer = context.keyring().writer_if_present()) own.push_back(writer->identity());
    if (const auto officer = context.keyring().officer_identity(context.vaults())) own.push_back(*officer);
    return heads_signed_by(context, own);
}

std::vector<Digest> heads_signed_by_writer(Context& context) {
    const auto writer = context.keyring().writer_if_present();
    return writer ? heads_signed_by(context, {writer->identity()}) : std::vector<Digest>{};
}

}  // namespace signet::cli
