// The state tree with its inner nodes on disk: the same bytes and roots as StateTree (README.md), in memory that
// follows the change and not the state.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "checkpoint/state_damaged.h"
#include "checkpoint/state_tree.h"
#include "checkpoint/tree_leaves.h"

namespace tagma {

/// Where so many keys or fewer lie below a place other than the empty one, its inner nodes are not kept but made anew
/// of their leaves, which lie together. To keep them would double what a checkpoint of scattered keys writes: a page of
/// leaves for each, and a page of such nodes. More would make a changed key hash more of its neighbours.
inline constexpr std::size_t derived_leaves_max = 16;

/// An inner node as it is kept, under its prefix. Where the whole state is one key, the node at the empty prefix is
/// this key's leaf: one child, and `digest` is the leaf's.
struct NodeRecord {
  struct Child {
    Digest digest;
    Digest path;                 ///< of a leaf
    std::uint64_t leaf_sum = 0;  ///< of a derived node: that of the leaves below it (tree_leaves.h)
    auto operator<=>(const Child&) const = default;
  };
  Digest digest;
  std::uint64_t leaf_count = 0;  ///< how many leaves lie below it
  std::uint16_t occupied = 0;    ///< bit i is set where child i exists
  std::uint16_t leaves = 0;      ///< of those, the children that are leaves
  std::uint16_t derived = 0;     ///< of those that are no leaves, the children that are not kept
  std::vector<Child> children;   ///< in the order of their nibbles

  auto operator<=>(const NodeRecord&) const = default;
};

/// Where nodes are kept, and leaves are found.
class NodeRecords {
 public:
  NodeRecords() = default;
  NodeRecords(const NodeRecords&) = delete;
  NodeRecords& operator=(const NodeRecords&) = delete;
  virtual ~NodeRecords() = default;

  /// Well-formed: as many children as `occupied` has bits, each at most one of leaf and derived.
  [[nodiscard]] virtual std::optional<NodeRecord> load(const NibblePrefix& prefix) const = 0;
  virtual void store(const NibblePrefix& prefix, const NodeRecord& record) = 0;
  /// Called only for what was stored.
  virtual void erase(const NibblePrefix& prefix) = 0;
  /// The leaves below a place, rising by their paths, but no more than derived_leaves_max + 1 of them.
  [[nodiscard]] virtual std::vector<TreeLeaf> leaves(const NibblePrefix& prefix) const = 0;
};

/// Keeps nothing between two calls but its records. Single-threaded. A record that should be there and is not, or is
/// not the one that the node above it names, is StateDamaged, and so are leaves that are not those that it names.
/// update() must see the leaves as they were before the changes: whoever keeps them changes them afterwards.
class StoredTree {
 public:
  /// `records` outlives the tree.
  StoredTree(HashFunction hash, NodeRecords& records);

  /// A key's new leaf, or nothing where it is gone; made by change().
  struct Change {
    Digest path;
    std::optional<Digest> leaf;
    bool there =
        false;  ///< whether its owner has the key so far: if the tree sees it differently, one of them is damaged
  };
  /// Hashes the key, and the leaf if there is a value.
  [[nodiscard]] Change change(ByteView key, std::optional<ByteView> value, bool there) const;
  [[nodiscard]] Digest path(ByteView key) const { return hash(key); }
  [[nodiscard]] Digest leaf(ByteView key, ByteView value) const;

  /// Applies the changes, in any order, no key twice, and returns the new root. Loads, hashes and stores each node that
  /// is kept above a change at most once (the first one is loaded twice), and hashes once what is derived beside it.
  /// After StateDamaged the records are half changed: throw them away.
  Digest update(std::vector<Change> changes);

  [[nodiscard]] Digest root() const;
  [[nodiscard]] StateNode node(const NibblePrefix& prefix) const;
  /// The leaf of a path, or nothing if there is none. Loads one to three nodes if `depth_guess`, the depth of the
  /// deepest node above it that is kept, is good.
  [[nodiscard]] std::optional<Digest> find(const Digest& path, std::size_t depth_guess) const;

  /// What is hashed for an inner node of this record, hashed.
  [[nodiscard]] Digest recomputed(const NodeRecord& record) const;

  /// As digest_below().
  [[nodiscard]] Digest digest_over(std::span<const TreeLeaf> leaves, std::size_t depth) const;

  /// How often the hash was computed.
  [[nodiscard]] std::uint64_t hashes() const { return hashes_; }

 private:
  class Update;
  /// What lies at a place, as the node above it says.
  struct Place {
    NodeKind kind = NodeKind::absent;
    bool derived = false;  ///< an inner node that is not kept
    Digest digest;
    Digest path;                 ///< of a leaf
    std::uint64_t leaf_sum = 0;  ///< of what is derived
  };

  [[nodiscard]] Digest hash(ByteView bytes) const;
  [[nodiscard]] Place top() const;
  /// The node that must be there and have this digest.
  [[nodiscard]] NodeRecord load(const NibblePrefix& prefix, const Digest& expected) const;
  /// The leaves below a place where no node is kept: those that must be there.
  [[nodiscard]] std::vector<TreeLeaf> leaves(const NibblePrefix& prefix, const Place& place) const;
  [[nodiscard]] StateNode node_over(std::span<const TreeLeaf> leaves, const NibblePrefix& prefix) const;
  [[nodiscard]] static Place child(const NodeRecord& record, std::size_t nibble);

  HashFunction hash_;
  NodeRecords& records_;
  mutable std::uint64_t hashes_ = 0;
  mutable Bytes buffer_;  ///< what is hashed next
  Digest empty_root_;
};

/// The nibbles of a place as digits, for messages.
[[nodiscard]] std::string nibbles_text(const NibblePrefix& prefix);

}  // namespace tagma
