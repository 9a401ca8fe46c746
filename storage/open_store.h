// From a location, as --repo takes it, to a store.
#pragma once

#include <memory>
#include <string>

#include "storage/store.h"

namespace signet::storage {

enum class OpenMode {
    existing,  ///< the place must be there
    create,    ///< the place is made where it is not there yet (init)
};

/// location  a path, or "local:" and a path; "-"-prefixed paths need "./"
/// throws    Error{usage}: a kind of store that this version does not know; Error{no_repository}; Error{io}
[[nodiscard]] std::shared_ptr<Store> open_store(const std::string& location, OpenMode mode);

}  // namespace signet::storage
