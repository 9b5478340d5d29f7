#include "checkpoint/stored_tree.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>

#include "test/unit/checkpoint/model.h"

namespace tagma {
namespace {

/// Nodes and leaves in memory, with a count of what was asked for.
class MapRecords final : public NodeRecords {
 public:
  [[nodiscard]] std::optional<NodeRecord> load(const NibblePrefix& prefix) const override {
    ++loads;
    const auto at = nodes.find(prefix);
    return at == nodes.end() ? std::nullopt : std::optional(at->second);
  }
  void store(const NibblePrefix& prefix, const NodeRecord& record) override {
    ++stores;
    nodes.insert_or_assign(prefix, record);
  }
  void erase(const NibblePrefix& prefix) override { REQUIRE(nodes.erase(prefix) == 1); }

  [[nodiscard]] std::vector<TreeLeaf> leaves(const NibblePrefix& prefix) const override {
    std::vector<TreeLeaf> found;
    for (const auto& [path, digest] : leaf_digests) {
      if (lies_below(path, prefix) && found.size() <= derived_leaves_max) found.push_back({path, digest});
    }
    return found;
  }
  /// As their owner does once the tree has seen the changes.
  void apply(const std::vector<StoredTree::Change>& changes) {
    for (const auto& change : changes) {
      leaf_digests.erase(change.path);
      if (change.leaf) leaf_digests.emplace(change.path, *change.leaf);
    }
  }

  std::map<NibblePrefix, NodeRecord> nodes;
  std::map<Digest, Digest> leaf_digests;
  mutable std::uint64_t loads = 0;
  std::uint64_t stores = 0;
};

using Group = std::map<Bytes, std::optional<Bytes>>;

/// Changes both trees and the model alike.
struct Pair {
  MapRecords records;
  StoredTree stored{sha256, records};
  StateTree plain{sha256};
  Model model;

  void apply(const Group& group) {
    std::vector<StateChange> changes;
    std::vector<StoredTree::Change> stored_changes;
    for (const auto& [key, value] : group) {
      const auto view = value ? std::optional<ByteView>(*value) : std::nullopt;
      changes.push_back({key, view});
      stored_changes.push_back(stored.change(key, view, model.contains(key)));
    }
    for (const auto& [key, value] : group) {
      model.erase(key);
      if (value) model.emplace(key, *value);
    }
    REQUIRE(stored.update(stored_changes) == plain.update(changes));
    records.apply(stored_changes);
  }

  /// Every node from the root down; a record for each inner one above many leaves, for the first one, and no other.
  void check_nodes() const {
    std::size_t kept = 0;
    REQUIRE(check_below("", kept) == model.size());
    CHECK(records.nodes.size() == kept);
  }

 private:
  /// Returns how many leaves lie there.
  std::size_t check_below(const NibblePrefix& prefix, std::size_t& kept) const {
    const StateNode node = plain.node(prefix);
    REQUIRE(stored.node(prefix) == node);
    std::size_t leaf_count = node.kind == NodeKind::leaf ? 1 : 0;
    if (node.kind == NodeKind::inner) {
      for (char nibble = 0; nibble < 16; ++nibble) leaf_count += check_below(prefix + nibble, kept);
    }
    const auto record = records.nodes.find(prefix);
    const bool wanted = prefix.empty() ? leaf_count > 0 : leaf_count > derived_leaves_max;
    REQUIRE((record != records.nodes.end()) == wanted);
    if (wanted) CHECK(record->second.leaf_count == leaf_count);
    kept += wanted ? 1U : 0U;
    return leaf_count;
  }
};

TEST_CASE("random histories: the root and every node are those of the tree in memory") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    Chance chance(seed);
    Pair pair;
    CHECK(pair.stored.root() == pair.plain.root());
    const std::uint64_t kinds = seed % 4 == 0 ? 3 : 20 + seed * 10;
    for (int update = 0; update < 25; ++update) {
      Group group;
      for (std::uint64_t count = chance.below(update % 5 == 0 ? 80 : 8); count > 0; --count) {
        auto& value = group[chance.key(kinds)];
        value = chance.below(5) < 2 ? std::nullopt : std::optional<Bytes>(chance.value());
      }
      pair.apply(group);
      CHECK(pair.stored.root() == pair.plain.root());
      pair.check_nodes();
      const auto key = chance.key(kinds);
      const auto leaf = pair.stored.find(sha256(key), chance.below(5));
      const auto at = pair.model.find(key);
      REQUIRE(leaf.has_value() == (at != pair.model.end()));
      if (leaf) CHECK(*leaf == pair.stored.leaf(key, at->second));
    }
  }
}

TEST_CASE("keys whose paths agree for long are found, grow and collapse") {
  // A hash that keeps short keys as their own path.
  const auto hash = [](ByteView bytes) {
    if (bytes.empty() || bytes.front() != 'k') return sha256(bytes);
    Digest path;
    std::copy(bytes.begin() + 1, bytes.end(), path.bytes.begin());
    return path;
  };
  MapRecords records;
  StoredTree tree(hash, records);
  StateTree plain(hash);
  const auto update = [&](ByteView key, std::optional<ByteView> value, bool there) {
    const auto change = tree.change(key, value, there);
    REQUIRE(tree.update({change}) == plain.update({{key, value}}));
    records.apply({change});
  };
  // One more than are derived, all but the last under one place at the end.
  const auto key = [](std::size_t at) { return "k" + Bytes(31, '\x55') + static_cast<char>(0x50 + at); };
  const auto check_found = [&](std::size_t count) {
    for (const std::size_t guess : {0U, 5U, 61U, 62U, 63U, 64U, 1000U}) {
      for (std::size_t at = 0; at < count; ++at) CHECK(tree.find(hash(key(at)), guess) == tree.leaf(key(at), "1"));
      CHECK_FALSE(tree.find(hash(key(count)), guess));
      CHECK_FALSE(tree.find(sha256("another"), guess));
    }
  };
  for (std::size_t at = 0; at < derived_leaves_max; ++at) update(key(at), "1", false);
  CHECK(records.nodes.size() == 1);
  check_found(derived_leaves_max);
  update(key(derived_leaves_max), "1", false);
  CHECK(records.nodes.size() == 63);
  check_found(derived_leaves_max + 1);
  CHECK(tree.node(Bytes(63, '\5')) == plain.node(Bytes(63, '\5')));
  update(key(derived_leaves_max), std::nullopt, true);
  CHECK(records.nodes.size() == 1);
  for (std::size_t at = derived_leaves_max; at-- > 0;) update(key(at), std::nullopt, true);
  CHECK(tree.root() == sha256("\2"));
  CHECK(records.nodes.empty());
}

/// Hashes of an update of `changed` of the keys, with the nodes that it loaded and stored.
void check_cost(Pair& pair, const std::vector<std::string>& keys, std::uint64_t full_hashes, std::string_view kind) {
  Group group;
  for (const auto& key : keys) group[key] = "second " + std::string(kind);
  const std::uint64_t hashes = pair.stored.hashes();
  const std::uint64_t loads = pair.records.loads;
  const std::uint64_t stores = pair.records.stores;
  pair.apply(group);
  const std::uint64_t cost = pair.stored.hashes() - hashes;
  MESSAGE(kind << ": " << keys.size() << " changed keys cost " << cost << " hashes of " << full_hashes
               << " for a full build; nodes loaded " << pair.records.loads - loads << ", stored "
               << pair.records.stores - stores);
  CHECK(cost * 100 <= full_hashes * 3);
  CHECK_MESSAGE(pair.records.loads - loads == pair.records.stores - stores + 1,
                "each stored node is loaded once, the root twice");
}

TEST_CASE("one percent of the keys changed costs at most three percent of a full build, random and clustered") {
  constexpr std::size_t count = 100'000;
  Pair pair;
  Group group;
  for (std::size_t number = 0; number < count; ++number) group["key" + std::to_string(number)] = "first";
  const std::uint64_t before = pair.stored.hashes();
  pair.apply(group);
  const std::uint64_t full_hashes = pair.stored.hashes() - before;
  CHECK(pair.records.loads == 1);

  Chance chance(1);
  std::map<std::string, bool> chosen;
  while (chosen.size() < count / 100) chosen["key" + std::to_string(chance.below(count))] = true;
  std::vector<std::string> random;
  for (const auto& [key, ignored] : chosen) random.push_back(key);
  check_cost(pair, random, full_hashes, "random");

  std::vector<std::string> neighbours;
  for (std::size_t number = 0; number < count / 100; ++number) {
    neighbours.push_back("key" + std::to_string(50'000 + number));
  }
  check_cost(pair, neighbours, full_hashes, "clustered");
}

TEST_CASE("a record that is missing, or is not the one that the node above it names, is damage") {
  Pair pair;
  Group group;
  for (int number = 0; number < 300; ++number) group["key" + std::to_string(number)] = "value";
  pair.apply(group);
  const auto whole = pair.records.nodes;
  // Kept: the first node, some of those below it, and nothing deeper.
  const auto below = [&](bool kept) {
    return std::find_if(group.begin(), group.end(), [&](const auto& entry) {
      return kept == whole.contains({static_cast<char>(nibble_at(sha256(entry.first), 0))});
    });
  };
  const auto key = below(true);
  REQUIRE(key != group.end());
  const Digest path = sha256(key->first);
  const NibblePrefix prefix(1, static_cast<char>(nibble_at(path, 0)));
  const auto throws_everywhere = [&] {
    CHECK_THROWS_AS(static_cast<void>(pair.stored.update({pair.stored.change(key->first, "new", true)})), StateDamaged);
    CHECK_THROWS_AS(static_cast<void>(pair.stored.node(prefix)), StateDamaged);
    CHECK_THROWS_AS(static_cast<void>(pair.stored.find(path, 0)), StateDamaged);
  };
  pair.records.nodes.erase(prefix);
  throws_everywhere();
  CHECK_THROWS_AS(static_cast<void>(pair.stored.find(path, 1)), StateDamaged);
  pair.records.nodes = whole;
  pair.records.nodes.at(prefix).digest.bytes[3] ^= 1;
  throws_everywhere();
  pair.records.nodes = whole;
  CHECK(pair.stored.find(path, 0));

  const auto leaves = pair.records.leaf_digests;
  const auto under_derived = below(false);
  REQUIRE(under_derived != group.end());
  const Digest derived_path = sha256(under_derived->first);
  const auto leaves_throw_everywhere = [&] {
    const NibblePrefix derived(1, static_cast<char>(nibble_at(derived_path, 0)));
    const auto& [name, value] = *under_derived;
    CHECK_THROWS_AS(static_cast<void>(pair.stored.update({pair.stored.change(name, "new", true)})), StateDamaged);
    CHECK_THROWS_AS(static_cast<void>(pair.stored.update({pair.stored.change(name, std::nullopt, true)})),
                    StateDamaged);
    CHECK_THROWS_AS(static_cast<void>(pair.stored.node(derived)), StateDamaged);
    CHECK_THROWS_AS(static_cast<void>(pair.stored.find(derived_path, 0)), StateDamaged);
  };
  pair.records.leaf_digests.erase(derived_path);
  leaves_throw_everywhere();
  pair.records.leaf_digests = leaves;
  pair.records.leaf_digests.at(derived_path).bytes[3] ^= 1;
  leaves_throw_everywhere();
  pair.records.leaf_digests = leaves;
  Digest more = derived_path;
  more.bytes[31] ^= 1;
  pair.records.leaf_digests.emplace(more, Digest{});
  leaves_throw_everywhere();
  pair.records.leaf_digests = leaves;
  CHECK(pair.stored.find(derived_path, 0));
}

TEST_CASE("many keys that come and go at once: nodes appear, and go with all that is kept below them") {
  Pair pair;
  Group all;
  for (int number = 0; number < 3'000; ++number) all["key" + std::to_string(number)] = "value";
  pair.apply(all);
  pair.check_nodes();
  for (const std::size_t left : {std::size_t{2'000}, 20 * derived_leaves_max, derived_leaves_max, std::size_t{2},
                                 std::size_t{1}, std::size_t{0}}) {
    CAPTURE(left);
    Group gone;
    for (const auto& [key, value] : pair.model) {
      if (pair.model.size() - gone.size() > left) gone[key] = std::nullopt;
    }
    pair.apply(gone);
    pair.check_nodes();
    // And all of them again, in the same update as the last of those go.
    Group again = all;
    if (!pair.model.empty()) again[pair.model.begin()->first] = std::nullopt;
    Pair copy;
    Group now;
    for (const auto& [key, value] : pair.model) now[key] = value;
    copy.apply(now);
    copy.apply(again);
    copy.check_nodes();
  }
}

TEST_CASE("the owner's word whether a key is there is held against the tree") {
  Pair pair;
  const auto update = [&](ByteView key, std::optional<ByteView> value, bool there) {
    return pair.stored.update({pair.stored.change(key, value, there)});
  };
  CHECK_THROWS_AS(update("a", "1", true), StateDamaged);
  CHECK_THROWS_AS(update("a", std::nullopt, true), StateDamaged);
  pair.apply({{"a", "1"}});
  CHECK_THROWS_AS(update("a", "2", false), StateDamaged);
  CHECK_THROWS_AS(update("a", std::nullopt, false), StateDamaged);
  CHECK_THROWS_AS(update("b", std::nullopt, true), StateDamaged);
  pair.apply({{"b", "1"}, {"c", "1"}, {"d", "1"}});
  CHECK_THROWS_AS(update("a", "2", false), StateDamaged);
  CHECK_THROWS_AS(update("e", "2", true), StateDamaged);
}

}  // namespace
}  // namespace tagma
