// Leaves of the state tree that lie side by side: what is hashed above them, and a sum by which they are told from
// others. Private to the room.
#pragma once

#include <cstdint>
#include <span>

#include "checkpoint/state_tree.h"

namespace tagma {

struct TreeLeaf {
  Digest path;
  Digest digest;

  auto operator<=>(const TreeLeaf&) const = default;
};

/// The digest over leaves that share their first `depth` nibbles, rising by their paths; there is one at least.
[[nodiscard]] Digest digest_below(std::span<const TreeLeaf> leaves, std::size_t depth, const HashFunction& hash);

/// Over paths and digests: tells leaves from others that damage put in their place, or elsewhere, and from fewer or
/// more. Against liars it is of no use: that is what digest_below() is for.
[[nodiscard]] std::uint64_t leaf_sum(std::span<const TreeLeaf> leaves);

}  // namespace tagma
