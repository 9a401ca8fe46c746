// Which data keys backups should leave, so that each of them needs few: what a long history makes many of.
#pragma once

#include "restore/catalogue.h"

#include <cstddef>
#include <set>
#include <vector>

namespace signet::restore {

/// Data keys under which backups are to be sealed no more, so that each needs no more than `most`, those that they get
/// instead included: one for each writer whose packs move. What stays are the data keys of which a backup needs the
/// most octets, so that little has to be copied.
/// throws  Error{damaged}: a backup refers to an entry that is not there
[[nodiscard]] std::set<DekId> surplus_keys(const Catalogue& catalogue, const std::vector<const Backup*>& backups,
                                           std::size_t most);

}  // namespace signet::restore
