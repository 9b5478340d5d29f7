#include "checkpoint/state_transfer.h"

#include <bit>
#include <utility>

#include "checkpoint/tree_bits.h"
#include "messages/mutant.h"

namespace tagma {

StateTransfer::StateTransfer(const StateReader& local, HashFunction hash, const Target& target, StagedPieces staged)
    : local_(local), hash_(std::move(hash)), target_(target), staged_(std::move(staged)) {
  if (local_.root() == target_.root) return;
  const Local top{.kind = local_.node({}).kind, .digest = local_.root()};
  if (target_.root == hash_(empty_state_bytes())) {
    expect_nothing({}, top);
  } else {
    // The root does not say whether it is one key or many; a piece may answer for both.
    compare({}, NodeKind::inner, target_.root, top);
  }
}

std::vector<StateQuestion> StateTransfer::ask(std::size_t count_max) {
  std::vector<StateQuestion> questions;
  for (auto& [prefix, open] : open_) {
    if (questions.size() == count_max) break;
    if (open.asked) continue;
    open.asked = true;
    questions.push_back({prefix, open.node_wanted || wants_node(prefix.size())});
  }
  return questions;
}

void StateTransfer::want_nodes(std::size_t depth, bool wanted) {
  wanted ? static_cast<void>(node_depths_.try_emplace(depth, 0)) : static_cast<void>(node_depths_.erase(depth));
}

bool StateTransfer::wants_node(std::size_t depth) {
  const auto found = node_depths_.find(depth);
  return found != node_depths_.end() && ++found->second % probe_interval != 0;
}

void StateTransfer::ask_again(const NibblePrefix& prefix) {
  if (const auto found = open_.find(prefix); found != open_.end()) found->second.asked = false;
}

StateTransfer::Judgement StateTransfer::judge(const StateNode& node) {
  const auto found = open_.find(node.prefix);
  if (found == open_.end()) return Judgement::unasked;
  const auto children = static_cast<std::size_t>(std::popcount(node.occupied));
  if (node.kind != NodeKind::inner || node.children.size() != children) return Judgement::false_;
  Bytes bytes;
  append_inner_bytes(bytes, node);
  if (hash_(bytes) != found->second.digest) return Judgement::false_;
  open_.erase(found);
  const StateNode local = local_.node(node.prefix);
  auto child = node.children.begin();
  for (std::size_t nibble = 0; nibble < 16; ++nibble) {
    const NibblePrefix place = node.prefix + static_cast<char>(nibble);
    const Local here = local_child(local, place, nibble);
    if ((node.occupied & bit_of(nibble)) == 0) {
      expect_nothing(place, here);
    } else {
      // Whether a child is a leaf the digest does not say; it is what the sender says, and only decides how to ask.
      const bool leaf = (node.leaves & bit_of(nibble)) != 0;
      compare(place, leaf ? NodeKind::leaf : NodeKind::inner, child->digest, here);
      ++child;
    }
  }
  return Judgement::accepted;
}

StateTransfer::Judgement StateTransfer::judge(StatePiece piece) {
  const auto found = open_.find(piece.prefix);
  if (found == open_.end()) return Judgement::unasked;
  const auto digest = digest_of(piece, hash_);
  if (digest != found->second.digest && !mutant(Mutant::piece_not_verified)) return Judgement::false_;
  open_.erase(found);
  cover_.insert(piece.prefix);
  accepted_bytes_ += piece.entries.content_bytes();
  verified_.push_back({std::move(piece), digest});
  return Judgement::accepted;
}

std::vector<VerifiedPiece> StateTransfer::take_verified() { return std::exchange(verified_, {}); }

StateTransfer::Local StateTransfer::local_child(const StateNode& node, const NibblePrefix& child, std::size_t nibble) {
  switch (node.kind) {
    case NodeKind::absent: return {};
    case NodeKind::leaf: {
      const auto& leaf = node.children.front();
      if (!lies_below(leaf.path, child)) return {};
      return {.kind = NodeKind::leaf, .digest = leaf.digest};
    }
    case NodeKind::inner: break;
  }
  if ((node.occupied & bit_of(nibble)) == 0) return {};
  const bool leaf = (node.leaves & bit_of(nibble)) != 0;
  return {.kind = leaf ? NodeKind::leaf : NodeKind::inner,
          .digest = node.children[child_index(node.occupied, nibble)].digest};
}

/// Something of this digest must lie at the place.
void StateTransfer::compare(const NibblePrefix& place, NodeKind kind, const Digest& digest, const Local& local) {
  if (local.kind != NodeKind::absent && local.digest == digest) return;
  if (const auto found = staged_.find(place); found != staged_.end() && found->second == digest) {
    cover_.insert(place);
    return;
  }
  const auto below = staged_.upper_bound(place);
  const bool partly_staged = below != staged_.end() && below->first.starts_with(place);
  const bool node_wanted = kind == NodeKind::inner && (local.kind == NodeKind::inner || partly_staged);
  open_.emplace(place, Open{.digest = digest, .node_wanted = node_wanted, .asked = false});
}

void StateTransfer::expect_nothing(const NibblePrefix& place, const Local& local) {
  if (local.kind == NodeKind::absent) return;
  cover_.insert(place);
  if (const auto found = staged_.find(place); found != staged_.end() && !found->second) return;
  verified_.push_back({{place, {}}, std::nullopt});
}

}  // namespace tagma
