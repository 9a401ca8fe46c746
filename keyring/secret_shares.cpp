#include "keyring/secret_shares.h"

#include "core/crypto/random.h"
#include "core/error.h"

extern "C" {
#include <libgfshare.h>  // does not say itself that it is C
}

#include <atomic>
#include <memory>
#include <string>

namespace signet::keyring {
namespace {

/// Exceptions do not pass through C: what the generator could not do is asked for afterwards.
std::atomic<bool> generator_failed{false};

void fill_random(unsigned char* out, unsigned int size) noexcept {
    try {
        crypto::random_fill({out, size});
    } catch (...) {
        generator_failed = true;
    }
}

struct FreeContext {
    void operator()(gfshare_ctx* context) const { gfshare_ctx_free(context); }
};
using ShareContext = std::unique_ptr<gfshare_ctx, FreeContext>;

/// The library takes its randomness from one variable, with which it also overwrites what it frees.
ShareContext checked(gfshare_ctx* context) {
    if (context == nullptr) throw Error(ErrorCode::failed, "cannot make shares: libgfshare refused");
    return ShareContext(context);
}

}  // namespace

std::vector<SecretShare> split_secret(const SecretBytes& secret, const ShareSetId& set, const ShareScheme& scheme) {
    if (!scheme.is_valid()) {
        throw Error(ErrorCode::usage,
                    "shares are 2 to " + std::to_string(kMostShares) + ", and 2 of them at least are needed",
                    "for example --shares 5 --threshold 3");
    }
    invariant(secret.size() == kSharedSecretSize, "a shared secret has 32 octets");
    gfshare_fill_rand = fill_random;
    std::vector<unsigned char> numbers(scheme.count);
    for (unsigned i = 0; i < scheme.count; ++i) numbers[i] = static_cast<unsigned char>(i + 1);

    const ShareContext context =
        checked(gfshare_ctx_init_enc(numbers.data(), scheme.count, scheme.threshold, kSharedSecretSize));
    SecretBytes copy = secret.clone();
    gfshare_ctx_enc_setsecret(context.get(), copy.mutable_view().data());
    if (generator_failed) throw Error(ErrorCode::failed, "no random octets for the shares");

    std::vector<SecretShare> shares;
    for (unsigned i = 0; i < scheme.count; ++i) {
        SecretShare share{set, scheme, numbers[i], SecretBytes(kSharedSecretSize)};
        gfshare_ctx_enc_getshare(context.get(), static_cast<unsigned char>(i), share.value.mutable_view().data());
        shares.push_back(std::move(share));
    }
    return shares;
}

SecretBytes join_shares(std::span<const SecretShare* const> shares) {
    invariant(!shares.empty() && shares.size() >= shares.front()->scheme.threshold, "there are enough shares");
    shares = shares.first(shares.front()->scheme.threshold);
    gfshare_fill_rand = fill_random;
    std::vector<unsigned char> numbers;
    for (const SecretShare* share : shares) numbers.push_back(share->number);

    const ShareContext context =
        checked(gfshare_ctx_init_dec(numbers.data(), static_cast<unsigned int>(numbers.size()), kSharedSecretSize));
    for (std::size_t i = 0; i < shares.size(); ++i) {
        SecretBytes copy = shares[i]->value.clone();
        gfshare_ctx_dec_giveshare(context.get(), static_cast<unsigned char>(i), copy.mutable_view().data());
    }
    SecretBytes secret(kSharedSecretSize);
    gfshare_ctx_dec_extract(context.get(), secret.mutable_view().data());
    return secret;
}

}  // namespace signet::keyring
