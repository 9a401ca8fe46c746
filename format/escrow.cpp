#include "format/escrow.h"

#include "core/crypto/aead.h"
#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "core/crypto/rsa.h"
#include "format/encoding.h"
#include "format/limits.h"

namespace signet::format {
namespace {

constexpr std::string_view kMagic = "SIGNETES";
constexpr std::size_t kHeaderSize = 110;
constexpr std::size_t kSaltSize = 16;
constexpr std::size_t kSeedSize = 32;
constexpr std::size_t kMaxVarint = 10;
constexpr std::uint64_t kMaxMemory = std::uint64_t{1024} * 1024 * 1024;
constexpr std::size_t kCostOffset = 59;

struct Derived {
    SecretBytes key;
    Digest check;
};

Derived derive(const SecretBytes& passphrase, ByteView salt, const crypto::ScryptCost& cost) {
    const SecretBytes octets = crypto::scrypt(passphrase.reveal(), salt, cost, 2 * crypto::kAeadKeySize);
    return {SecretBytes(octets.reveal().first(crypto::kAeadKeySize)),
            crypto::sha256({label("signet/check/v1"), octets.reveal().subspan(crypto::kAeadKeySize)})};
}

bool is_cost_in_limits(const crypto::ScryptCost& cost) {
    return cost.log2_n >= 10 && cost.log2_n <= 20 && cost.r >= 1 && cost.r <= 32 && cost.p >= 1 && cost.p <= 16 &&
           cost.log2_n < 16 * cost.r &&  // scrypt itself demands it
           (std::uint64_t{128} * cost.r << cost.log2_n) <= kMaxMemory &&
           (std::uint64_t{cost.r} * cost.p << cost.log2_n) <= kMaxScryptWork;
}

/// Wipes the plaintext when done; made large enough at once, so that growing leaves no copies.
class SecretWriter {
public:
    explicit SecretWriter(std::size_t capacity) { writer_.bytes().reserve(capacity); }
    ~SecretWriter() { wipe(writer_.bytes()); }
    SecretWriter(const SecretWriter&) = delete;
    SecretWriter& operator=(const SecretWriter&) = delete;
    [[nodiscard]] ByteWriter& get() { return writer_; }

private:
    ByteWriter writer_;
};

void check_private_key(const EscrowSecret& secret, const Thumbprint& thumbprint, std::string_view what) {
    std::optional<Thumbprint> found;
    try {
        found = Thumbprint::of(crypto::RsaPrivateKey::from_pkcs8(secret.pkcs8.reveal()).public_key());
    } catch (const Error& error) {
        throw_damaged(what, error.what());
    }
    if (*found != thumbprint) throw_damaged(what, "holds another private key than it says");
}

EscrowSecret decode_secret(ByteView plaintext, std::string_view what) {
    ByteReader reader(plaintext, what);
    EscrowSecret secret;
    secret.name = read_text(reader);
    secret.pkcs8 = SecretBytes(reader.blob(reader.remaining()));
    secret.officer_seed = SecretBytes(reader.blob(kSeedSize));
    if (secret.pkcs8.empty()) reader.fail("no private key");
    if (!secret.officer_seed.empty() && secret.officer_seed.size() != kSeedSize) reader.fail("not an identity's seed");
    reader.expect_end();
    return secret;
}

}  // namespace

Bytes seal_escrow(const RepositoryId& repository, const Thumbprint& thumbprint, const EscrowSecret& secret,
                  const SecretBytes& passphrase, const crypto::ScryptCost& cost) {
    invariant(is_cost_in_limits(cost), "cost of scrypt within its limits");
    invariant(!secret.pkcs8.empty(), "an escrow object holds a private key");
    invariant(secret.officer_seed.empty() || secret.officer_seed.size() == kSeedSize, "a seed has 32 octets");
    std::array<std::uint8_t, kSaltSize> salt{};
    crypto::random_fill(salt);
    const Derived derived = derive(passphrase, salt, cost);

    ByteWriter object;
    object.raw(kMagic);
    object.u16(1);
    object.id(repository);
    thumbprint.encode(object);
    object.u8(cost.log2_n);
    object.u8(cost.r);
    object.u8(cost.p);
    object.raw(salt);
    object.id(derived.check);
    invariant(object.size() == kHeaderSize, "layout of an escrow object's header");

    SecretWriter plaintext(secret.name.size() + secret.pkcs8.size() + secret.officer_seed.size() + 3 * kMaxVarint);
    write_text(plaintext.get(), secret.name, "the name of a protector");
    plaintext.get().blob(secret.pkcs8.reveal());
    plaintext.get().blob(secret.officer_seed.reveal());
    crypto::Aead cipher(derived.key.reveal());
    const Bytes sealed = cipher.seal(crypto::Nonce::counter(0), object.view(), plaintext.get().view());
    object.raw(sealed);
    if (object.size() > kMaxEscrow) throw Error(ErrorCode::failed, "escrow object larger than 64 KiB");
    return object.take();
}

bool has_usual_cost(ByteView object) {
    const crypto::ScryptCost usual;
    return object.size() > kHeaderSize && object[kCostOffset] == usual.log2_n && object[kCostOffset + 1] == usual.r &&
           object[kCostOffset + 2] == usual.p;
}

EscrowSecret open_escrow(ByteView object, const RepositoryId& repository, const SecretBytes& passphrase,
                         std::string_view what) {
    if (object.size() > kMaxEscrow) throw_damaged(what, "larger than an escrow object can be");
    ByteReader reader(object, what);
    read_magic(reader, kMagic, what);
    if (reader.id<RepositoryId>() != repository) throw_damaged(what, "belongs to another repository");
    const Thumbprint thumbprint = Thumbprint::decode(reader);
    crypto::ScryptCost cost;
    cost.log2_n = reader.u8();
    cost.r = reader.u8();
    cost.p = reader.u8();
    if (!is_cost_in_limits(cost)) reader.fail("cost of scrypt outside its limits");
    const ByteView salt = reader.raw(kSaltSize);
    const auto check = reader.id<Digest>();
    const ByteView sealed = reader.raw(reader.remaining());
    if (sealed.size() <= crypto::kAeadTagSize) throw_damaged(what, "truncated");

    const Derived derived = derive(passphrase, salt, cost);
    if (!constant_time_equal(derived.check.view(), check.view())) {
        throw Error(ErrorCode::wrong_passphrase, std::string(what) + ": wrong passphrase");
    }
    crypto::Aead cipher(derived.key.reveal());
    const SecretBytes plaintext =
        cipher.open_secret(crypto::Nonce::counter(0), object.first(kHeaderSize), sealed, what);
    EscrowSecret secret = decode_secret(plaintext.reveal(), what);
    check_private_key(secret, thumbprint, what);
    return secret;
}

}  // namespace signet::format
