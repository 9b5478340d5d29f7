// Oracle 8: is there an order of the operations, within the intervals in which clients saw them, that explains every
// answer? After Wing and Gong (1993) and Lowe (2017): depth-first search with memoised configurations, one key at a
// time (a history is linearizable if and only if its part for every key is).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "tagma/bytes.h"

namespace tagma::checkers {

enum class KvKind : std::uint8_t {
  put,      ///< always succeeds
  get,      ///< `found` and `value_seen`
  erase,    ///< `found`: whether the key was there
  compare,  ///< compare and set: `found` tells whether it was done; the key must exist and hold `expected`
};

/// When an operation whose outcome the client never learnt "returned".
inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

/// One operation on one key, as a client saw it.
///
/// Operations of one process take effect in the order in which they stand in the history (sessions promise it, even for
/// operations that are outstanding together). An operation with `returned_us == never` is unknown: it may have taken
/// effect at any time after its invocation, or not at all.
struct KvOperation {
  std::uint64_t process = 0;
  KvKind kind = KvKind::get;
  Bytes key;
  Bytes value;     ///< put, compare: what to write
  Bytes expected;  ///< compare
  bool found = false;
  Bytes value_seen;  ///< get: where found
  std::int64_t invoked_us = 0;
  std::int64_t returned_us = never;
  /// Only the order of the search follows it, never its outcome: a guess at the true order makes a good history's proof
  /// linear.
  std::uint64_t hint = 0;
};

struct LinearizabilityResult {
  bool linearizable = true;
  /// The search gave up: the history may or may not be linearizable.
  bool undecided = false;
  std::string explanation;  ///< where not linearizable: the key and the operations that cannot be placed
  std::size_t configurations = 0;
};

/// Checks a whole history, operations of one process in their order. All keys are absent at the start.
[[nodiscard]] LinearizabilityResult check_linearizable(const std::vector<KvOperation>& history,
                                                       std::size_t configurations_max = 4'000'000);

[[nodiscard]] std::string to_string(const KvOperation& operation);

}  // namespace tagma::checkers
