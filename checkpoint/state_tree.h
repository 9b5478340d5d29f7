// The root over the whole state: a Merkle trie whose update costs what changed. README.md defines every byte of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "messages/inspection.h"
#include "tagma/bytes.h"

namespace tagma {

/// The hash of the tree. In the product it is SHA-256; a simulation may inject a faster one. It must spread its output
/// and not collide: two keys with one hash are one key to the tree.
using HashFunction = std::function<Digest(ByteView)>;

/// A key's new value, or nothing where the key is gone. Borrowed for one StateTree::update().
struct StateChange {
  ByteView key;
  std::optional<ByteView> value;
};

/// Digests only: keys and values stay with whoever owns the tree. Single-threaded. The root is a function of the keys
/// and values that the tree stands for, however they came to be.
class StateTree {
 public:
  explicit StateTree(HashFunction hash);
  ~StateTree();
  StateTree(const StateTree&) = delete;
  StateTree& operator=(const StateTree&) = delete;

  /// Applies the changes, in any order, no key twice, and returns the new root. To erase a key that is not there, or to
  /// set the value that it has, changes nothing. Every inner node above a change is hashed once, however many of the
  /// changes lie below it.
  Digest update(const std::vector<StateChange>& changes);

  [[nodiscard]] const Digest& root() const { return root_; }

  /// What lies at a place. A place below a leaf is that leaf if its path leads there. Costs one step per nibble.
  [[nodiscard]] StateNode node(const NibblePrefix& prefix) const;

  /// How often the hash was computed since the tree was made: the cost that tests hold the updates to.
  [[nodiscard]] std::uint64_t hashes() const { return hashes_; }

 private:
  struct Inner;
  struct LeafChange;
  enum class Outcome : std::uint8_t;
  class Update;

  /// The part of the tree below one place: with one key a leaf, which lies directly under the deepest inner node that
  /// other keys' paths share with it; with several keys an inner node.
  struct Subtree {
    Digest digest;
    Digest path;                   ///< of a leaf: the hash of its key
    std::unique_ptr<Inner> inner;  ///< null for a leaf
  };

  HashFunction hash_;
  std::uint64_t hashes_ = 0;
  std::optional<Subtree> top_;  ///< nothing while there is no key
  Digest empty_root_;
  Digest root_;
};

}  // namespace tagma
