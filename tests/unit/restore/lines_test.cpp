// Whose series is whose: a writer that an officer put in another's place, one that merely says so, and one that writes
// down the id of another's series.
#include "core/crypto/random.h"
#include "format/log_epoch.h"
#include "restore/log_archive.h"
#include "restore/open_keys.h"
#include "restore/opener.h"
#include "tests/unit/restore/repository_bench.h"

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

namespace {

RunOptions at(std::int64_t hour) {
    RunOptions options;
    options.time = {(1'700'000'000 + hour * 3600) * kNsPerSecond};
    return options;
}

/// Copies another's series id.
RunOptions in_series(const SeriesId& series, std::int64_t hour) {
    RunOptions options = at(hour);
    options.change = [series](format::BackupPublic& fields, format::BackupBody&) { fields.series = series; };
    return options;
}

/// A repository with one backup by an honest writer.
struct Lines : RepositoryBench {
    Lines() {
        first = back_up(root({file("a", "honest")}), at(0));
        honest = writer();
        series = catalogue().find(first.hex()).fields->series;
    }
    [[nodiscard]] BackupFilter by_series() const {
        BackupFilter filter;
        filter.series = series.hex();
        return filter;
    }
    /// An epoch of logs by a writer of its own, who says that it is of this series. returns  the writer
    IdentityId open_epoch(const SeriesId& of, const std::string& name, std::vector<IdentityId> predecessors = {}) {
        const auto key = crypto::SigningKey::generate();
        const IdentityId identity = key.verify_key().identity();
        const auto dek = format::DataKey::generate(repository->config().repository);
        format::LogEpochPublic fields;
        fields.series = of;
        fields.source.family = format::LogFamily::generic;
        fields.dek = dek.id();
        fields.commitment = dek.commitment();
        fields.slots = {resolver.wrap(dek, thumbprint("prod"))};
        fields.predecessors = std::move(predecessors);
        const format::WriterKeys keys{crypto::random_secret(32), crypto::random_secret(32), crypto::random_secret(32)};
        if (!name.empty()) fields.series = format::series_id(keys.label_key, name);
        format::EntryHead head;
        head.repository = repository->config().repository;
        head.config_hash = repository->config_hash();
        head.sequence = 1;
        head.time = {1'600'000'000 * kNsPerSecond};
        const format::Labels labels{"host", "user", name.empty() ? "things" : name, {}, {}, {}, "test"};
        CHECK(repository->append_entry(identity, 1, make_log_epoch_entry(head, fields, labels, keys, dek, key)));
        trust(identity);
        return identity;
    }

    EntryId first;
    IdentityId honest;
    SeriesId series;
};

}  // namespace

TEST_CASE("a series goes on with the writer that an officer put in another's place", "[restore][lines]") {
    Lines bench;
    bench.use_successor();
    const EntryId second = bench.back_up(root({file("a", "again")}), at(1));
    const Catalogue catalogue = bench.catalogue();
    CHECK(catalogue.line_of(bench.writer()) == catalogue.line_of(bench.honest));
    CHECK(catalogue.latest(bench.by_series()).id == second);
    CHECK_NOTHROW(catalogue.require_one_line(catalogue.select({})));
}

TEST_CASE("who merely says to have taken another's place makes a series of its own", "[restore][lines][security]") {
    Lines bench;
    const bool claims = GENERATE(false, true);
    CAPTURE(claims);
    claims ? bench.claim_succession(bench.honest) : bench.use_stranger();
    bench.trust(bench.writer());
    (void)bench.back_up(root({file("a", "evil")}), in_series(bench.series, 1));
    const Catalogue catalogue = bench.catalogue();
    CHECK(catalogue.line_of(bench.writer()) != catalogue.line_of(bench.honest));
    CHECK_THROWS_MATCHES(catalogue.latest(bench.by_series()), Error, has_code(ErrorCode::usage));
    BackupFilter filter = bench.by_series();
    filter.line = catalogue.line_of(bench.honest);
    CHECK(catalogue.latest(filter).id == bench.first);
    // Nor is it one by an officer's word about somebody else.
    bench.trust(bench.honest, 1);
    const Catalogue later = bench.catalogue();
    CHECK(later.line_of(bench.writer()) != later.line_of(bench.honest));
}

TEST_CASE("a label key that opens the names of both proves a succession", "[restore][lines]") {
    Lines bench;
    bench.use_successor();
    const EntryId second = bench.back_up(root({file("a", "again")}), at(1));
    // Two statements instead of one: nobody says that the one is the other.
    bench.trust(bench.honest, 1);
    (void)bench.open(second);  // by which its label key is known
    const Catalogue catalogue = bench.catalogue(true);
    CHECK(catalogue.label_key(bench.honest) != nullptr);
    CHECK(catalogue.line_of(bench.writer()) == catalogue.line_of(bench.honest));
}

TEST_CASE("another writer's backups of the same host or paths are not the newest of this one",
          "[restore][lines][security]") {
    Lines bench;
    bench.use_stranger();
    bench.trust(bench.writer());
    const EntryId other = bench.back_up(root({file("a", "evil")}), at(1));
    (void)bench.open(bench.first);
    (void)bench.open(other);
    const Catalogue catalogue = bench.catalogue(true);
    const Backup& backup = catalogue.find(bench.first.hex());
    REQUIRE(backup.labels.has_value());
    BackupFilter by_host;
    by_host.host = backup.labels->host;
    CHECK_THROWS_MATCHES(catalogue.latest(by_host), Error, has_code(ErrorCode::usage));
    BackupFilter by_path;
    by_path.paths = backup.labels->paths;
    REQUIRE_FALSE(by_path.paths.empty());
    CHECK_THROWS_MATCHES(catalogue.latest(by_path), Error, has_code(ErrorCode::usage));
    CHECK(catalogue.latest().id == other);  // the newest of all is that
}

TEST_CASE("logs of another writer are not part of a series whose id it wrote down", "[restore][lines][security]") {
    Lines bench;
    const bool claims = GENERATE(false, true);
    CAPTURE(claims);
    const IdentityId evil =
        bench.open_epoch(bench.series, {}, claims ? std::vector{bench.honest} : std::vector<IdentityId>{});
    const Catalogue catalogue = bench.catalogue();
    REQUIRE(catalogue.log_epochs().size() == 1);
    const LogEpoch& epoch = catalogue.log_epochs().front();
    CHECK(epoch.entry->identity == evil);
    CHECK(catalogue.series_of(epoch) != catalogue.series_of(catalogue.find(bench.first.hex())));
    // And whoever opens it is told.
    Planner planner(catalogue, *bench.repository, bench.resolver);
    CHECK_THROWS_MATCHES(unwrap_epoch(*bench.repository, planner, bench.resolver, epoch), Error,
                         has_code(ErrorCode::damaged));
}

TEST_CASE("an epoch opens whose series its writer's label key names", "[restore][lines]") {
    Lines bench;
    (void)bench.open_epoch({}, "shop");
    const Catalogue catalogue = bench.catalogue();
    const LogEpoch& epoch = catalogue.log_epochs().front();
    Planner planner(catalogue, *bench.repository, bench.resolver);
    CHECK(unwrap_epoch(*bench.repository, planner, bench.resolver, epoch).id() == epoch.fields.dek);
}

TEST_CASE("a writer's keys are its own, whatever a newer backup says to succeed it", "[restore][lines][security]") {
    Lines bench;
    bench.claim_succession(bench.honest);
    bench.trust(bench.writer());
    (void)bench.back_up(root({file("a", "evil")}), at(1));
    const Catalogue catalogue = bench.catalogue();
    Planner planner(catalogue, *bench.repository, bench.resolver);
    OpenKeys keys(*bench.repository, planner, bench.resolver);
    const Backup& honest = catalogue.find(bench.first.hex());
    CHECK(format::open_labels(*honest.entry, keys.writer_keys(bench.honest).label_key).has_value());
}
