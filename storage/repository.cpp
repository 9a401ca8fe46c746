#include "storage/repository.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <span>
#include <thread>
#include <utility>

#include "core/crypto/digest.h"
#include "format/limits.h"

namespace signet::storage {
namespace {

constexpr std::string_view kJournalPrefix = "journal/";
constexpr std::string_view kSlotPrefix = "slots/";
constexpr std::size_t kReaders = 8;

/// What reading one entry gave: the entry, or why it is not believed.
struct ReadEntry {
    std::optional<format::SignedEntry> entry;
    std::optional<Error> problem;
};

ReadEntry read_entry(const Store& store, const IdentityId& identity, std::uint64_t sequence) {
    const std::string name = format::journal_name(identity, sequence);
    try {
        return {format::decode_entry(store.get(name, format::kMaxEntry), name), std::nullopt};
    } catch (const Error& error) {
        // Only what the octets themselves say is a finding. A store that cannot be read says nothing about them.
        if (error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported) return {std::nullopt, error};
        throw;
    }
}

/// Calls `work(i)` for every i below `count`, several at a time; the first exception ends it and is thrown.
template <class Work>
void for_each_in_parallel(std::size_t count, const Work& work) {
    const std::size_t workers = std::min(kReaders, count / 4 + 1);
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::atomic_flag failed = ATOMIC_FLAG_INIT;
    const auto run = [&] {
        try {
            for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) work(i);
        } catch (...) {
            if (!failed.test_and_set()) failure = std::current_exception();
            next.store(count);
        }
    };
    {
        std::vector<std::jthread> helpers;
        for (std::size_t i = 1; i < workers; ++i) helpers.emplace_back(run);
        run();
    }
    if (failure) std::rethrow_exception(failure);
}

/// How many of the ascending sequence numbers are 1, 2, 3, ….
std::size_t unbroken(const std::vector<std::uint64_t>& sequences) {
    std::size_t count = 0;
    while (count < sequences.size() && sequences[count] == count + 1) ++count;
    return count;
}

/// What only the entry's place in its journal can prove. returns  nothing when all is well
std::optional<Error> misplaced(const format::SignedEntry& entry, const Journal& journal, std::uint64_t sequence,
                               const format::RepositoryConfig& config, const Digest& config_hash) {
    const std::string name = format::journal_name(journal.identity, sequence);
    const auto damaged = [&](const std::string& why) { return Error(ErrorCode::damaged, name + ": " + why); };
    if (entry.identity != journal.identity || entry.head.sequence != sequence) {
        return damaged("signed for another place in a journal");
    }
    if (entry.head.repository != config.repository) return damaged("signed for another repository");
    if (entry.head.config_hash != config_hash) return damaged("signed for another config.json");
    const EntryId previous = journal.entries.empty() ? EntryId{} : journal.entries.back().id;
    if (entry.head.previous != previous) {
        return damaged("does not follow the entry before it (a fork of the journal, or a replay)");
    }
    return std::nullopt;
}

/// Takes entries from `read` as far as each follows the one before.
Journal assemble(const IdentityId& identity, const std::vector<std::uint64_t>& sequences, std::span<ReadEntry> read,
                 const format::RepositoryConfig& config, const Digest& config_hash) {
    Journal journal;
    journal.identity = identity;
    for (ReadEntry& one : read) {
        const std::uint64_t sequence = journal.entries.size() + 1;
        journal.problem = one.entry ? misplaced(*one.entry, journal, sequence, config, config_hash) : one.problem;
        if (journal.problem) break;
        journal.entries.push_back(std::move(*one.entry));
    }
    const std::size_t believed = journal.entries.size();
    journal.unbelieved.assign(sequences.begin() + static_cast<std::ptrdiff_t>(believed), sequences.end());
    if (!journal.problem && !journal.unbelieved.empty()) {
        journal.problem =
            Error(ErrorCode::damaged, format::journal_name(identity, believed + 1) + ": missing, but entry " +
                                          std::to_string(journal.unbelieved.front()) + " is there");
    }
    return journal;
}

}  // namespace

void Repository::create(Store& store, const format::RepositoryConfig& config) {
    if (!store.put(format::kConfigName, config.encode())) {
        throw Error(ErrorCode::refused, "there is a repository in " + store.location() + " already");
    }
}

Repository Repository::open(std::shared_ptr<Store> store) {
    const std::optional<Bytes> object = store->get_if_present(format::kConfigName, format::kMaxConfig);
    if (!object) {
        throw Error(ErrorCode::no_repository, "no repository in " + store->location() + ": it has no config.json",
                    "make one: signet init");
    }
    format::RepositoryConfig config = format::RepositoryConfig::decode(*object);
    return {std::move(store), std::move(config), crypto::sha256(*object)};
}

std::vector<Journal> Repository::load_journals() const {
    std::map<IdentityId, std::vector<std::uint64_t>> sequences;
    const CompleteListing listing = store_->list(kJournalPrefix);
    for (const ObjectInfo& object : listing) {
        // Names sort as numbers do, so each list is ascending.
        if (const auto name = format::parse_journal_name(object.name))
            sequences[name->identity].push_back(name->sequence);
    }
    return read_journals(sequences);
}

Journal Repository::load_journal(const IdentityId& identity) const {
    std::map<IdentityId, std::vector<std::uint64_t>> sequences{{identity, {}}};
    const CompleteListing listing = store_->list(std::string(kJournalPrefix) + identity.hex() + "/");
    for (const ObjectInfo& object : listing) {
        if (const auto name = format::parse_journal_name(object.name)) sequences[identity].push_back(name->sequence);
    }
    return std::move(read_journals(sequences).front());
}

std::vector<Journal> Repository::read_journals(
    const std::map<IdentityId, std::vector<std::uint64_t>>& sequences) const {
    struct Wanted {
        const IdentityId* identity;
        std::uint64_t sequence;
    };
    std::vector<Wanted> wanted;
    for (const auto& [identity, numbers] : sequences) {
        const std::size_t count = unbroken(numbers);
        for (std::size_t i = 0; i < count; ++i) wanted.push_back({&identity, numbers[i]});
    }
    std::vector<ReadEntry> read(wanted.size());
    for_each_in_parallel(
        wanted.size(), [&](std::size_t i) { read[i] = read_entry(*store_, *wanted[i].identity, wanted[i].sequence); });

    std::vector<Journal> journals;
    std::span<ReadEntry> rest(read);
    for (const auto& [identity, numbers] : sequences) {
        const std::size_t count = unbroken(numbers);
        journals.push_back(assemble(identity, numbers, rest.first(count), config_, config_hash_));
        rest = rest.subspan(count);
    }
    return journals;
}

bool Repository::append_entry(const IdentityId& identity, std::uint64_t sequence, ByteView object) const {
    return store_->put(format::journal_name(identity, sequence), object, Durability::now);
}

void Repository::put_slot(const format::Slot& slot) const {
    const Bytes object = slot.encode();
    const std::string name = format::slot_name(slot.thumbprint, slot.dek, crypto::sha256(object));
    static_cast<void>(store_->put(name, object, Durability::now));
    if (store_->get(name, format::kMaxSlot) != object) {
        throw Error(ErrorCode::damaged, name + ": reads back as something else than was stored");
    }
}

std::multimap<DekId, format::SlotName> Repository::list_slots() const {
    std::multimap<DekId, format::SlotName> slots;
    const CompleteListing listing = store_->list(kSlotPrefix);
    for (const ObjectInfo& object : listing) {
        if (const auto name = format::parse_slot_name(object.name)) slots.emplace(name->dek, *name);
    }
    return slots;
}

format::Slot Repository::load_slot(const format::SlotName& name) const {
    const std::string object_name = format::slot_name(name.thumbprint, name.dek, name.content);
    const Bytes object = store_->get(object_name, format::kMaxSlot);
    const auto damaged = [&](const char* why) { return Error(ErrorCode::damaged, object_name + ": " + why); };
    if (crypto::sha256(object) != name.content) throw damaged("the content is not what the name says");
    format::Slot slot = format::Slot::decode(object, object_name);
    if (slot.thumbprint != name.thumbprint || slot.dek != name.dek)
        throw damaged("the name is not what the content says");
    if (slot.repository != config_.repository) throw damaged("made for another repository");
    return slot;
}

format::IndexInfo Repository::put_index(const format::IndexSegment& segment, const IdentityId& writer,
                                        const SecretBytes& index_key) const {
    const Bytes object = segment.seal(config_.repository, writer, index_key);
    const IndexId id = IndexId::from(crypto::sha256(object).view());
    static_cast<void>(store_->put(format::index_name(id), object, Durability::now));
    return {id, object.size()};
}

Bytes Repository::load_index_object(const IndexId& id) const {
    const std::string name = format::index_name(id);
    Bytes object = store_->get(name, format::kMaxIndexObject);
    if (IndexId::from(crypto::sha256(object).view()) != id) {
        throw Error(ErrorCode::damaged, name + ": the content is not what the name says");
    }
    return object;
}

}  // namespace signet::storage
