// A pack as an object to read from: in its place, or set aside as damaged, where part of it may still open.
#pragma once

#include "core/id.h"
#include "storage/store.h"

#include <memory>

namespace signet::restore {

struct PackObject {
    std::unique_ptr<storage::ObjectReader> reader;
    bool is_aside = false;  ///< in the quarantine: each of its frames has to prove itself, as always
};

/// The pack in its place, else the longest copy that was set aside.
/// throws  Error{damaged}: neither is there; Error{io}
[[nodiscard]] PackObject open_pack(const storage::Store& store, const PackId& id);

}  // namespace signet::restore
