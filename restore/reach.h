// What stands for what, under the names that restoring has for it (storage/repacks.h).
#pragma once

#include "storage/repacks.h"

namespace signet::restore {

using storage::all_packs;
using storage::BodySource;
using storage::EntryPlace;
using storage::ReachedEntry;
using storage::RepackEntry;
using storage::Repacks;
using storage::RunEntries;
using storage::StatementOrder;
using storage::visit_statements;

}  // namespace signet::restore
