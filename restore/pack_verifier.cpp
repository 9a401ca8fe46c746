#include "restore/pack_verifier.h"

#include <map>

#include "format/names.h"
#include "restore/pack_reader.h"

namespace signet::restore {
namespace {

using format::ChunkKind;

bool is_damage(const Error& error) {
    return error.code() == ErrorCode::damaged || error.code() == ErrorCode::unsupported;
}

}  // namespace

void PackVerifier::verify(const ReachedEntry& entry, const std::set<PackId>& wanted, const OnDamage& on_damage) {
    const format::WriterKeys& writer = keys_.writer_keys(entry.writer);
    const format::DataKey& key = keys_.data_key(*entry.entry, *entry.listed);
    std::map<PackId, PackRows> known;
    read_index(
        repository_, entry, writer.index_key,
        {[&](PackRows&& rows) {
             if (wanted.contains(rows.pack.id)) known.insert_or_assign(rows.pack.id, std::move(rows));
             return true;
         },
         [&](const format::IndexInfo& info, const Error& error) { on_damage(format::index_name(info.id), error); }});
    for (const format::PackInfo& pack : entry.listed->packs) {
        if (!wanted.contains(pack.id)) continue;
        const auto rows = known.find(pack.id);
        try {
            read_pack(pack, key, writer, rows == known.end() ? nullptr : &rows->second);
        } catch (const Error& error) {
            if (!is_damage(error)) throw;
            on_damage(format::pack_name(pack.id), error);
        }
    }
}

/// rows  nullptr: no index tells its chunks' ids, and that its frames open has to do
void PackVerifier::read_pack(const format::PackInfo& pack, const format::DataKey& key, const format::WriterKeys& writer,
                             const PackRows* rows) {
    PackReader reader(repository_.store(), pack.id, pack.size, key);
    crypto::HmacSha256 hmac(writer.id_key.reveal());
    std::size_t number = 0;
    const auto has_id = [&](std::size_t at, const ChunkId& id) {
        if (at < rows->pack.chunks.size() && rows->pack.chunks[at] == id) return true;
        return at < rows->aliases.size() && rows->aliases[at] == id;
    };
    for (const format::FrameRecord& record : reader.frames()) {
        if (interrupted_ != nullptr && *interrupted_) throw Error(ErrorCode::interrupted, "interrupted");
        ByteView raw = reader.next().raw;
        for (const std::uint32_t length : record.chunk_lengths) {
            const ByteView octets = raw.first(length);
            raw = raw.subspan(length);
            const std::size_t at = number++;
            ++chunks_;
            if (rows == nullptr) continue;
            const bool is_data = record.kind == format::FrameKind::data;
            if (has_id(at, chunk_id(hmac, is_data ? ChunkKind::data : ChunkKind::tree, octets))) continue;
            if (!is_data && has_id(at, chunk_id(hmac, ChunkKind::list, octets))) continue;
            throw Error(ErrorCode::damaged,
                        reader.name() + ": chunk " + std::to_string(at) + " is not what its index says");
        }
    }
    if (rows != nullptr && number != rows->pack.chunks.size())
        throw Error(ErrorCode::damaged, reader.name() + ": has another number of chunks than its index says");
}

}  // namespace signet::restore
