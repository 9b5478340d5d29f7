#include "checkpoint/state_tree.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "test/unit/checkpoint/model.h"

namespace tagma {
namespace {

Bytes four_bytes_little_endian(std::size_t number) {
  Bytes bytes;
  for (int at = 0; at < 4; ++at, number /= 256) bytes += static_cast<char>(number % 256);
  return bytes;
}

/// (hexadecimal path, leaf hash), ordered by path.
using Leaves = std::vector<std::pair<std::string, Digest>>;

/// The digest of the subtree over leaves[from, to), by the words of README.md and with none of the tree's own code.
Digest naive_subtree(const Leaves& leaves, std::size_t from, std::size_t to, std::size_t depth) {
  if (to - from == 1) return leaves[from].second;
  const std::string digits = "0123456789abcdef";
  unsigned occupied = 0;
  Bytes children;
  while (from < to) {
    const char digit = leaves[from].first[depth];
    std::size_t end = from;
    while (end < to && leaves[end].first[depth] == digit) ++end;
    occupied += 1U << digits.find(digit);
    children += naive_subtree(leaves, from, end, depth + 1).view();
    from = end;
  }
  return sha256(Bytes(1, '\1') + four_bytes_little_endian(occupied).substr(0, 2) + children);
}

Digest naive_root(const Model& model) {
  if (model.empty()) return sha256("\2");
  Leaves leaves;
  for (const auto& [key, value] : model) {
    Bytes leaf(1, '\0');
    leaf.append(four_bytes_little_endian(key.size())).append(key);
    leaf.append(four_bytes_little_endian(value.size())).append(value);
    leaves.emplace_back(to_hex(sha256(key).view()), sha256(leaf));
  }
  std::sort(leaves.begin(), leaves.end());
  return naive_subtree(leaves, 0, leaves.size(), 0);
}

/// Sets all of the model in one update.
std::vector<StateChange> all_of(const Model& model) {
  std::vector<StateChange> changes;
  changes.reserve(model.size());
  for (const auto& [key, value] : model) changes.push_back({key, ByteView(value)});
  return changes;
}

Digest root_of(const Model& model) {
  StateTree tree(sha256);
  return tree.update(all_of(model));
}

std::string hex_root_of(const Model& model) { return to_hex(root_of(model).view()); }

TEST_CASE("the worked example of the README") {
  CHECK(hex_root_of({}) == "dbc1b4c900ffe48d575b5da5c638040125f65db0fe3e24494b76ea986457d986");
  CHECK(hex_root_of({{"rome", "tiber"}}) == "63bc69f26041d4e234f5b9ea3a8d1315c7bfb6919945759235a9e3f31dbf54d6");
  CHECK(hex_root_of({{"rome", "tiber"}, {"corinth", "isthmus"}}) ==
        "635bab56871f49603669e3a2d82e18935390014cd9ab0bd9f973a726d83d53d8");
  CHECK(hex_root_of({{"corinth", "isthmus"}, {"edessa", "skirtos"}}) ==
        "40b3657b07bb48621a819a455ea15a8edf88b5d347a9ed9e3e363fc8a5c7a6cd");
  CHECK(hex_root_of({{"rome", "tiber"}, {"corinth", "isthmus"}, {"edessa", "skirtos"}}) ==
        "7a3fc4f0741ebb4b516f43229784017c928f8792a1049737993ff26d6b278242");
}

TEST_CASE("a tree without keys has the empty root, before the first update too, and again once all are gone") {
  StateTree tree(sha256);
  const Digest empty = tree.root();
  CHECK(empty == naive_root({}));
  CHECK(tree.update({}) == empty);
  CHECK(tree.update({{"a", "1"}, {"b", "2"}, {"c", "3"}}) != empty);
  CHECK(tree.update({{"b", std::nullopt}, {"a", std::nullopt}, {"c", std::nullopt}}) == empty);
  CHECK(tree.root() == empty);
}

TEST_CASE("random updates in random groups: the root is that of a computation from scratch") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    const std::uint64_t kinds = 1 + chance.below(seed % 2 == 0 ? 6 : 300);
    const std::uint64_t erased_percent = chance.below(100);
    StateTree tree(sha256);
    Model model;
    for (int round = 0; round < 30; ++round) {
      std::map<Bytes, std::optional<Bytes>> group;
      for (std::uint64_t count = chance.below(2 * kinds + 1); count > 0; --count) {
        group[chance.key(kinds)] =
            chance.below(100) < erased_percent ? std::nullopt : std::optional<Bytes>(chance.value());
      }
      std::vector<StateChange> changes;
      for (const auto& [key, value] : group) {
        changes.push_back({key, value ? std::optional<ByteView>(*value) : std::nullopt});
        if (value) {
          model[key] = *value;
        } else {
          model.erase(key);
        }
      }
      for (std::size_t at = changes.size(); at > 1; --at) std::swap(changes[at - 1], changes[chance.below(at)]);
      REQUIRE(tree.update(changes) == naive_root(model));
    }
  }
}

TEST_CASE("the root does not remember how the state came to be") {
  Model model;
  for (int number = 0; number < 400; ++number) model["key" + std::to_string(number)] = std::to_string(number * number);
  const Digest at_once = root_of(model);

  StateTree one_by_one(sha256);
  for (auto entry = model.rbegin(); entry != model.rend(); ++entry) {
    one_by_one.update({{entry->first, ByteView(entry->second)}});
  }
  CHECK(one_by_one.root() == at_once);

  StateTree with_a_past(sha256);
  for (int number = 0; number < 2000; ++number) {
    const std::string key = "past" + std::to_string(number);
    with_a_past.update({{key, "gone"}});
  }
  for (const auto& [key, value] : model) with_a_past.update({{key, "another"}});
  with_a_past.update(all_of(model));
  for (int number = 0; number < 2000; ++number) {
    const std::string key = "past" + std::to_string(number);
    with_a_past.update({{key, std::nullopt}});
  }
  CHECK(with_a_past.root() == at_once);
}

TEST_CASE("any difference in a key or a value shows in the root") {
  const Model model{{"a", "1"}, {"b", "2"}, {"ab", ""}, {"", "empty key"}};
  std::vector<Model> others{model, model, model, model, model, model, model};
  others[0]["a"] = "2";
  others[1]["a"] = "";
  others[2].erase("ab");
  others[3]["c"] = "";
  others[4]["ab"] = Bytes(1, '\0');
  std::swap(others[5]["a"], others[5]["b"]);
  others[6] = {{"a", "1"}, {"b", "2"}, {"a" + Bytes(1, 'b') + Bytes(1, '\0'), ""}, {"", "empty key"}};
  for (std::size_t at = 0; at < others.size(); ++at) {
    CAPTURE(at);
    CHECK(root_of(others[at]) != root_of(model));
  }
  // The border between key and value counts, and so does which of two leaves' bytes belong to which.
  CHECK(root_of({{"ab", "c"}}) != root_of({{"a", "bc"}}));
  CHECK(root_of({{"abc", ""}}) != root_of({{"", "abc"}}));
}

TEST_CASE("what is hashed for a leaf and for an inner node begins differently") {
  Bytes first_bytes;
  StateTree tree([&](ByteView bytes) {
    first_bytes.push_back(bytes.front());
    return sha256(bytes);
  });
  tree.update({{"rome", "tiber"}, {"corinth", "isthmus"}});
  std::sort(first_bytes.begin(), first_bytes.end());
  // Two leaves, one inner node, the empty root, and the paths, which are never compared with digests of nodes.
  CHECK(first_bytes == Bytes("\0\0\1\2cr", 6));
}

/// Walks the whole tree by its nodes and holds each digest against the one above it; returns the leaves' paths.
void check_below(const StateTree& tree, const NibblePrefix& prefix, const Digest& expected, Leaves& leaves) {
  const StateNode node = tree.node(prefix);
  CHECK(node.prefix == prefix);
  REQUIRE(node.kind == NodeKind::inner);
  Bytes bytes;
  append_inner_bytes(bytes, node);
  REQUIRE(sha256(bytes) == expected);
  std::size_t child = 0;
  for (std::size_t nibble = 0; nibble < 16; ++nibble) {
    const NibblePrefix below = prefix + static_cast<char>(nibble);
    if ((node.occupied & (1U << nibble)) == 0) {
      CHECK(tree.node(below).kind == NodeKind::absent);
      continue;
    }
    const auto& entry = node.children.at(child++);
    if ((node.leaves & (1U << nibble)) == 0) {
      check_below(tree, below, entry.digest, leaves);
      continue;
    }
    CHECK(lies_below(entry.path, below));
    leaves.emplace_back(to_hex(entry.path.view()), entry.digest);
    CHECK(tree.node(below).kind == NodeKind::leaf);
    CHECK(tree.node(below).children.front() == entry);
  }
  CHECK(child == node.children.size());
}

TEST_CASE("the nodes of a tree, from the root down, are what its root was made of") {
  Model model;
  for (int number = 0; number < 500; ++number) model["key" + std::to_string(number)] = std::to_string(number * number);
  StateTree tree(sha256);
  tree.update(all_of(model));
  Leaves leaves;
  check_below(tree, "", tree.root(), leaves);
  std::sort(leaves.begin(), leaves.end());
  CHECK(leaves.size() == model.size());
  CHECK(naive_subtree(leaves, 0, leaves.size(), 0) == tree.root());
}

TEST_CASE("nodes of small trees, and of places below a leaf") {
  StateTree tree(sha256);
  CHECK(tree.node("").kind == NodeKind::absent);
  tree.update({{"rome", "tiber"}});  // its path begins with a8a4
  const StateNode root = tree.node("");
  CHECK(root.kind == NodeKind::leaf);
  CHECK(root.children == std::vector<StateNode::Child>{{tree.root(), sha256("rome")}});
  CHECK(tree.node("\x0a\x08\x0a").children == root.children);
  CHECK(tree.node("\x0a\x08\x0b").kind == NodeKind::absent);
  CHECK(tree.node("\x03").kind == NodeKind::absent);
  tree.update({{"corinth", "isthmus"}, {"edessa", "skirtos"}});
  CHECK(tree.node("\x06").occupied == 0b10);
  CHECK(tree.node("\x06").leaves == 0);
  CHECK(tree.node("\x06\x01").leaves == 0xc000);
}

TEST_CASE("the cost of an update follows the change, not the state") {
  constexpr std::size_t keys = 100'000;
  constexpr std::size_t changed = keys / 100;
  std::vector<std::string> names;
  names.reserve(keys);
  for (std::size_t number = 0; number < keys; ++number) names.push_back("key" + std::to_string(number));
  StateTree tree(sha256);
  std::vector<StateChange> changes;
  changes.reserve(keys);
  for (const auto& name : names) changes.push_back({name, "first"});
  tree.update(changes);
  // Two per key, and the inner nodes, of which there are about a third as many as keys.
  CHECK(tree.hashes() < 5 * keys / 2);
  CHECK(tree.hashes() > 2 * keys);

  changes.clear();
  for (std::size_t at = 0; at < changed; ++at) changes.push_back({names[at * 97], "second"});
  std::uint64_t before = tree.hashes();
  tree.update(changes);
  const std::uint64_t together = tree.hashes() - before;
  MESSAGE("hashes for " << changed << " changed keys of " << keys << ": " << together);
  CHECK(together < 5 * changed);

  // One by one the shared nodes near the top are hashed again and again: what the batch saves.
  before = tree.hashes();
  for (std::size_t at = 0; at < changed; ++at) tree.update({{names[at * 97], "third"}});
  const std::uint64_t apart = tree.hashes() - before;
  CHECK(apart > together * 5 / 4);
  CHECK(apart < 10 * changed);

  before = tree.hashes();
  tree.update({{names[5], "first"}, {names[6], "first"}, {"not there", std::nullopt}});
  CHECK_MESSAGE(tree.hashes() - before == 5, "what changes nothing costs its own hashes and no inner node");
}

TEST_CASE("long common paths: the tree grows and collapses as deep as the keys' hashes agree") {
  // A hash that keeps short keys as their own path, so that the test decides where the nodes lie.
  const auto hash = [](ByteView bytes) {
    if (bytes.empty() || bytes.front() != 'k') return sha256(bytes);
    Digest path;
    std::copy(bytes.begin() + 1, bytes.end(), path.bytes.begin());
    return path;
  };
  const Bytes left = "k" + Bytes(31, '\x55') + "\x50";
  const Bytes right = "k" + Bytes(31, '\x55') + "\x51";
  const Bytes aside = "k" + Bytes(15, '\x55') + Bytes(17, '\x66');
  StateTree pair(hash);
  const Digest only_left = pair.update({{left, "1"}});
  std::uint64_t before = pair.hashes();
  const Digest both = pair.update({{right, "2"}});
  CHECK(pair.hashes() - before == 2 + 64);
  before = pair.hashes();
  const Digest three = pair.update({{aside, "3"}});
  CHECK(pair.hashes() - before == 2 + 31);
  CHECK(three != both);
  CHECK(pair.update({{aside, std::nullopt}}) == both);
  before = pair.hashes();
  CHECK(pair.update({{right, std::nullopt}}) == only_left);
  CHECK_MESSAGE(pair.hashes() - before == 1, "a collapse to one leaf hashes no inner node");
}

}  // namespace
}  // namespace tagma
