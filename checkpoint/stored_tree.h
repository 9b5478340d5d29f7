// The state tree with its inner nodes on disk: the same bytes and roots as StateTree (README.md), in memory that
// follows the change and not the state.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "checkpoint/state_damaged.h"
#include "checkpoint/state_tree.h"

namespace tagma {

/// An inner node as it is kept, under its prefix. Where the whole state is one key, the node at the empty prefix is
/// this key's leaf: one child, and `digest` is the leaf's.
struct NodeRecord {
  Digest digest;
  std::uint16_t occupied = 0;              ///< bit i is set where child i exists
  std::uint16_t leaves = 0;                ///< of those, the children that are leaves
  std::vector<StateNode::Child> children;  ///< in the order of their nibbles
  bool derived = false;                    ///< made of its leaves, which are kept: `digest` is not set

  auto operator<=>(const NodeRecord&) const = default;
};

/// Where nodes are kept.
class NodeRecords {
 public:
  NodeRecords() = default;
  NodeRecords(const NodeRecords&) = delete;
  NodeRecords& operator=(const NodeRecords&) = delete;
  virtual ~NodeRecords() = default;

  /// Well-formed: as many children as `occupied` has bits, leaves only where there are children.
  [[nodiscard]] virtual std::optional<NodeRecord> load(const NibblePrefix& prefix) const = 0;
  /// The same, but nothing where it would have to be derived.
  [[nodiscard]] virtual std::optional<NodeRecord> load_kept(const NibblePrefix& prefix) const { return load(prefix); }
  /// One whose children are all leaves need not be kept where load() can derive it, other than that at the empty
  /// prefix.
  virtual void store(const NibblePrefix& prefix, const NodeRecord& record) = 0;
  /// Called only for what was stored.
  virtual void erase(const NibblePrefix& prefix) = 0;
};

/// Keeps nothing between two calls but its records. Single-threaded. A record that should be there and is not, or is
/// not the one that the node above it names, is StateDamaged. Where nodes are derived from leaves, update() must see
/// the leaves as they were before the changes: whoever keeps them changes them afterwards.
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

  /// Applies the changes, in any order, no key twice, and returns the new root. Loads, hashes and stores each node
  /// above a change at most once. After StateDamaged the records are half changed: throw them away.
  Digest update(std::vector<Change> changes);

  [[nodiscard]] Digest root() const;
  [[nodiscard]] StateNode node(const NibblePrefix& prefix) const;
  /// The leaf of a path, or nothing if there is none. Loads one to three nodes if the guess of the leaf's depth is
  /// good.
  [[nodiscard]] std::optional<Digest> find(const Digest& path, std::size_t depth_guess) const;

  /// What is hashed for an inner node of this record, hashed.
  [[nodiscard]] Digest recomputed(const NodeRecord& record) const;

  /// How often the hash was computed.
  [[nodiscard]] std::uint64_t hashes() const { return hashes_; }

 private:
  class Update;
  /// What lies at a place, as the node above it says.
  struct Place {
    NodeKind kind = NodeKind::absent;
    Digest digest;
    Digest path;  ///< of a leaf
  };

  [[nodiscard]] Digest hash(ByteView bytes) const;
  [[nodiscard]] Place top() const;
  /// The node that must be there and have this digest.
  [[nodiscard]] NodeRecord load(const NibblePrefix& prefix, const Digest& expected) const;
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
