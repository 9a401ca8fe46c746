#include "format/data_key.h"

#include "core/crypto/digest.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/samples.h"

using namespace signet;
using namespace signet::format;
using namespace signet::test;

TEST_CASE("each data key is new [R80]", "[format][data_key]") {
    const DataKey first = DataKey::generate(sample_repository());
    const DataKey second = DataKey::generate(sample_repository());
    CHECK(first.repository() == sample_repository());
    CHECK(first.id() != second.id());
    CHECK_FALSE(first.secret().equals(second.secret().reveal()));
    CHECK(first.commitment() != second.commitment());
    CHECK(first.secret().size() == 32);
}

TEST_CASE("a commitment binds secret, repository and id", "[format][data_key]") {
    const DataKey key = sample_dek();
    const SecretBytes expected = crypto::hkdf_expand(
        key.secret().reveal(),
        {as_bytes(std::string_view("signet/dek-commit/v1", 21)), key.repository().view(), key.id().view()}, 32);
    CHECK(expected.equals(key.commitment().view()));
    CHECK(DataKey(sample_repository(), sample_id<DekId>("other"), key.secret().clone()).commitment() !=
          key.commitment());
    CHECK(DataKey(sample_id<RepositoryId>("other"), key.id(), key.secret().clone()).commitment() != key.commitment());
    CHECK(DataKey(key.repository(), key.id(), sample_secret("other")).commitment() != key.commitment());
    CHECK(key.clone().commitment() == key.commitment());
}

TEST_CASE("a writer's keys differ from each other and between repositories", "[format][data_key]") {
    const SecretBytes secret = sample_secret("writer");
    const WriterKeys keys = WriterKeys::derive(secret.reveal(), sample_repository());
    const WriterKeys elsewhere = WriterKeys::derive(secret.reveal(), sample_id<RepositoryId>("elsewhere"));
    const SecretBytes cut = derive_cut_key(keys.id_key, sample_repository());
    const SecretBytes cache = derive_cache_key(secret.reveal(), sample_repository());
    const std::vector<const SecretBytes*> all{
        &keys.id_key, &keys.index_key, &keys.label_key, &elsewhere.id_key, &elsewhere.index_key, &elsewhere.label_key,
        &cut,         &cache};
    for (std::size_t i = 0; i < all.size(); ++i) {
        CHECK(all[i]->size() == 32);
        for (std::size_t j = 0; j < i; ++j) CHECK_FALSE(all[i]->equals(all[j]->reveal()));
    }
    CHECK(keys.clone().id_key.equals(keys.id_key.reveal()));
    CHECK(WriterKeys::derive(secret.reveal(), sample_repository()).label_key.equals(keys.label_key.reveal()));
}

TEST_CASE("a series id says nothing of its name without the label key", "[format][data_key]") {
    const SecretBytes key = sample_secret("label key");
    CHECK(series_id(key, "nightly") == series_id(key, "nightly"));
    CHECK(series_id(key, "nightly") != series_id(key, "weekly"));
    CHECK(series_id(key, "nightly") != series_id(sample_secret("another label key"), "nightly"));
}
