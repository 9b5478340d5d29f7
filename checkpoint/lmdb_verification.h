// Reads a whole state on disk, once and in the order of the disk, and compares everything with everything. Private to
// the room.
#pragma once

#include <cstdint>
#include <functional>

#include "checkpoint/lmdb_records.h"

namespace tagma::lmdb {

/// What is verified; borrowed.
struct StoredState {
  const Transaction& transaction;
  const Tables& tables;
  const StoredTree& tree;  ///< of its nodes
  const Head& head;
};

/// Throws StateDamaged for the damage that it meets first. `go_on` is told how many of how many records were looked
/// at, about every thousand; false ends the verification. Returns whether it came to its end.
[[nodiscard]] bool verify(const StoredState& state,
                          const std::function<bool(std::uint64_t done, std::uint64_t total)>& go_on);

}  // namespace tagma::lmdb
