// Reads LMDB's list of the pages that are free: nothing but a write meets it otherwise. Private to the room.
#pragma once

#include "checkpoint/lmdb_records.h"

namespace tagma::lmdb {

/// Throws StateDamaged where the list of free pages, as the reader `transaction` shows it, is not one that LMDB writes,
/// or names a page that is in use.
void check_free_list(const Transaction& transaction, const Tables& tables);

}  // namespace tagma::lmdb
