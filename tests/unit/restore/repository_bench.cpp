#include "tests/unit/restore/repository_bench.h"

#include "core/crypto/digest.h"
#include "core/crypto/random.h"
#include "core/file.h"
#include "format/compress.h"

#include <sys/stat.h>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace signet::restore::test {

namespace fs = std::filesystem;

namespace {

/// Not an assertion of Catch2's: the bench is used where there is none.
void must(bool holds, const char* what) {
    if (!holds) throw std::logic_error(what);
}

}  // namespace

Node file(const std::string& name, const std::string& data) {
    Node node;
    node.entry.name = name;
    node.entry.mode = 0644;
    node.entry.uid = ::geteuid();
    node.entry.gid = ::getegid();
    node.entry.modified = {1'600'000'000, 123'456'789};
    node.data = data;
    return node;
}

Node folder(const std::string& name, std::vector<Node> children) {
    Node node = file(name);
    node.entry.type = format::EntryType::directory;
    node.entry.mode = 0755;
    node.children = std::move(children);
    return node;
}

Node link_to(const std::string& name, const std::string& target) {
    Node node = file(name);
    node.entry.type = format::EntryType::symlink;
    node.entry.mode = 0777;
    node.entry.target = target;
    return node;
}

Node special(const std::string& name, format::EntryType type, std::uint32_t major, std::uint32_t minor) {
    Node node = file(name);
    node.entry.type = type;
    node.entry.major = major;
    node.entry.minor = minor;
    return node;
}

Node root(std::vector<Node> children) { return folder("", std::move(children)); }

std::string noise(std::size_t size, std::uint64_t seed) {
    std::string text(size, '\0');
    std::uint64_t state = seed * 2 + 1;
    for (char& c : text) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        c = static_cast<char>(state >> 56);
    }
    return text;
}

/// Chunks, frames and packs of one run.
class RepositoryBench::Run {
public:
    Run(RepositoryBench& bench, const RunOptions& options)
        : bench_(bench),
          options_(options),
          dek(options.dek ? options.dek->clone() : format::DataKey::generate(bench.repository->config().repository)),
          hmac_(bench.keys_.id_key.reveal()) {}

    format::Content store(const std::string& octets, format::ChunkKind kind) {
        format::Content content;
        content.size = octets.size();
        for (std::size_t at = 0; at < octets.size(); at += options_.chunk_size) {
            const std::string piece = octets.substr(at, options_.chunk_size);
            content.references.push_back({add(kind, piece), static_cast<std::uint32_t>(piece.size()), piece.size()});
        }
        while (options_.list_size > 0 && content.references.size() > options_.list_size) {
            std::vector<format::Reference> lists;
            for (std::size_t at = 0; at < content.references.size(); at += options_.list_size) {
                const auto end = std::min(at + options_.list_size, content.references.size());
                const std::vector<format::Reference> part(
                    content.references.begin() + static_cast<std::ptrdiff_t>(at),
                    content.references.begin() + static_cast<std::ptrdiff_t>(end));
                const Bytes list = format::encode_list(content.level, part);
                std::uint64_t span = 0;
                for (const format::Reference& reference : part) span += reference.span;
                lists.push_back({add(format::ChunkKind::list, std::string(as_text(list))),
                                 static_cast<std::uint32_t>(list.size()), span});
            }
            content.references = std::move(lists);
            ++content.level;
        }
        return content;
    }

    format::Entry store(const Node& node) {
        format::Entry entry = node.entry;
        if (entry.type == format::EntryType::file) entry.content = store(node.data, format::ChunkKind::data);
        if (entry.type != format::EntryType::directory) return entry;
        std::string octets;
        for (const Node& child : node.children) {
            format::Entry stored = store(child);
            // The encoder refuses hostile names, so the name is put in front of what it makes for a harmless one.
            stored.name = "x";
            ByteWriter body;
            stored.encode(body);
            ByteWriter whole;
            whole.blob(child.entry.name);
            whole.raw(body.view().subspan(2));
            octets += as_text(whole.view());
        }
        entry.content = store(node.raw_content.value_or(octets), format::ChunkKind::tree);
        return entry;
    }

    ChunkId add(format::ChunkKind kind, const std::string& octets) {
        const std::array<std::uint8_t, 1> kind_octet{static_cast<std::uint8_t>(kind)};
        const ChunkId id = ChunkId::from(hmac_.compute({kind_octet, as_bytes(octets)}).view().first(ChunkId::kSize));
        if (own_.contains(id)) return id;
        const auto known = bench_.known_.find(id);
        if (options_.reuse && known != bench_.known_.end()) {
            const std::uint64_t journal = bench_.journal_of(known->second.writer);
            format::Reach& reach = reach_[{journal, known->second.sequence}];
            reach.journal = journal;
            reach.sequence = known->second.sequence;
            reach.dek = known->second.dek;
            reach.set(known->second.pack);
            return id;
        }
        const auto frame_kind = kind == format::ChunkKind::data ? format::FrameKind::data : format::FrameKind::metadata;
        Frame& frame = frames_[frame_kind];
        if (!frame.octets.empty() && frame.octets.size() + octets.size() > options_.frame_size) close_frame(frame_kind);
        frame.octets += octets;
        frame.lengths.push_back(static_cast<std::uint32_t>(octets.size()));
        frame.ids.push_back(id);
        own_[id] = 0;
        return id;
    }

    void finish() {
        close_frame(format::FrameKind::data);
        close_frame(format::FrameKind::metadata);
        close_pack();
    }

    format::BackupPublic fields(const RunOptions& options) {
        format::BackupPublic fields;
        fields.run = crypto::random_id<format::RunId>();
        fields.series = format::series_id(bench_.keys_.label_key, options.series);
        fields.time = options.time;
        fields.started = options.time;
        fields.finished = options.time;
        fields.dek = dek.id();
        fields.commitment = dek.commitment();
        fields.packs = packs_;
        fields.predecessors = bench_.predecessors_;
        for (auto& [place, reach] : reach_) fields.reach.push_back(reach);
        return fields;
    }

    [[nodiscard]] const format::IndexSegment& index() const { return index_; }
    /// Makes this run's chunks known to later ones.
    void publish(std::uint64_t sequence) {
        for (const auto& [id, pack] : own_) bench_.known_[id] = {bench_.writer(), sequence, pack, dek.id()};
    }

private:
    struct Frame {
        std::string octets;
        std::vector<std::uint32_t> lengths;
        std::vector<ChunkId> ids;
    };

    void close_frame(format::FrameKind kind) {
        Frame frame = std::exchange(frames_[kind], {});
        if (frame.octets.empty()) return;
        if (!keys_) {
            keys_ = format::PackKeys::create(dek, static_cast<std::uint32_t>(packs_.size()));
            const ByteView header = keys_->header();
            pack_.assign(header.begin(), header.end());
        }
        format::FrameRecord record;
        record.kind = kind;
        record.raw_size = static_cast<std::uint32_t>(frame.octets.size());
        record.chunk_lengths = frame.lengths;
        Bytes payload = format::Compressor(3).compress(as_bytes(frame.octets));
        record.codec = format::Codec::zstd;
        if (payload.size() >= frame.octets.size()) {
            record.codec = format::Codec::raw;
            payload.assign(frame.octets.begin(), frame.octets.end());
        }
        record.sealed_size = static_cast<std::uint32_t>(payload.size() + crypto::kAeadTagSize);
        const std::size_t at = pack_.size();
        pack_.resize(at + record.sealed_size);
        format::FrameCipher(*keys_).seal(
            {static_cast<std::uint32_t>(records_.size()), kind, record.codec, record.raw_size}, payload,
            MutableByteView(pack_).subspan(at));
        records_.push_back(record);
        for (const ChunkId& id : frame.ids) {
            own_[id] = packs_.size();
            ids_.push_back(id);
        }
        if (pack_.size() >= options_.pack_size) close_pack();
    }

    void close_pack() {
        if (!keys_) return;
        const Bytes end = format::seal_pack_end(*keys_, records_, pack_.size() - format::kPackHeaderSize);
        pack_.insert(pack_.end(), end.begin(), end.end());
        const PackId id = PackId::from(crypto::sha256(pack_).view());
        must(bench_.store->put(format::pack_name(id), pack_), "a pack is new");
        packs_.push_back({id, pack_.size()});
        index_.dek = dek.id();
        index_.packs.push_back({id, pack_.size(), std::exchange(records_, {}), std::exchange(ids_, {})});
        keys_.reset();
        pack_.clear();
    }

    RepositoryBench& bench_;
    const RunOptions& options_;

public:
    format::DataKey dek;

private:
    crypto::HmacSha256 hmac_;
    std::map<format::FrameKind, Frame> frames_;
    std::optional<format::PackKeys> keys_;
    Bytes pack_;
    std::vector<format::FrameRecord> records_;
    std::vector<ChunkId> ids_;
    std::vector<format::PackInfo> packs_;
    format::IndexSegment index_;
    std::map<ChunkId, std::size_t> own_;
    std::map<std::pair<std::uint64_t, std::uint64_t>, format::Reach> reach_;  ///< by (journal, sequence)
};

std::vector<keyring::Keyring> RepositoryBench::open_keyring(const std::string& path) {
    std::vector<keyring::Keyring> keyrings;
    keyrings.push_back(keyring::Keyring::open(path));
    return keyrings;
}

RepositoryBench::RepositoryBench() {
    vaults.set_cost({.log2_n = 10, .r = 8, .p = 1});
    static_cast<void>(vaults.make_local());
    add_protector("prod");
    const auto officer = keyrings.own().officer(vaults);
    format::RepositoryConfig config;
    config.repository = crypto::random_id<RepositoryId>();
    config.officer = officer.verify_key().identity();
    storage::Repository::create(*store, config);
    repository = storage::Repository::open(store);
    auto writer = keyrings.own().writer();
    keys_ = format::WriterKeys::derive(writer.secret.reveal(), config.repository);
    signing_key_ = std::move(writer.key);
}

format::Thumbprint RepositoryBench::add_protector(const std::string& name) {
    // Made once for the process: that is the slow part of most tests.
    static std::map<std::string, SecretBytes> made;
    if (!made.contains(name)) made.emplace(name, crypto::RsaPrivateKey::generate(2048).to_pkcs8());
    const auto key = vaults.local().unlocked().import_key(
        name, crypto::RsaPrivateKey::from_pkcs8(made.at(name).reveal()), "generated");
    keyring::LinkOptions options;
    options.role = default_protector_.empty() ? keyring::LinkRole::default_ : keyring::LinkRole::linked;
    if (default_protector_.empty()) default_protector_ = name;
    static_cast<void>(keyrings.own().link(keyring::Location::parse("local:" + name), options, vaults));
    public_keys_.emplace(name, key.public_key());
    thumbprints_.emplace(name, key.thumbprint);
    return key.thumbprint;
}

format::Thumbprint RepositoryBench::thumbprint(const std::string& name) { return thumbprints_.at(name); }

void RepositoryBench::unlink(const std::string& name) {
    static_cast<void>(keyrings.own().unlink(thumbprints_.at(name), true));
}

void RepositoryBench::say(const crypto::SigningKey& key, const std::function<Bytes(format::EntryHead)>& make) {
    const IdentityId identity = key.verify_key().identity();
    const storage::Journal journal = repository->load_journal(identity);
    format::EntryHead head;
    head.repository = repository->config().repository;
    head.config_hash = repository->config_hash();
    head.sequence = journal.entries.size() + 1;
    if (!journal.entries.empty()) head.previous = journal.entries.back().id;
    head.time = Clock::system().now();
    const bool is_appended = repository->append_entry(identity, head.sequence, make(head));
    must(is_appended, "the sequence number is free");
}

void RepositoryBench::trust(const IdentityId& identity, std::uint64_t last) {
    format::TrustFields fields;
    fields.statements.push_back({identity, format::Role::writer, 1, last});
    const auto officer = keyrings.own().officer(vaults);
    say(officer, [&](const format::EntryHead& head) {
        return format::make_plain_entry(format::EntryKind::trust, head, fields.encode(), officer);
    });
}

void RepositoryBench::officer_says(
    const std::function<Bytes(const format::EntryHead&, const crypto::SigningKey&)>& make) {
    const auto officer = keyrings.own().officer(vaults);
    say(officer, [&](const format::EntryHead& head) { return make(head, officer); });
}

void RepositoryBench::make_default(const std::string& name) {
    static_cast<void>(keyrings.own().set_default(thumbprints_.at(name), vaults));
    default_protector_ = name;
}

void RepositoryBench::tag(const EntryId& backup, const std::vector<std::string>& tags) {
    say(*signing_key_, [&](const format::EntryHead& head) {
        return format::make_remark_entry(head, {backup, signing_key_->verify_key().identity()}, tags, keys_.label_key,
                                         *signing_key_);
    });
}

void RepositoryBench::use_stranger() {
    signing_key_ = crypto::SigningKey::generate();
    keys_ = {crypto::random_secret(32), crypto::random_secret(32), crypto::random_secret(32)};
    known_.clear();
    writer_is_trusted_ = true;  // back_up() does not say so
}

void RepositoryBench::use_successor() {
    const IdentityId former = writer();
    predecessors_.push_back(former);
    signing_key_ = crypto::SigningKey::generate();
    // In one entry, as `keyring trust --instead-of` says it.
    format::TrustFields fields;
    fields.statements.push_back({former, format::Role::writer, 1, repository->load_journal(former).entries.size()});
    fields.statements.push_back({writer(), format::Role::writer, 1, UINT64_MAX});
    officer_says([&](const format::EntryHead& head, const crypto::SigningKey& officer) {
        return format::make_plain_entry(format::EntryKind::trust, head, fields.encode(), officer);
    });
    writer_is_trusted_ = true;
}

void RepositoryBench::claim_succession(const IdentityId& former) {
    use_stranger();
    predecessors_ = {former};
}

std::uint64_t RepositoryBench::journal_of(const IdentityId& identity) const {
    if (identity == writer()) return 0;
    const auto found = std::find(predecessors_.begin(), predecessors_.end(), identity);
    return static_cast<std::uint64_t>(found - predecessors_.begin()) + 1;
}

EntryId RepositoryBench::back_up(const Node& tree, const RunOptions& options) {
    if (!writer_is_trusted_) trust(signing_key_->verify_key().identity());
    writer_is_trusted_ = true;
    Run run(*this, options);
    format::BackupBody body;
    if (!options.partial) body.root = run.store(tree);
    if (options.partial) static_cast<void>(run.store(tree));
    run.finish();
    body.keys = keys_.clone();
    format::BackupPublic fields = run.fields(options);
    std::vector<std::string> protectors = options.protectors;
    if (protectors.empty()) protectors.push_back(default_protector_);
    for (const std::string& name : protectors) {
        format::Slot slot;
        slot.repository = repository->config().repository;
        slot.dek = run.dek.id();
        slot.thumbprint = thumbprints_.at(name);
        slot.commitment = run.dek.commitment();
        slot.location = "local:" + name + "/1";
        slot.wrapped = public_keys_.at(name).wrap(format::wrap_plaintext(run.dek, slot.thumbprint).reveal());
        fields.slots.push_back(slot);
        repository->put_slot(slot);
    }
    const IdentityId writer = signing_key_->verify_key().identity();
    format::IndexSegment index = run.index();
    if (options.change_index) options.change_index(index);
    if (!index.packs.empty()) fields.indexes.push_back(repository->put_index(index, writer, keys_.index_key));
    format::Labels labels;
    labels.host = "host";
    labels.user = "user";
    labels.series = options.series;
    labels.paths = {"/data"};
    labels.tags = options.tags;
    labels.program = "test";
    if (options.change) options.change(fields, body);
    EntryId id;
    say(*signing_key_, [&](const format::EntryHead& head) {
        run.publish(head.sequence);
        const auto kind = options.partial ? format::EntryKind::partial : format::EntryKind::backup;
        Bytes object = format::make_backup_entry(kind, head, fields, labels, body, run.dek, *signing_key_);
        id = EntryId::from(crypto::sha256(object).view());
        return object;
    });
    return id;
}

Catalogue RepositoryBench::catalogue(bool remember, bool beyond_damage) {
    notices.clear();
    CatalogueOptions options;
    options.remember = remember;
    options.beyond_damage = beyond_damage;
    options.notice = [this](const std::string& sentence) { notices.push_back(sentence); };
    return Catalogue::load(*repository, keyrings, options);
}

std::unique_ptr<OpenBackup> RepositoryBench::open(const std::optional<EntryId>& id, const OpenOptions& options) {
    // An OpenBackup outlives what it was opened with, but for the repository.
    const Catalogue all = catalogue(false, options.salvage);
    Planner planner(all, *repository, resolver);
    const Backup& backup = id ? all.resolve(id->hex()) : all.latest();
    return OpenBackup::open(*repository, planner, resolver, backup, options);
}

RestoreReport RepositoryBench::restore(const RestoreRequest& request) {
    OpenOptions options;
    options.salvage = request.salvage;
    const Catalogue all = catalogue();
    Planner planner(all, *repository, resolver);
    const auto backup = OpenBackup::open(*repository, planner, resolver, all.latest(), options);
    RestoreRequest mine = request;
    if (mine.target.empty()) mine.target = target();
    problems.clear();
    warnings.clear();
    actions.clear();
    mine.on_problem = [this](const std::string& path, const std::string& message) {
        problems.push_back(path + ": " + message);
    };
    mine.on_warning = [this](const std::string& path, const std::string& message) {
        warnings.push_back(path + ": " + message);
    };
    mine.on_item = [this](std::string_view action, const std::string& path, std::uint64_t) {
        actions.push_back(std::string(action) + " " + path);
    };
    return restore_files(*backup, mine);
}

std::vector<std::string> RepositoryBench::packs() const {
    std::vector<std::string> names;
    for (const storage::Journal& journal : repository->load_journals()) {
        for (const format::SignedEntry& entry : journal.entries) {
            if (entry.kind != format::EntryKind::backup && entry.kind != format::EntryKind::partial) continue;
            for (const auto& pack : format::BackupPublic::decode(entry.public_fields(), "entry").packs) {
                names.push_back(format::pack_name(pack.id));
            }
        }
    }
    return names;
}

std::string content_of(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream content;
    content << stream.rdbuf();
    return content.str();
}

std::vector<std::string> listing(const std::string& top) {
    std::vector<std::string> lines;
    if (!fs::exists(fs::symlink_status(top))) return lines;
    for (auto it = fs::recursive_directory_iterator(top); it != fs::recursive_directory_iterator(); ++it) {
        struct stat status {};
        const std::string path = it->path();
        must(::lstat(path.c_str(), &status) == 0, "what was listed is there");
        std::ostringstream line;
        line << path.substr(top.size()) << " " << std::oct << status.st_mode << std::dec;
        if (S_ISREG(status.st_mode))
            line << " " << status.st_size << " " << crypto::sha256(as_bytes(content_of(path))).hex();
        if (S_ISLNK(status.st_mode)) line << " " << fs::read_symlink(it->path()).string();
        lines.push_back(line.str());
    }
    std::sort(lines.begin(), lines.end());
    return lines;
}

}  // namespace signet::restore::test
