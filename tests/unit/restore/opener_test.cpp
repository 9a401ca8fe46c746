#include "restore/opener.h"

#include "core/crypto/random.h"
#include "tests/unit/restore/repository_bench.h"

#include <algorithm>
#include <filesystem>

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

namespace {

TimePoint day(int number) { return {(1'700'000'000LL + number * 86'400LL) * kNsPerSecond}; }

RunOptions at(int number, std::vector<std::string> protectors) {
    RunOptions options;
    options.time = day(number);
    options.protectors = std::move(protectors);
    return options;
}

Node tree(std::initializer_list<int> seeds) {
    std::vector<Node> files;
    for (const int seed : seeds)
        files.push_back(file("f" + std::to_string(seed), noise(500, static_cast<std::uint64_t>(seed))));
    return root(std::move(files));
}

/// A vault that is asked to unwrap only where `before` does not answer in its place.
class WatchedVault final : public keyring::Vault {
public:
    using Before = std::function<std::optional<keyring::Answer<SecretBytes>>()>;
    WatchedVault(keyring::Vault& real, Before before) : real_(real), before_(std::move(before)) {}
    keyring::Answer<keyring::KeyDescription> describe(const keyring::Location& location) override {
        return real_.describe(location);
    }
    keyring::Answer<Bytes> wrap(const keyring::Location& location, ByteView plaintext,
                                const keyring::Binding& binding) override {
        return real_.wrap(location, plaintext, binding);
    }
    keyring::Answer<SecretBytes> unwrap(const keyring::Location& location, ByteView wrapped,
                                        const keyring::Binding& binding) override {
        if (auto answer = before_()) return std::move(*answer);
        return real_.unwrap(location, wrapped, binding);
    }

private:
    keyring::Vault& real_;
    Before before_;
};

/// Another copy of the newest backup's data key, as a re-wrap stores it.
format::Slot rewrapped(RepositoryBench& bench, const std::string& protector) {
    const format::DataKey key = bench.resolver.unwrap(bench.catalogue().latest().fields->slots.front());
    return bench.resolver.wrap_any_role(key, bench.thumbprint(protector));
}

}  // namespace

TEST_CASE("restore writes nothing while a protector is missing [R121]", "[restore][opener]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    bench.back_up(tree({1, 2}), at(2, {"next"}));
    bench.unlink("prod");
    try {
        bench.restore();
        FAIL("restored without a protector");
    } catch (const KeyUnavailable& error) {
        CHECK(error.code() == ErrorCode::key_unavailable);
        CHECK_FALSE(error.plan().restorable);
        REQUIRE_FALSE(error.plan().required.empty());
        CHECK(error.plan().required.front().report.thumbprint == bench.thumbprint("prod"));
    }
    CHECK_FALSE(std::filesystem::exists(bench.target()));
}

TEST_CASE("restore works as soon as the missing protector is linked again [R123]", "[restore][opener]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    bench.back_up(tree({1, 2}), at(2, {"next"}));
    bench.unlink("prod");
    CHECK_THROWS_AS(bench.restore(), KeyUnavailable);
    static_cast<void>(bench.keyrings.own().link(keyring::Location::parse("local:prod"), {}, bench.vaults));
    CHECK(bench.restore().files_restored == 2);
}

TEST_CASE("a protector need not be the default to restore [R126]", "[restore][opener]") {
    RepositoryBench bench;
    bench.add_protector("old");
    bench.back_up(tree({1}), at(1, {"old"}));
    CHECK(bench.restore().files_restored == 1);
}

TEST_CASE("each backup opens with the protectors of its own creation [R91]", "[restore][opener]") {
    RepositoryBench bench;
    bench.add_protector("next");
    const EntryId first = bench.back_up(tree({1}), at(1, {"prod"}));
    const EntryId second = bench.back_up(tree({2}), at(2, {"next"}));
    bench.unlink("prod");
    CHECK_THROWS_AS(bench.open(first), KeyUnavailable);
    CHECK(bench.open(second)->body().root.type == format::EntryType::directory);
}

TEST_CASE("a protector that refuses when it is used is in the report", "[restore][opener]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1, {"prod"}));
    const auto location = keyring::Location::parse(bench.keyrings.own().links().front().locations.front());
    keyring::LocalVaultAdapter real(bench.folder / "vault", bench.passphrases, Clock::system());
    // It describes the key as well, and then does not unwrap: its private half is damaged on the way.
    bench.vaults.replace(location.without_version(), std::make_unique<WatchedVault>(real, [] {
                             return keyring::Answer<SecretBytes>::refuse(keyring::Outcome::denied, "not today");
                         }));
    try {
        static_cast<void>(bench.open());
        FAIL("opened all the same");
    } catch (const KeyUnavailable& error) {
        CHECK(error.plan().required.front().report.status == keyring::ProtectorStatus::denied);
    }
    CHECK_FALSE(std::filesystem::exists(bench.target()));
}

TEST_CASE("while one protector is missing no other is asked to unwrap anything", "[restore][opener]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    bench.back_up(tree({1, 2}), at(2, {"next"}));
    int unwraps = 0;
    keyring::LocalVaultAdapter real(bench.folder / "vault", bench.passphrases, Clock::system());
    bench.vaults.replace(keyring::Location::parse("local:next"), std::make_unique<WatchedVault>(real, [&unwraps] {
                             ++unwraps;
                             return std::nullopt;
                         }));
    CHECK_NOTHROW(bench.open());
    CHECK(unwraps == 1);
    bench.unlink("prod");
    CHECK_THROWS_AS(bench.open(), KeyUnavailable);
    CHECK(unwraps == 1);
}

TEST_CASE("a later slot opens an old backup, and no manifest was touched", "[restore][opener]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    bench.repository->put_slot(rewrapped(bench, "next"));
    bench.unlink("prod");
    CHECK(bench.restore().files_restored == 1);
}

TEST_CASE("a stored slot that lies is passed over", "[restore][opener][hostile]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    format::Slot slot = rewrapped(bench, "next");
    SECTION("it wraps another data key, honestly") {
        const auto other = format::DataKey::generate(bench.repository->config().repository);
        format::Slot foreign = bench.resolver.wrap_any_role(other, bench.thumbprint("next"));
        foreign.dek = slot.dek;
        bench.repository->put_slot(foreign);
    }
    SECTION("it wraps another secret under this data key's id") {
        const format::DataKey other(bench.repository->config().repository, slot.dek, crypto::random_secret(32));
        bench.repository->put_slot(bench.resolver.wrap_any_role(other, bench.thumbprint("next")));
    }
    SECTION("it wraps nothing") {
        slot.wrapped.back() ^= 1;
        bench.repository->put_slot(slot);
    }
    SECTION("its octets changed") {
        bench.repository->put_slot(slot);
        const auto names = bench.repository->list_slots();
        for (const auto& [dek, name] : names) {
            if (name.thumbprint != bench.thumbprint("next")) continue;
            bench.store->tamper(format::slot_name(name.thumbprint, name.dek, name.content),
                                [](Bytes& octets) { octets.back() ^= 1; });
        }
    }
    // With the signed slot's protector at hand the lie does not matter; alone it opens nothing.
    CHECK(bench.restore().files_restored == 1);
    bench.unlink("prod");
    // What is missing then is the protector that the writer names, and the report says who lied.
    const auto names = bench.repository->list_slots();
    const auto liar = std::find_if(names.begin(), names.end(),
                                   [&](const auto& one) { return one.second.thumbprint == bench.thumbprint("next"); });
    REQUIRE(liar != names.end());
    try {
        static_cast<void>(bench.open());
        FAIL("opened by a lie");
    } catch (const KeyUnavailable& error) {
        const Plan& plan = error.plan();
        CHECK_FALSE(plan.restorable);
        REQUIRE(plan.required.size() == 1);
        CHECK(plan.required.front().report.thumbprint == bench.thumbprint("prod"));
        CHECK_FALSE(plan.required.front().usable);
        const format::SlotName& name = liar->second;
        CHECK(plan.text().find(format::slot_name(name.thumbprint, name.dek, name.content)) != std::string::npos);
    }
}

TEST_CASE("an entry that gives an old data key's id to another takes nothing from the old backup",
          "[restore][opener][hostile]") {
    RepositoryBench bench;
    const EntryId old = bench.back_up(tree({1}), at(1, {"prod"}));
    const DekId id = bench.catalogue().latest().fields->dek;
    RunOptions thief = at(2, {"prod"});
    thief.dek = std::make_shared<format::DataKey>(bench.repository->config().repository, id, crypto::random_secret(32));
    SECTION("its writer was not trusted for it") {
        bench.back_up(tree({1, 2}), thief);
        bench.trust(bench.writer(), 1);
    }
    SECTION("neither for this interrupted run") {
        thief.partial = true;
        bench.back_up(tree({1, 2}), thief);
        bench.trust(bench.writer(), 1);
    }
    SECTION("its writer is still trusted: what reaches both is damaged, and nothing else") {
        const EntryId both = bench.back_up(tree({1, 2}), thief);
        CHECK_THROWS_MATCHES(bench.open(both), Error, has_code(ErrorCode::damaged));
        CHECK_THROWS_WITH(bench.open(both), Catch::Matchers::Contains("needs two data keys of one id"));
        thief.reuse = false;
        CHECK(bench.open(bench.back_up(tree({1, 2}), thief)) != nullptr);
    }
    SECTION("it is another writer's") {
        bench.use_stranger();
        bench.back_up(tree({2}), thief);
        bench.trust(bench.writer());
    }
    const auto open = bench.open(old);
    CHECK(open->table().find(open->root().content.references.front().id) != nullptr);
}

TEST_CASE("a genuine stored slot opens beside others that lie", "[restore][opener][hostile]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    const format::Slot genuine = rewrapped(bench, "next");
    for (int i = 0; i < 8; ++i) {
        const format::DataKey other(bench.repository->config().repository, genuine.dek, crypto::random_secret(32));
        bench.repository->put_slot(bench.resolver.wrap_any_role(other, bench.thumbprint("next")));
    }
    bench.repository->put_slot(genuine);
    bench.unlink("prod");
    CHECK(bench.restore().files_restored == 1);
}

TEST_CASE("a slot that lies while every signed opener is at hand is damage", "[restore][opener][hostile]") {
    RepositoryBench bench;
    RunOptions options = at(1, {"prod"});
    options.change = [](format::BackupPublic& fields, format::BackupBody&) {
        fields.slots.front().wrapped.back() ^= 1;
    };
    bench.back_up(tree({1}), options);
    for (const auto& [dek, name] : bench.repository->list_slots()) {
        bench.store->tamper(format::slot_name(name.thumbprint, name.dek, name.content),
                            [](Bytes& octets) { octets.back() ^= 1; });
    }
    CHECK_THROWS_MATCHES(bench.open(), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a backup by an untrusted writer is not opened", "[restore][opener][trust]") {
    RepositoryBench bench;
    bench.use_stranger();
    const EntryId id = bench.back_up(tree({1}));
    const Catalogue catalogue = bench.catalogue();
    Planner planner(catalogue, *bench.repository, bench.resolver);
    CHECK_THROWS_MATCHES(OpenBackup::open(*bench.repository, planner, bench.resolver, catalogue.find(id.hex())), Error,
                         has_code(ErrorCode::refused));
}

TEST_CASE("a backup whose index is lost or changed is opened from its packs, and says so", "[restore][opener]") {
    RepositoryBench bench;
    bench.back_up(tree({1, 2, 3}));
    const format::IndexInfo index = bench.catalogue().latest().fields->indexes.front();
    const std::string name = format::index_name(index.id);
    SECTION("lost") { bench.store->lose(name); }
    SECTION("changed") {
        bench.store->tamper(name, [](Bytes& octets) { octets.back() ^= 1; });
    }
    std::vector<std::string> warnings;
    OpenOptions options;
    options.warn = [&](const std::string& sentence) { warnings.push_back(sentence); };
    (void)bench.open({}, options);
    REQUIRE(warnings.size() == 2);
    CHECK_THAT(warnings.front(), Catch::Matchers::Contains(name));
    const RestoreReport report = bench.restore();
    CHECK(report.files_restored == 3);
    CHECK(report.problems.empty());
}

TEST_CASE("a damaged pack whose index is lost is damage", "[restore][opener][hostile]") {
    RepositoryBench bench;
    bench.back_up(tree({1}));
    const format::BackupPublic fields = *bench.catalogue().latest().fields;
    bench.store->lose(format::index_name(fields.indexes.front().id));
    const std::string pack = format::pack_name(fields.packs.front().id);
    SECTION("a frame") {
        bench.store->tamper(pack, [](Bytes& octets) { octets.at(format::kPackHeaderSize) ^= 1; });
    }
    SECTION("the directory") {
        bench.store->tamper(pack, [](Bytes& octets) { octets.at(octets.size() - format::kPackTrailerSize - 1) ^= 1; });
    }
    SECTION("the trailer") {
        bench.store->tamper(pack, [](Bytes& octets) { octets.back() ^= 1; });
    }
    SECTION("missing") { bench.store->lose(pack); }
    CHECK_THROWS_MATCHES(bench.open(), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("salvaging finds the good frames of a damaged pack though its index is lost", "[restore][opener][salvage]") {
    RepositoryBench bench;
    bench.back_up(tree({1, 2, 3}));
    const format::BackupPublic fields = *bench.catalogue().latest().fields;
    bench.store->lose(format::index_name(fields.indexes.front().id));
    bench.store->tamper(format::pack_name(fields.packs.front().id),
                        [](Bytes& octets) { octets.at(format::kPackHeaderSize) ^= 1; });
    OpenOptions options;
    CHECK_THROWS_MATCHES(bench.open({}, options), Error, has_code(ErrorCode::damaged));
    options.salvage = true;
    const auto open = bench.open({}, options);
    // Whatever frame was hit, the others are known, and its chunks are not.
    CHECK(open->table().frame_count() > 1);
    CHECK(open->table().chunk_count() > 0);
}

TEST_CASE("a pack that no index segment describes is damage", "[restore][opener][hostile]") {
    RepositoryBench bench;
    RunOptions options;
    options.change = [](format::BackupPublic& fields, format::BackupBody&) {
        fields.packs.push_back({crypto::random_id<PackId>(), 1000});
    };
    bench.back_up(tree({1}), options);
    CHECK_THROWS_MATCHES(bench.open(), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("packs that a backup does not reach are not used", "[restore][opener][hostile]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1, {}));
    RunOptions options = at(2, {});
    options.change = [](format::BackupPublic& fields, format::BackupBody&) { fields.reach.clear(); };
    bench.back_up(tree({1, 2}), options);
    CHECK_THROWS_MATCHES(bench.restore(), Error, has_code(ErrorCode::damaged));
}

TEST_CASE("a successor's backup is read from its predecessor's packs", "[restore][opener]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree({1}), at(1, {}));
    const std::size_t packs = bench.packs().size();
    bench.use_successor();
    bench.back_up(tree({1}), at(2, {}));
    CHECK(bench.packs().size() == packs);  // everything is the predecessor's
    CHECK(bench.restore().problems.empty());
    CHECK((content_of(bench.target() + "/f1") == noise(500, 1)));
    CHECK(bench.open(first) != nullptr);
    SECTION("also without index segments") {
        const auto listing = bench.store->list("indexes/");
        for (const auto& info : listing) bench.store->remove(listing, info.name);
        CHECK(bench.open()->table().find(bench.open()->root().content.references.front().id) != nullptr);
    }
}

TEST_CASE("what reaches an entry that is not trusted is not trusted", "[restore][opener][hostile]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1, {}));
    const IdentityId lost = bench.writer();
    bench.use_successor();
    const EntryId id = bench.back_up(tree({1, 2}), at(2, {}));
    const EntryId fresh = bench.back_up(tree({1, 2}), [] {
        RunOptions options = at(3, {});
        options.reuse = false;
        return options;
    }());
    CHECK(bench.open(id) != nullptr);
    bench.trust(lost, 0);
    CHECK_THROWS_MATCHES(bench.open(id), Error, has_code(ErrorCode::refused));
    CHECK_THROWS_WITH(bench.open(id), Catch::Matchers::Contains("refers to entry 1 of writer " + lost.hex()));
    CHECK(bench.open(fresh) != nullptr);
}

TEST_CASE("salvaging restores what opens and lists what does not", "[restore][opener][salvage]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    bench.back_up(tree({1, 2}), at(2, {"next"}));
    bench.unlink("prod");
    RestoreRequest request;
    request.salvage = true;
    const RestoreReport report = bench.restore(request);
    CHECK(report.content_errors == 1);
    REQUIRE(report.problems.size() == 1);
    CHECK(report.problems[0].path == "/f1");
    CHECK(report.problems[0].code == ErrorCode::key_unavailable);
    CHECK_FALSE(std::filesystem::exists(bench.target() + "/f1"));
    CHECK((content_of(bench.target() + "/f2") == noise(500, 2)));
}

TEST_CASE("without its own data key nothing of a backup can be salvaged", "[restore][opener][salvage]") {
    RepositoryBench bench;
    bench.add_protector("next");
    bench.back_up(tree({1}), at(1, {"prod"}));
    bench.back_up(tree({1, 2}), at(2, {"next"}));
    bench.unlink("next");
    RestoreRequest request;
    request.salvage = true;
    CHECK_THROWS_AS(bench.restore(request), KeyUnavailable);
}

TEST_CASE("salvaging opens a backup behind damage in its writer's journal, with what the lost run stored",
          "[restore][opener][salvage][hostile]") {
    RepositoryBench bench;
    const EntryId first = bench.back_up(tree({1, 2}), at(1, {"prod"}));
    const format::Slot slot = rewrapped(bench, "prod");
    const EntryId second = bench.back_up(tree({1, 2, 3}), at(2, {"prod"}));
    bench.back_up(tree({4}), at(3, {"prod"}));
    const std::string entry = format::journal_name(bench.writer(), bench.catalogue().find(first.hex()).sequence);
    SECTION("damaged") {
        bench.store->tamper(entry, [](Bytes& octets) { octets.back() ^= 1; });
    }
    SECTION("lost") { bench.store->lose(entry); }

    const Catalogue strict = bench.catalogue();
    CHECK(strict.backups().empty());
    CHECK(strict.stranded().size() == 2);
    CHECK_THROWS_MATCHES(bench.open(second), Error, has_code(ErrorCode::damaged));
    CHECK_THROWS_MATCHES(strict.latest(), Error, has_code(ErrorCode::damaged));
    const Catalogue all = bench.catalogue(false, true);
    CHECK_THROWS_MATCHES(all.latest(), Error, has_code(ErrorCode::damaged));
    CHECK(all.select({}).empty());

    OpenOptions options;
    options.salvage = true;
    RestoreRequest request;
    request.salvage = true;
    request.target = bench.target();
    // Its own run alone, without a slot of the lost one's key; and slots that are somebody's lie.
    for (const auto& [dek, name] : bench.repository->list_slots()) {
        if (dek == slot.dek) bench.store->lose(format::slot_name(name.thumbprint, name.dek, name.content));
    }
    const format::DataKey other(bench.repository->config().repository, slot.dek, crypto::random_secret(32));
    for (int lies = 0; lies < 3; ++lies)
        bench.repository->put_slot(bench.resolver.wrap_any_role(other, bench.thumbprint("prod")));
    auto open = bench.open(second, options);
    CHECK(open->missing_keys().contains(slot.dek));
    CHECK(restore_files(*open, request).files_restored == 1);
    // With the slot that such a run stores, everything.
    bench.repository->put_slot(slot);
    open = bench.open(second, options);
    CHECK(open->missing_keys().empty());
    request.target = bench.folder / "whole";
    const RestoreReport report = restore_files(*open, request);
    CHECK(report.content_errors == 0);
    CHECK(report.files_restored == 3);
    for (const int seed : {1, 2, 3}) {
        const std::string path = request.target + "/f" + std::to_string(seed);
        CHECK((content_of(path) == noise(500, static_cast<std::uint64_t>(seed))));
    }
}

TEST_CASE("who is not trusted is not salvaged from behind damage either", "[restore][opener][salvage][trust]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1, {"prod"}));
    const EntryId second = bench.back_up(tree({1, 2}), at(2, {"prod"}));
    const std::uint64_t last = bench.catalogue().find(second.hex()).sequence;
    bench.trust(bench.writer(), last - 1);
    bench.store->lose(format::journal_name(bench.writer(), last - 1));
    OpenOptions options;
    options.salvage = true;
    CHECK_THROWS_MATCHES(bench.open(second, options), Error, has_code(ErrorCode::refused));
}

TEST_CASE("the passphrase is asked for once", "[restore][opener]") {
    RepositoryBench bench;
    bench.back_up(tree({1}), at(1, {}));
    bench.back_up(tree({1, 2}), at(2, {}));
    bench.back_up(tree({1, 2, 3}), at(3, {}));
    keyring::PassphraseSource source([](const keyring::PassphraseRequest&) { return SecretBytes(as_bytes("sesame")); },
                                     keyring::PassphraseSource::Manner::unattended);
    keyring::Vaults vaults(bench.folder / "vault", source);
    keyring::Resolver resolver(bench.keyrings, vaults);
    const Catalogue catalogue = bench.catalogue();
    Planner planner(catalogue, *bench.repository, resolver);
    static_cast<void>(OpenBackup::open(*bench.repository, planner, resolver, catalogue.latest()));
    CHECK(source.times_asked() == 1);
}

TEST_CASE("a wrong passphrase is not a missing key", "[restore][opener]") {
    RepositoryBench bench;
    bench.back_up(tree({1}));
    keyring::PassphraseSource source([](const keyring::PassphraseRequest&) { return SecretBytes(as_bytes("wrong")); },
                                     keyring::PassphraseSource::Manner::unattended);
    keyring::Vaults vaults(bench.folder / "vault", source);
    keyring::Resolver resolver(bench.keyrings, vaults);
    const Catalogue catalogue = bench.catalogue();
    Planner planner(catalogue, *bench.repository, resolver);
    CHECK_THROWS_MATCHES(OpenBackup::open(*bench.repository, planner, resolver, catalogue.latest()), Error,
                         has_code(ErrorCode::wrong_passphrase));
}
