#include "tests/proofs/power/history.h"

#include "backup/backup.h"
#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "core/file.h"
#include "format/officer_entry.h"
#include "restore/catalogue.h"
#include "restore/pruner.h"
#include "storage/local_store.h"
#include "tests/proofs/power/recorder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

namespace signet::proof {
namespace {

namespace fs = std::filesystem;

std::vector<keyring::Keyring> open_keyring(const std::string& path) {
    std::vector<keyring::Keyring> keyrings;
    keyrings.push_back(keyring::Keyring::open(path));
    return keyrings;
}

void require(bool holds, const char* what) {
    if (!holds) throw Error(ErrorCode::failed, what);
}

/// Signs an entry and appends it to the signer's journal.
void say(const storage::Repository& repository, const crypto::SigningKey& key, format::EntryKind kind,
         ByteView fields) {
    const storage::Journal journal = repository.load_journal(key.verify_key().identity());
    if (journal.problem) throw *journal.problem;
    format::EntryHead head;
    head.repository = repository.config().repository;
    head.config_hash = repository.config_hash();
    head.sequence = journal.entries.size() + 1;
    if (!journal.entries.empty()) head.previous = journal.entries.back().id;
    head.time = Clock::system().now();
    require(repository.append_entry(journal.identity, head.sequence, format::make_plain_entry(kind, head, fields, key)),
            "nobody else writes");
}

void put(const std::string& path, const std::string& content) {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    const timespec times[2] = {{1'700'000'000, 0}, {1'700'000'000, 0}};
    if (::utimensat(AT_FDCWD, path.c_str(), times, 0) != 0) throw Error::from_errno("age", path, errno);
}

std::string noise(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>(random());
    return text;
}

}  // namespace

Contents contents_below(const std::string& folder) {
    Contents contents;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
        if (!entry.is_regular_file() || entry.is_symlink()) continue;
        contents[entry.path()] = crypto::sha256(read_file(entry.path(), std::size_t{1} << 24U));
    }
    return contents;
}

Host::Host(const std::string& where, std::string files)
    : top(where),
      source(std::move(files)),
      passphrases([](const keyring::PassphraseRequest&) { return SecretBytes(as_bytes("sesame")); },
                  keyring::PassphraseSource::Manner::unattended),
      vaults(top + "/vault", passphrases),
      keyrings(open_keyring(top + "/keyring")),
      resolver(keyrings, vaults) {}

void Host::set_up() {
    vaults.set_cost({.log2_n = 10, .r = 8, .p = 1});
    vaults.make_local().unlocked().create_key("prod", 2048);
    keyring::LinkOptions options;
    options.role = keyring::LinkRole::default_;
    keyrings.own().link(keyring::Location::parse("local:prod"), options, vaults);
    const auto officer = keyrings.own().officer(vaults);
    format::RepositoryConfig config;
    config.repository = crypto::random_id<RepositoryId>();
    config.officer = officer.verify_key().identity();
    const auto store = storage::LocalStore::create_folder(top + "/repository");
    storage::Repository::create(*store, config);
    repository = storage::Repository::open(store);
    keyrings.own().pin_repository(config.repository, config.officer, config.hash());
    format::TrustFields trust;
    trust.statements.push_back({keyrings.own().writer().identity(), format::Role::writer, 1, UINT64_MAX});
    say(*repository, officer, format::EntryKind::trust, trust.encode());
}

void Host::open_repository() { repository = storage::Repository::open(storage::LocalStore::open(top + "/repository")); }

EntryId Host::back_up() {
    backup::BackupRequest request;
    request.paths = {source};
    request.working_directory = "/";
    request.host = "host";
    request.user = "user";
    request.program = "test";
    request.series = "files";
    request.jobs = 1;
    request.cache_directory = top + "/cache";
    const auto report = run_backup(request, *repository, keyrings, resolver);
    require(report.errors == 0 && report.backup.has_value(), "everything could be read");
    return *report.backup;
}

void Host::forget(const std::vector<EntryId>& backups) {
    const auto catalogue = restore::Catalogue::load(*repository, keyrings);
    format::TombstoneFields fields;
    for (const EntryId& id : backups) {
        const restore::Backup& backup = catalogue.resolve(id.hex());
        fields.statements.push_back({backup.writer, backup.sequence, id, format::TombstoneAction::forgotten});
    }
    say(*repository, keyrings.own().officer(vaults), format::EntryKind::tombstone, fields.encode());
}

void Host::prune() {
    restore::PruneSetup setup{.repository = *repository,
                              .keyrings = keyrings,
                              .clock = Clock::system(),
                              .append = [this](format::EntryKind kind, const Bytes& fields) {
                                  say(*repository, keyrings.own().officer(vaults), kind, fields);
                              }};
    restore::Pruner pruner(std::move(setup));
    pruner.look();
    pruner.judge_and_delete();
    pruner.condemn();
    (void)pruner.finish();
    (void)repository->store().sweep_temporary(0);
}

std::string forgetting(const std::string& id) { return "forgetting " + id; }
std::string forgotten(const std::string& id) { return "forgotten " + id; }

History make_history(Host& host) {
    History history;
    const auto back_up = [&] {
        ::usleep(40'000);  // later changes are seen by their change time
        Contents contents = contents_below(host.source);
        const EntryId id = host.back_up();
        history.backups[id.hex()] = std::move(contents);
        record_mark(id.hex());
        return id;
    };
    for (int i = 0; i < 9; ++i)
        put(host.source + "/d" + std::to_string(i % 3) + "/f" + std::to_string(i),
            noise(700, static_cast<std::uint64_t>(i)));
    put(host.source + "/text", std::string(30'000, 'x'));
    start_recording(host.top);
    host.set_up();
    record_mark("set up");
    back_up();
    put(host.source + "/d1/f1", noise(5000, 77));
    back_up();
    put(host.source + "/more", noise(200'000, 78));
    const EntryId with_more = back_up();
    host.vaults.local().unlocked().rotate("prod");
    record_mark("rotated");
    put(host.source + "/text", "short");
    const EntryId with_more_as_well = back_up();
    fs::remove(host.source + "/more");
    back_up();
    const std::vector<EntryId> old{with_more, with_more_as_well};
    for (const EntryId& id : old) record_mark(forgetting(id.hex()));
    host.forget(old);
    for (const EntryId& id : old) record_mark(forgotten(id.hex()));
    host.prune();
    record_mark("condemned");
    back_up();  // by which the writer says that it has read of it
    host.prune();
    record_mark("pruned");
    history.operations = stop_recording();
    return history;
}

}  // namespace signet::proof
