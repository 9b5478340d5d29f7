#include "checkpoint/state_piece.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "test/fakes/state_pieces.h"
#include "test/unit/checkpoint/model.h"

namespace tagma {
namespace {

using test::change_entries;
using test::EntryList;
using test::packed;

/// A state, its tree, and what lies at any place of it.
struct State {
  explicit State(std::uint64_t seed, std::size_t keys) {
    Chance chance(seed);
    std::vector<StateChange> changes;
    while (model.size() < keys) model.emplace(chance.key(1000), chance.value());
    for (const auto& [key, value] : model) changes.push_back({key, ByteView(value)});
    tree.update(changes);
  }

  [[nodiscard]] StatePiece piece(const NibblePrefix& prefix) const {
    EntryList list;
    for (const auto& [key, value] : model) {
      if (lies_below(sha256(key), prefix)) list.emplace_back(key, value);
    }
    std::sort(list.begin(), list.end(),
              [](const auto& left, const auto& right) { return sha256(left.first) < sha256(right.first); });
    return {prefix, packed(list)};
  }

  Model model;
  StateTree tree{sha256};
};

/// Every place of the tree from `prefix` down, with the digest that the node above names.
template <typename Visit>
void each_place(const StateTree& tree, const NibblePrefix& prefix, const Digest& digest, const Visit& visit) {
  visit(prefix, digest);
  const StateNode node = tree.node(prefix);
  if (node.kind != NodeKind::inner) return;
  std::size_t child = 0;
  for (std::size_t nibble = 0; nibble < 16; ++nibble) {
    if ((node.occupied & (1U << nibble)) == 0) continue;
    each_place(tree, prefix + static_cast<char>(nibble), node.children[child++].digest, visit);
  }
}

TEST_CASE("what lies at a place has the digest that the tree has there, at every place of many trees") {
  for (const std::size_t keys : {1UL, 2UL, 3UL, 17UL, 200UL}) {
    const State state(keys, keys);
    std::size_t places = 0;
    each_place(state.tree, {}, state.tree.root(), [&](const NibblePrefix& prefix, const Digest& digest) {
      ++places;
      REQUIRE(digest_of(state.piece(prefix), sha256) == digest);
    });
    CHECK(places >= keys);
  }
}

TEST_CASE("a piece with an entry too few, too many, changed, twice, or in another order is another one or none") {
  const State state(5, 60);
  const StatePiece whole = state.piece({});
  const auto differs = [&](auto change) {
    StatePiece piece = whole;
    change_entries(piece.entries, change);
    return digest_of(piece, sha256) != state.tree.root();
  };
  for (std::size_t at = 0; at < whole.entries.size(); ++at) {
    CHECK(differs([at](EntryList& list) { list.erase(list.begin() + static_cast<long>(at)); }));
    CHECK(differs([at](EntryList& list) { list[at].second += 'x'; }));
    CHECK(differs([at](EntryList& list) { list[at].first += 'x'; }));
    CHECK(differs([at](EntryList& list) { list.insert(list.begin() + static_cast<long>(at), list[at]); }));
    if (at > 0) CHECK(differs([at](EntryList& list) { std::swap(list[at - 1], list[at]); }));
  }
  CHECK_FALSE(digest_of(StatePiece{{}, {}}, sha256));
}

TEST_CASE("what lies elsewhere is no piece, though it has a digest of its own") {
  const State state(9, 60);
  const StateNode root = state.tree.node({});
  REQUIRE(root.children.size() > 2);
  NibblePrefix first;
  NibblePrefix second;
  for (std::size_t nibble = 0; nibble < 16; ++nibble) {
    if ((root.occupied & (1U << nibble)) == 0) continue;
    (first.empty() ? first : second) = NibblePrefix(1, static_cast<char>(nibble));
  }
  StatePiece moved = state.piece(first);
  REQUIRE(digest_of(moved, sha256));
  moved.prefix = second;
  CHECK_FALSE(digest_of(moved, sha256));
}

}  // namespace
}  // namespace tagma
