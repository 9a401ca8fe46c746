// What the engine's tests share: a host with keys, a repository in memory, and a folder to back up.
#pragma once

#include "backup/backup.h"
#include "core/crypto/random.h"
#include "core/file.h"
#include "format/officer_entry.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/temporary_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

namespace signet::backup::test {

namespace fs = std::filesystem;
using signet::test::has_code;

struct EngineBench {
    signet::test::TemporaryFolder folder;
    std::string source = folder / "source";
    std::shared_ptr<signet::test::MemoryStore> store = std::make_shared<signet::test::MemoryStore>();
    keyring::PassphraseSource passphrases{
        [](const keyring::PassphraseRequest&) { return SecretBytes(as_bytes("sesame")); },
        keyring::PassphraseSource::Manner::unattended};
    keyring::Vaults vaults{folder / "vault", passphrases};
    keyring::KeyringSet keyrings{open_keyring(folder / "keyring")};
    keyring::Resolver resolver{keyrings, vaults};
    std::optional<storage::Repository> repository;
    std::vector<std::string> problems;
    std::vector<std::string> warnings;

    EngineBench() {
        fs::create_directories(source);
        fs::create_directories(folder /
                               "cache");  // made later, it would change the time of the folder above the source
        vaults.set_cost({.log2_n = 10, .r = 8, .p = 1});
        vaults.make_local().unlocked().create_key("prod", 2048);
        link("local:prod");
        begin_anew();
    }
    /// Another repository, which is empty; the writer is trusted in it.
    void begin_anew() {
        const auto officer = keyrings.own().officer(vaults);
        store = std::make_shared<signet::test::MemoryStore>();
        format::RepositoryConfig config;
        config.repository = crypto::random_id<RepositoryId>();
        config.officer = officer.verify_key().identity();
        storage::Repository::create(*store, config);
        repository = storage::Repository::open(store);
        keyrings.own().pin_repository(config.repository, config.officer, config.hash());
        say(format::EntryKind::trust, trust_in(writer()).encode());
    }

    static std::vector<keyring::Keyring> open_keyring(const std::string& path) {
        std::vector<keyring::Keyring> keyrings;
        keyrings.push_back(keyring::Keyring::open(path));
        return keyrings;
    }
    IdentityId writer() { return keyrings.own().writer().identity(); }
    static format::TrustFields trust_in(const IdentityId& identity) {
        format::TrustFields fields;
        fields.statements.push_back({identity, format::Role::writer, 1, UINT64_MAX});
        return fields;
    }
    void link(const std::string& location) {
        keyring::LinkOptions options;
        options.role = keyring::LinkRole::default_;
        keyrings.own().link(keyring::Location::parse(location), options, vaults);
    }
    /// Appends an officer's entry.
    void say(format::EntryKind kind, const Bytes& fields) {
        const auto officer = keyrings.own().officer(vaults);
        const auto journal = repository->load_journal(officer.verify_key().identity());
        format::EntryHead head;
        head.repository = repository->config().repository;
        head.config_hash = repository->config_hash();
        head.sequence = journal.entries.size() + 1;
        if (!journal.entries.empty()) head.previous = journal.entries.back().id;
        head.time = Clock::system().now();
        REQUIRE(repository->append_entry(officer.verify_key().identity(), head.sequence,
                                         format::make_plain_entry(kind, head, fields, officer)));
    }
    void policy(const std::string& name, const std::string& value) { policies({{name, value}}); }
    /// values  ascending by name
    void policies(const std::vector<std::pair<std::string, std::string>>& values) {
        format::PolicyFields fields;
        fields.number = ++policy_number_;
        fields.values = values;
        say(format::EntryKind::policy, fields.encode());
    }
    void put(const std::string& name, const std::string& content) const {
        const auto path = fs::path(source) / name;
        fs::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << content;
        age(path);
    }
    /// Times in the past, so that nothing counts as changing right now; ctime needs the clock to move on.
    static void age(const fs::path& path) {
        const timespec times[2] = {{1'700'000'000, 0}, {1'700'000'000, 123'456'789}};
        REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
    }
    static std::string noise(std::size_t size, std::uint8_t seed) {
        std::string text(size, '\0');
        std::uint64_t state = seed + 1;
        for (auto& c : text) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            c = static_cast<char>(state >> 56);
        }
        return text;
    }
    [[nodiscard]] BackupRequest request() {
        BackupRequest request;
        request.paths = {source};
        request.working_directory = "/";
        request.host = "host";
        request.user = "user";
        request.program = "test";
        request.jobs = 2;
        request.cache_directory = folder / "cache";
        request.on_problem = [this](const std::string& path, const std::string& message) {
            problems.push_back(path + ": " + message);
        };
        request.on_warning = [this](const std::string& message) { warnings.push_back(message); };
        return request;
    }
    BackupReport run(const BackupRequest& request) { return run_backup(request, *repository, keyrings, resolver); }
    BackupReport run() { return run(request()); }
    [[nodiscard]] storage::Journal journal() { return repository->load_journal(writer()); }
    [[nodiscard]] format::BackupPublic last() {
        const auto entries = journal();
        REQUIRE(!entries.entries.empty());
        return format::BackupPublic::decode(entries.entries.back().public_fields(), "last entry");
    }
    /// The clock's tick and a little: later changes are seen by their change time.
    static void let_the_clock_move() { ::usleep(40'000); }

private:
    std::uint64_t policy_number_ = 0;
};

}  // namespace signet::backup::test
