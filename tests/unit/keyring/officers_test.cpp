#include "keyring/officers.h"

#include "core/crypto/identity_key.h"
#include "core/crypto/random.h"
#include "format/names.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

using format::Role;

/// Officers with journals of their own, as a store would give them.
struct Repository {
    RepositoryId repository = crypto::random_id<RepositoryId>();
    crypto::SigningKey root = crypto::SigningKey::generate();
    crypto::SigningKey deputy = crypto::SigningKey::generate();
    std::map<IdentityId, std::vector<format::SignedEntry>> entries;
    std::map<IdentityId, Error> problems;
    RepositoryPin pin;

    static IdentityId id(const crypto::SigningKey& key) { return key.verify_key().identity(); }

    void say(const crypto::SigningKey& signer, const IdentityId& about, Role role, std::uint64_t last = UINT64_MAX) {
        auto& journal = entries[id(signer)];
        format::EntryHead head;
        head.repository = repository;
        head.sequence = journal.size() + 1;
        if (!journal.empty()) head.previous = journal.back().id;
        head.time = {static_cast<std::int64_t>(head.sequence) * kNsPerSecond};
        const format::TrustFields fields{{{about, role, 1, last}}};
        journal.push_back(
            format::decode_entry(format::make_plain_entry(format::EntryKind::trust, head, fields.encode(), signer),
                                 format::journal_name(id(signer), head.sequence)));
    }
    void see(const crypto::SigningKey& signer) {
        const auto& journal = entries[id(signer)];
        pin.seen[id(signer)] = {journal.size(), journal.back().id};
    }
    /// The journal breaks before this entry.
    void break_at(const crypto::SigningKey& signer, std::uint64_t sequence) {
        auto& journal = entries[id(signer)];
        journal.erase(journal.begin() + static_cast<std::ptrdiff_t>(sequence) - 1, journal.end());
        problems.emplace(id(signer),
                         Error(ErrorCode::damaged, format::journal_name(id(signer), sequence) + ": altered"));
    }
    Officers officers() {
        const auto read = [this](const IdentityId& identity) -> OfficerJournal {
            const auto problem = problems.find(identity);
            return {entries[identity],
                    problem == problems.end() ? std::nullopt : std::optional<Error>(problem->second)};
        };
        return read_officers(id(root), read, {&pin});
    }
};

const IdentityId kWriter = crypto::random_id<IdentityId>();

TEST_CASE("officers' journals that are whole leave no doubt", "[keyring][officers]") {
    Repository repository;
    repository.say(repository.root, Repository::id(repository.deputy), Role::officer);
    repository.say(repository.deputy, kWriter, Role::writer);
    repository.see(repository.root);
    repository.see(repository.deputy);
    const Officers officers = repository.officers();
    CHECK_FALSE(officers.doubt);
    CHECK_NOTHROW(officers.require_whole());
    CHECK(officers.trust.trusts(kWriter, Role::writer, 1));
    CHECK(officers.newest.size() == 2);
}

TEST_CASE("a broken journal of the first officer or of a deputy is a doubt that names the object",
          "[keyring][officers]") {
    Repository repository;
    repository.say(repository.root, Repository::id(repository.deputy), Role::officer);
    repository.say(repository.root, kWriter, Role::writer);
    repository.say(repository.deputy, kWriter, Role::writer);
    const bool is_root = GENERATE(true, false);
    repository.break_at(is_root ? repository.root : repository.deputy, is_root ? 2 : 1);
    const Officers officers = repository.officers();
    REQUIRE(officers.doubt);
    CHECK(std::string(officers.doubt->what()).find(repository.problems.begin()->first.hex()) != std::string::npos);
    CHECK_THROWS_MATCHES(officers.require_whole(), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a journal that ends before what was seen is a doubt", "[keyring][officers]") {
    Repository repository;
    repository.say(repository.root, Repository::id(repository.deputy), Role::officer);
    repository.say(repository.root, kWriter, Role::writer);
    repository.see(repository.root);
    SECTION("cut short") { repository.entries[Repository::id(repository.root)].pop_back(); }
    SECTION("gone") { repository.entries.clear(); }
    SECTION("another entry in its place") {
        repository.entries[Repository::id(repository.root)].pop_back();
        repository.say(repository.root, kWriter, Role::writer, 0);
    }
    REQUIRE(repository.officers().doubt);
}

TEST_CASE("what a withdrawn officer's journal has lost is no doubt", "[keyring][officers]") {
    Repository repository;
    repository.say(repository.root, Repository::id(repository.deputy), Role::officer);
    repository.say(repository.deputy, kWriter, Role::writer);
    repository.say(repository.deputy, kWriter, Role::writer);
    repository.see(repository.deputy);
    SECTION("withdrawn altogether") {
        repository.say(repository.root, Repository::id(repository.deputy), Role::officer, 0);
        repository.break_at(repository.deputy, 1);
        CHECK_FALSE(repository.officers().doubt);
        CHECK_FALSE(repository.officers().newest.contains(Repository::id(repository.deputy)));
    }
    SECTION("beyond what he was trusted for") {
        repository.say(repository.root, Repository::id(repository.deputy), Role::officer, 1);
        repository.break_at(repository.deputy, 2);
        CHECK_FALSE(repository.officers().doubt);
        CHECK(repository.officers().trust.trusts(kWriter, Role::writer, 1));
    }
    SECTION("within it") {
        repository.say(repository.root, Repository::id(repository.deputy), Role::officer, 2);
        repository.break_at(repository.deputy, 2);
        CHECK(repository.officers().doubt);
    }
}

}  // namespace
}  // namespace signet::keyring::test
