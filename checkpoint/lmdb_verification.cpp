#include "checkpoint/lmdb_verification.h"

#include <xxhash.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "checkpoint/lmdb_free_list.h"
#include "checkpoint/lmdb_incoming.h"
#include "checkpoint/tree_bits.h"

namespace tagma::lmdb {
namespace {

constexpr std::uint64_t progress_interval = 1024;

struct Abandoned {};

/// Nodes lie in the order of their places, a node before those below it, and leaves in the order of their paths: one
/// walk down the tree meets the records of both tables in the order in which the cursors deliver them. What a cursor
/// delivers out of turn is no part of the tree.
class Verification {
 public:
  Verification(const StoredState& state, const std::function<bool(std::uint64_t, std::uint64_t)>& go_on)
      : transaction_(state.transaction),
        tables_(state.tables),
        tree_(state.tree),
        head_(state.head),
        go_on_(go_on),
        total_(transaction_.entries(tables_.nodes) + transaction_.entries(tables_.leaves) +
               transaction_.entries(tables_.keys)),
        nodes_(transaction_, tables_.nodes),
        leaves_(transaction_, tables_.leaves),
        node_(nodes_.seek({})),
        leaf_(leaves_.seek({})) {}

  void run() {
    check_top();
    if (node_) not_of_tree(node_place(transaction_, node_->first));
    if (leaf_) damaged("table leaves: the record of path " + to_hex(leaf_->first) + " is not part of the tree");
    check_keys();
    static_cast<void>(go_on_(total_, total_));
  }

 private:
  [[noreturn]] void damaged(const std::string& what) const {
    throw StateDamaged(transaction_.environment().folder() + ": " + what);
  }
  [[noreturn]] void not_of_tree(const NibblePrefix& prefix) const {
    damaged("the tree's node at \"" + nibbles_text(prefix) + "\" is not part of the tree");
  }

  void step() {
    if (++done_ % progress_interval == 0 && !go_on_(done_, total_)) throw Abandoned{};
  }

  void check_top() {
    if (!node_) {
      if (tree_.root() != head_.root)
        damaged("the tree is empty, and the checkpoint's root is not that of an empty one");
      return;
    }
    const NodeRecord record = take_node();
    if (record.digest != head_.root) damaged("the tree's root is not the checkpoint's");
    const bool lone_leaf = record.children.size() == 1 && record.leaves != 0;
    if (lone_leaf) {
      if (record.children.front().digest != record.digest) damaged("the only leaf's digest is not the root");
      const Digest& path = record.children.front().path;
      check_leaf(path, record.digest);
      if (record.leaf_count != 1 || record.leaves != bit_of(nibble_at(path, 0))) miscounted();
    } else {
      check_inner(record);
    }
  }

  /// The node at prefix_, if it is the next one.
  NodeRecord take_node() {
    const auto place = node_ ? std::optional(node_place(transaction_, node_->first)) : std::nullopt;
    if (place && *place < prefix_) not_of_tree(*place);
    if (place != prefix_) damaged("the tree's node at \"" + nibbles_text(prefix_) + "\" is missing");
    NodeRecord record = read_node(transaction_, node_->first, node_->second);
    node_ = nodes_.next();
    step();
    return record;
  }

  /// The node at prefix_ and everything below it. Returns how many leaves that are.
  std::uint64_t check_inner(const NodeRecord& record) {
    if (tree_.recomputed(record) != record.digest) {
      damaged("the tree's node at \"" + nibbles_text(prefix_) + "\" does not have its digest");
    }
    if (prefix_.size() >= path_nibbles) not_of_tree(prefix_);
    std::uint64_t leaf_count = 0;
    auto child = record.children.begin();
    for (std::size_t nibble = 0; nibble < 16; ++nibble) {
      if ((record.occupied & bit_of(nibble)) == 0) continue;
      prefix_.push_back(static_cast<char>(nibble));
      if ((record.leaves & bit_of(nibble)) != 0) {
        check_leaf(child->path, child->digest);
        ++leaf_count;
      } else if ((record.derived & bit_of(nibble)) != 0) {
        leaf_count += check_derived(*child);
      } else {
        leaf_count += check_kept(*child);
      }
      prefix_.pop_back();
      ++child;
    }
    if (record.leaf_count != leaf_count) miscounted();
    return leaf_count;
  }

  std::uint64_t check_kept(const NodeRecord::Child& named) {
    const NodeRecord record = take_node();
    if (record.digest != named.digest) not_the_one();
    const auto leaf_count = check_inner(record);
    if (leaf_count <= derived_leaves_max) not_of_tree(prefix_);
    return leaf_count;
  }

  /// The leaves below a place where no node is kept.
  std::uint64_t check_derived(const NodeRecord::Child& named) {
    std::vector<TreeLeaf> leaves;
    while (leaf_ && leaves.size() <= derived_leaves_max) {
      const Digest path = leaf_path(transaction_, leaf_->first);
      if (!lies_below(path, prefix_)) break;
      leaves.push_back({.path = path, .digest = read_leaf_digest(transaction_, path.view(), leaf_->second)});
      check_leaf(path, leaves.back().digest);
    }
    const bool right = leaves.size() > 1 && leaves.size() <= derived_leaves_max && leaf_sum(leaves) == named.leaf_sum &&
                       tree_.digest_over(leaves, prefix_.size()) == named.digest;
    if (!right) not_the_one();
    return leaves.size();
  }

  [[noreturn]] void not_the_one() const {
    damaged("the tree's node at \"" + nibbles_text(prefix_) + "\" is not the one that the node above it names");
  }
  [[noreturn]] void miscounted() const {
    damaged("the tree's node at \"" + nibbles_text(prefix_) + "\" does not say how many leaves lie below it");
  }

  /// That the next leaf is the one that the node at or above prefix_ names.
  void check_leaf(const Digest& path, const Digest& digest) {
    if (!lies_below(path, prefix_)) {
      damaged("the tree's leaf at \"" + nibbles_text(prefix_) + "\" has a path that does not lie there");
    }
    if (!leaf_ || leaf_->first != path.view()) {
      const bool early = leaf_ && leaf_->first < path.view();
      damaged("table leaves: the record of path " + (early ? to_hex(leaf_->first) : to_hex(path.view())) +
              (early ? " is not part of the tree" : " is missing"));
    }
    const LeafRecord leaf = read_leaf(transaction_, leaf_->first, leaf_->second);
    if (leaf.digest != digest || tree_.path(leaf.key) != path || tree_.leaf(leaf.key, leaf.value) != digest) {
      damaged("table leaves: the value of key " + to_hex(leaf.key) + " is not the one in the tree");
    }
    leaf_keys_ += fingerprint(leaf.key);
    leaf_ = leaves_.next();
    step();
  }

  /// That the keys of the table `keys` are those of the leaves. They lie in another order: compared are their numbers
  /// and the sums of their hashes, in place of one search for each.
  void check_keys() {
    std::uint64_t sum = 0;
    Cursor keys(transaction_, tables_.keys);
    for (auto entry = keys.seek({}); entry; entry = keys.next()) {
      check_key(transaction_, entry->first, entry->second);
      sum += fingerprint(entry->first);
      step();
    }
    if (sum == leaf_keys_ && transaction_.entries(tables_.keys) == transaction_.entries(tables_.leaves)) return;
    for (auto entry = leaves_.seek({}); entry; entry = leaves_.next()) {
      const LeafRecord leaf = read_leaf(transaction_, entry->first, entry->second);
      if (!transaction_.get(tables_.keys, leaf.key)) {
        damaged("table keys: the record of key " + to_hex(leaf.key) + " is missing");
      }
    }
    damaged("table keys: there are keys that the tree does not know");
  }

  static std::uint64_t fingerprint(ByteView key) { return XXH3_64bits(key.data(), key.size()); }

  const Transaction& transaction_;
  const Tables& tables_;
  const StoredTree& tree_;
  const Head& head_;
  const std::function<bool(std::uint64_t, std::uint64_t)>& go_on_;
  std::uint64_t done_ = 0;
  std::uint64_t total_;
  Cursor nodes_;
  Cursor leaves_;
  Cursor::Entry node_;           ///< the next one
  Cursor::Entry leaf_;           ///< the next one
  NibblePrefix prefix_;          ///< where the walk is
  std::uint64_t leaf_keys_ = 0;  ///< the sum of their fingerprints
};

/// That LMDB can read the table. A record in it that is damaged is no damage of the state: it is thrown away when it is
/// wanted.
void look_at_staged(const StoredState& state) {
  try {
    static_cast<void>(staged_pieces(state.transaction, state.tables));
  } catch (const StagedDamaged&) {
  }
}

}  // namespace

bool verify(const StoredState& state, const std::function<bool(std::uint64_t, std::uint64_t)>& go_on) {
  try {
    Verification(state, go_on).run();
    look_at_staged(state);
    check_free_list(state.transaction, state.tables);
    return true;
  } catch (const Abandoned&) {
    return false;
  }
}

}  // namespace tagma::lmdb
