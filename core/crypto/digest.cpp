#include "core/crypto/digest.h"

#include <array>

#include "core/crypto/openssl.h"

namespace signet::crypto {
namespace {

constexpr std::size_t kDigestSize = 32;
constexpr std::size_t kBlockSize = 64;

DigestContext new_context() { return require_object(DigestContext(EVP_MD_CTX_new()), "SHA-256"); }

void start(EVP_MD_CTX* context) { require(EVP_DigestInit_ex2(context, sha256_algorithm(), nullptr), "SHA-256"); }

void add(EVP_MD_CTX* context, ByteView bytes) {
    require(EVP_DigestUpdate(context, bytes.data(), bytes.size()), "SHA-256");
}

Digest end(EVP_MD_CTX* context) {
    Digest digest;
    unsigned size = 0;
    require(EVP_DigestFinal_ex(context, digest.octets.data(), &size), "SHA-256");
    invariant(size == kDigestSize, "SHA-256 has 32 octets");
    return digest;
}

}  // namespace

struct Sha256::State {
    DigestContext context = new_context();
    bool started = false;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(ByteView bytes) {
    if (!state_->started) start(state_->context.get());
    state_->started = true;
    add(state_->context.get(), bytes);
}

Digest Sha256::finish() {
    update({});
    state_->started = false;
    return end(state_->context.get());
}

Digest sha256(std::initializer_list<ByteView> parts) {
    // One context a thread: making one costs more than hashing a short message.
    thread_local const DigestContext context = new_context();
    start(context.get());
    for (ByteView part : parts) add(context.get(), part);
    return end(context.get());
}

struct HmacSha256::State {
    DigestContext inner = new_context();  ///< has taken key ^ ipad
    DigestContext outer = new_context();  ///< has taken key ^ opad
    DigestContext scratch = new_context();
};

HmacSha256::HmacSha256(ByteView key) : state_(std::make_unique<State>()) {
    std::array<std::uint8_t, kBlockSize> block{};
    if (key.size() > kBlockSize) {
        Digest digest = sha256(key);
        std::copy(digest.octets.begin(), digest.octets.end(), block.begin());
        wipe(digest.octets);
    } else {
        std::copy(key.begin(), key.end(), block.begin());
    }
    for (std::uint8_t& octet : block) octet ^= 0x36U;
    start(state_->inner.get());
    add(state_->inner.get(), block);
    for (std::uint8_t& octet : block) octet ^= 0x36U ^ 0x5cU;
    start(state_->outer.get());
    add(state_->outer.get(), block);
    wipe(block);
}

HmacSha256::HmacSha256(std::unique_ptr<State> state) : state_(std::move(state)) {}
HmacSha256::~HmacSha256() = default;
HmacSha256::HmacSha256(HmacSha256&&) noexcept = default;
HmacSha256& HmacSha256::operator=(HmacSha256&&) noexcept = default;

HmacSha256 HmacSha256::clone() const {
    auto state = std::make_unique<State>();
    require(EVP_MD_CTX_copy_ex(state->inner.get(), state_->inner.get()), "HMAC-SHA256");
    require(EVP_MD_CTX_copy_ex(state->outer.get(), state_->outer.get()), "HMAC-SHA256");
    return HmacSha256(std::move(state));
}

Digest HmacSha256::compute(std::initializer_list<ByteView> parts) {
    EVP_MD_CTX* scratch = state_->scratch.get();
    require(EVP_MD_CTX_copy_ex(scratch, state_->inner.get()), "HMAC-SHA256");
    for (ByteView part : parts) add(scratch, part);
    Digest inner = end(scratch);
    require(EVP_MD_CTX_copy_ex(scratch, state_->outer.get()), "HMAC-SHA256");
    add(scratch, inner.octets);
    wipe(inner.octets);
    return end(scratch);
}

SecretBytes hkdf_expand(ByteView key, std::initializer_list<ByteView> info, std::size_t size) {
    invariant(size <= 255 * kDigestSize, "HKDF makes at most 8160 octets");
    Bytes whole_info;
    for (ByteView part : info) whole_info.insert(whole_info.end(), part.begin(), part.end());

    SecretBytes output(size);
    const MutableByteView out = output.mutable_view();
    HmacSha256 hmac(key);
    Digest block;
    std::uint8_t counter = 0;
    for (std::size_t done = 0; done < size;) {
        const ByteView previous = counter == 0 ? ByteView{} : block.view();
        const std::uint8_t next_counter = ++counter;
        block = hmac.compute({previous, whole_info, ByteView(&next_counter, 1)});
        const std::size_t count = std::min(size - done, kDigestSize);
        std::copy_n(block.octets.begin(), count, out.subspan(done).begin());
        done += count;
    }
    wipe(block.octets);
    return output;
}

}  // namespace signet::crypto
