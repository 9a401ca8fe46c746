#include "restore/pack_object.h"

#include "format/names.h"
#include "storage/quarantine.h"

namespace signet::restore {

PackObject open_pack(const storage::Store& store, const PackId& id) {
    const std::string name = format::pack_name(id);
    if (auto reader = store.open_if_present(name)) return {std::move(reader), false};
    for (const storage::ObjectInfo& aside : storage::quarantined(store, name)) {
        if (auto reader = store.open_if_present(aside.name)) return {std::move(reader), true};
    }
    return {store.open_object(name), false};  // which says that it is missing
}

}  // namespace signet::restore
