// Keys that the table of keys lacks, gathered in any order and written in their own. Private to the room.
#pragma once

#include <cstdint>
#include <vector>

#include "checkpoint/lmdb_records.h"

namespace tagma::lmdb {

/// Changes come in the order of their hashed paths; written like that, each key would go to another page of its table.
/// Within one transaction, which outlives it. Throws what the transaction throws.
class NewKeys {
 public:
  NewKeys(Transaction& transaction, Table keys) : transaction_(transaction), keys_(keys) {}

  /// The table does not have it, and no other change of it comes before write(). Writes all, once many have gathered.
  void add(ByteView key);
  /// All that were added since the last time.
  void write();

 private:
  Transaction& transaction_;
  Table keys_;
  Bytes bytes_;                      ///< of all, one after the other
  std::vector<std::uint32_t> ends_;  ///< where each of them ends
};

}  // namespace tagma::lmdb
