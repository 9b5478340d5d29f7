#include "checkpoint/stored_tree.h"

#include <algorithm>
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

}  // namespace

std::string nibbles_text(const NibblePrefix& prefix) {
  std::string text;
  for (const char nibble : prefix) text.push_back("0123456789abcdef"[static_cast<unsigned char>(nibble) & 0x0fU]);
  return text;
}

/// One pass over the tree that applies changes in the order of their paths. The same steps as StateTree's, with nodes
/// that are loaded and stored.
class StoredTree::Update {
 public:
  explicit Update(const StoredTree& tree, NodeRecords& records) : tree_(tree), records_(records) {}

  /// Applies `changes`, all of which lie below `place`, which is at prefix_. Returns whether it is another place now.
  bool apply(Place& place, std::span<const Change> changes) {
    switch (place.kind) {
      case NodeKind::absent: place = grown(changes); return place.kind != NodeKind::absent;
      case NodeKind::leaf: return apply_to_leaf(place, changes);
      case NodeKind::inner: break;
    }
    NodeRecord record = tree_.load(prefix_, place.digest);
    if (!apply_to_children(record, changes)) return false;
    place = settled(record, true);
    return true;
  }

 private:
  /// What `changes` make where there is no key so far. Each change is looked at once, where it has become the only one
  /// that sets a key, or one of those that set none.
  Place grown(std::span<const Change> changes) {
    const auto sets = [](const Change& change) { return change.leaf.has_value(); };
    const auto count = std::count_if(changes.begin(), changes.end(), sets);
    if (count > 1) {
      NodeRecord record;
      apply_to_children(record, changes);
      return settled(record, false);
    }
    Place place;
    for (const auto& change : changes) {
      if (change.there) disagree(change.path);
      if (change.leaf) place = {.kind = NodeKind::leaf, .digest = *change.leaf, .path = change.path};
    }
    return place;
  }

  /// Where there is one key so far: it joins the changes unless they speak of it themselves.
  bool apply_to_leaf(Place& place, std::span<const Change> changes) {
    std::vector<Change> all(changes.begin(), changes.end());
    const auto at = std::lower_bound(all.begin(), all.end(), place.path,
                                     [](const Change& change, const Digest& path) { return change.path < path; });
    if (at == all.end() || at->path != place.path) {
      all.insert(at, {.path = place.path, .leaf = place.digest, .there = false});
    } else {
      if (!at->there) disagree(at->path);
      at->there = false;  // what follows builds anew, as if there had been nothing
    }
    const Digest before = place.digest;
    place = grown(all);
    return place.kind == NodeKind::absent || place.digest != before;
  }

  /// Returns whether a child changed, came or went.
  bool apply_to_children(NodeRecord& record, std::span<const Change> changes) {
    const std::size_t depth = prefix_.size();
    TAGMA_ASSERT(depth < path_nibbles, "the hashes of two keys are equal");
    bool changed = false;
    while (!changes.empty()) {
      const std::size_t nibble = nibble_at(changes.front().path, depth);
      const std::size_t count = changes_of_one_child(changes, depth);
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
    const StateNode::Child made{.digest = place.digest, .path = leaf ? place.path : Digest{}};
    record.leaves = static_cast<std::uint16_t>(leaf ? record.leaves | bit_of(nibble) : record.leaves & ~bit_of(nibble));
    if (place.kind == NodeKind::absent) {
      if (there) record.children.erase(at);
      record.occupied = static_cast<std::uint16_t>(record.occupied & ~bit_of(nibble));
    } else if (there) {
      *at = made;
    } else {
      record.children.insert(at, made);
      record.occupied = static_cast<std::uint16_t>(record.occupied | bit_of(nibble));
    }
  }

  /// The canonical place for a node whose children have changed: nothing, the lone leaf, or the node, which is stored.
  Place settled(NodeRecord& record, bool stored) {
    if (record.children.empty() || is_lone_leaf(record)) {
      if (stored) records_.erase(prefix_);
      if (record.children.empty()) return {};
      const auto& leaf = record.children.front();
      return {.kind = NodeKind::leaf, .digest = leaf.digest, .path = leaf.path};
    }
    record.digest = tree_.recomputed(record);
    records_.store(prefix_, record);
    return {.kind = NodeKind::inner, .digest = record.digest, .path = {}};
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

StoredTree::Change StoredTree::change(ByteView key, std::optional<ByteView> value, bool there) const {
  Change change{.path = hash(key), .leaf = std::nullopt, .there = there};
  if (value) change.leaf = leaf(key, *value);
  return change;
}

StoredTree::Place StoredTree::child(const NodeRecord& record, std::size_t nibble) {
  if (!has(record.occupied, nibble)) return {};
  const auto& child = record.children[child_index(record.occupied, nibble)];
  if (!has(record.leaves, nibble)) return {.kind = NodeKind::inner, .digest = child.digest, .path = {}};
  return {.kind = NodeKind::leaf, .digest = child.digest, .path = child.path};
}

StoredTree::Place StoredTree::top() const {
  const auto record = records_.load({});
  if (!record) return {};
  if (!is_lone_leaf(*record)) return {.kind = NodeKind::inner, .digest = record->digest, .path = {}};
  const auto& leaf = record->children.front();
  return {.kind = NodeKind::leaf, .digest = leaf.digest, .path = leaf.path};
}

NodeRecord StoredTree::load(const NibblePrefix& prefix, const Digest& expected) const {
  auto record = records_.load(prefix);
  if (!record) missing(prefix);
  if (record->derived) record->digest = recomputed(*record);
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

StateNode StoredTree::node(const NibblePrefix& prefix) const {
  StateNode node;
  node.prefix = prefix;
  Place place = top();
  std::size_t depth = 0;
  for (; place.kind == NodeKind::inner && depth < prefix.size(); ++depth) {
    const auto nibble = static_cast<unsigned char>(prefix[depth]);
    TAGMA_ASSERT(nibble < 16, "the caller has checked the place");
    place = child(load(prefix.substr(0, depth), place.digest), nibble);
  }
  if (place.kind == NodeKind::inner) {
    auto record = load(prefix, place.digest);
    node.occupied = record.occupied;
    node.leaves = record.leaves;
    node.children = std::move(record.children);
  } else if (place.kind == NodeKind::leaf) {
    if (!lies_below(place.path, prefix)) return node;
    node.children = {{.digest = place.digest, .path = place.path}};
  }
  node.kind = place.kind;
  return node;
}

std::optional<Digest> StoredTree::find(const Digest& path, std::size_t depth_guess) const {
  // What is kept is believed without the node above it; what is derived, only with it.
  std::size_t depth = std::min(depth_guess, path_nibbles - 1);
  auto record = records_.load_kept(prefix_of(path, depth));
  while (!record && depth > 0) record = records_.load_kept(prefix_of(path, --depth));
  if (!record) return std::nullopt;
  Place place = child(*record, nibble_at(path, depth));
  while (place.kind == NodeKind::inner) {
    ++depth;
    if (depth == path_nibbles) missing(prefix_of(path, depth));
    place = child(load(prefix_of(path, depth), place.digest), nibble_at(path, depth));
  }
  if (place.kind != NodeKind::leaf || place.path != path) return std::nullopt;
  return place.digest;
}

}  // namespace tagma
