#include "tests/fuzz/parsers.h"

#include "backup/file_state.h"
#include "core/clock.h"
#include "core/crypto/aead.h"
#include "core/crypto/digest.h"
#include "core/crypto/rsa.h"
#include "core/error.h"
#include "core/pattern.h"
#include "format/backup_entry.h"
#include "format/compress.h"
#include "format/config.h"
#include "format/escrow.h"
#include "format/index.h"
#include "format/limits.h"
#include "format/names.h"
#include "format/officer_entry.h"
#include "format/prune_entry.h"
#include "format/repack_entry.h"
#include "format/slot.h"
#include "format/tree.h"
#include "keyring/audit_log.h"
#include "keyring/byok_file.h"
#include "keyring/keyring.h"
#include "keyring/local_vault.h"
#include "keyring/location.h"
#include "keyring/policy.h"
#include "keyring/share_text.h"
#include "keyring/state_file.h"
#include "storage/journal_cache.h"
#include "storage/store.h"
#include "tests/fuzz/restoring.h"
#include "tests/support/temporary_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace signet::fuzz {
namespace {

constexpr std::string_view kWhat = "input";

/// Octets that were taken are written the same way again: there is one encoding of everything.
void require_same(ByteView taken, ByteView again) {
    if (std::equal(taken.begin(), taken.end(), again.begin(), again.end())) return;
    std::fputs("taken, and encoded in another way\n", stderr);
    std::abort();
}

// The keys of tests/vectors/format, so that its objects open.
constexpr const char* kRepository = "38ea30c6f11bc0cccc24afb6fb6dc6f6";
constexpr const char* kWriter = "c7237e334282ee6458b86a96451ecc88476b307107f4d28ebf50ddb75d8830e0";
constexpr const char* kIndexKey = "c9806de10062721cf5f0050ccddb01820c7ba5b289a2e6869bff68c70fa74699";
constexpr const char* kDekId = "0e67e0a9781218dcd9f3b7e939b6ba4f";
constexpr const char* kDek = "a451b8715e4f8664099c1795f324dad191c79af503693b2a5ffc6e5520fe51c3";
constexpr const char* kPassphrase = "correct horse";

SecretBytes secret_of(const char* hex) { return SecretBytes(Digest::parse(hex).value().view()); }
SecretBytes key_of_sevens() { return SecretBytes(ByteView(Bytes(32, std::uint8_t{7}))); }
RepositoryId some_repository() { return RepositoryId::parse(kRepository).value(); }
IdentityId some_identity() { return IdentityId::from(Bytes(IdentityId::kSize, std::uint8_t{2})); }
std::string text_of(ByteView octets) { return std::string(as_text(octets)); }

/// A folder for what is read from files; one for the whole process.
const std::string& scratch() {
    static const test::TemporaryFolder folder;
    return folder.path();
}

void write_scratch(const std::string& path, ByteView octets, mode_t mode = 0600) {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!fd) std::abort();
    write_full(fd.get(), octets, path);
}

// The repository format.

void config(ByteView octets) {
    const auto config = format::RepositoryConfig::decode(octets);
    require_same(octets, config.encode());
}

void entry(ByteView octets) {
    // Its place in the journal is what it says itself, and its signature is taken as verified.
    if (octets.size() < 20 + 16 + 32 + 32 + 8) return;
    ByteReader fields(octets.subspan(20 + 16 + 32), kWhat);
    const ByteView key = fields.raw(32);
    const std::uint64_t sequence = fields.u64();
    constexpr std::uint8_t kSpki[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    const auto identity = IdentityId::from(crypto::sha256({ByteView(kSpki), key}).view());
    // No object has a name with another number.
    if (sequence == 0 || sequence > format::kMaxSequence) return;
    const std::string name = format::journal_name(identity, sequence);
    const auto entry = format::resume_entry(Bytes(octets.begin(), octets.end()), EntryId{}, name);
    ByteWriter again;
    switch (entry.kind) {
        case format::EntryKind::backup:
        case format::EntryKind::partial:
            format::backup_public(entry).encode(again);
            break;
        case format::EntryKind::repack:
            format::repack_public(entry).encode(again);
            break;
        default:
            return;
    }
    require_same(entry.public_fields(), again.view());
}

void signed_entry(ByteView octets) {
    static_cast<void>(
        format::decode_entry(Bytes(octets.begin(), octets.end()), format::journal_name(some_identity(), 1)));
}

void backup_fields(ByteView octets) {
    ByteWriter again;
    format::BackupPublic::decode(octets, kWhat).encode(again);
    require_same(octets, again.view());
}
void repack_fields(ByteView octets) {
    ByteWriter again;
    format::RepackPublic::decode(octets, kWhat).encode(again);
    require_same(octets, again.view());
}
void trust_fields(ByteView octets) { require_same(octets, format::TrustFields::decode(octets, kWhat).encode()); }
void policy_fields(ByteView octets) {
    const auto fields = format::PolicyFields::decode(octets, kWhat);
    require_same(octets, fields.encode());
    static_cast<void>(keyring::Policy::from_values({fields.values.begin(), fields.values.end()}));
}
void remark_fields(ByteView octets) { require_same(octets, format::RemarkFields::decode(octets, kWhat).encode()); }
void tombstone_fields(ByteView octets) {
    require_same(octets, format::TombstoneFields::decode(octets, kWhat).encode());
}
void condemnation_fields(ByteView octets) {
    require_same(octets, format::CondemnationFields::decode(octets, kWhat).encode());
}
void verdict_fields(ByteView octets) { require_same(octets, format::VerdictFields::decode(octets, kWhat).encode()); }
void acknowledgement_fields(ByteView octets) {
    require_same(octets, format::AcknowledgementFields::decode(octets, kWhat).encode());
}
void labels(ByteView octets) { require_same(octets, format::Labels::decode(octets, kWhat).encode()); }
void body(ByteView octets) { static_cast<void>(format::BackupBody::decode(octets, format::EntryKind::backup, kWhat)); }
void slot(ByteView octets) { require_same(octets, format::Slot::decode(octets, kWhat).encode()); }
void escrow(ByteView octets) {
    // No more than the cheapest derivation for each input.
    if (octets.size() > 62 && (octets[59] > 10 || octets[60] > 8 || octets[61] > 1)) return;
    static_cast<void>(format::has_usual_cost(octets));
    static_cast<void>(format::open_escrow(octets, some_repository(), SecretBytes(as_bytes(kPassphrase)), kWhat));
}

void content(ByteView octets) {
    ByteReader reader(octets, kWhat);
    const auto content = format::Content::decode(reader);
    ByteWriter again;
    content.encode(again);
    require_same(octets.first(octets.size() - reader.remaining()), again.view());
}
void list(ByteView octets) {
    if (octets.size() < 9) return;
    ByteReader head(octets, kWhat);
    const std::uint64_t span = head.u64();
    const unsigned level = head.u8() % 5U;
    const ByteView chunk = octets.subspan(9);
    require_same(chunk, format::encode_list(level, format::decode_list(chunk, level, span, kWhat)));
}
void directory(ByteView octets) {
    const auto entries = format::decode_directory(octets, kWhat);
    ByteWriter again;
    for (const format::Entry& entry : entries) entry.encode(again);
    require_same(octets, again.view());
}

// What is sealed.

void index(ByteView octets) {
    const SecretBytes key = key_of_sevens();
    ByteWriter header;
    header.raw("SIGNETIX");
    header.u16(1);
    header.u16(1);
    header.id(some_repository());
    header.id(some_identity());
    header.raw(Bytes(32, std::uint8_t{3}));
    const Bytes before(header.view().begin(), header.view().end());
    crypto::Aead aead(
        crypto::hkdf_expand(key.reveal(), {as_bytes(std::string_view("signet/index/v1\0", 16)), before}, 32).reveal());
    // Half of them compressed for it, half as they come.
    const bool is_compressed = !octets.empty() && octets.front() % 2 == 0;
    const Bytes plain =
        is_compressed ? format::Compressor(1).compress(octets.subspan(1)) : Bytes(octets.begin(), octets.end());
    Bytes object = before;
    const Bytes sealed = aead.seal(crypto::Nonce::counter(0), before, plain);
    object.insert(object.end(), sealed.begin(), sealed.end());
    static_cast<void>(format::IndexSegment::open(object, some_repository(), some_identity(), key, kWhat));
}

void index_object(ByteView octets) {
    static_cast<void>(format::IndexSegment::open(octets, some_repository(), IdentityId::parse(kWriter).value(),
                                                 secret_of(kIndexKey), kWhat));
}

void pack(ByteView octets) {
    const format::DataKey key(some_repository(), DekId::parse(kDekId).value(), secret_of(kDek));
    const auto keys =
        format::PackKeys::open(key, octets.first(std::min(octets.size(), format::kPackHeaderSize)), kWhat);
    const auto frames = format::open_pack_directory(keys, octets, octets.size(), kWhat);
    format::FrameCipher cipher(keys);
    format::Decompressor decompressor;
    std::size_t at = format::kPackHeaderSize;
    for (std::uint32_t number = 0; number < frames.size(); ++number) {
        const format::FrameRecord& frame = frames[number];
        Bytes payload(frame.sealed_size - crypto::kAeadTagSize);
        Bytes raw(frame.raw_size);
        if (cipher.open({number, frame.kind, frame.codec, frame.raw_size}, octets.subspan(at, frame.sealed_size),
                        payload) &&
            frame.codec == format::Codec::zstd)
            static_cast<void>(decompressor.decompress(payload, raw));
        at += frame.sealed_size;
    }
}

void pack_directory(ByteView octets) {
    ByteReader reader(octets, kWhat);
    ByteWriter again;
    while (!reader.at_end()) format::FrameRecord::decode(reader).encode(again);
    require_same(octets, again.view());
}

void zstd(ByteView octets) {
    format::Decompressor decompressor;
    static_cast<void>(decompressor.decompress(octets, std::size_t{1} << 20U, kWhat));
}

void journal_cache(ByteView octets) {
    static const std::string folder = scratch() + "/cache";
    const SecretBytes key = key_of_sevens();
    ByteWriter header;
    header.raw("SIGNETJC");
    header.id(some_repository());
    header.id(some_identity());
    header.raw(Bytes(32, std::uint8_t{3}));
    crypto::Aead aead(crypto::hkdf_expand(key.reveal(),
                                          {as_bytes(std::string_view("signet/journal-cache/v1\0", 24)), header.view()},
                                          crypto::kAeadKeySize)
                          .reveal());
    ByteWriter first;
    first.u64(1);
    std::uint64_t number = 0;
    for (const ByteView block : {first.view(), octets}) {
        const Bytes sealed = aead.seal(crypto::Nonce::counter(number++), {}, block);
        header.u32(static_cast<std::uint32_t>(sealed.size()));
        header.raw(sealed);
    }
    make_folders(folder, 0700);
    write_scratch(folder + "/journal-" + some_identity().short_hex(16), header.view());
    static_cast<void>(storage::JournalCache(folder, some_repository(), key).load(some_identity()));
}

void run_state(ByteView octets) {
    static const std::string path = scratch() + "/state";
    const SecretBytes key = key_of_sevens();
    const backup::StateIdentity identity{some_repository(), some_identity(), Digest{}};
    ByteWriter file;
    file.raw("SIGNETC1");
    file.id(identity.repository);
    file.id(identity.writer);
    file.id(identity.series);
    file.raw(Bytes(32, std::uint8_t{3}));
    crypto::Aead aead(
        crypto::hkdf_expand(key.reveal(), {as_bytes(std::string_view("signet/state/v1\0", 16)), file.view()}, 32)
            .reveal());
    ByteWriter first;
    first.id(Digest{});
    first.u64(1);
    file.raw(aead.seal(crypto::Nonce::counter(0), {}, first.view()));
    const Bytes block = aead.seal(crypto::Nonce::counter(1), {}, octets);
    file.u32(static_cast<std::uint32_t>(block.size()));
    file.raw(block);
    write_scratch(path, file.view());
    backup::OldState state(path, identity, key);
    for (const char* const folder : {"/", "/a", "/a/b", "/home"}) {
        if (!state.enter(folder)) continue;
        for (const char* const name : {"a", "b", "file", "x", "z"}) static_cast<void>(state.find(name));
        static_cast<void>(state.folder_lost_entries());
    }
}

// The host's own files. Whoever can write them is the host's user; damage is not.

/// With the checksum that belongs to it: half of what is read is behind that.
Bytes with_checksum(ByteView octets) {
    keyring::Json body = keyring::Json::parse(as_text(octets), nullptr, false);
    if (body.is_discarded() || !body.is_object()) throw Error(ErrorCode::damaged, "not a JSON object");
    body.erase("checksum");
    const std::string text = keyring::encode_state(std::move(body));
    return Bytes(text.begin(), text.end());
}

void keyring_file(ByteView octets) {
    static const std::string folder = scratch() + "/keyring";
    make_folders(folder, 0700);
    write_scratch(folder + "/keyring.json", with_checksum(octets));
    static_cast<void>(keyring::Keyring::open(folder));
}

void vault_file(ByteView octets) {
    static const std::string folder = scratch() + "/vault";
    make_folders(folder, 0700);
    write_scratch(folder + "/vault.json", with_checksum(octets));
    static_cast<void>(keyring::LocalVault::open(folder));
}

void state_file(ByteView octets) { static_cast<void>(keyring::decode_state(octets, "signet_keyring", kWhat)); }

void audit_log(ByteView octets) {
    static const std::string path = scratch() + "/audit.log";
    write_scratch(path, octets);
    const keyring::AuditLog log(path, Clock::system());
    static_cast<void>(log.verify({}));
    log.read([](const keyring::AuditRecord&) {});
    static_cast<void>(log.head());
}

void byok(ByteView octets) { static_cast<void>(keyring::parse_byok(octets, kWhat)); }
void shares(ByteView octets) { static_cast<void>(keyring::parse_shares(as_text(octets), kWhat)); }
void pem(ByteView octets) {
    const SecretBytes passphrase(as_bytes("sesame"));
    static_cast<void>(crypto::RsaPublicKey::from_pem(as_text(octets), kWhat));
    static_cast<void>(crypto::RsaPrivateKey::from_pem(octets, &passphrase, kWhat));
}
void der(ByteView octets) {
    const SecretBytes passphrase(as_bytes("sesame"));
    static_cast<void>(crypto::RsaPrivateKey::from_der(octets, &passphrase, kWhat));
}

// What people and scripts say.

void thumbprint(ByteView octets) { static_cast<void>(format::Thumbprint::parse(as_text(octets))); }
void names(ByteView octets) {
    const std::string_view name = as_text(octets);
    static_cast<void>(storage::is_object_name(name));
    static_cast<void>(format::parse_slot_name(name));
    static_cast<void>(format::parse_escrow_name(name));
    static_cast<void>(format::parse_pack_name(name));
    static_cast<void>(format::parse_index_name(name));
    if (const auto journal = format::parse_journal_name(name)) {
        const std::string again = format::journal_name(journal->identity, journal->sequence);
        require_same(octets, as_bytes(again));
    }
}
void location(ByteView octets) { static_cast<void>(keyring::Location::parse(as_text(octets))); }
void time(ByteView octets) {
    static_cast<void>(parse_time(as_text(octets), TimePoint{1'700'000'000'000'000'000}));
    static_cast<void>(parse_span(as_text(octets)));
}
void pattern(ByteView octets) {
    const std::string text = text_of(octets);
    const std::size_t slash = std::min(text.find('\n'), text.size());
    const Pattern pattern(text.substr(0, slash), false);
    const std::string path = "/" + text.substr(std::min(slash + 1, text.size()));
    static_cast<void>(pattern.matches(path));
    static_cast<void>(pattern.may_match_below(path));
}

}  // namespace

const std::vector<Parser>& parsers() {
    static const std::vector<Parser> all = {
        {"config", config},
        {"entry", entry},
        {"signed-entry", signed_entry},
        {"backup-fields", backup_fields},
        {"repack-fields", repack_fields},
        {"trust-fields", trust_fields},
        {"policy-fields", policy_fields},
        {"remark-fields", remark_fields},
        {"tombstone-fields", tombstone_fields},
        {"condemnation-fields", condemnation_fields},
        {"verdict-fields", verdict_fields},
        {"acknowledgement-fields", acknowledgement_fields},
        {"labels", labels},
        {"body", body},
        {"slot", slot},
        {"escrow", escrow},
        {"content", content},
        {"list", list},
        {"directory", directory},
        {"index", index},
        {"index-object", index_object},
        {"pack", pack},
        {"pack-directory", pack_directory},
        {"zstd", zstd},
        {"journal-cache", journal_cache},
        {"run-state", run_state},
        {"keyring", keyring_file},
        {"vault", vault_file},
        {"state-file", state_file},
        {"audit-log", audit_log},
        {"byok", byok},
        {"shares", shares},
        {"pem", pem},
        {"der", der},
        {"thumbprint", thumbprint},
        {"names", names},
        {"location", location},
        {"time", time},
        {"pattern", pattern},
        {"restore", restore_tree},
    };
    return all;
}

const Parser* find_parser(std::string_view name) {
    for (const Parser& parser : parsers()) {
        if (name == parser.name) return &parser;
    }
    return nullptr;
}

void run(const Parser& parser, ByteView octets) {
    try {
        parser.run(octets);
    } catch (const Error&) {
        // An answer.
    }
}

}  // namespace signet::fuzz
