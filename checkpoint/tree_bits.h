// The children of an inner node as bits, shared by the two trees (state_tree, stored_tree). Private to the room.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "messages/inspection.h"

namespace tagma {

[[nodiscard]] inline std::uint16_t bit_of(std::size_t nibble) { return static_cast<std::uint16_t>(1U << nibble); }

/// Where the child of this nibble stands among those that exist, or would stand.
[[nodiscard]] inline std::size_t child_index(std::uint16_t occupied, std::size_t nibble) {
  return static_cast<std::size_t>(std::popcount(static_cast<std::uint16_t>(occupied & (bit_of(nibble) - 1U))));
}

/// How many of what has a path (changes, leaves), rising by it, go to the same child as the first one; there is one.
template <typename Placed>
[[nodiscard]] std::size_t count_of_one_child(std::span<const Placed> placed, std::size_t depth) {
  const std::size_t nibble = nibble_at(placed.front().path, depth);
  std::size_t count = 1;
  while (count < placed.size() && nibble_at(placed[count].path, depth) == nibble) ++count;
  return count;
}

}  // namespace tagma
