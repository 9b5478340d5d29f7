// Reading all of a state on disk before anything is done with it.
#pragma once

#include <functional>
#include <string>
#include <variant>

#include "checkpoint/state_damaged.h"
#include "checkpoint/state_tree.h"
#include "tagma/bytes.h"
#include "tagma/identifiers.h"

namespace tagma::runtime {

/// The hash of the state's tree, for one thread.
[[nodiscard]] HashFunction make_state_hash();

/// A state that is as it was written.
struct CheckedState {
  Seq seq = 0;
  Digest root;
  std::uint64_t keys = 0;
  std::uint64_t file_bytes = 0;
};
/// It could not be read for another reason than damage. In one line.
struct CheckFailed {
  std::string reason;
  bool may_pass = true;  ///< the next time it may be otherwise (no memory, say)
};
struct CheckAbandoned {};
using StateCheck = std::variant<CheckedState, StateDamaged, CheckFailed, CheckAbandoned>;

/// Reads and verifies the state in `folder`, whoever its owner is, in a process of its own: LMDB may be ended by a
/// damaged page, and that is then the damage found. Nothing is changed. `go_on` is told how many of how many records
/// were looked at, and at least every 100 ms; where it returns false the check is abandoned. Before other threads
/// start.
[[nodiscard]] StateCheck check_state(const std::string& folder,
                                     const std::function<bool(std::uint64_t done, std::uint64_t total)>& go_on);

}  // namespace tagma::runtime
