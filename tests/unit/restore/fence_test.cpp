#include "restore/fence.h"

#include "core/crypto/random.h"
#include "tests/unit/restore/repository_bench.h"

using namespace signet;
using namespace signet::restore;
using namespace signet::restore::test;

namespace {

/// A policy by the officer. returns  its entry
EntryId say_policy(RepositoryBench& bench, const format::Thumbprint& retiring) {
    EntryId id;
    bench.officer_says([&](const format::EntryHead& head, const crypto::SigningKey& key) {
        format::PolicyFields fields;
        fields.number = 1;
        fields.values = {{"retiring", retiring.text()}};
        Bytes object = format::make_plain_entry(format::EntryKind::policy, head, fields.encode(), key);
        id = format::decode_entry(object, format::journal_name(key.verify_key().identity(), head.sequence)).id;
        return object;
    });
    return id;
}

/// A backup by a writer of its own, trusted, that names a policy and is wrapped under a protector, whatever that says.
void make_backup(RepositoryBench& bench, const EntryId& policy, const format::Thumbprint& protector) {
    const auto key = crypto::SigningKey::generate();
    const auto& repository = *bench.repository;
    const auto dek = format::DataKey::generate(repository.config().repository);
    format::EntryHead head;
    head.repository = repository.config().repository;
    head.config_hash = repository.config_hash();
    head.signer = key.verify_key();
    head.sequence = 1;
    head.time = Clock::system().now();
    head.policy = policy;
    format::BackupPublic fields;
    fields.run = crypto::random_id<format::RunId>();
    fields.series = crypto::random_id<SeriesId>();
    fields.dek = dek.id();
    fields.commitment = dek.commitment();
    fields.slots = {bench.resolver.wrap_any_role(dek, protector)};
    format::BackupBody body;
    body.root.type = format::EntryType::directory;
    body.keys = format::WriterKeys::derive(crypto::random_secret(32).reveal(), repository.config().repository);
    const Bytes object = format::make_backup_entry(format::EntryKind::backup, head, fields, {}, body, dek, key);
    REQUIRE(repository.append_entry(key.verify_key().identity(), 1, object));
    bench.trust(key.verify_key().identity());
}

}  // namespace

TEST_CASE("a writer that names the fence and wraps under the protector all the same is waited for [R96][security]",
          "[restore]") {
    RepositoryBench bench;
    const auto old = bench.add_protector("old");
    const auto fresh = bench.add_protector("fresh");
    const EntryId policy = say_policy(bench, old);
    const bool has_obeyed = GENERATE(true, false);
    make_backup(bench, policy, has_obeyed ? fresh : old);
    CHECK(waiting_writers(bench.catalogue(), old).size() == (has_obeyed ? 0 : 1));
}
