// config.json (docs/format.md section 4).
#pragma once

#include "core/id.h"

#include <string>

namespace signet::format {

struct RepositoryConfig {
    RepositoryId repository;
    IdentityId officer;
    std::string provider = "local";
    std::string region = "local";

    /// The one canonical spelling.
    [[nodiscard]] Bytes encode() const;
    /// throws  Error{damaged}: not canonical; Error{unsupported}: another format number
    [[nodiscard]] static RepositoryConfig decode(ByteView bytes);
    /// SHA-256 of encode().
    [[nodiscard]] Digest hash() const;
};

/// Whether text is a provider or region name: [a-z0-9-]{1,64}.
[[nodiscard]] bool is_region_name(std::string_view text);

}  // namespace signet::format
