#include "restore/healer.h"

#include <algorithm>
#include <optional>

#include "format/names.h"
#include "restore/index_rebuild.h"
#include "restore/index_rows.h"
#include "restore/spare_packs.h"
#include "storage/quarantine.h"

namespace signet::restore {
namespace {

using format::ChunkKind;
using format::FrameKind;

constexpr std::uint64_t kPieceOctets = std::uint64_t{1} << 30;

bool is_damage(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported;
}

Mended not_mended(const std::string& object, const Error& error) {
    return {object, false, error.what(), error.code() == ErrorCode::key_unavailable, 0, 0};
}

bool has_metadata(const format::IndexedPack& pack) {
    return std::any_of(pack.frames.begin(), pack.frames.end(),
                       [](const format::FrameRecord& frame) { return frame.kind == FrameKind::metadata; });
}

/// The rows of a pack, and once more with the other ids of its metadata chunks.
void add_rows(format::IndexSegment& segment, const RebuiltPack& rebuilt) {
    segment.packs.push_back(rebuilt.pack);
    if (!has_metadata(rebuilt.pack)) return;
    format::IndexedPack as_lists = rebuilt.pack;
    auto alias = rebuilt.trees_as_lists.begin();
    auto chunk = as_lists.chunks.begin();
    for (const format::FrameRecord& frame : as_lists.frames) {
        for (std::size_t i = 0; i < frame.chunk_lengths.size(); ++i, ++chunk) {
            if (frame.kind == FrameKind::metadata) *chunk = (alias++)->second;
        }
    }
    segment.packs.push_back(std::move(as_lists));
}

}  // namespace

Healer::Healer(const storage::Repository& repository, Planner& planner, keyring::Resolver& resolver,
               HealOptions options)
    : repository_(repository),
      planner_(planner),
      resolver_(resolver),
      options_(std::move(options)),
      keys_(repository, planner, resolver) {}

void Healer::stop_if_interrupted() const {
    if (options_.interrupted != nullptr && *options_.interrupted) throw Error(ErrorCode::interrupted, "interrupted");
}

/// Of entries that count.
std::vector<ReachedEntry> Healer::entries_with(const std::function<bool(const format::SealedPacks&)>& has) const {
    const Catalogue& catalogue = planner_.catalogue();
    std::vector<ReachedEntry> entries;
    for (const auto& [place, run] : catalogue.runs()) {
        if (catalogue.trust().trusts(place.first, format::Role::writer, place.second) && has(run.fields))
            entries.push_back({run.entry, &run.fields, place.first, all_packs(run.fields)});
    }
    for (const auto& [place, repack] : catalogue.repacks().entries()) {
        if (has(repack.fields))
            entries.push_back({repack.entry, &repack.fields, repack.fields.writer, all_packs(repack.fields)});
    }
    return entries;
}

std::vector<Mended> Healer::rebuild_indexes(const std::set<IndexId>& lost) {
    std::vector<Mended> mended;
    const auto names_lost = [&](const format::SealedPacks& listed) {
        return std::any_of(listed.indexes.begin(), listed.indexes.end(),
                           [&](const format::IndexInfo& info) { return lost.contains(info.id); });
    };
    for (const ReachedEntry& entry : entries_with(names_lost)) {
        stop_if_interrupted();
        std::set<IndexId> own;
        for (const format::IndexInfo& info : entry.listed->indexes) {
            if (lost.contains(info.id)) own.insert(info.id);
        }
        Mended result;
        try {
            result = rebuild(entry, own);
        } catch (const Error& error) {
            if (!is_about_slots(error)) throw;
            result = not_mended({}, error);
        }
        for (const IndexId& id : own) {
            result.object = format::index_name(id);
            mended.push_back(result);
        }
    }
    return mended;
}

Mended Healer::rebuild(const ReachedEntry& entry, const std::set<IndexId>& lost) {
    const format::WriterKeys& writer = keys_.writer_keys(entry.writer);
    const format::DataKey& key = keys_.data_key(*entry.entry, *entry.listed);
    std::map<PackId, std::uint64_t> unknown;
    for (const format::PackInfo& pack : entry.listed->packs) unknown.emplace(pack.id, pack.size);
    read_index(repository_, entry, writer.index_key,
               {[&](PackRows&& rows) {
                    unknown.erase(rows.pack.id);
                    return true;
                },
                [](const format::IndexInfo&, const Error&) {}});
    Mended result{{}, true, {}, false, 0, 0};
    result.message = "made again from " + std::to_string(unknown.size()) + (unknown.size() == 1 ? " pack" : " packs");
    if (options_.dry_run) return result;
    std::vector<format::IndexSegment> segments(lost.size(), format::IndexSegment{entry.listed->dek, {}});
    std::size_t next = 0;
    for (const auto& [id, size] : unknown) {
        stop_if_interrupted();
        try {
            add_rows(segments[next % segments.size()],
                     rebuild_index(repository_.store(), id, size, key, writer.id_key));
            ++next;
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            result.is_mended = false;
            result.message = std::string(error.what()) + "; what the others of its packs hold was entered";
        }
    }
    auto segment = segments.begin();
    for (const IndexId& id : lost) {
        if (!segment->packs.empty()) repository_.put_rebuilt_index(id, *segment, entry.writer, writer.index_key);
        ++segment;
    }
    return result;
}

/// The lost packs of one writer.
class Healer::PackRestoring {
public:
    struct Lost {
        const ReachedEntry* entry = nullptr;
        std::size_t number = 0;  ///< in the entry's list
        PackRows rows;
        Mended result;
    };

    PackRestoring(Healer& healer, const IdentityId& writer, const format::WriterKeys& keys)
        : healer_(healer), writer_(writer), keys_(keys) {}

    /// Takes the lost packs of one entry.
    void add(const ReachedEntry& entry, const std::set<PackId>& lost) {
        const std::size_t first = lost_.size();
        for (std::size_t i = 0; i < entry.listed->packs.size(); ++i) {
            const PackId& id = entry.listed->packs[i].id;
            if (lost.contains(id)) lost_.push_back({&entry, i, {}, {format::pack_name(id), false, {}, false, 0, 0}});
        }
        const auto take = [&](PackRows&& rows) {
            for (std::size_t i = first; i < lost_.size(); ++i) {
                if (entry.listed->packs[lost_[i].number].id != rows.pack.id) continue;
                lost_[i].rows = std::move(rows);
                break;  // it stands once in an entry
            }
            return true;
        };
        read_index(healer_.repository_, entry, keys_.index_key, {take, [](const auto&, const Error&) {}});
    }

    void run(const EntryAppender& append, std::vector<Mended>& mended) {
        find_sources();
        FrameReaderOptions options;
        options.any_size = true;
        FrameReader frames(healer_.repository_.store(), table_, data_keys_, healer_.repository_.config().repository,
                           options);
        ChunkReader chunks(frames, keys_.id_key);
        for (Lost& lost : lost_) {
            if (is_known(lost)) count(lost, chunks);
        }
        if (!healer_.options_.dry_run) make(append, chunks);
        for (Lost& lost : lost_) mended.push_back(std::move(lost.result));
    }

private:
    /// Whether its index tells which chunks it held.
    static bool is_known(Lost& lost) {
        if (!lost.rows.pack.chunks.empty() && lost.rows.aliases.empty()) return true;
        lost.result.message = lost.rows.pack.chunks.empty()
                                  ? "no index segment tells which chunks it held"
                                  : "its index was rebuilt, and leaves open which of its chunks are lists";
        return false;
    }

    /// Adds where the chunks lie: in whole packs first, then in what is left of the lost ones.
    void find_sources() {
        const storage::CompleteListing packs = healer_.repository_.store().list("packs/");
        std::set<ChunkId> wanted;
        for (const Lost& lost : lost_) wanted.insert(lost.rows.pack.chunks.begin(), lost.rows.pack.chunks.end());
        const Catalogue& catalogue = healer_.planner_.catalogue();
        sources_ = stored_packs(catalogue, line_of(catalogue, writer_), packs);
        for (const ReachedEntry& source : sources_) {
            healer_.stop_if_interrupted();
            if (!open(source)) continue;
            const auto take = [&](PackRows&& rows) {
                const auto& ids = rows.pack.chunks;
                const bool helps =
                    std::any_of(ids.begin(), ids.end(), [&](const auto& id) { return wanted.contains(id); });
                if (helps && packs.find(format::pack_name(rows.pack.id)) != nullptr)
                    table_.add(rows.pack, source.listed->dek, format::pack_name(rows.pack.id));
                return true;
            };
            read_index(healer_.repository_, source, keys_.index_key, {take, [](const auto&, const Error&) {}});
        }
        for (const Lost& lost : lost_) {
            if (lost.rows.pack.chunks.empty() || !open(*lost.entry)) continue;
            table_.add(lost.rows.pack, lost.entry->listed->dek, lost.result.object);
        }
    }

    /// Takes the data key of an entry. returns  whether it could be had
    bool open(const ReachedEntry& entry) {
        const DekId& dek = entry.listed->dek;
        const auto known = data_keys_.find(dek);
        if (known != data_keys_.end()) return known->second.commitment() == entry.listed->commitment;
        try {
            data_keys_.emplace(dek, healer_.keys_.data_key(*entry.entry, *entry.listed).clone());
            return true;
        } catch (const Error& error) {
            if (!is_about_slots(error)) throw;
            ++unopened_;
            return false;
        }
    }

    /// A chunk's octets, wherever it lies; nothing when it cannot be had. The octets live as long as `frame`.
    std::optional<ByteView> read(ChunkReader& chunks, FrameKind kind, const ChunkId& id, std::uint32_t length,
                                 FrameReader::Frame& frame) {
        try {
            const ChunkPlace& place = chunks.locate(id, length);
            frame = chunks.frames().get(place.frame);
            const ByteView octets = frame->octets().subspan(place.offset, place.length);
            const bool is_data = kind == FrameKind::data;
            if (chunks.id_of(is_data ? ChunkKind::data : ChunkKind::tree, octets) == id) return octets;
            if (!is_data && chunks.id_of(ChunkKind::list, octets) == id) return octets;
            return std::nullopt;
        } catch (const Error& error) {
            if (!is_about_slots(error)) throw;
            return std::nullopt;
        }
    }

    /// Calls `take` with the frames of a pack, each with the octets of all its chunks, and what is missing of them.
    template <class Take>
    void each_frame(const Lost& lost, ChunkReader& chunks, const Take& take) {
        std::size_t number = 0;
        Bytes raw;
        for (const format::FrameRecord& record : lost.rows.pack.frames) {
            healer_.stop_if_interrupted();
            raw.clear();
            std::uint64_t missing = 0;
            for (const std::uint32_t length : record.chunk_lengths) {
                FrameReader::Frame frame;
                const auto octets = read(chunks, record.kind, lost.rows.pack.chunks.at(number++), length, frame);
                if (octets)
                    raw.insert(raw.end(), octets->begin(), octets->end());
                else
                    ++missing;
            }
            take(record, ByteView(raw), missing);
        }
    }

    void count(Lost& lost, ChunkReader& chunks) {
        lost.result.chunks = lost.rows.pack.chunks.size();
        each_frame(lost, chunks, [&](const auto&, ByteView, std::uint64_t missing) { lost.result.missing += missing; });
        if (lost.result.missing == 0) {
            lost.result.is_mended = true;
            lost.result.message =
                "all of its " + std::to_string(lost.result.chunks) + " chunks are there: new packs stand for it";
            return;
        }
        lost.result.is_about_keys = unopened_ > 0;
        lost.result.message =
            std::to_string(lost.result.missing) + " of its " + std::to_string(lost.result.chunks) +
            " chunks are nowhere else" +
            (unopened_ > 0 ? ", as far as could be seen: " + std::to_string(unopened_) +
                                 (unopened_ == 1 ? " data key" : " data keys") + " could not be opened"
                           : std::string());
    }

    void make(const EntryAppender& append, ChunkReader& chunks) {
        if (std::none_of(lost_.begin(), lost_.end(), [](const Lost& lost) { return lost.result.is_mended; })) return;
        const format::DataKey fresh = format::DataKey::generate(healer_.repository_.config().repository);
        std::vector<format::Slot> slots;
        for (const format::Thumbprint& one : healer_.options_.protectors) {
            slots.push_back(healer_.resolver_.wrap(fresh, one));
            healer_.repository_.put_slot(slots.back());
        }
        Repacker repacker({healer_.repository_, append, writer_, keys_, fresh, std::move(slots), kPieceOctets,
                           healer_.options_.warn, [] { return false; }, [](std::uint64_t) {}, healer_.options_.obey});
        repacker.open();
        for (Lost& lost : lost_) {
            if (lost.result.is_mended) make_one(repacker, lost, chunks);
        }
        repacker.commit();
    }

    void make_one(Repacker& repacker, Lost& lost, ChunkReader& chunks) {
        PackMaker maker = repacker.start_pack();
        format::Compressor compressor;
        bool is_whole = true;
        each_frame(lost, chunks, [&](format::FrameRecord record, ByteView raw, std::uint64_t missing) {
            is_whole = is_whole && missing == 0;
            if (!is_whole) return;
            Bytes payload = compressor.compress(raw);
            record.codec = format::Codec::zstd;
            if (payload.size() >= raw.size()) {
                record.codec = format::Codec::raw;
                payload.assign(raw.begin(), raw.end());
            }
            record.sealed_size = static_cast<std::uint32_t>(payload.size() + crypto::kAeadTagSize);
            maker.add(record, payload);
        });
        if (is_whole) return repacker.take(*lost.entry, lost.number, maker.finish(lost.rows.pack.chunks));
        lost.result.is_mended = false;
        lost.result.message = "what it held could be read a moment ago, and cannot be read now";
    }

    Healer& healer_;
    const IdentityId& writer_;
    const format::WriterKeys& keys_;
    std::vector<Lost> lost_;
    std::vector<ReachedEntry> sources_;
    ChunkTable table_;
    std::map<DekId, format::DataKey> data_keys_;
    std::uint64_t unopened_ = 0;
};

std::vector<Mended> Healer::restore_packs(const std::set<PackId>& lost, const EntryAppender& append) {
    const auto has_lost = [&](const format::SealedPacks& listed) {
        return std::any_of(listed.packs.begin(), listed.packs.end(),
                           [&](const format::PackInfo& pack) { return lost.contains(pack.id); });
    };
    const std::vector<ReachedEntry> entries = entries_with(has_lost);
    std::set<IdentityId> writers;
    for (const ReachedEntry& entry : entries) writers.insert(entry.writer);
    std::vector<Mended> mended;
    for (const IdentityId& writer : writers) {
        try {
            PackRestoring restoring(*this, writer, keys_.writer_keys(writer));
            for (const ReachedEntry& entry : entries) {
                if (entry.writer == writer) restoring.add(entry, lost);
            }
            restoring.run(append, mended);
        } catch (const Error& error) {
            if (!is_about_slots(error)) throw;
            for (const ReachedEntry& entry : entries) {
                for (const format::PackInfo& pack : entry.listed->packs) {
                    if (entry.writer == writer && lost.contains(pack.id))
                        mended.push_back(not_mended(format::pack_name(pack.id), error));
                }
            }
        }
    }
    return mended;
}

}  // namespace signet::restore
