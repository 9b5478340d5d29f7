#include "checkpoint/tree_leaves.h"

#define XXH_INLINE_ALL  // sixteen short ones in a row: half of the time would be calls
#include <xxhash.h>

#include <vector>

#include "checkpoint/tree_bits.h"

namespace tagma {

Digest digest_below(std::span<const TreeLeaf> leaves, std::size_t depth, const HashFunction& hash) {
  if (leaves.size() == 1) return leaves.front().digest;
  std::uint16_t occupied = 0;
  std::vector<Digest> children;
  while (!leaves.empty()) {
    const std::size_t count = count_of_one_child(leaves, depth);
    occupied = static_cast<std::uint16_t>(occupied | bit_of(nibble_at(leaves.front().path, depth)));
    children.push_back(digest_below(leaves.first(count), depth + 1, hash));
    leaves = leaves.subspan(count);
  }
  Bytes bytes;
  append_inner_head(bytes, occupied);
  for (const auto& child : children) bytes.append(child.view());
  return hash(bytes);
}

std::uint64_t leaf_sum(std::span<const TreeLeaf> leaves) {
  static_assert(sizeof(TreeLeaf) == 2 * Digest::size_bytes, "path and digest stand side by side");
  std::uint64_t sum = leaves.size();
  for (const auto& leaf : leaves) sum = XXH3_64bits_withSeed(&leaf, sizeof(TreeLeaf), sum);
  return sum;
}

}  // namespace tagma
