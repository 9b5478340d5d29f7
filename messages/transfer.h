// What a replica that lacks a part of the state asks another, and what it is answered. Nothing of it is believed: a
// certified root says what is right (checkpoint/state_transfer.h).
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "messages/inspection.h"
#include "messages/state_entries.h"
#include "tagma/bytes.h"
#include "tagma/identifiers.h"

namespace tagma {

/// Every key whose path begins with the prefix, with its value.
struct StatePiece {
  NibblePrefix prefix;
  StateEntries entries;  ///< in the order of their paths; none: nothing lies there
  auto operator<=>(const StatePiece&) const = default;
};

/// What an entry of a piece counts for beside its key and value, wherever the size of a piece is bounded.
inline constexpr std::size_t piece_entry_bytes = 32;
[[nodiscard]] std::size_t size_of(const StatePiece& piece);

/// A place of the state that somebody asks about. The answer may be its node or the piece below it: the piece is wanted
/// unless it is too large, or unless the node is (both sides have much there, and it may differ in little).
struct StateQuestion {
  NibblePrefix prefix;
  bool node_wanted = false;
  auto operator<=>(const StateQuestion&) const = default;
};

struct StatePartsQuery {
  std::uint64_t nonce = 0;  ///< returned in the answer
  Seq seq = 0;              ///< of the leased checkpoint
  std::vector<StateQuestion> places;
  auto operator<=>(const StatePartsQuery&) const = default;
};

/// As much of what was asked for as the sender likes to answer now; none of it: ask again a little later.
struct StateParts {
  std::uint64_t nonce = 0;
  Seq seq = 0;  ///< of the checkpoint that the sender has leased; 0: none
  std::vector<StateNode> nodes;
  std::vector<StatePiece> pieces;
  auto operator<=>(const StateParts&) const = default;
};

}  // namespace tagma
