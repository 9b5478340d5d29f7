#include "checkpoint/state_piece.h"

#include <vector>

#include "checkpoint/tree_leaves.h"

namespace tagma {
Digest first_path(const NibblePrefix& prefix) {
  Digest path;
  for (std::size_t at = 0; at < prefix.size(); ++at) {
    const auto nibble = static_cast<unsigned>(static_cast<unsigned char>(prefix[at]));
    path.bytes[at / 2] = static_cast<std::uint8_t>(path.bytes[at / 2] | (at % 2 == 0 ? nibble << 4U : nibble));
  }
  return path;
}

std::optional<Digest> digest_of(const StatePiece& piece, const HashFunction& hash) {
  if (piece.entries.empty()) return std::nullopt;
  std::vector<TreeLeaf> leaves;
  leaves.reserve(piece.entries.size());
  Bytes bytes;
  for (const auto& [key, value] : piece.entries) {
    bytes.clear();
    append_leaf_bytes(bytes, key, value);
    const TreeLeaf leaf{.path = hash(key), .digest = hash(bytes)};
    if (!lies_below(leaf.path, piece.prefix)) return std::nullopt;
    if (!leaves.empty() && leaf.path <= leaves.back().path) return std::nullopt;
    leaves.push_back(leaf);
  }
  return digest_below(leaves, piece.prefix.size(), hash);
}

}  // namespace tagma
