#include "format/hashed_name.h"

#include "format/limits.h"
#include "format/names.h"

namespace signet::format {

std::optional<HashedName> parse_hashed_name(std::string_view name) {
    if (const auto pack = parse_pack_name(name)) return HashedName{Digest::from(pack->view()), kMaxPack};
    if (const auto index = parse_index_name(name)) return HashedName{Digest::from(index->view()), kMaxIndexObject};
    if (const auto slot = parse_slot_name(name)) return HashedName{slot->content, kMaxSlot};
    if (const auto escrow = parse_escrow_name(name)) return HashedName{escrow->content, kMaxEscrow};
    if (const auto rebuilt = parse_rebuilt_index_name(name)) return HashedName{rebuilt->content, kMaxIndexObject};
    return std::nullopt;
}

}  // namespace signet::format
