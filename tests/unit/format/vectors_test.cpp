// Runs tests/vectors/format/: one file, one reason to fail, at the stage that it names.
#include "core/crypto/digest.h"
#include "core/crypto/scrypt.h"
#include "core/file.h"
#include "format/compress.h"
#include "format/config.h"
#include "format/escrow.h"
#include "format/limits.h"
#include "format/names.h"
#include "format/officer_entry.h"
#include "format/prune_entry.h"
#include "format/repack_entry.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/samples.h"

#include <algorithm>
#include <filesystem>
#include <map>

namespace {

using namespace signet;
using namespace signet::format;
using namespace signet::test;

struct Vector {
    std::map<std::string, std::string> header;
    Bytes octets;

    bool has(const std::string& name) const { return header.count(name) != 0; }
    const std::string& text(const std::string& name) const { return header.at(name); }
    Bytes bytes(const std::string& name) const { return from_hex_text(text(name)); }
    SecretBytes secret(const std::string& name) const { return SecretBytes(ByteView(bytes(name))); }
    std::uint64_t number(const std::string& name) const { return std::stoull(text(name)); }
    template <class IdType>
    IdType id(const std::string& name) const {
        return IdType::parse(text(name)).value();
    }
    DataKey dek() const { return {id<RepositoryId>("repository"), id<DekId>("dek-id"), secret("dek")}; }
};

Vector read_vector(const std::string& path) {
    const Bytes content = read_file(path, 64 * 1024 * 1024);
    std::string_view rest = as_text(content);
    Vector vector;
    std::string hex;
    bool in_header = true;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (line.empty()) {
            in_header = false;
        } else if (in_header) {
            const std::size_t colon = line.find(": ");
            if (colon == std::string_view::npos) throw Error(ErrorCode::failed, path + ": not a header");
            vector.header[std::string(line.substr(0, colon))] = std::string(line.substr(colon + 2));
        } else {
            hex += line;
        }
    }
    vector.octets = from_hex_text(hex);
    return vector;
}

/// What came of a vector: how it ended and the stage that it had reached.
struct Result {
    std::string expect = "ok";
    std::string stage;
};

std::string name_of(ErrorCode code) {
    switch (code) {
        case ErrorCode::damaged:
            return "damaged";
        case ErrorCode::unsupported:
            return "unsupported";
        case ErrorCode::wrong_passphrase:
            return "wrong-passphrase";
        default:
            return "another error";
    }
}

/// A chunk of these, with `extra` before the ids; for comparing with `chunks`.
Bytes join(const std::vector<ChunkId>& ids) {
    Bytes joined;
    for (const ChunkId& id : ids) joined.insert(joined.end(), id.octets.begin(), id.octets.end());
    return joined;
}

void run_config(const Vector& vector, Result& result) {
    result.stage = "decode";
    const RepositoryConfig config = RepositoryConfig::decode(vector.octets);
    CHECK(config.encode() == vector.octets);
    CHECK(config.hash() == vector.id<Digest>("hash"));
}

void run_slot(const Vector& vector, Result& result) {
    result.stage = "decode";
    const Slot slot = Slot::decode(vector.octets, "vector");
    CHECK(slot.encode() == vector.octets);
    if (slot.thumbprint != Thumbprint::of(sample_protector().public_key())) return;
    result.stage = "accept";
    const auto plaintext = sample_protector().unwrap(slot.wrapped);
    REQUIRE(plaintext.has_value());
    const DataKey key = accept_unwrapped(slot, *plaintext);
    CHECK(key.secret().equals(vector.bytes("dek")));
}

void run_backup_fields(const Vector& vector, const SignedEntry& entry, Result& result) {
    result.stage = "fields";
    const BackupPublic fields = backup_public(entry);
    ByteWriter again;
    fields.encode(again);
    CHECK(as_text(again.view()) == as_text(entry.public_fields()));
    result.stage = "labels";
    const auto labels = open_labels(entry, vector.secret("label-key"));
    if (!labels) {
        result.expect = "other-key";
        return;
    }
    CHECK(labels->host == "db1");
    result.stage = "body";
    const BackupBody body = open_body(entry, vector.dek());
    CHECK(body.keys.label_key.equals(vector.bytes("label-key")));
}

void run_repack_fields(const Vector& vector, const SignedEntry& entry, Result& result) {
    result.stage = "fields";
    const RepackPublic fields = repack_public(entry);
    ByteWriter again;
    fields.encode(again);
    CHECK(as_text(again.view()) == as_text(entry.public_fields()));
    result.stage = "body";
    for (std::size_t i = 0; i < fields.bodies.size(); ++i) {
        const BackupBody body = open_resealed_body(entry, i, vector.dek());
        CHECK(body.keys.label_key.equals(vector.bytes("label-key")));
    }
}

void run_entry(const Vector& vector, Result& result) {
    result.stage = "envelope";
    const SignedEntry entry = decode_entry(vector.octets, vector.text("name"));
    CHECK(entry.head.repository == vector.id<RepositoryId>("repository"));
    if (entry.kind == EntryKind::backup || entry.kind == EntryKind::partial) {
        run_backup_fields(vector, entry, result);
        return;
    }
    if (entry.kind == EntryKind::repack) {
        run_repack_fields(vector, entry, result);
        return;
    }
    result.stage = "fields";
    Bytes again;
    if (entry.kind == EntryKind::condemnation)
        again = CondemnationFields::decode(entry.public_fields(), "vector").encode();
    if (entry.kind == EntryKind::verdict) again = VerdictFields::decode(entry.public_fields(), "vector").encode();
    if (entry.kind == EntryKind::acknowledgement)
        again = AcknowledgementFields::decode(entry.public_fields(), "vector").encode();
    if (entry.kind == EntryKind::tombstone) again = TombstoneFields::decode(entry.public_fields(), "vector").encode();
    if (entry.kind == EntryKind::trust) again = TrustFields::decode(entry.public_fields(), "vector").encode();
    if (entry.kind == EntryKind::policy) again = PolicyFields::decode(entry.public_fields(), "vector").encode();
    if (entry.kind == EntryKind::remark) again = RemarkFields::decode(entry.public_fields(), "vector").encode();
    CHECK(as_text(again) == as_text(entry.public_fields()));
    if (entry.kind != EntryKind::remark) return;
    result.stage = "labels";
    const auto tags = open_remark(entry, vector.secret("label-key"));
    if (!tags) result.expect = "other-key";
}

void run_pack(const Vector& vector, Result& result) {
    result.stage = "header";
    const ByteView object(vector.octets);
    const PackKeys keys =
        PackKeys::open(vector.dek(), object.first(std::min(object.size(), kPackHeaderSize)), "vector");
    result.stage = "directory";
    const auto frames = open_pack_directory(keys, object, object.size(), "vector");
    result.stage = "frame";
    FrameCipher cipher(keys);
    std::vector<ChunkId> ids;
    std::size_t offset = kPackHeaderSize;
    crypto::HmacSha256 hmac(vector.bytes("id-key"));
    for (std::uint32_t i = 0; i < frames.size(); ++i) {
        const FrameRecord& frame = frames[i];
        Bytes raw(frame.sealed_size - crypto::kAeadTagSize);
        if (!cipher.open({i, frame.kind, frame.codec, frame.raw_size}, object.subspan(offset, frame.sealed_size),
                         raw)) {
            throw Error(ErrorCode::damaged, "frame");
        }
        offset += frame.sealed_size;
        if (frame.codec == Codec::zstd) {
            const Bytes payload = std::move(raw);
            raw.assign(frame.raw_size, 0);
            if (!Decompressor().decompress(payload, raw)) throw Error(ErrorCode::damaged, "frame");
        }
        std::size_t at = 0;
        for (std::size_t c = 0; c < frame.chunk_lengths.size(); ++c) {
            // The vectors' metadata frame holds a tree chunk and a list chunk.
            const ChunkKind kind = frame.kind == FrameKind::data ? ChunkKind::data
                                   : c == 0                      ? ChunkKind::tree
                                                                 : ChunkKind::list;
            const std::uint8_t kind_octet = static_cast<std::uint8_t>(kind);
            const ByteView chunk = ByteView(raw).subspan(at, frame.chunk_lengths[c]);
            ids.push_back(ChunkId::from(hmac.compute({{&kind_octet, 1}, chunk}).view().first(ChunkId::kSize)));
            at += frame.chunk_lengths[c];
        }
    }
    result.stage = "chunk";
    if (join(ids) != vector.bytes("chunks")) throw Error(ErrorCode::damaged, "chunk");
}

/// Where an index segment is refused, found out with the primitives alone.
std::string index_stage(const Vector& vector) {
    ByteWriter expected;
    expected.raw("SIGNETIX");
    expected.u16(1);
    expected.u16(1);
    expected.id(vector.id<RepositoryId>("repository"));
    expected.id(vector.id<IdentityId>("writer"));
    const ByteView object(vector.octets);
    if (object.size() <= 92 + 16 || as_text(object.first(60)) != as_text(expected.view())) return "header";
    const SecretBytes key = crypto::hkdf_expand(
        vector.bytes("index-key"), {as_bytes(std::string_view("signet/index/v1", 16)), object.first(92)}, 32);
    Bytes plaintext(object.size() - 92 - 16);
    crypto::Aead aead(key.reveal());
    return aead.open(crypto::Nonce::counter(0), object.first(92), object.subspan(92), plaintext) ? "plaintext" : "seal";
}

void run_index(const Vector& vector, Result& result) {
    result.stage = index_stage(vector);
    const auto writer = vector.id<IdentityId>("writer");
    const auto repository = vector.id<RepositoryId>("repository");
    const IndexSegment segment =
        IndexSegment::open(vector.octets, repository, writer, vector.secret("index-key"), "vector");
    Bytes ids;
    for (const IndexedPack& pack : segment.packs) {
        const Bytes joined = join(pack.chunks);
        ids.insert(ids.end(), joined.begin(), joined.end());
    }
    CHECK(ids == vector.bytes("chunks"));
}

/// Where an escrow object is refused, found out with the primitives alone.
std::string escrow_stage(const Vector& vector) {
    ByteWriter expected;
    expected.raw("SIGNETES");
    expected.u16(1);
    expected.id(vector.id<RepositoryId>("repository"));
    const ByteView object(vector.octets);
    if (object.size() <= 110 + 16 || object.size() > 64 * 1024) return "header";
    if (as_text(object.first(26)) != as_text(expected.view())) return "header";
    if (object[26] < 1 || object[26] > 2) return "header";
    const crypto::ScryptCost cost{object[59], object[60], object[61]};
    SecretBytes octets;
    if (outcome(
            [&] { octets = crypto::scrypt(as_bytes(vector.text("passphrase")), object.subspan(62, 16), cost, 64); })) {
        return "header";
    }
    const Digest check =
        crypto::sha256({as_bytes(std::string_view("signet/check/v1", 16)), octets.reveal().subspan(32)});
    if (as_text(check.view()) != as_text(object.subspan(78, 32))) return "check";
    Bytes plaintext(object.size() - 110 - 16);
    crypto::Aead aead(octets.reveal().first(32));
    return aead.open(crypto::Nonce::counter(0), object.first(110), object.subspan(110), plaintext) ? "plaintext"
                                                                                                   : "seal";
}

void run_escrow(const Vector& source, Result& result) {
    Vector vector = source;
    const Bytes passphrase = vector.bytes("passphrase");
    vector.header["passphrase"] = std::string(as_text(passphrase));
    result.stage = escrow_stage(vector);
    const EscrowSecret secret =
        open_escrow(vector.octets, vector.id<RepositoryId>("repository"), SecretBytes(ByteView(passphrase)), "vector");
    CHECK(secret.name == "escrow");
    CHECK(crypto::sha256(secret.pkcs8.reveal()) == vector.id<Digest>("private-sha256"));
    CHECK(secret.officer_seed.equals(vector.has("seed") ? vector.bytes("seed") : Bytes{}));
}

void run_content(const Vector& vector, Result& result) {
    result.stage = "decode";
    if (vector.has("list-level")) {
        const auto level = static_cast<unsigned>(vector.number("list-level"));
        const auto references = decode_list(vector.octets, level, vector.number("span"), "vector");
        CHECK(encode_list(level, references) == vector.octets);
        return;
    }
    ByteReader reader(vector.octets, "vector");
    const Content content = Content::decode(reader);
    reader.expect_end();
    ByteWriter again;
    content.encode(again);
    CHECK(again.bytes() == vector.octets);
}

void run_tree(const Vector& vector, Result& result) {
    result.stage = "decode";
    ByteWriter again;
    for (const Entry& entry : decode_directory(vector.octets, "vector")) entry.encode(again);
    CHECK(again.bytes() == vector.octets);
}

Result run(const Vector& vector) {
    static const std::map<std::string, void (*)(const Vector&, Result&)> kRunners{
        {"config", run_config}, {"slot", run_slot},     {"entry", run_entry},     {"pack", run_pack},
        {"index", run_index},   {"escrow", run_escrow}, {"content", run_content}, {"tree", run_tree}};
    Result result;
    try {
        kRunners.at(vector.text("kind"))(vector, result);
    } catch (const Error& error) {
        result.expect = name_of(error.code());
    }
    if (result.expect == "ok") result.stage.clear();
    return result;
}

std::vector<std::string> vector_files(const std::string& kind) {
    std::vector<std::string> files;
    for (const auto& file : std::filesystem::directory_iterator(SIGNET_TEST_DIR "/vectors/format/" + kind)) {
        if (file.path().extension() == ".txt") files.push_back(file.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
}

void run_kind(const std::string& kind, std::size_t fewest) {
    const auto files = vector_files(kind);
    CHECK(files.size() >= fewest);
    for (const std::string& file : files) {
        CAPTURE(file);
        const Vector vector = read_vector(file);
        CAPTURE(vector.text("comment"));
        REQUIRE(vector.text("kind") == kind);
        const Result result = run(vector);
        CHECK(result.expect == vector.text("expect"));
        CHECK(result.stage == (vector.has("stage") ? vector.text("stage") : ""));
    }
}

}  // namespace

TEST_CASE("vectors of config.json", "[format][vectors]") { run_kind("config", 20); }
TEST_CASE("vectors of slots [R81]", "[format][vectors]") { run_kind("slot", 25); }
TEST_CASE("vectors of journal entries", "[format][vectors]") { run_kind("entry", 70); }
TEST_CASE("vectors of packs", "[format][vectors]") { run_kind("pack", 45); }
TEST_CASE("vectors of index segments", "[format][vectors]") { run_kind("index", 20); }
TEST_CASE("vectors of escrow objects [R5]", "[format][vectors]") { run_kind("escrow", 25); }
TEST_CASE("vectors of contents and lists", "[format][vectors]") { run_kind("content", 25); }
TEST_CASE("vectors of directories", "[format][vectors]") { run_kind("tree", 40); }
