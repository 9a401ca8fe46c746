#include "restore/remains.h"

#include "format/names.h"

namespace signet::restore {

std::optional<std::string> remains_of(std::string_view name) {
    if (auto object = format::parse_quarantine_name(name)) return object;
    if (const auto rebuilt = format::parse_rebuilt_index_name(name)) return format::index_name(rebuilt->lost);
    return std::nullopt;
}

}  // namespace signet::restore
