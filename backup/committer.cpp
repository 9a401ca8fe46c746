#include "backup/committer.h"

#include "core/crypto/digest.h"
#include "format/officer_entry.h"
#include "format/prune_entry.h"
#include "storage/condemnations.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace signet::backup {
namespace {

constexpr std::size_t kChunksInSegment = 1'000'000;  // about 20 MiB: well below the limit of a segment

std::vector<format::IndexSegment> segments_of(const DekId& dek, std::vector<format::IndexedPack> packs) {
    std::vector<format::IndexSegment> segments;
    std::size_t chunks = 0;
    for (auto& pack : packs) {
        if (segments.empty() || chunks + pack.chunks.size() > kChunksInSegment) {
            segments.push_back({dek, {}});
            chunks = 0;
        }
        chunks += pack.chunks.size();
        segments.back().packs.push_back(std::move(pack));
    }
    return segments;
}

}  // namespace

Committer::Committer(Setup setup, const storage::Journal& journal) : setup_(std::move(setup)) { follow(journal); }

void Committer::follow(const storage::Journal& journal) {
    if (journal.problem) throw *journal.problem;
    next_sequence_ = journal.entries.size() + 1;
    previous_ = journal.entries.empty() ? EntryId{} : journal.entries.back().id;
    bound_ = storage::bound_of(journal);
}

format::BackupPublic Committer::fields_with(const std::vector<format::IndexedPack>& packs) {
    auto fields = setup_.fields;
    fields.finished = Clock::system().now();
    for (const auto& pack : packs) fields.packs.push_back({pack.id, pack.size});
    setup_.repository.store().flush();  // packs are durable before anything names them
    for (const auto& segment : segments_of(setup_.dek.id(), packs)) {
        fields.indexes.push_back(setup_.repository.put_index(segment, setup_.writer.identity(), setup_.keys.index_key));
    }
    return fields;
}

EntryId Committer::append(format::EntryKind kind, format::BackupPublic fields, const format::BackupBody& body) {
    const EntryId made = append([&](const format::EntryHead& head) {
        // The last thing before: packs were flushed and indexes stored meanwhile, or another run took the number.
        if (setup_.obey) fields.obeyed = setup_.obey({kind, head.sequence, fields, bound_});
        return format::make_backup_entry(kind, head, fields, setup_.labels, body, setup_.dek, setup_.writer.key);
    });
    bound_ = format::farthest(bound_, fields.obeyed);
    return made;
}

EntryId Committer::append(const std::function<Bytes(const format::EntryHead&)>& make) {
    const auto identity = setup_.writer.identity();
    for (;;) {
        format::EntryHead head;
        head.repository = setup_.repository.config().repository;
        head.config_hash = setup_.repository.config_hash();
        head.signer = setup_.writer.key.verify_key();
        head.sequence = next_sequence_;
        head.previous = previous_;
        head.time = Clock::system().now();
        head.audit_head = setup_.keyring.audit().head();
        head.policy = setup_.policy;
        const auto object = make(head);
        if (setup_.repository.append_entry(identity, next_sequence_, object)) {
            previous_ = EntryId::from(crypto::sha256(object).view());
            signed_at_ = head.time;
            ++next_sequence_;
            return previous_;
        }
        // Another run of this writer took the number: take the next one, seal and sign again.
        const auto before = next_sequence_;
        follow(setup_.repository.load_journal(identity));
        if (next_sequence_ <= before) {
            throw Error(ErrorCode::damaged, format::journal_name(identity, before) + " exists and cannot be read",
                        "run signet check");
        }
    }
}

void Committer::announce() {
    format::BackupBody body;
    body.keys = setup_.keys.clone();
    auto fields = setup_.fields;
    fields.finished = Clock::system().now();
    (void)append(format::EntryKind::partial, std::move(fields), body);
}

void Committer::acknowledge(const format::ReadJournals& obeyed) {
    const Bytes fields = format::AcknowledgementFields{obeyed}.encode();
    (void)append([&](const format::EntryHead& head) {
        return format::make_plain_entry(format::EntryKind::acknowledgement, head, fields, setup_.writer.key);
    });
    bound_ = format::farthest(bound_, obeyed);
}

void Committer::partial(const std::vector<format::IndexedPack>& packs) {
    if (packs.empty()) return;
    auto fields = fields_with(packs);
    format::BackupBody body;
    body.keys = setup_.keys.clone();
    fields.reach = own_;
    (void)append(format::EntryKind::partial, std::move(fields), body);
    format::Reach reach;
    reach.sequence = next_sequence_ - 1;
    reach.dek = setup_.dek.id();
    for (std::size_t i = 0; i < packs.size(); ++i) reach.set(i);
    own_.push_back(std::move(reach));
}

EntryId Committer::commit(const std::vector<format::IndexedPack>& packs, std::vector<format::Reach> reach,
                          format::BackupBody body, bool has_errors) {
    auto fields = fields_with(packs);
    fields.has_errors = has_errors;
    fields.reach = std::move(reach);
    fields.reach.insert(fields.reach.end(), own_.begin(), own_.end());
    std::sort(fields.reach.begin(), fields.reach.end(), [](const auto& a, const auto& b) {
        return std::tie(a.journal, a.sequence) < std::tie(b.journal, b.sequence);
    });
    fields.borrowed = borrowed_;
    body.keys = setup_.keys.clone();
    return append(format::EntryKind::backup, std::move(fields), body);
}

}  // namespace signet::backup
