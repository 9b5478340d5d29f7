#include "client_lib/state_walk.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "messages/state_key.h"
#include "tagma/limits.h"

namespace tagma {
namespace {

constexpr std::size_t sides = 2;
constexpr std::size_t children_max = 16;
constexpr const char* one_key_too_deep = "a node of its tree stands over one key alone";
/// Keys whose values are asked for at once.
constexpr std::size_t values_at_once = 16;

/// What one tree has at a place. A leaf stands for itself at every place on its path below the one where it lies.
struct Place {
  NodeKind kind = NodeKind::absent;
  Digest digest;
  Digest path;  ///< of a leaf
};

struct Task {
  NibblePrefix prefix;
  std::array<Place, sides> places;
};

/// The leaves that differ, by path: their digest on each side.
using Differing = std::map<Digest, std::array<std::optional<Digest>, sides>>;

/// Several keys lie below an inner node. With one child it has several only if that child is an inner node.
bool has_several_keys(const StateNode& node) { return node.children.size() > 1 || node.leaves == 0; }

class Walk {
 public:
  Walk(const WalkSide& left, const WalkSide& right, const DigestFunction& digest, const WalkOptions& options)
      : side_{&left, &right}, digest_(digest), options_(options) {}

  std::variant<StateDifference, WalkFailure> run() {
    StateDifference result;
    if (!compare_roots() || !compare_places() || !explain_roots() || !name_keys(result) || !fetch_values(result)) {
      return failure_;
    }
    result.differing = differing_.size();
    result.at_least = at_least_;
    return result;
  }

 private:
  bool fail(WalkFailure::Kind kind, Culprit culprit, std::string reason) {
    failure_ = {kind, culprit, std::move(reason)};
    return false;
  }
  static Culprit culprit_at(std::size_t side) { return side == 0 ? Culprit::left : Culprit::right; }
  bool inconsistent(std::size_t side, const std::string& what) {
    return fail(WalkFailure::Kind::inconsistent, culprit_at(side),
                side_[side]->source.name() + " gives answers that contradict its own checkpoint: " + what);
  }

  /// Whether there is an answer, and about the checkpoint that was asked for.
  template <typename Answer>
  bool usable(std::size_t side, const Result<Answer>& answer) {
    if (!answer) return fail(WalkFailure::Kind::no_answer, culprit_at(side), answer.reason());
    if (answer->seq == side_[side]->at.seq) return true;
    return fail(WalkFailure::Kind::moved, Culprit::nobody,
                side_[side]->source.name() + "'s newest checkpoint moved on from slot " +
                    std::to_string(side_[side]->at.seq) + " to " + std::to_string(answer->seq));
  }

  Digest digest_of(const StateNode& node) {
    if (node.kind == NodeKind::absent) return digest_(empty_state_bytes());
    if (node.kind == NodeKind::leaf) return node.children.front().digest;
    Bytes bytes;
    append_inner_bytes(bytes, node);
    return digest_(bytes);
  }

  bool compare_roots() {
    Task root;
    for (std::size_t side = 0; side < sides; ++side) {
      const auto answer = side_[side]->source.nodes(side_[side]->at.seq, {NibblePrefix()});
      if (!usable(side, answer)) return false;
      if (answer->nodes.size() != 1 || !answer->nodes.front().prefix.empty()) {
        return inconsistent(side, "the root of its tree is missing");
      }
      const auto& node = answer->nodes.front();
      if (digest_of(node) != side_[side]->at.root) return inconsistent(side, "its tree has another root");
      if (node.kind == NodeKind::inner && !has_several_keys(node)) return inconsistent(side, one_key_too_deep);
      root.places[side].kind = node.kind;
      root.places[side].digest = side_[side]->at.root;
      if (node.kind == NodeKind::leaf) root.places[side].path = node.children.front().path;
    }
    return compare(root);
  }

  /// The inner nodes of one side among these tasks, in their order, each verified against the digest above it.
  bool fetch(std::size_t side, const std::vector<Task>& tasks, std::vector<StateNode>& nodes) {
    std::vector<NibblePrefix> prefixes;
    std::vector<Digest> expected;
    for (const auto& task : tasks) {
      if (task.places[side].kind != NodeKind::inner) continue;
      prefixes.push_back(task.prefix);
      expected.push_back(task.places[side].digest);
    }
    if (prefixes.empty()) return true;
    auto answer = side_[side]->source.nodes(side_[side]->at.seq, prefixes);
    if (!usable(side, answer)) return false;
    if (answer->nodes.size() != prefixes.size()) return inconsistent(side, "nodes of its tree are missing");
    for (std::size_t at = 0; at < prefixes.size(); ++at) {
      const auto& node = answer->nodes[at];
      if (node.prefix != prefixes[at] || node.kind != NodeKind::inner || digest_of(node) != expected[at]) {
        return inconsistent(side, "a node of its tree does not have the digest that the node above it names");
      }
      if (!has_several_keys(node)) return inconsistent(side, one_key_too_deep);
    }
    nodes = std::move(answer->nodes);
    return true;
  }

  bool compare_places() {
    while (!tasks_.empty() && !at_least_) {
      const std::size_t count = std::min(tasks_.size(), limits::state_nodes_max);
      std::vector<Task> tasks(std::make_move_iterator(tasks_.end() - static_cast<std::ptrdiff_t>(count)),
                              std::make_move_iterator(tasks_.end()));
      tasks_.resize(tasks_.size() - count);
      std::array<std::vector<StateNode>, sides> nodes;
      for (std::size_t side = 0; side < sides; ++side) {
        if (!fetch(side, tasks, nodes[side])) return false;
      }
      std::array<std::size_t, sides> next{};
      for (const auto& task : tasks) {
        std::array<const StateNode*, sides> inner{};
        for (std::size_t side = 0; side < sides; ++side) {
          if (task.places[side].kind == NodeKind::inner) inner[side] = &nodes[side][next[side]++];
        }
        if (!expand(task, inner)) return false;
      }
      places_ += count;
      report();
    }
    return true;
  }

  /// Roots that differ are explained by a key that does, or one of the trees is none that a state can have.
  bool explain_roots() {
    if (side_[0]->at.root == side_[1]->at.root || !differing_.empty()) return true;
    return fail(WalkFailure::Kind::inconsistent, Culprit::either,
                side_[0]->source.name() + " and " + side_[1]->source.name() +
                    " have trees with other roots and no key that differs: one of them shows a tree that no state has");
  }

  /// Compares what lies below a place, one nibble further down.
  bool expand(const Task& task, const std::array<const StateNode*, sides>& inner) {
    for (std::size_t side = 0; side < sides; ++side) {
      // The other side's node was verified, and no leaf has the digest of a node.
      const bool has_others_digest = task.places[0].digest == task.places[1].digest;
      if (task.places[side].kind == NodeKind::leaf && has_others_digest) {
        return inconsistent(side, "it calls a node of its tree a key");
      }
    }
    std::array<std::size_t, sides> next{};
    for (std::size_t nibble = 0; nibble < children_max; ++nibble) {
      Task below;
      below.prefix = task.prefix + static_cast<char>(nibble);
      for (std::size_t side = 0; side < sides; ++side) {
        auto& place = below.places[side];
        if (inner[side] == nullptr) {
          const auto& above = task.places[side];
          if (above.kind == NodeKind::leaf && nibble_at(above.path, task.prefix.size()) == nibble) place = above;
          continue;
        }
        const std::uint32_t bit = 1U << nibble;
        if ((inner[side]->occupied & bit) == 0) continue;
        const auto& child = inner[side]->children[next[side]++];
        place.digest = child.digest;
        place.kind = (inner[side]->leaves & bit) != 0 ? NodeKind::leaf : NodeKind::inner;
        if (place.kind == NodeKind::leaf) place.path = child.path;
        if (place.kind == NodeKind::leaf && !lies_below(child.path, below.prefix)) {
          return inconsistent(side, "a key stands in its tree where it does not belong");
        }
        if (place.kind == NodeKind::inner && below.prefix.size() == path_nibbles) {
          return inconsistent(side, "its tree is deeper than a tree can be");
        }
      }
      if (!compare(below)) return false;
    }
    return true;
  }

  bool compare(const Task& task) {
    const auto& [left, right] = task.places;
    if (left.kind == right.kind && (left.kind == NodeKind::absent || left.digest == right.digest)) return true;
    if (left.kind == NodeKind::inner || right.kind == NodeKind::inner) {
      tasks_.push_back(task);
      return true;
    }
    for (std::size_t side = 0; side < sides; ++side) {
      const auto& place = task.places[side];
      if (place.kind == NodeKind::leaf) differing_[place.path][side] = place.digest;
    }
    at_least_ = differing_.size() >= options_.differing_max;
    return true;
  }

  /// Finds the keys of the first differing leaves in the order of the keys. The tree knows hashes of keys only, so the
  /// keys of one side are read from the smallest one on until enough are found; the other side's are read only for
  /// leaves that the first one lacks, and no further than needed.
  bool name_keys(StateDifference& result) {
    std::vector<Bytes> found;
    if (!read_keys(
            0, [](const auto& leaf) { return leaf[0].has_value(); }, std::nullopt, found))
      return false;
    const bool enough = found.size() >= options_.keys_max;
    std::vector<Bytes> others;
    const auto only_right = [](const auto& leaf) { return !leaf[0].has_value(); };
    const std::optional<Bytes> up_to = enough && !found.empty() ? std::optional(found.back()) : std::nullopt;
    if (!read_keys(1, only_right, up_to, others)) return false;
    found.insert(found.end(), others.begin(), others.end());
    std::sort(found.begin(), found.end());
    if (found.size() > options_.keys_max) found.resize(options_.keys_max);
    for (auto& key : found) result.first.push_back({std::move(key), {}, {}});
    return true;
  }

  template <typename Wanted>
  bool read_keys(std::size_t side, Wanted wanted, const std::optional<Bytes>& up_to, std::vector<Bytes>& found) {
    std::size_t left_to_find = 0;
    for (const auto& [path, leaf] : differing_) left_to_find += wanted(leaf) ? 1U : 0U;
    Bytes from;
    for (bool more = true; more && left_to_find > 0 && found.size() < options_.keys_max;) {
      const auto answer = side_[side]->source.keys(side_[side]->at.seq, from);
      if (!usable(side, answer)) return false;
      if (!answer->keys.empty() && answer->keys.front() < from) return inconsistent(side, "its keys are out of order");
      for (const auto& key : answer->keys) {
        if (up_to && key > *up_to) return true;
        const auto leaf = differing_.find(digest_(key));
        if (leaf == differing_.end() || !wanted(leaf->second)) continue;
        --left_to_find;
        found.push_back(key);
        if (left_to_find == 0 || found.size() == options_.keys_max) return true;
      }
      keys_ += answer->keys.size();
      if (keys_ > options_.keys_read_max) return inconsistent(side, "it names more keys than any state has");
      report();
      more = answer->more;
      if (!more) continue;
      // The next question could not be asked, and a correct replica would not have led us there.
      if (answer->keys.empty() || answer->keys.back().size() >= limits::state_key_bytes_max) {
        return inconsistent(side, "it names a key that no state has");
      }
      from = answer->keys.back() + '\0';
    }
    if (left_to_find > 0 && found.size() < options_.keys_max) {
      return inconsistent(side, "its tree has keys that it does not name");
    }
    return true;
  }

  /// Both sides' values of a few keys at a time, until they are too large together.
  bool fetch_values(StateDifference& result) {
    for (std::size_t at = 0; at < result.first.size();) {
      const std::size_t wanted = std::min(result.first.size(), at + values_at_once);
      std::size_t end = wanted;
      for (std::size_t side = 0; side < sides; ++side) {
        if (!fetch_values(side, result.first, at, end)) return false;
      }
      at = end;
      if (end == wanted) continue;
      result.full = true;
      result.first.resize(end);
    }
    return true;
  }

  /// One side's values of the keys [at, end). Where that is too much, `end` becomes the first without a value.
  bool fetch_values(std::size_t side, std::vector<KeyDifference>& keys, std::size_t at, std::size_t& end) {
    while (at < end) {
      std::vector<Bytes> asked;
      for (std::size_t next = at; next < end; ++next) asked.push_back(keys[next].key);
      auto answer = side_[side]->source.values(side_[side]->at.seq, asked);
      if (!usable(side, answer)) return false;
      if (answer->values.empty() || answer->values.size() > asked.size()) {
        return inconsistent(side, "it does not tell the values that it was asked for");
      }
      for (auto& value : answer->values) {
        auto& entry = keys[at++];
        if (!is_value_of(side, entry.key, value)) return inconsistent(side, "a value is not the one in its tree");
        values_bytes_ += value.value.size();
        (side == 0 ? entry.left : entry.right) = std::move(value);
      }
      if (values_bytes_ > options_.values_bytes_max) end = at;
    }
    return true;
  }

  /// Whether the tree has this value. Of one that was cut because it is very long its being there is verified, and that
  /// so long a value can be there.
  bool is_value_of(std::size_t side, const Bytes& key, const StateValue& value) {
    const auto& leaf = differing_.at(digest_(key))[side];
    if (value.present != leaf.has_value()) return false;
    if (!value.present) return true;
    if (value.is_cut()) {
      return value.value.size() == limits::state_value_bytes_max && value.size_bytes <= state_key::value_bytes_max(key);
    }
    Bytes bytes;
    append_leaf_bytes(bytes, key, value.value);
    return digest_(bytes) == *leaf;
  }

  void report() const {
    if (options_.progress) options_.progress(places_, keys_);
  }

  std::array<const WalkSide*, sides> side_;
  const DigestFunction& digest_;
  const WalkOptions& options_;
  std::vector<Task> tasks_;  ///< places that differ and are not looked into yet; the last one is next
  Differing differing_;
  bool at_least_ = false;
  std::uint64_t places_ = 0;
  std::uint64_t keys_ = 0;
  std::size_t values_bytes_ = 0;  ///< kept
  WalkFailure failure_;
};

}  // namespace

std::variant<StateDifference, WalkFailure> walk_states(const WalkSide& left, const WalkSide& right,
                                                       const DigestFunction& digest, const WalkOptions& options) {
  return Walk(left, right, digest, options).run();
}

}  // namespace tagma
