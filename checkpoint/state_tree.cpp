#include "checkpoint/state_tree.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <utility>

#include "messages/assert.h"

namespace tagma {
namespace {

constexpr std::size_t children_max = 16;
constexpr std::size_t path_nibbles = 2 * Digest::size_bytes;

// The first byte of what is hashed says what it is, so that no leaf can be taken for an inner node.
constexpr char leaf_tag = '\x00';
constexpr char inner_tag = '\x01';
constexpr char empty_tag = '\x02';

std::size_t nibble_at(const Digest& path, std::size_t depth) {
  const std::size_t byte = path.bytes[depth / 2];
  return depth % 2 == 0 ? byte >> 4U : byte & 0x0fU;
}

void append_length(Bytes& out, std::size_t length) {
  for (std::size_t at = 0; at < 4; ++at) out.push_back(static_cast<char>(length >> (8 * at) & 0xffU));
}

}  // namespace

/// A subtree with at least one key. With exactly one it is a leaf, and it lies directly under the deepest inner node
/// that other keys' paths share with it; with more it is an inner node.
struct StateTree::Node {
  Digest digest;
  Digest path;                 ///< of a leaf: the hash of its key
  std::uint16_t occupied = 0;  ///< of an inner node: bit i is set where child i exists; 0 for a leaf
  /// The occupied children in the order of their nibbles. A lone child is an inner node, else this one were a leaf.
  std::vector<std::unique_ptr<Node>> children;

  [[nodiscard]] bool is_leaf() const { return occupied == 0; }
};

/// The new leaf of a path, or nothing where it is gone.
struct StateTree::LeafChange {
  Digest path;
  std::optional<Digest> leaf;
};

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
    buffer_.assign(1, leaf_tag);
    append_length(buffer_, change.key.size());
    buffer_.append(change.key);
    append_length(buffer_, change.value->size());
    buffer_.append(*change.value);
    result.leaf = hash(buffer_);
    return result;
  }

  /// Applies `changes`, all of which lie below `node`, which is at `depth` nibbles. Returns whether its digest changed.
  bool apply(std::unique_ptr<Node>& node, std::span<const LeafChange> changes, std::size_t depth) {
    if (changes.empty()) return false;
    if (node != nullptr && !node->is_leaf()) return apply_to_inner(node, changes, depth);
    if (node == nullptr) return grow(node, changes, depth);
    if (changes.size() == 1 && changes.front().path == node->path) return replace_leaf(node, changes.front());
    return apply_to_leaf(node, changes, depth);
  }

 private:
  using Children = std::array<std::unique_ptr<Node>, children_max>;

  static bool replace_leaf(std::unique_ptr<Node>& node, const LeafChange& change) {
    if (!change.leaf) {
      node.reset();
      return true;
    }
    if (*change.leaf == node->digest) return false;
    node->digest = *change.leaf;
    return true;
  }

  /// Where there is one key so far: it joins the changes unless they speak of it themselves.
  bool apply_to_leaf(std::unique_ptr<Node>& node, std::span<const LeafChange> changes, std::size_t depth) {
    std::vector<LeafChange> all(changes.begin(), changes.end());
    const auto at = std::lower_bound(all.begin(), all.end(), node->path,
                                     [](const LeafChange& change, const Digest& path) { return change.path < path; });
    if (at == all.end() || at->path != node->path) all.insert(at, {.path = node->path, .leaf = node->digest});
    const Digest before = node->digest;
    node.reset();
    grow(node, all, depth);
    return node == nullptr || node->digest != before;
  }

  /// Where there is no key so far. Returns whether there is one now.
  bool grow(std::unique_ptr<Node>& node, std::span<const LeafChange> changes, std::size_t depth) {
    const auto sets = [](const LeafChange& change) { return change.leaf.has_value(); };
    const auto first = std::find_if(changes.begin(), changes.end(), sets);
    if (first == changes.end()) return false;
    node = std::make_unique<Node>();
    if (std::none_of(first + 1, changes.end(), sets)) {
      node->path = first->path;
      node->digest = *first->leaf;
      return true;
    }
    Children children;
    apply_to_children(children, changes, depth);
    settle(node, children);
    return true;
  }

  bool apply_to_inner(std::unique_ptr<Node>& node, std::span<const LeafChange> changes, std::size_t depth) {
    Children children;
    std::size_t next = 0;
    for (std::size_t nibble = 0; nibble < children_max; ++nibble) {
      if ((node->occupied >> nibble & 1U) != 0) children[nibble] = std::move(node->children[next++]);
    }
    const bool changed = apply_to_children(children, changes, depth);
    if (changed) {
      settle(node, children);
      return true;
    }
    next = 0;
    for (auto& child : children) {
      if (child != nullptr) node->children[next++] = std::move(child);
    }
    return false;
  }

  bool apply_to_children(Children& children, std::span<const LeafChange> changes, std::size_t depth) {
    TAGMA_ASSERT(depth < path_nibbles, "the hashes of two keys are equal");
    bool changed = false;
    while (!changes.empty()) {
      const std::size_t nibble = nibble_at(changes.front().path, depth);
      std::size_t count = 1;
      while (count < changes.size() && nibble_at(changes[count].path, depth) == nibble) ++count;
      changed |= apply(children[nibble], changes.first(count), depth + 1);
      changes = changes.subspan(count);
    }
    return changed;
  }

  /// Makes `node` the canonical subtree over `children`: nothing, the lone leaf, or an inner node.
  void settle(std::unique_ptr<Node>& node, Children& children) {
    std::uint16_t occupied = 0;
    for (std::size_t nibble = 0; nibble < children_max; ++nibble) {
      if (children[nibble] != nullptr) occupied = static_cast<std::uint16_t>(occupied | 1U << nibble);
    }
    if (occupied == 0) {
      node.reset();
      return;
    }
    if (std::has_single_bit(occupied)) {
      auto& lone = children[static_cast<std::size_t>(std::countr_zero(occupied))];
      if (lone->is_leaf()) {
        node = std::move(lone);
        return;
      }
    }
    node->occupied = occupied;
    node->children.clear();
    node->children.reserve(static_cast<std::size_t>(std::popcount(occupied)));
    buffer_.assign(1, inner_tag);
    buffer_.push_back(static_cast<char>(occupied & 0xffU));
    buffer_.push_back(static_cast<char>(occupied >> 8U));
    for (auto& child : children) {
      if (child == nullptr) continue;
      buffer_.append(child->digest.view());
      node->children.push_back(std::move(child));
    }
    node->digest = hash(buffer_);
  }

  StateTree& tree_;
  Bytes buffer_;  ///< what is hashed next
};

StateTree::StateTree(HashFunction hash)
    : hash_(std::move(hash)), empty_root_(hash_(ByteView(&empty_tag, 1))), root_(empty_root_) {
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
  update.apply(top_, leaves, 0);
  root_ = top_ == nullptr ? empty_root_ : top_->digest;
  return root_;
}

}  // namespace tagma
