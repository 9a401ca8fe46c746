// Makes a repository of many backups in a minute: real signed entries and slots, no packs. For measuring what reads
// headers alone (list, plan, timeline, status) on a repository of ten years.
//
//   signet_large_repository DIR [BACKUPS [WRITERS [ROTATIONS [REACH]]]]      10000 4 100 10
//
// DIR/repository, DIR/keyring and DIR/vault are made; the vault's passphrase is "benchmark".
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <vector>

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "core/file.h"
#include "format/names.h"
#include "keyring/keyring.h"
#include "storage/local_store.h"
#include "tests/support/journal_writer.h"

namespace {

using namespace signet;

constexpr std::int64_t kHour = 3600 * kNsPerSecond;
constexpr std::size_t kSeriesOfWriter = 2;
constexpr std::size_t kPacks = 4;

struct Amounts {
    std::size_t backups = 10'000;
    std::size_t writers = 4;
    std::size_t rotations = 100;
    std::size_t reach = 10;
};

/// The keyring of a host with a key that was rotated often, and a recovery key.
struct Host {
    explicit Host(const std::string& folder, std::size_t rotations)
        : vaults(folder + "/vault", passphrases), own(keyring::Keyring::open(folder + "/keyring")) {
        (void)own.officer(vaults);  // before there is a vault: in a file that asks for no passphrase
        vaults.set_cost({.log2_n = 10, .r = 8, .p = 1});
        (void)vaults.make_local();
        for (std::size_t i = 1; i <= rotations; ++i) {
            const auto key =
                i == 1 ? vaults.local().unlocked().create_key("prod", 2048) : vaults.local().unlocked().rotate("prod");
            link("local:prod/" + std::to_string(i),
                 i == rotations ? keyring::LinkRole::default_ : keyring::LinkRole::linked);
            versions.push_back(key.thumbprint);
        }
        recovery = vaults.local().unlocked().create_key("safe", 2048).thumbprint;
        link("local:safe/1", keyring::LinkRole::recovery);
    }

    void link(const std::string& location, keyring::LinkRole role) {
        keyring::LinkOptions options;
        options.role = role;
        (void)own.link(keyring::Location::parse(location), options, vaults);
    }

    keyring::PassphraseSource passphrases{
        [](const keyring::PassphraseRequest&) { return SecretBytes(as_bytes("benchmark")); },
        keyring::PassphraseSource::Manner::unattended};
    keyring::Vaults vaults;
    keyring::Keyring own;
    std::vector<format::Thumbprint> versions;
    format::Thumbprint recovery;
};

class Maker {
public:
    Maker(const std::string& folder, const Amounts& amounts) : amounts_(amounts), host_(folder, amounts.rotations) {
        auto store = storage::LocalStore::create_folder(folder + "/repository");
        format::RepositoryConfig config;
        config.repository = crypto::random_id<RepositoryId>();
        const auto officer = host_.own.officer(host_.vaults);
        config.officer = officer.verify_key().identity();
        storage::Repository::create(*store, config);
        repository_.emplace(storage::Repository::open(store));
        host_.own.pin_repository(config.repository, config.officer, repository_->config_hash());
        for (std::size_t i = 0; i < amounts.writers; ++i) add_writer(i == 0);
        format::TrustFields trust;
        for (const Writer& one : writers_)
            trust.statements.push_back({one.journal.identity(), format::Role::writer, 1, UINT64_MAX});
        test::JournalWriter(*repository_, crypto::SigningKey::from_seed(officer.seed().clone()), {})
            .append(trust, kStart);
    }

    void run() {
        for (std::size_t i = 0; i < amounts_.backups; ++i) back_up(i);
        repository_->store().flush();
    }

private:
    static constexpr TimePoint kStart{1'420'070'400 * kNsPerSecond};  // 2015
    struct Run {
        std::uint64_t sequence;
        DekId dek;
    };
    struct Writer {
        test::JournalWriter journal;
        std::vector<Run> runs;
    };

    void add_writer(bool is_own) {
        const RepositoryId& id = repository_->config().repository;
        auto signing_key = crypto::SigningKey::generate();
        format::WriterKeys keys{crypto::random_secret(32), crypto::random_secret(32), crypto::random_secret(32)};
        if (is_own) {
            auto own = host_.own.writer();
            keys = format::WriterKeys::derive(own.secret.reveal(), id);
            signing_key = std::move(own.key);
        }
        host_.own.learn_label_key(id, signing_key.verify_key().identity(), keys.label_key);
        writers_.push_back({{*repository_, std::move(signing_key), std::move(keys)}, {}});
    }

    void back_up(std::size_t number) {
        const std::size_t which = number % writers_.size();
        Writer& writer = writers_[which];
        const std::string series =
            "host" + std::to_string(which) + "-" + std::to_string(number / writers_.size() % kSeriesOfWriter);
        const TimePoint time{kStart.ns + static_cast<std::int64_t>(number) * 8 * kHour};
        const std::size_t version = number * amounts_.rotations / amounts_.backups;
        const auto dek = format::DataKey::generate(repository_->config().repository);
        format::BackupPublic fields;
        fields.run = crypto::random_id<format::RunId>();
        fields.series = writer.journal.series(series);
        fields.time = fields.started = fields.finished = time;
        fields.dek = dek.id();
        fields.commitment = dek.commitment();
        fields.slots = {test::hollow_slot(dek, host_.versions[version], "local:prod/" + std::to_string(version + 1)),
                        test::hollow_slot(dek, host_.recovery, "local:safe/1")};
        for (const format::Slot& slot : fields.slots) store_slot(slot);
        fields.packs.resize(kPacks);
        for (format::PackInfo& pack : fields.packs) pack = {crypto::random_id<PackId>(), 16 << 20};
        fields.indexes = {{crypto::random_id<IndexId>(), 100'000}};
        for (std::size_t i = writer.runs.size() - std::min(writer.runs.size(), amounts_.reach); i < writer.runs.size();
             ++i) {
            format::Reach& reach = fields.reach.emplace_back();
            reach.sequence = writer.runs[i].sequence;
            reach.dek = writer.runs[i].dek;
            reach.set(i % kPacks);
        }
        writer.runs.push_back({writer.journal.next_sequence(), dek.id()});
        (void)writer.journal.append(format::EntryKind::backup, fields, dek, series, time);
    }

    void store_slot(const format::Slot& slot) {
        const Bytes object = slot.encode();
        const std::string name = format::slot_name(slot.thumbprint, slot.dek, crypto::sha256(object));
        (void)repository_->store().put(name, object, storage::Durability::on_flush);
    }

    Amounts amounts_;
    Host host_;
    std::optional<storage::Repository> repository_;
    std::vector<Writer> writers_;
};

}  // namespace

int main(int count, char** arguments) {
    if (count < 2 || count > 6) {
        std::cerr << "usage: signet_large_repository DIR [BACKUPS [WRITERS [ROTATIONS [REACH]]]]\n";
        return 2;
    }
    Amounts amounts;
    std::size_t* const in_order[] = {&amounts.backups, &amounts.writers, &amounts.rotations, &amounts.reach};
    for (int i = 2; i < count; ++i) *in_order[i - 2] = std::strtoull(arguments[i], nullptr, 10);
    try {
        const std::string folder = std::filesystem::absolute(arguments[1]);
        std::filesystem::create_directories(folder);
        Maker(folder, amounts).run();
        return 0;
    } catch (const std::exception& error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}
