// Reads tests/vectors/example/, a repository made by another implementation, to the result written beside it.
#include "core/crypto/digest.h"
#include "core/file.h"
#include "format/compress.h"
#include "format/config.h"
#include "format/escrow.h"
#include "format/limits.h"
#include "format/names.h"
#include "format/officer_entry.h"
#include "tests/support/matchers.h"
#include "tests/unit/format/samples.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <map>

namespace {

using namespace signet;
using namespace signet::format;
using namespace signet::test;
using nlohmann::json;

const std::string kFolder = SIGNET_TEST_DIR "/vectors/example/";

Bytes read_example(const std::string& name) { return read_file(kFolder + name, 16 * 1024 * 1024); }

std::vector<std::string> object_names() {
    std::vector<std::string> names;
    const std::string root = kFolder + "repository/";
    for (const auto& file : std::filesystem::recursive_directory_iterator(root)) {
        if (file.is_regular_file()) names.push_back(file.path().string().substr(root.size()));
    }
    return names;
}

crypto::RsaPrivateKey private_key(const std::string& name) {
    return crypto::RsaPrivateKey::from_pem(read_example("keys/" + name), nullptr, name);
}

/// The digest that an object's name says it has; nothing for names without one.
std::optional<Digest> named_digest(const std::string& name) {
    if (const auto slot = parse_slot_name(name)) return slot->content;
    if (const auto escrow = parse_escrow_name(name)) return escrow->content;
    if (const auto pack = parse_pack_name(name)) return Digest::from(pack->view());
    if (const auto index = parse_index_name(name)) return Digest::from(index->view());
    return std::nullopt;
}

/// Everything that is known before a body is opened.
struct Example {
    std::map<std::pair<IdentityId, std::uint64_t>, SignedEntry> entries;
    std::vector<Slot> slots;  ///< below slots/

    Example() {
        for (const std::string& name : object_names()) {
            if (const auto journal = parse_journal_name(name)) {
                entries[{journal->identity, journal->sequence}] =
                    decode_entry(read_example("repository/" + name), name);
            } else if (parse_slot_name(name)) {
                slots.push_back(Slot::decode(read_example("repository/" + name), name));
            }
        }
    }

    /// The DEK of an entry, by any slot under one of the example's keys.
    DataKey open_dek(const BackupPublic& fields) const {
        std::vector<Slot> candidates = fields.slots;
        candidates.insert(candidates.end(), slots.begin(), slots.end());
        for (const std::string file : {"token.pem", "escrow.pem"}) {
            const crypto::RsaPrivateKey key = private_key(file);
            for (const Slot& slot : candidates) {
                if (slot.dek != fields.dek || slot.thumbprint != Thumbprint::of(key.public_key())) continue;
                const auto plaintext = key.unwrap(slot.wrapped);
                if (plaintext) return accept_unwrapped(slot, *plaintext);
            }
        }
        throw Error(ErrorCode::key_unavailable, "no slot opens");
    }
};

/// The chunks of one backup: found by its indexes, in packs that it reaches, and nowhere else.
class Chunks {
public:
    Chunks(const Example& example, const SignedEntry& entry, json& deks) : hmac_(Bytes(32)) {
        const BackupPublic fields = backup_public(entry);
        const DataKey own = example.open_dek(fields);
        body_ = open_body(entry, own);
        hmac_ = crypto::HmacSha256(body_.keys.id_key.reveal());
        deks = json::array();
        for (const Reach& reach : fields.reach) {
            const SignedEntry& earlier = example.entries.at({fields.writer_of(reach, entry.identity), reach.sequence});
            const BackupPublic earlier_fields = backup_public(earlier);
            REQUIRE(earlier_fields.dek == reach.dek);
            add(earlier, earlier_fields, example.open_dek(earlier_fields), &reach, deks);
        }
        add(entry, fields, own, nullptr, deks);
    }

    const BackupBody& body() const { return body_; }

    Bytes read(const Content& content, ChunkKind kind) {
        Bytes out;
        append(content.references, content.level, kind, out);
        REQUIRE(out.size() == content.size);
        return out;
    }

private:
    struct Place {
        const Bytes* pack = nullptr;
        const PackKeys* keys = nullptr;
        FrameRecord frame = {};
        std::uint32_t number = 0;
        std::size_t offset = 0;        ///< of the frame in the pack
        std::size_t chunk_offset = 0;  ///< of the chunk in the frame
    };

    void add(const SignedEntry& entry, const BackupPublic& fields, const DataKey& dek, const Reach* reach, json& deks) {
        const json row{{"id", dek.id().hex()}, {"dek", to_hex(dek.secret().reveal())}};
        if (deks.empty() || deks.back() != row) deks.push_back(row);
        std::map<PackId, bool> wanted;
        for (std::size_t i = 0; i < fields.packs.size(); ++i) wanted[fields.packs[i].id] = !reach || reach->has(i);
        for (const IndexInfo& index : fields.indexes) {
            const Bytes object = read_example("repository/" + index_name(index.id));
            REQUIRE(object.size() == index.size);
            const IndexSegment segment =
                IndexSegment::open(object, entry.head.repository, entry.identity, body_.keys.index_key, "index");
            for (const IndexedPack& pack : segment.packs) {
                if (wanted.at(pack.id)) add_pack(pack, dek);
            }
        }
    }

    void add_pack(const IndexedPack& pack, const DataKey& dek) {
        packs_.push_back(std::make_unique<Bytes>(read_example("repository/" + pack_name(pack.id))));
        const Bytes& object = *packs_.back();
        REQUIRE(object.size() == pack.size);
        keys_.push_back(std::make_unique<PackKeys>(PackKeys::open(dek, ByteView(object).first(128), "pack")));
        const auto frames = open_pack_directory(*keys_.back(), object, object.size(), "pack");
        REQUIRE(frames.size() == pack.frames.size());
        std::size_t offset = kPackHeaderSize;
        std::size_t chunk = 0;
        for (std::uint32_t i = 0; i < frames.size(); ++i) {
            REQUIRE(frames[i].chunk_lengths == pack.frames[i].chunk_lengths);
            std::size_t in_frame = 0;
            for (const std::uint32_t length : frames[i].chunk_lengths) {
                places_[pack.chunks.at(chunk++)] = {&object, keys_.back().get(), frames[i], i, offset, in_frame};
                in_frame += length;
            }
            offset += frames[i].sealed_size;
        }
    }

    Bytes read_chunk(const Reference& reference, ChunkKind kind) {
        const Place& place = places_.at(reference.id);
        FrameCipher cipher(*place.keys);
        Bytes raw(place.frame.sealed_size - crypto::kAeadTagSize);
        REQUIRE(cipher.open({place.number, place.frame.kind, place.frame.codec, place.frame.raw_size},
                            ByteView(*place.pack).subspan(place.offset, place.frame.sealed_size), raw));
        if (place.frame.codec == Codec::zstd) {
            const Bytes payload = std::move(raw);
            raw.assign(place.frame.raw_size, 0);
            REQUIRE(decompressor_.decompress(payload, raw));
        }
        const ByteView chunk = ByteView(raw).subspan(place.chunk_offset, reference.length);
        const auto octet = static_cast<std::uint8_t>(kind);
        REQUIRE(ChunkId::from(hmac_.compute({{&octet, 1}, chunk}).view().first(16)) == reference.id);
        return {chunk.begin(), chunk.end()};
    }

    void append(const std::vector<Reference>& references, unsigned level, ChunkKind kind, Bytes& out) {
        for (const Reference& reference : references) {
            const Bytes chunk = read_chunk(reference, level == 0 ? kind : ChunkKind::list);
            if (level == 0) {
                out.insert(out.end(), chunk.begin(), chunk.end());
            } else {
                append(decode_list(chunk, level - 1, reference.span, "list"), level - 1, kind, out);
            }
        }
    }

    BackupBody body_;
    crypto::HmacSha256 hmac_;
    Decompressor decompressor_;
    std::vector<std::unique_ptr<Bytes>> packs_;
    std::vector<std::unique_ptr<PackKeys>> keys_;
    std::map<ChunkId, Place> places_;
};

std::string octal(std::uint32_t mode) {
    std::string digits;
    for (int shift = 9; shift >= 0; shift -= 3) digits += static_cast<char>('0' + (mode >> shift & 7U));
    return digits;
}

const char* type_name(EntryType type) {
    static const std::map<EntryType, const char*> kNames{
        {EntryType::file, "file"},         {EntryType::directory, "directory"},
        {EntryType::symlink, "symlink"},   {EntryType::fifo, "fifo"},
        {EntryType::socket, "socket"},     {EntryType::character, "character device"},
        {EntryType::block, "block device"}};
    return kNames.at(type);
}

/// The octets of a file with its holes.
Bytes with_holes(const Entry& entry, const Bytes& data) {
    if (entry.extents.empty()) return data;
    Bytes out;
    auto next = data.begin();
    for (const Extent& extent : entry.extents) {
        out.resize(out.size() + extent.hole);
        out.insert(out.end(), next, next + static_cast<std::ptrdiff_t>(extent.data));
        next += static_cast<std::ptrdiff_t>(extent.data);
    }
    return out;
}

json optional_fields(const Entry& entry, std::int64_t mtime) {
    json row = json::object();
    if (entry.birth_delta_ns) row["birth"] = mtime + *entry.birth_delta_ns;
    if (entry.link) row["link"] = {entry.link->file_system, entry.link->inode};
    for (const Extent& extent : entry.extents) row["stretches"].push_back({extent.hole, extent.data});
    for (const Xattr& xattr : entry.xattrs) row["xattrs"][xattr.name] = to_hex(as_bytes(xattr.value));
    if (entry.flags) row["flags"] = *entry.flags;
    if (entry.changed_while_read) row["changed"] = true;
    return row;
}

json describe(const Entry& entry, const std::string& path, Chunks& chunks) {
    const std::int64_t mtime = entry.modified.seconds * 1'000'000'000 + entry.modified.nanoseconds;
    json row = optional_fields(entry, mtime);
    row[path.find('\xe9') == std::string::npos ? "path" : "path_hex"] =
        path.find('\xe9') == std::string::npos ? path : to_hex(as_bytes(path));
    row["type"] = type_name(entry.type);
    row["mode"] = octal(entry.mode);
    row["uid"] = entry.uid;
    row["gid"] = entry.gid;
    row["mtime"] = mtime;
    if (entry.type == EntryType::symlink) row["target"] = entry.target;
    if (entry.type == EntryType::character || entry.type == EntryType::block)
        row["device"] = {entry.major, entry.minor};
    if (entry.type == EntryType::file) {
        const Bytes content = with_holes(entry, chunks.read(entry.content, ChunkKind::data));
        row["size"] = content.size();
        row["sha256"] = crypto::sha256(content).hex();
        CHECK(content.size() == entry.logical_size());
    }
    return row;
}

void walk(const Entry& directory, const std::string& path, Chunks& chunks, std::map<std::string, json>& rows) {
    for (const Entry& entry : decode_directory(chunks.read(directory.content, ChunkKind::tree), path)) {
        const std::string below = (path == "/" ? "" : path) + "/" + entry.name;
        rows[below] = describe(entry, below, chunks);
        if (entry.type == EntryType::directory) walk(entry, below, chunks, rows);
    }
}

std::string path_of(const json& row) {
    if (!row.contains("path_hex")) return row.at("path");
    const Bytes path = from_hex_text(row.at("path_hex").get<std::string>());
    return std::string(as_text(path));
}

void check_backup(const Example& example, const SignedEntry& entry, const json& expected) {
    json deks;
    Chunks chunks(example, entry, deks);
    CHECK(deks == expected.at("deks"));
    const auto labels = open_labels(entry, chunks.body().keys.label_key);
    REQUIRE(labels.has_value());
    CHECK(labels->host == expected.at("host"));
    CHECK(labels->user == expected.at("user"));
    CHECK(labels->series == expected.at("series"));
    CHECK(json(labels->paths) == expected.at("paths"));
    const BackupPublic fields = backup_public(entry);
    CHECK(fields.time.ns == expected.at("time").get<std::int64_t>());
    CHECK(fields.series == series_id(chunks.body().keys.label_key, labels->series));
    CHECK(chunks.body().statistics.files == expected.at("totals").at("files"));
    CHECK(chunks.body().problems.size() == expected.at("unread").size());

    std::map<std::string, json> rows;
    rows["/"] = describe(chunks.body().root, "/", chunks);
    walk(chunks.body().root, "/", chunks, rows);
    CHECK(rows.size() == expected.at("entries").size());
    for (const json& row : expected.at("entries")) {
        CAPTURE(row.dump());
        CHECK(rows[path_of(row)] == row);
    }
}

json expected_result() {
    const Bytes text = read_example("expected.json");
    return json::parse(text.begin(), text.end());
}

}  // namespace

TEST_CASE("the worked example: every object is what its name says", "[format][example]") {
    const auto names = object_names();
    CHECK(names.size() > 30);
    for (const std::string& name : names) {
        CAPTURE(name);
        const Bytes object = read_example("repository/" + name);
        if (name == kConfigName) {
            const RepositoryConfig config = RepositoryConfig::decode(object);
            CHECK(config.hash().hex() == expected_result().at("config_hash"));
            CHECK(config.repository.hex() == expected_result().at("repository"));
        } else if (parse_journal_name(name)) {
            CHECK(decode_entry(object, name).head.config_hash.hex() == expected_result().at("config_hash"));
        } else {
            CHECK(named_digest(name) == crypto::sha256(object));
        }
    }
}

TEST_CASE("the worked example: every backup reads to its expected result [R81][R91]", "[format][example]") {
    const Example example;
    const json expected = expected_result();
    CHECK(expected.at("backups").size() == 5);
    for (const json& backup : expected.at("backups")) {
        CAPTURE(backup.at("id").dump());
        const auto writer = IdentityId::parse(backup.at("writer").get<std::string>()).value();
        const SignedEntry& entry = example.entries.at({writer, backup.at("sequence").get<std::uint64_t>()});
        CHECK(entry.id.hex() == backup.at("id"));
        check_backup(example, entry, backup);
    }
}

TEST_CASE("the worked example: the passphrase opens the escrow protector [R5]", "[format][example]") {
    const json expected = expected_result();
    const std::string text = expected.at("passphrase");
    std::size_t found = 0;
    for (const std::string& name : object_names()) {
        const auto parsed = parse_escrow_name(name);
        if (!parsed) continue;
        ++found;
        const EscrowSecret secret =
            open_escrow(read_example("repository/" + name),
                        RepositoryId::parse(expected.at("repository").get<std::string>()).value(),
                        SecretBytes(as_bytes(text)), name);
        const auto key = crypto::RsaPrivateKey::from_pkcs8(secret.pkcs8.reveal());
        CHECK(Thumbprint::of(key.public_key()) == parsed->thumbprint);
        CHECK(to_hex(secret.officer_seed.reveal()) == expected.at("identities").at("officer").at("seed"));
    }
    CHECK(found == 1);
}

TEST_CASE("the worked example: policy and remarks read as expected", "[format][example]") {
    const Example example;
    const json expected = expected_result();
    const SecretBytes label_key(
        ByteView(from_hex_text(expected.at("keys").at("writer").at("label_key").get<std::string>())));
    std::size_t remarks = 0;
    for (const auto& [name, entry] : example.entries) {
        if (entry.kind == EntryKind::policy) {
            const PolicyFields policy = PolicyFields::decode(entry.public_fields(), "policy");
            CHECK(policy.number == expected.at("policy").at("number"));
            for (const auto& [key, value] : policy.values) CHECK(value == expected.at("policy").at("values").at(key));
        } else if (entry.kind == EntryKind::remark) {
            ++remarks;
            CHECK(open_remark(entry, label_key).has_value());
        } else if (entry.kind == EntryKind::trust) {
            CHECK_FALSE(TrustFields::decode(entry.public_fields(), "trust").statements.empty());
        }
    }
    CHECK(remarks == 2);
}
