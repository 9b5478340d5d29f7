#include "checkpoint/state_tree.h"

#include <algorithm>
#include <span>
#include <utility>

#include "checkpoint/tree_bits.h"
#include "messages/assert.h"

namespace tagma {

/// The node over several keys.
struct StateTree::Inner {
  std::uint16_t occupied = 0;  ///< bit i is set where child i exists
  /// The occupied children in the order of their nibbles: side by side in memory, because a hash reads all of them.
  /// A lone child is an inner node, else this one were a leaf.
  std::vector<Subtree> children;
};

/// The new leaf of a path, or nothing where it is gone.
struct StateTree::LeafChange {
  Digest path;
  std::optional<Digest> leaf;
};

/// What became of a subtree.
enum class StateTree::Outcome : std::uint8_t { unchanged, changed, gone };

/// One pass over the tree that applies changes in the order of their paths.
class StateTree::Update {
 public:
  explicit Update(StateTree& tree) : tree_(tree) {}

  Digest hash(ByteView bytes) {
    ++tree_.hashes_;
    return tree_.hash_(bytes);
  }

  LeafChange leaf_change(const StateChange& change) {
    LeafChange result{.path = hash(change.key), .leaf = std::nullopt};
    if (!change.value) return result;
    buffer_.clear();
    append_leaf_bytes(buffer_, change.key, *change.value);
    result.leaf = hash(buffer_);
    return result;
  }

  /// Applies `changes`, all of which lie below the place of `subtree`, which is at `depth` nibbles.
  Outcome apply(Subtree& subtree, std::span<const LeafChange> changes, std::size_t depth) {
    if (subtree.inner != nullptr) {
      return apply_to_children(*subtree.inner, changes, depth) ? settle(subtree) : Outcome::unchanged;
    }
    if (changes.size() == 1 && changes.front().path == subtree.path) return replace_leaf(subtree, changes.front());
    return apply_to_leaf(subtree, changes, depth);
  }

  /// The subtree that `changes` make where there is no key so far; nothing if they set none.
  std::optional<Subtree> grow(std::span<const LeafChange> changes, std::size_t depth) {
    const auto sets = [](const LeafChange& change) { return change.leaf.has_value(); };
    const auto first = std::find_if(changes.begin(), changes.end(), sets);
    if (first == changes.end()) return std::nullopt;
    if (std::none_of(first + 1, changes.end(), sets)) {
      return Subtree{.digest = *first->leaf, .path = first->path, .inner = nullptr};
    }
    Subtree subtree{.digest = {}, .path = {}, .inner = std::make_unique<Inner>()};
    apply_to_children(*subtree.inner, changes, depth);
    settle(subtree);
    return subtree;
  }

 private:
  static Outcome replace_leaf(Subtree& leaf, const LeafChange& change) {
    if (!change.leaf) return Outcome::gone;
    if (*change.leaf == leaf.digest) return Outcome::unchanged;
    leaf.digest = *change.leaf;
    return Outcome::changed;
  }

  /// Where there is one key so far: it joins the changes unless they speak of it themselves.
  Outcome apply_to_leaf(Subtree& leaf, std::span<const LeafChange> changes, std::size_t depth) {
    std::vector<LeafChange> all(changes.begin(), changes.end());
    const auto at = std::lower_bound(all.begin(), all.end(), leaf.path,
                                     [](const LeafChange& change, const Digest& path) { return change.path < path; });
    if (at == all.end() || at->path != leaf.path) all.insert(at, {.path = leaf.path, .leaf = leaf.digest});
    auto grown = grow(all, depth);
    if (!grown) return Outcome::gone;
    const bool changed = grown->digest != leaf.digest;
    leaf = *std::move(grown);
    return changed ? Outcome::changed : Outcome::unchanged;
  }

  /// Returns whether a child changed, came or went.
  bool apply_to_children(Inner& inner, std::span<const LeafChange> changes, std::size_t depth) {
    TAGMA_ASSERT(depth < path_nibbles, "the hashes of two keys are equal");
    bool changed = false;
    while (!changes.empty()) {
      const std::size_t nibble = nibble_at(changes.front().path, depth);
      const std::size_t count = count_of_one_child(changes, depth);
      changed |= apply_to_child(inner, nibble, changes.first(count), depth + 1);
      changes = changes.subspan(count);
    }
    return changed;
  }

  bool apply_to_child(Inner& inner, std::size_t nibble, std::span<const LeafChange> changes, std::size_t depth) {
    const auto bit = bit_of(nibble);
    const auto child = inner.children.begin() + static_cast<std::ptrdiff_t>(child_index(inner.occupied, nibble));
    if ((inner.occupied & bit) == 0) {
      auto grown = grow(changes, depth);
      if (!grown) return false;
      inner.children.insert(child, *std::move(grown));
      inner.occupied = static_cast<std::uint16_t>(inner.occupied | bit);
      return true;
    }
    const Outcome outcome = apply(*child, changes, depth);
    if (outcome == Outcome::gone) {
      inner.children.erase(child);
      inner.occupied = static_cast<std::uint16_t>(inner.occupied ^ bit);
    }
    return outcome != Outcome::unchanged;
  }

  /// Makes the subtree over changed children canonical: nothing, the lone leaf, or the inner node with its digest.
  Outcome settle(Subtree& subtree) {
    Inner& inner = *subtree.inner;
    if (inner.children.empty()) return Outcome::gone;
    if (inner.children.size() == 1 && inner.children.front().inner == nullptr) {
      Subtree leaf = std::move(inner.children.front());
      subtree = std::move(leaf);
      return Outcome::changed;
    }
    buffer_.clear();
    append_inner_head(buffer_, inner.occupied);
    for (const auto& child : inner.children) buffer_.append(child.digest.view());
    subtree.digest = hash(buffer_);
    return Outcome::changed;
  }

  StateTree& tree_;
  Bytes buffer_;  ///< what is hashed next
};

StateTree::StateTree(HashFunction hash)
    : hash_(std::move(hash)), empty_root_(hash_(empty_state_bytes())), root_(empty_root_) {
  ++hashes_;
}

StateTree::~StateTree() = default;

Digest StateTree::update(const std::vector<StateChange>& changes) {
  Update update(*this);
  std::vector<LeafChange> leaves;
  leaves.reserve(changes.size());
  for (const auto& change : changes) leaves.push_back(update.leaf_change(change));
  std::sort(leaves.begin(), leaves.end(), [](const auto& left, const auto& right) { return left.path < right.path; });
  for (std::size_t at = 1; at < leaves.size(); ++at) {
    TAGMA_ASSERT(leaves[at - 1].path != leaves[at].path, "no key is changed twice in one update");
  }
  if (!top_) {
    top_ = update.grow(leaves, 0);
  } else if (update.apply(*top_, leaves, 0) == Outcome::gone) {
    top_.reset();
  }
  root_ = top_ ? top_->digest : empty_root_;
  return root_;
}

StateNode StateTree::node(const NibblePrefix& prefix) const {
  StateNode node;
  node.prefix = prefix;
  const Subtree* at = top_ ? &*top_ : nullptr;
  for (std::size_t depth = 0; at != nullptr && at->inner != nullptr && depth < prefix.size(); ++depth) {
    const auto nibble = static_cast<unsigned char>(prefix[depth]);
    TAGMA_ASSERT(nibble < 16, "the caller has checked the place");
    const auto& inner = *at->inner;
    const bool there = (inner.occupied & bit_of(nibble)) != 0;
    at = there ? &inner.children[child_index(inner.occupied, nibble)] : nullptr;
  }
  if (at == nullptr) return node;
  if (at->inner == nullptr) {
    if (!lies_below(at->path, prefix)) return node;
    node.kind = NodeKind::leaf;
    node.children = {{.digest = at->digest, .path = at->path}};
    return node;
  }
  node.kind = NodeKind::inner;
  node.occupied = at->inner->occupied;
  auto child = at->inner->children.begin();
  for (std::size_t nibble = 0; nibble < 16; ++nibble) {
    if ((node.occupied & bit_of(nibble)) == 0) continue;
    if (child->inner == nullptr) node.leaves = static_cast<std::uint16_t>(node.leaves | bit_of(nibble));
    node.children.push_back({.digest = child->digest, .path = child->path});
    ++child;
  }
  return node;
}

}  // namespace tagma
