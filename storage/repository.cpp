#include "storage/repository.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/crypto/digest.h"
#include "format/entry_fields.h"
#include "format/limits.h"
#include "storage/parallel.h"

namespace signet::storage {
namespace {

constexpr std::string_view kJournalPrefix = "journal/";
constexpr std::string_view kSlotPrefix = "slots/";

/// What reading one entry gave: the entry, or why it is not believed.
struct ReadEntry {
    std::optional<format::SignedEntry> entry;
    std::optional<Error> problem;
};

ReadEntry read_entry(const Store& store, const IdentityId& identity, std::uint64_t sequence) {
    const std::string name = format::journal_name(identity, sequence);
    try {
        ReadEntry read{format::decode_entry(store.get(name, format::kMaxEntry), name), std::nullopt};
        format::check_fields(*read.entry);
        return read;
    } catch (const Error& error) {
        // Only what the octets themselves say is a finding. A store that cannot be read says nothing about them.
        if (error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported) return {std::nullopt, error};
        throw;
    }
}

/// Sequence number and size of each object of a journal, ascending.
using ListedEntries = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

/// How many of the sequence numbers are 1, 2, 3, ….
std::size_t unbroken(const ListedEntries& listed) {
    std::size_t count = 0;
    while (count < listed.size() && listed[count].first == count + 1) ++count;
    return count;
}

/// A listing may miss what was stored while it was made, and have what was stored after that: asks for what seems to be
/// missing before it is called missing.
void fill_gaps(const Store& store, const IdentityId& identity, ListedEntries& listed) {
    for (std::size_t at = unbroken(listed); at < listed.size(); at = unbroken(listed)) {
        const auto size = store.size(format::journal_name(identity, at + 1));
        if (!size) return;
        listed.insert(listed.begin() + static_cast<std::ptrdiff_t>(at), {at + 1, *size});
    }
}

/// Whether an entry was signed for its place, whatever stands before it. returns  nothing when all is well
std::optional<Error> misplaced(const format::SignedEntry& entry, const IdentityId& identity, std::uint64_t sequence,
                               const format::RepositoryConfig& config, const Digest& config_hash) {
    const auto damaged = [&](const std::string& why) {
        return Error(ErrorCode::damaged, format::journal_name(identity, sequence) + ": " + why);
    };
    if (entry.identity != identity || entry.head.sequence != sequence) {
        return damaged("signed for another place in a journal");
    }
    if (entry.head.repository != config.repository) return damaged("signed for another repository");
    if (entry.head.config_hash != config_hash) return damaged("signed for another config.json");
    return std::nullopt;
}

/// Why what was read at a sequence number does not follow the last believed entry; nothing where it does.
std::optional<Error> unfollowing(const ReadEntry& read, const std::optional<Error>& misplaced, const Journal& journal,
                                 std::uint64_t sequence) {
    const std::size_t believed = journal.entries.size();
    if (sequence != believed + 1) {
        return Error(ErrorCode::damaged, format::journal_name(journal.identity, believed + 1) +
                                             ": missing, but entry " + std::to_string(sequence) + " is there");
    }
    if (!read.entry) return read.problem;
    if (misplaced) return misplaced;
    const EntryId previous = journal.entries.empty() ? EntryId{} : journal.entries.back().id;
    if (read.entry->head.previous == previous) return std::nullopt;
    return Error(ErrorCode::damaged, format::journal_name(journal.identity, sequence) +
                                         ": does not follow the entry before it (a fork of the journal, or a replay)");
}

/// Appends entries from `read` to what is believed already, as far as each follows the one before.
/// listed  of the entries that were read
void extend(Journal& journal, std::span<const ListedEntries::value_type> listed, std::span<ReadEntry> read,
            const format::RepositoryConfig& config, const Digest& config_hash) {
    for (std::size_t i = 0; i < read.size(); ++i) {
        const std::uint64_t sequence = listed[i].first;
        std::optional<Error> place;
        if (read[i].entry) place = misplaced(*read[i].entry, journal.identity, sequence, config, config_hash);
        if (!journal.problem) journal.problem = unfollowing(read[i], place, journal, sequence);
        if (!journal.problem) {
            journal.entries.push_back(std::move(*read[i].entry));
            continue;
        }
        journal.unbelieved.push_back(sequence);
        // Behind what a newer version made stands what is believed by that version.
        if (read[i].entry && !place && journal.problem->code() == ErrorCode::damaged)
            journal.stranded.push_back(std::move(*read[i].entry));
    }
}

/// Entries that were kept, if they are what the journal still begins with, as far as its newest one and the sizes of
/// the others tell; else nothing.
std::vector<format::SignedEntry> still_known(const Store& store, const JournalCache& cache, const IdentityId& identity,
                                             const ListedEntries& listed, const Digest& config_hash) {
    std::vector<format::SignedEntry> known = cache.load(identity);
    if (known.empty() || known.size() > unbroken(listed)) return {};
    for (std::size_t i = 0; i < known.size(); ++i) {
        if (known[i].head.config_hash != config_hash || known[i].stored_size() != listed[i].second) return {};
    }
    const auto newest = store.get_if_present(format::journal_name(identity, known.size()), format::kMaxEntry);
    if (!newest || EntryId::from(crypto::sha256(*newest).view()) != known.back().id) return {};
    return known;
}

/// Whether so much is new that it is worth writing all of it again.
bool is_worth_keeping(std::size_t known, std::size_t believed) { return believed - known > 16 + known / 16; }

void drop_body_if_any(format::SignedEntry& entry) {
    if (!format::has_labels_and_body(entry.kind)) return;
    try {
        format::drop_body(entry);
    } catch (const Error&) {
        // Whoever opens its names will say what is wrong with them.
    }
}

}  // namespace

void Repository::create(Store& store, const format::RepositoryConfig& config) {
    if (!store.put(format::kConfigName, config.encode())) {
        throw Error(ErrorCode::refused, "there is a repository in " + store.location() + " already");
    }
}

namespace {

constexpr const char* kBackAgain =
    "signet repair, with a keyring that knows the repository, makes it again; or bring it back from a copy: it never "
    "changes, and is the same in every copy of one region";

format::RepositoryConfig decode_config(const Bytes& object) {
    try {
        return format::RepositoryConfig::decode(object);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::damaged) throw;
        throw Error(ErrorCode::damaged, error.what(), kBackAgain);
    }
}

}  // namespace

Repository Repository::open(std::shared_ptr<Store> store) {
    const std::optional<Bytes> object = store->get_if_present(format::kConfigName, format::kMaxConfig);
    if (!object && !store->list(kJournalPrefix).empty()) {
        throw Error(ErrorCode::no_repository,
                    "no repository in " + store->location() + ": it has journals, and its config.json is lost",
                    kBackAgain);
    }
    if (!object) {
        throw Error(ErrorCode::no_repository, "no repository in " + store->location() + ": it has no config.json",
                    "a new one is made by signet init; one that was there may be on a disk that is not mounted");
    }
    format::RepositoryConfig config = decode_config(*object);
    return {std::move(store), std::move(config), crypto::sha256(*object)};
}

Repository::Listed Repository::list_journals(const std::string& prefix) const {
    Listed listed;
    const CompleteListing listing = store_->list(prefix);
    for (const ObjectInfo& object : listing) {
        // Names sort as numbers do, so each list is ascending.
        if (const auto name = format::parse_journal_name(object.name))
            listed[name->identity].emplace_back(name->sequence, object.size);
    }
    for (auto& [identity, entries] : listed) fill_gaps(*store_, identity, entries);
    return listed;
}

std::vector<Journal> Repository::load_journals() const {
    return read_journals(list_journals(std::string(kJournalPrefix)), true, nullptr);
}

std::vector<Journal> Repository::load_headers(const JournalCache* cache) const {
    return read_journals(list_journals(std::string(kJournalPrefix)), false, cache);
}

Journal Repository::load_journal(const IdentityId& identity) const {
    Listed listed = list_journals(std::string(kJournalPrefix) + identity.hex() + "/");
    listed.try_emplace(identity);
    return std::move(read_journals(listed, true, nullptr).front());
}

std::vector<Journal> Repository::read_journals(const Listed& listed, bool with_bodies,
                                               const JournalCache* cache) const {
    struct Wanted {
        const IdentityId* identity;
        std::uint64_t sequence;
    };
    std::vector<Journal> journals;
    std::vector<Wanted> wanted;
    for (const auto& [identity, entries] : listed) {
        Journal& journal = journals.emplace_back();
        journal.identity = identity;
        if (cache != nullptr) journal.entries = still_known(*store_, *cache, identity, entries, config_hash_);
        for (std::size_t i = journal.entries.size(); i < entries.size(); ++i)
            wanted.push_back({&identity, entries[i].first});
    }
    std::vector<ReadEntry> read(wanted.size());
    for_each_in_parallel(wanted.size(), [&](std::size_t i) {
        read[i] = read_entry(*store_, *wanted[i].identity, wanted[i].sequence);
        if (!with_bodies && read[i].entry) drop_body_if_any(*read[i].entry);
    });

    std::span<ReadEntry> rest(read);
    auto journal = journals.begin();
    for (const auto& [identity, entries] : listed) {
        const std::size_t known = journal->entries.size();
        const std::size_t count = entries.size() - known;
        extend(*journal, std::span(entries).subspan(known), rest.first(count), config_, config_hash_);
        rest = rest.subspan(count);
        if (cache != nullptr && is_worth_keeping(known, journal->entries.size()))
            cache->save(identity, journal->entries);
        ++journal;
    }
    return journals;
}

bool Repository::append_entry(const IdentityId& identity, std::uint64_t sequence, ByteView object) const {
    const std::string name = format::journal_name(identity, sequence);
    if (store_->put(name, object, Durability::now)) return true;
    // A store that lost its own acknowledgement finds there what it has just stored.
    const std::optional<Bytes> stored = store_->get_if_present(name, format::kMaxEntry);
    return stored && std::equal(stored->begin(), stored->end(), object.begin(), object.end());
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

void Repository::put_rebuilt_index(const IndexId& lost, const format::IndexSegment& segment, const IdentityId& writer,
                                   const SecretBytes& index_key) const {
    const Bytes object = segment.seal(config_.repository, writer, index_key);
    static_cast<void>(store_->put(format::rebuilt_index_name(lost, crypto::sha256(object)), object, Durability::now));
}

std::vector<std::pair<std::string, Bytes>> Repository::load_rebuilt_index(const IndexId& lost) const {
    std::vector<std::pair<std::string, Bytes>> objects;
    const CompleteListing listing = store_->list(format::rebuilt_index_prefix(lost));
    for (const ObjectInfo& info : listing) {
        const auto name = format::parse_rebuilt_index_name(info.name);
        if (!name || info.size > format::kMaxIndexObject) continue;
        auto object = store_->get_if_present(info.name, format::kMaxIndexObject);
        if (object && crypto::sha256(*object) == name->content) objects.emplace_back(info.name, std::move(*object));
    }
    return objects;
}

}  // namespace signet::storage
