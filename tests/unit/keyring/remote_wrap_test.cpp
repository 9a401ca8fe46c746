// Key managers wrap by themselves: what the resolver makes of that.
#include "core/crypto/random.h"
#include "tests/unit/keyring/bench.h"

namespace signet::keyring::test {
namespace {

/// A key manager with one key, which tells what it was asked.
class FakeManager final : public Vault {
public:
    explicit FakeManager(bool symmetric) : key_(crypto::RsaPrivateKey::generate(2048)), symmetric_(symmetric) {}

    Outcome describes = Outcome::ok;
    Outcome wraps = Outcome::ok;
    int wrap_calls = 0;

    [[nodiscard]] bool wraps_itself() const override { return true; }
    [[nodiscard]] Answer<KeyDescription> describe(const Location& location) override {
        if (describes != Outcome::ok) return Answer<KeyDescription>::refuse(describes, "as told");
        KeyDescription key;
        key.location = location.with_version(1);
        key.name = "prod";
        key.can_unwrap = true;
        if (symmetric_) {
            key.kind = "aes256-gcm96";
            key.size_bits = 256;
            key.thumbprint = format::Thumbprint::of_name("transit:c::transit:prod:v1");
        } else {
            key.public_key = key_.public_key();
            key.size_bits = 2048;
            key.thumbprint = format::Thumbprint::of(*key.public_key);
        }
        Answer<KeyDescription> answer = Answer<KeyDescription>::of(std::move(key));
        answer.request = "request d1";
        return answer;
    }
    /// Bound as a manager binds: what was wrapped for another binding does not open.
    [[nodiscard]] Answer<Bytes> wrap(const Location&, ByteView plaintext, const Binding& binding) override {
        ++wrap_calls;
        if (wraps != Outcome::ok) return Answer<Bytes>::refuse(wraps, "as told");
        Bytes wrapped = key_.public_key().wrap(plaintext);
        if (symmetric_) wrapped.insert(wrapped.end(), binding.dek.octets.begin(), binding.dek.octets.end());
        Answer<Bytes> answer = Answer<Bytes>::of(std::move(wrapped));
        answer.request = "request w1";
        return answer;
    }
    [[nodiscard]] Answer<SecretBytes> unwrap(const Location&, ByteView wrapped, const Binding& binding) override {
        constexpr std::size_t kSize = 256;
        if (symmetric_) {
            const ByteView bound = wrapped.subspan(kSize);
            if (!constant_time_equal(bound, binding.dek.view()))
                return Answer<SecretBytes>::refuse(Outcome::integrity, "bound to something else");
        }
        auto plaintext = key_.unwrap(wrapped.first(kSize));
        if (!plaintext) return Answer<SecretBytes>::refuse(Outcome::integrity, "does not decrypt");
        Answer<SecretBytes> answer = Answer<SecretBytes>::of(std::move(*plaintext));
        answer.request = "request u1";
        return answer;
    }

private:
    crypto::RsaPrivateKey key_;
    bool symmetric_;
};

struct Managed : Bench {
    Location place = Location::parse("transit:https://vault.example:8200/transit/keys/prod");
    FakeManager* manager = nullptr;
    format::Thumbprint thumbprint;

    explicit Managed(bool symmetric) {
        auto made = std::make_unique<FakeManager>(symmetric);
        manager = made.get();
        vaults.replace(place, std::move(made));
        Keyring own = keyring();
        LinkOptions options;
        options.role = LinkRole::default_;
        thumbprint = own.link(place, options, vaults).link.thumbprint;
        manager->wrap_calls = 0;
    }
    [[nodiscard]] static format::DataKey data_key() {
        return {crypto::random_id<RepositoryId>(), crypto::random_id<DekId>(), crypto::random_secret(32)};
    }
};

std::string audit_of(const Bench& bench) { return content_of(bench.keyring_folder + "/audit.log"); }

}  // namespace

TEST_CASE("a symmetric key is linked by its name, and wraps in its manager [R2]", "[keyring][remote]") {
    Managed bench(true);
    const Keyring keyring = bench.keyring();
    const Link& link = keyring.links().front();
    CHECK(link.thumbprint.kind == format::Thumbprint::Kind::kms);
    CHECK(link.spki.empty());
    CHECK(link.provider == "transit");
    CHECK_FALSE(link.wrap_only());

    Resolving resolving(bench);
    const format::DataKey key = Managed::data_key();
    const format::Slot slot = resolving.resolver.wrap(key, bench.thumbprint);
    CHECK(slot.algorithm == format::WrapAlgorithm::kms_context);
    CHECK(bench.manager->wrap_calls == 1);
    CHECK(resolving.resolver.unwrap(slot).secret().equals(key.secret().reveal()));
    CHECK(audit_of(bench).find("request w1") != std::string::npos);
    CHECK(audit_of(bench).find("request u1") != std::string::npos);

    format::Slot moved = slot;
    moved.dek = crypto::random_id<DekId>();
    CHECK_THROWS_MATCHES(resolving.resolver.unwrap(moved), Error, has_code(ErrorCode::damaged));

    // Nothing here can wrap in its place.
    bench.manager->wraps = Outcome::unavailable;
    CHECK_THROWS_MATCHES(resolving.resolver.wrap(key, bench.thumbprint), Error, has_code(ErrorCode::key_unavailable));
    bench.manager->describes = Outcome::unavailable;
    CHECK_THROWS_MATCHES(resolving.resolver.wrap(key, bench.thumbprint), Error, has_code(ErrorCode::key_unavailable));
}

TEST_CASE("an RSA key wraps in its manager, and here while that is out of reach", "[keyring][remote]") {
    Managed bench(false);
    Resolving resolving(bench);
    const format::DataKey key = Managed::data_key();
    const format::Slot slot = resolving.resolver.wrap(key, bench.thumbprint);
    CHECK(slot.algorithm == format::WrapAlgorithm::rsa_oaep_256);
    CHECK(bench.manager->wrap_calls == 1);
    CHECK(resolving.warnings.empty());
    CHECK(resolving.resolver.unwrap(slot).secret().equals(key.secret().reveal()));

    bench.manager->wraps = Outcome::unavailable;
    const format::Slot here = resolving.resolver.wrap(key, bench.thumbprint);
    CHECK(bench.manager->wrap_calls == 2);
    CHECK(resolving.warnings.size() == 1);
    CHECK(resolving.resolver.unwrap(here).secret().equals(key.secret().reveal()));
    bench.manager->describes = Outcome::unavailable;
    Resolving later(bench);  // what a key is like is known for a while
    static_cast<void>(later.resolver.wrap(key, bench.thumbprint));
    CHECK(bench.manager->wrap_calls == 2);
}

TEST_CASE("a manager that refuses to wrap is believed, and remembered [R25]", "[keyring][remote]") {
    Managed bench(false);
    const format::DataKey key = Managed::data_key();
    {
        Resolving resolving(bench);
        bench.manager->wraps = Outcome::denied;
        CHECK_THROWS_MATCHES(resolving.resolver.wrap(key, bench.thumbprint), Error,
                             has_code(ErrorCode::key_unavailable));
    }
    // An outage after that does not let the public half wrap.
    Resolving later(bench);
    bench.manager->describes = Outcome::unavailable;
    CHECK_THROWS_MATCHES(later.resolver.wrap(key, bench.thumbprint), Error, has_code(ErrorCode::key_unavailable));
    bench.manager->describes = bench.manager->wraps = Outcome::ok;
    Resolving recovered(bench);  // a manager that did not answer is not asked again at once
    CHECK_NOTHROW(recovered.resolver.wrap(key, bench.thumbprint));
}

TEST_CASE("a keyring may wrap with the public half on purpose", "[keyring][remote]") {
    Managed bench(false);
    Keyring keyring = bench.keyring();
    keyring.set_setting("local-wrap", "yes");
    Resolving resolving(bench);
    static_cast<void>(resolving.resolver.wrap(Managed::data_key(), bench.thumbprint));
    CHECK(bench.manager->wrap_calls == 0);
    CHECK(resolving.warnings.empty());
}

}  // namespace signet::keyring::test
