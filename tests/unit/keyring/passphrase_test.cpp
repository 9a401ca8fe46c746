#include "keyring/passphrase.h"

#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

TEST_CASE("a passphrase is asked for once for each object", "[keyring][passphrase]") {
    std::vector<std::string> asked;
    PassphraseSource source(
        [&](const PassphraseRequest& request) {
            asked.push_back(request.object);
            return secret("for " + request.object);
        },
        PassphraseSource::Manner::prompt);
    CHECK_FALSE(source.knows("vault a"));
    CHECK(source.get({"unlock", "vault a", false}).equals(as_bytes("for vault a")));
    CHECK(source.get({"unlock", "vault a", false}).equals(as_bytes("for vault a")));
    CHECK(source.get({"unlock", "vault b", false}).equals(as_bytes("for vault b")));
    CHECK(asked == std::vector<std::string>{"vault a", "vault b"});
    CHECK(source.times_asked() == 2);
    CHECK(source.knows("vault a"));
    source.forget("vault a");
    CHECK_FALSE(source.knows("vault a"));
    CHECK(source.get({"unlock", "vault a", false}).size() == 11);
    CHECK(source.times_asked() == 3);
}

TEST_CASE("a passphrase just chosen unlocks what it was chosen for", "[keyring][passphrase]") {
    PassphraseSource source([](const PassphraseRequest& request) { return secret(request.is_new ? "new" : "old"); },
                            PassphraseSource::Manner::unattended);
    CHECK(source.get({"create", "vault", true}).equals(as_bytes("new")));
    CHECK(source.get({"unlock", "vault", false}).equals(as_bytes("new")));
    CHECK(source.times_asked() == 1);

    // A change asks for the old one first, then for the new one.
    CHECK(source.get({"unlock", "other", false}).equals(as_bytes("old")));
    CHECK(source.get({"change", "other", true}).equals(as_bytes("new")));
    CHECK(source.get({"unlock", "other", false}).equals(as_bytes("old")));
    source.remember("other", secret("new"));
    CHECK(source.get({"unlock", "other", false}).equals(as_bytes("new")));
}

TEST_CASE("without a source there is no passphrase", "[keyring][passphrase]") {
    PassphraseSource none;
    CHECK(none.manner() == PassphraseSource::Manner::none);
    REQUIRE_THROWS_MATCHES(none.get({"unlock", "vault", false}), Error, has_code(ErrorCode::wrong_passphrase));
    CHECK(none.times_asked() == 0);
}

}  // namespace
}  // namespace signet::keyring::test
