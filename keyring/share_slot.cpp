#include "keyring/share_slot.h"

#include "core/byte_io.h"
#include "core/crypto/aead.h"
#include "core/crypto/digest.h"
#include "core/crypto/random.h"

#include <array>
#include <map>

namespace signet::keyring {
namespace {

constexpr const char* kKind = "shares";
constexpr std::string_view kSlotLabel("signet/share-slot/v1\0", 21);
constexpr std::string_view kShareLabel("signet/share/v1\0", 16);
constexpr std::string_view kCheckLabel("signet/check/v1\0", 16);

ShareSetId set_of(const VaultId& id) { return ShareSetId::from(id.view()); }

Bytes context_of(const VaultId& id) {
    ByteWriter writer;
    writer.raw(kSlotLabel);
    writer.id(id);
    return writer.take();
}

/// What the slot keeps of a share, to tell a wrong one from a right one. The value is random: its hash gives nothing
/// away.
Digest digest_of(const SecretShare& share) {
    const std::array<std::uint8_t, 3> head = {share.scheme.threshold, share.scheme.count, share.number};
    return crypto::sha256({as_bytes(kShareLabel), share.set.view(), head, share.value.reveal()});
}

struct SlotKey {
    SecretBytes key;
    Digest check;
};

SlotKey derive(const SecretBytes& secret, const VaultId& id) {
    const SecretBytes derived =
        crypto::hkdf_expand(secret.reveal(), {as_bytes(kSlotLabel), id.view()}, 2 * kVaultKeySize);
    return {SecretBytes(derived.reveal().first(kVaultKeySize)),
            crypto::sha256({as_bytes(kCheckLabel), derived.reveal().subspan(kVaultKeySize)})};
}

std::string name_of(const SecretShare& share) {
    return "share " + std::to_string(share.number) + " of " + std::to_string(share.scheme.count);
}

[[noreturn]] void refuse(std::string_view what, const std::string& why, const std::string& hint) {
    throw Error(ErrorCode::wrong_passphrase, std::string(what) + ": " + why, hint);
}

/// throws  Error{wrong_passphrase}: it is not one of the slot's
void require_right(const SecretShare& share, const JsonObject& fields, const ShareScheme& scheme, const VaultId& id) {
    if (share.set != set_of(id)) {
        refuse(fields.what(),
               name_of(share) + " is of another key backup, " + share.set.hex() + "; this one is " + set_of(id).hex(),
               "shares of two key backups do not go together");
    }
    const Json& digests = fields.array("shares");
    const bool known = share.scheme == scheme && share.number >= 1 && share.number <= scheme.count;
    if (!known || digests[share.number - 1U] != digest_of(share).hex()) {
        refuse(fields.what(), name_of(share) + " is not what was handed out: it was altered",
               "leave it out and give another one");
    }
}

}  // namespace

ShareSlot make_share_slot(const VaultId& id, const SecretBytes& file_key, const ShareScheme& scheme) {
    const SecretBytes secret = crypto::random_secret(kSharedSecretSize);
    ShareSlot made{Json::object(), split_secret(secret, set_of(id), scheme)};
    const SlotKey key = derive(secret, id);
    crypto::Aead aead(key.key.reveal());
    Json digests = Json::array();
    for (const SecretShare& share : made.shares) digests.push_back(digest_of(share).hex());
    made.slot = {{"kind", kKind},
                 {"threshold", scheme.threshold},
                 {"count", scheme.count},
                 {"shares", std::move(digests)},
                 {"check", key.check.hex()},
                 {"sealed", to_base64(aead.seal(crypto::Nonce::counter(0), context_of(id), file_key.reveal()))}};
    return made;
}

bool is_share_slot(const Json& slot) {
    const auto kind = slot.find("kind");
    return slot.is_object() && kind != slot.end() && *kind == kKind;
}

ShareScheme scheme_of_slot(const Json& slot, std::string_view what) {
    const JsonObject fields(slot, what);
    const ShareScheme scheme{static_cast<std::uint8_t>(fields.number("threshold", kMostShares)),
                             static_cast<std::uint8_t>(fields.number("count", kMostShares))};
    if (!scheme.is_valid()) fields.fail("threshold");
    if (fields.array("shares").size() != scheme.count) fields.fail("shares");
    return scheme;
}

SecretBytes open_share_slot(const Json& slot, const VaultId& id, const std::vector<SecretShare>& shares,
                            std::string_view what) {
    const JsonObject fields(slot, what);
    const ShareScheme scheme = scheme_of_slot(slot, what);
    std::map<std::uint8_t, const SecretShare*> by_number;
    for (const SecretShare& share : shares) {
        require_right(share, fields, scheme, id);
        by_number[share.number] = &share;
    }
    if (by_number.size() < scheme.threshold) {
        refuse(what,
               std::to_string(by_number.size()) + " of " + std::to_string(scheme.threshold) +
                   " needed shares (there are " + std::to_string(scheme.count) + ")",
               "give each with --share FILE");
    }
    std::vector<const SecretShare*> needed;
    needed.reserve(by_number.size());
    for (const auto& [number, share] : by_number) needed.push_back(share);
    const SlotKey key = derive(join_shares(needed), id);
    if (!constant_time_equal(key.check.view(), fields.id<Digest>("check").view())) {
        throw Error(ErrorCode::damaged, std::string(what) + ": its shares do not open it, so the file was altered",
                    "take another copy of it");
    }
    crypto::Aead aead(key.key.reveal());
    SecretBytes file_key = aead.open_secret(crypto::Nonce::counter(0), context_of(id), fields.base64("sealed"), what);
    if (file_key.size() != kVaultKeySize) fields.fail("sealed");
    return file_key;
}

}  // namespace signet::keyring
