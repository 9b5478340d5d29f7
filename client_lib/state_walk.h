// Which keys differ between two replicas' newest checkpoints, by their state trees. Private to client_lib and the
// command line.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client_lib/state_source.h"

namespace tagma {

using DigestFunction = std::function<Digest(ByteView)>;

/// What one replica has under a key that differs.
struct KeyDifference {
  Bytes key;
  StateValue left;
  StateValue right;
};

struct StateDifference {
  std::uint64_t differing = 0;       ///< keys; each has another value, or is on one side only
  bool at_least = false;             ///< there may be more: the walk stopped here
  std::vector<KeyDifference> first;  ///< the first of them, in the order of their keys
  bool full = false;                 ///< fewer than asked for are named: their values were too large to be kept
};

/// Whose answers a comparison failed for.
enum class Culprit : std::uint8_t {
  nobody,
  left,
  right,
  either,  ///< one of both lies, and it cannot be told which
};

/// Why a walk gave no difference.
struct WalkFailure {
  enum class Kind : std::uint8_t {
    no_answer,
    moved,         ///< a replica's newest checkpoint became another one: begin anew
    inconsistent,  ///< what a replica answered does not fit the root that it claims: it is faulty
  };
  Kind kind = Kind::no_answer;
  Culprit culprit = Culprit::nobody;
  std::string reason;  ///< names the replica
};

struct WalkOptions {
  std::size_t keys_max = 10;           ///< differing keys that are named
  std::size_t differing_max = 10'000;  ///< differing keys that are counted
  /// Keys that are read before a replica that names ever more of them is called faulty.
  std::uint64_t keys_read_max = 100'000'000;
  /// Bytes of values that are kept; a few answers more may pass. One key is named whatever it has.
  std::size_t values_bytes_max = 16UL * 1024 * 1024;
  /// Told how far the walk is: places compared, then keys read. May be empty.
  std::function<void(std::uint64_t places, std::uint64_t keys)> progress;
};

/// One side of a walk: the checkpoint that it is about, as the replica claims it.
struct WalkSide {
  StateSource& source;
  CheckpointRoot at;
};

/// Compares from the roots down, skips equal subtrees, and asks for keys and values of what differs. Every answer is
/// verified against a digest that was verified before, up to the root, but for a value that comes cut: only its being
/// there is, and that a correct replica can have so long a value. A tree that no state has is called inconsistent. The
/// work is bounded: by `differing_max`, the tree's depth, and the number of keys of a state, each of which is read at
/// most once per side. How long that takes is for the sources to bound (bounded_source.h).
[[nodiscard]] std::variant<StateDifference, WalkFailure> walk_states(const WalkSide& left, const WalkSide& right,
                                                                     const DigestFunction& digest,
                                                                     const WalkOptions& options);

}  // namespace tagma
