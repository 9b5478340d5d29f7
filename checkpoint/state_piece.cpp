#include "checkpoint/state_piece.h"

#include <span>

#include "checkpoint/tree_bits.h"

namespace tagma {
namespace {

struct Leaf {
  Digest path;
  Digest digest;
};

/// Of leaves that share their first `depth` nibbles, in the order of their paths; there is one.
Digest digest_below(std::span<const Leaf> leaves, std::size_t depth, const HashFunction& hash) {
  if (leaves.size() == 1) return leaves.front().digest;
  std::uint16_t occupied = 0;
  std::vector<Digest> children;
  while (!leaves.empty()) {
    const std::size_t count = changes_of_one_child(leaves, depth);
    occupied = static_cast<std::uint16_t>(occupied | bit_of(nibble_at(leaves.front().path, depth)));
    children.push_back(digest_below(leaves.first(count), depth + 1, hash));
    leaves = leaves.subspan(count);
  }
  Bytes bytes;
  append_inner_head(bytes, occupied);
  for (const auto& child : children) bytes.append(child.view());
  return hash(bytes);
}

}  // namespace

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
  std::vector<Leaf> leaves;
  leaves.reserve(piece.entries.size());
  Bytes bytes;
  for (const auto& [key, value] : piece.entries) {
    bytes.clear();
    append_leaf_bytes(bytes, key, value);
    const Leaf leaf{.path = hash(key), .digest = hash(bytes)};
    if (!lies_below(leaf.path, piece.prefix)) return std::nullopt;
    if (!leaves.empty() && leaf.path <= leaves.back().path) return std::nullopt;
    leaves.push_back(leaf);
  }
  return digest_below(leaves, piece.prefix.size(), hash);
}

}  // namespace tagma
