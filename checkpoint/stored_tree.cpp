#include "checkpoint/stored_tree.h"

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

#include "checkpoint/tree_bits.h"
#include "messages/assert.h"

namespace tagma {
namespace {

bool has(std::uint16_t bits, std::size_t nibble) { return (bits & bit_of(nibble)) != 0; }

bool is_lone_leaf(const NodeRecord& record) { return record.children.size() == 1 && record.leaves != 0; }

NibblePrefix prefix_of(const Digest& path, std::size_t depth) {
  NibblePrefix prefix;
  for (std::size_t at = 0; at < depth; ++at) prefix.push_back(static_cast<char>(nibble_at(path, at)));
  return prefix;
}

[[noreturn]] void disagree(const Digest& path) {
  throw StateDamaged("the tree and the keys disagree whether there is a key with the path " + to_hex(path.view()));
}

[[noreturn]] void missing(const NibblePrefix& prefix) {
  throw StateDamaged("the tree's node at \"" + nibbles_text(prefix) + "\" is missing");
}

/// Whether so many leaves can lie below such children: the count steers an update, and no digest vouches for it.
bool is_possible_count(const NodeRecord& record) {
  const auto leaves = static_cast<std::uint64_t>(std::popcount(record.leaves));
  const auto derived = static_cast<std::uint64_t>(std::popcount(record.derived));
  const auto kept = static_cast<std::uint64_t>(std::popcount(record.occupied)) - leaves - derived;
  const auto least = leaves + 2 * derived + (derived_leaves_max + 1) * kept;
  return record.leaf_count >= least && (kept > 0 || record.leaf_count <= leaves + derived_leaves_max * derived);
}

[[noreturn]] void miscounted(const NibblePrefix& prefix) {
  throw StateDamaged("the tree's node at \"" + nibbles_text(prefix) + "\" does not say how many leaves lie below it");
}

}  // namespace

std::string nibbles_text(const NibblePrefix& prefix) {
  std::string text;
  for (const char nibble : prefix) text.push_back("0123456789abcdef"[static_cast<unsigned char>(nibble) & 0x0fU]);
  return text;
}

/// One pass over the tree that applies changes in the order of their paths.
class StoredTree::Update {
 public:
  explicit Update(const StoredTree& tree, NodeRecords& records) : tree_(tree), records_(records) {}

  /// Applies `changes`, all of which lie below `place`, which is at prefix_. Returns whether it is another place now.
  bool apply(Place& place, std::span<const Change> changes) {
    std::vector<TreeLeaf> leaves;
    if (place.kind == NodeKind::inner && !place.derived) {
      NodeRecord record = tree_.load(prefix_, place.digest);
      const auto leaf_count = leaf_count_after(record, changes);
      if (leaf_count > unkept_leaves_max()) {
        if (!apply_to_children(record, changes)) return false;
        record.leaf_count = leaf_count;
        if (!is_possible_count(record)) miscounted(prefix_);
        place = stored(record);
        return true;
      }
      collect(record, leaves);
      if (leaves.size() != record.leaf_count) miscounted(prefix_);
    } else {
      leaves = tree_.leaves(prefix_, place);
    }
    const auto after = merged(leaves, changes);
    if (after == leaves) return false;
    place = built(after);
    return true;
  }

 private:
  /// Above so many leaves a node is kept at prefix_.
  [[nodiscard]] std::size_t unkept_leaves_max() const { return prefix_.empty() ? 1 : derived_leaves_max; }

  /// If the changes say rightly which keys are there; where they do not, it is found out below. None where they take
  /// away more than there are.
  static std::uint64_t leaf_count_after(const NodeRecord& record, std::span<const Change> changes) {
    std::uint64_t count = record.leaf_count;
    std::uint64_t gone = 0;
    for (const auto& change : changes) {
      count += change.leaf ? 1U : 0U;
      gone += change.there ? 1U : 0U;
    }
    return count - std::min(count, gone);
  }

  /// Appends the leaves below the node at prefix_, and erases it and all nodes below it.
  void collect(const NodeRecord& record, std::vector<TreeLeaf>& leaves) {
    records_.erase(prefix_);
    for (std::size_t nibble = 0; nibble < 16; ++nibble) {
      const Place place = child(record, nibble);
      prefix_.push_back(static_cast<char>(nibble));
      if (place.kind == NodeKind::inner && !place.derived) {
        collect(tree_.load(prefix_, place.digest), leaves);
      } else {
        const auto below = tree_.leaves(prefix_, place);
        leaves.insert(leaves.end(), below.begin(), below.end());
      }
      prefix_.pop_back();
    }
  }

  /// The leaves after the changes; both stand in the order of their paths.
  static std::vector<TreeLeaf> merged(const std::vector<TreeLeaf>& leaves, std::span<const Change> changes) {
    std::vector<TreeLeaf> after;
    after.reserve(leaves.size() + changes.size());
    auto leaf = leaves.begin();
    for (const auto& change : changes) {
      for (; leaf != leaves.end() && leaf->path < change.path; ++leaf) after.push_back(*leaf);
      const bool there = leaf != leaves.end() && leaf->path == change.path;
      if (there != change.there) disagree(change.path);
      if (there) ++leaf;
      if (change.leaf) after.push_back({change.path, *change.leaf});
    }
    after.insert(after.end(), leaf, leaves.end());
    return after;
  }

  /// What these leaves make at prefix_, where no node is kept so far. The nodes above many of them are stored.
  Place built(std::span<const TreeLeaf> leaves) {
    if (leaves.empty()) return {};
    Place place;
    if (leaves.size() == 1) {
      place.kind = NodeKind::leaf;
      place.digest = leaves.front().digest;
      place.path = leaves.front().path;
      return place;
    }
    if (leaves.size() <= unkept_leaves_max()) {
      place.kind = NodeKind::inner;
      place.derived = true;
      place.digest = tree_.digest_over(leaves, prefix_.size());
      place.leaf_sum = leaf_sum(leaves);
      return place;
    }
    const std::size_t depth = prefix_.size();
    TAGMA_ASSERT(depth < path_nibbles, "the hashes of two keys are equal");
    NodeRecord record;
    record.leaf_count = leaves.size();
    while (!leaves.empty()) {
      const std::size_t nibble = nibble_at(leaves.front().path, depth);
      const std::size_t count = count_of_one_child(leaves, depth);
      prefix_.push_back(static_cast<char>(nibble));
      const Place below = built(leaves.first(count));
      prefix_.pop_back();
      set_child(record, nibble, below);
      leaves = leaves.subspan(count);
    }
    return stored(record);
  }

  /// Returns whether a child changed, came or went.
  bool apply_to_children(NodeRecord& record, std::span<const Change> changes) {
    const std::size_t depth = prefix_.size();
    TAGMA_ASSERT(depth < path_nibbles, "the hashes of two keys are equal");
    bool changed = false;
    while (!changes.empty()) {
      const std::size_t nibble = nibble_at(changes.front().path, depth);
      const std::size_t count = count_of_one_child(changes, depth);
      Place place = child(record, nibble);
      prefix_.push_back(static_cast<char>(nibble));
      const bool another = apply(place, changes.first(count));
      prefix_.pop_back();
      if (another) set_child(record, nibble, place);
      changed |= another;
      changes = changes.subspan(count);
    }
    return changed;
  }

  static void set_child(NodeRecord& record, std::size_t nibble, const Place& place) {
    const auto at = record.children.begin() + static_cast<std::ptrdiff_t>(child_index(record.occupied, nibble));
    const bool there = has(record.occupied, nibble);
    const bool leaf = place.kind == NodeKind::leaf;
    const NodeRecord::Child made{.digest = place.digest, .path = place.path, .leaf_sum = place.leaf_sum};
    const auto set = [bit = bit_of(nibble)](std::uint16_t& bits, bool on) {
      bits = static_cast<std::uint16_t>(on ? bits | bit : bits & ~bit);
    };
    set(record.leaves, leaf);
    set(record.derived, place.derived);
    set(record.occupied, place.kind != NodeKind::absent);
    if (place.kind == NodeKind::absent) {
      if (there) record.children.erase(at);
    } else if (there) {
      *at = made;
    } else {
      record.children.insert(at, made);
    }
  }

  /// The place of a node whose children have changed, which is kept.
  Place stored(NodeRecord& record) {
    record.digest = tree_.recomputed(record);
    records_.store(prefix_, record);
    Place place;
    place.kind = NodeKind::inner;
    place.digest = record.digest;
    return place;
  }

  const StoredTree& tree_;
  NodeRecords& records_;
  NibblePrefix prefix_;  ///< of the place that the pass is at
};

StoredTree::StoredTree(HashFunction hash, NodeRecords& records)
    : hash_(std::move(hash)), records_(records), empty_root_(this->hash(empty_state_bytes())) {}

Digest StoredTree::hash(ByteView bytes) const {
  ++hashes_;
  return hash_(bytes);
}

Digest StoredTree::leaf(ByteView key, ByteView value) const {
  buffer_.clear();
  append_leaf_bytes(buffer_, key, value);
  return hash(buffer_);
}

Digest StoredTree::recomputed(const NodeRecord& record) const {
  buffer_.clear();
  append_inner_head(buffer_, record.occupied);
  for (const auto& child : record.children) buffer_.append(child.digest.view());
  return hash(buffer_);
}

Digest StoredTree::digest_over(std::span<const TreeLeaf> leaves, std::size_t depth) const {
  return digest_below(leaves, depth, [this](ByteView bytes) { return hash(bytes); });
}

StoredTree::Change StoredTree::change(ByteView key, std::optional<ByteView> value, bool there) const {
  Change change{.path = hash(key), .leaf = std::nullopt, .there = there};
  if (value) change.leaf = leaf(key, *value);
  return change;
}

StoredTree::Place StoredTree::child(const NodeRecord& record, std::size_t nibble) {
  Place place;
  if (!has(record.occupied, nibble)) return place;
  const auto& child = record.children[child_index(record.occupied, nibble)];
  place.kind = has(record.leaves, nibble) ? NodeKind::leaf : NodeKind::inner;
  place.derived = has(record.derived, nibble);
  place.digest = child.digest;
  place.path = child.path;
  place.leaf_sum = child.leaf_sum;
  return place;
}

StoredTree::Place StoredTree::top() const {
  Place place;
  const auto record = records_.load({});
  if (!record) return place;
  const bool leaf = is_lone_leaf(*record);
  if (!is_possible_count(*record)) miscounted({});
  if (leaf && record->leaves != bit_of(nibble_at(record->children.front().path, 0))) {
    throw StateDamaged("the tree's only leaf does not lie where its path leads");
  }
  place.kind = leaf ? NodeKind::leaf : NodeKind::inner;
  place.digest = leaf ? record->children.front().digest : record->digest;
  if (leaf) place.path = record->children.front().path;
  return place;
}

std::vector<TreeLeaf> StoredTree::leaves(const NibblePrefix& prefix, const Place& place) const {
  if (place.kind == NodeKind::absent) return {};
  if (place.kind == NodeKind::leaf) return {{.path = place.path, .digest = place.digest}};
  TAGMA_ASSERT(place.derived, "where a node is kept its leaves are not asked for");
  auto leaves = records_.leaves(prefix);
  if (leaf_sum(leaves) != place.leaf_sum) {
    throw StateDamaged("the leaves below \"" + nibbles_text(prefix) +
                       "\" are not those that the tree's node above them names");
  }
  return leaves;
}

NodeRecord StoredTree::load(const NibblePrefix& prefix, const Digest& expected) const {
  auto record = prefix.size() < path_nibbles ? records_.load(prefix) : std::nullopt;
  if (!record) missing(prefix);
  if (!is_possible_count(*record)) miscounted(prefix);
  if (record->digest != expected) {
    throw StateDamaged("the tree's node at \"" + nibbles_text(prefix) +
                       "\" is not the one that the node above it names");
  }
  return *std::move(record);
}

Digest StoredTree::update(std::vector<Change> changes) {
  const auto by_path = [](const auto& left, const auto& right) { return left.path < right.path; };
  if (!std::is_sorted(changes.begin(), changes.end(), by_path)) std::sort(changes.begin(), changes.end(), by_path);
  for (std::size_t at = 1; at < changes.size(); ++at) {
    TAGMA_ASSERT(changes[at - 1].path != changes[at].path, "no key is changed twice in one update");
  }
  Place place = top();
  const bool lone_leaf_before = place.kind == NodeKind::leaf;
  if (!changes.empty() && Update(*this, records_).apply(place, changes)) {
    if (place.kind == NodeKind::leaf) {
      const auto bit = bit_of(nibble_at(place.path, 0));
      records_.store({}, {.digest = place.digest,
                          .leaf_count = 1,
                          .occupied = bit,
                          .leaves = bit,
                          .children = {{.digest = place.digest, .path = place.path}}});
    } else if (place.kind == NodeKind::absent && lone_leaf_before) {
      records_.erase({});
    }
  }
  return place.kind == NodeKind::absent ? empty_root_ : place.digest;
}

Digest StoredTree::root() const {
  const Place place = top();
  return place.kind == NodeKind::absent ? empty_root_ : place.digest;
}

StateNode StoredTree::node_over(std::span<const TreeLeaf> leaves, const NibblePrefix& prefix) const {
  StateNode node;
  node.prefix = prefix;
  if (leaves.empty()) return node;
  if (leaves.size() == 1) {
    node.kind = NodeKind::leaf;
    node.children = {{.digest = leaves.front().digest, .path = leaves.front().path}};
    return node;
  }
  node.kind = NodeKind::inner;
  const std::size_t depth = prefix.size();
  while (!leaves.empty()) {
    const auto bit = bit_of(nibble_at(leaves.front().path, depth));
    const std::size_t count = count_of_one_child(leaves, depth);
    node.occupied = static_cast<std::uint16_t>(node.occupied | bit);
    if (count == 1) node.leaves = static_cast<std::uint16_t>(node.leaves | bit);
    node.children.push_back(
        {.digest = digest_over(leaves.first(count), depth + 1), .path = count == 1 ? leaves.front().path : Digest{}});
    leaves = leaves.subspan(count);
  }
  return node;
}

StateNode StoredTree::node(const NibblePrefix& prefix) const {
  Place place = top();
  std::size_t depth = 0;
  for (; place.kind == NodeKind::inner && !place.derived && depth < prefix.size(); ++depth) {
    const auto nibble = static_cast<unsigned char>(prefix[depth]);
    TAGMA_ASSERT(nibble < 16, "the caller has checked the place");
    place = child(load(prefix.substr(0, depth), place.digest), nibble);
  }
  if (place.kind != NodeKind::inner || place.derived) {
    auto below = leaves(prefix.substr(0, depth), place);
    std::erase_if(below, [&prefix](const TreeLeaf& leaf) { return !lies_below(leaf.path, prefix); });
    return node_over(below, prefix);
  }
  const auto record = load(prefix, place.digest);
  StateNode node;
  node.prefix = prefix;
  node.kind = NodeKind::inner;
  node.occupied = record.occupied;
  node.leaves = record.leaves;
  for (const auto& child : record.children) node.children.push_back({.digest = child.digest, .path = child.path});
  return node;
}

std::optional<Digest> StoredTree::find(const Digest& path, std::size_t depth_guess) const {
  // The first one is believed without the node above it.
  std::size_t depth = std::min(depth_guess, path_nibbles - 1);
  auto record = records_.load(prefix_of(path, depth));
  while (!record && depth > 0) record = records_.load(prefix_of(path, --depth));
  if (!record) return std::nullopt;
  Place place = child(*record, nibble_at(path, depth));
  ++depth;
  for (; place.kind == NodeKind::inner && !place.derived; ++depth) {
    if (depth == path_nibbles) missing(prefix_of(path, depth));
    place = child(load(prefix_of(path, depth), place.digest), nibble_at(path, depth));
  }
  for (const auto& leaf : leaves(prefix_of(path, depth), place)) {
    if (leaf.path == path) return leaf.digest;
  }
  return std::nullopt;
}

}  // namespace tagma
