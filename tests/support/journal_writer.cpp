#include "tests/support/journal_writer.h"

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "format/names.h"

namespace signet::test {

JournalWriter::JournalWriter(const storage::Repository& repository, crypto::SigningKey key, format::WriterKeys keys)
    : repository_(repository), key_(std::move(key)), keys_(std::move(keys)) {}

format::EntryHead JournalWriter::head(TimePoint signed_at) const {
    format::EntryHead head;
    head.repository = repository_.config().repository;
    head.config_hash = repository_.config_hash();
    head.sequence = sequence_ + 1;
    head.previous = last_;
    head.time = signed_at;
    return head;
}

EntryId JournalWriter::store(const Bytes& object) {
    ++sequence_;
    last_ = EntryId::from(crypto::sha256(object).view());
    const std::string name = format::journal_name(identity(), sequence_);
    const bool is_new = repository_.store().put(name, object, storage::Durability::on_flush);
    invariant(is_new, "a journal that was empty");
    return last_;
}

EntryId JournalWriter::append(format::EntryKind kind, const format::BackupPublic& fields, const format::DataKey& dek,
                              const std::string& series_name, TimePoint signed_at) {
    format::Labels labels;
    labels.host = "host";
    labels.user = "root";
    labels.series = series_name;
    labels.paths = {"/srv/" + series_name};
    labels.program = "test";
    format::BackupBody body;
    body.keys = keys_.clone();
    body.root.type = format::EntryType::directory;
    return store(format::make_backup_entry(kind, head(signed_at), fields, labels, body, dek, key_));
}

EntryId JournalWriter::append(const format::TrustFields& fields, TimePoint signed_at) {
    return store(format::make_plain_entry(format::EntryKind::trust, head(signed_at), fields.encode(), key_));
}

format::Slot hollow_slot(const format::DataKey& dek, const format::Thumbprint& thumbprint,
                         const std::string& location) {
    format::Slot slot;
    slot.repository = dek.repository();
    slot.dek = dek.id();
    slot.thumbprint = thumbprint;
    slot.commitment = dek.commitment();
    slot.location = location;
    slot.wrapped.resize(256);
    crypto::random_fill(slot.wrapped);
    return slot;
}

}  // namespace signet::test
