#include "client_lib/state_walk.h"

#include <doctest/doctest.h>

#include <random>

#include "messages/state_key.h"
#include "test/unit/client/memory_source.h"

namespace tagma {
namespace {

using test::MemorySource;
using test::Model;
using test::sha256;

using Walked = std::variant<StateDifference, WalkFailure>;

Walked walk(MemorySource& left, MemorySource& right, const WalkOptions& options = {}) {
  return walk_states({left, left.at()}, {right, right.at()}, sha256, options);
}

StateDifference difference_of(MemorySource& left, MemorySource& right, const WalkOptions& options = {}) {
  auto walked = walk(left, right, options);
  REQUIRE_MESSAGE(std::holds_alternative<StateDifference>(walked), std::get<WalkFailure>(walked).reason);
  return std::get<StateDifference>(std::move(walked));
}

void check_failure(const Walked& walked, WalkFailure::Kind kind, const std::string& says) {
  REQUIRE(std::holds_alternative<WalkFailure>(walked));
  const auto& failure = std::get<WalkFailure>(walked);
  CHECK(failure.kind == kind);
  CHECK_MESSAGE(failure.reason.find(says) != std::string::npos, failure.reason);
}

Model many_keys(int count) {
  Model model;
  for (int key = 0; key < count; ++key) model["key-" + std::to_string(key)] = std::to_string(key * key);
  return model;
}

StateValue value_of(const Model& model, const Bytes& key) {
  const auto at = model.find(key);
  if (at == model.end()) return {};
  return {true, at->second.size(), at->second};
}

TEST_CASE("equal states: two roots are asked for and nothing else") {
  MemorySource left("left");
  MemorySource right("right");
  left.fill(many_keys(500));
  right.fill(many_keys(500));
  const auto difference = difference_of(left, right);
  CHECK(difference.differing == 0);
  CHECK(difference.first.empty());
  CHECK(left.nodes_asked == 1);
  CHECK(left.keys_told == 0);
}

TEST_CASE("one byte of one value among 20,000 keys: a few nodes, the key, both values") {
  auto model = many_keys(20'000);
  MemorySource left("left");
  MemorySource right("right");
  left.fill(model);
  model["key-777"].back() = 'x';
  right.fill(model);
  const auto difference = difference_of(left, right);
  CHECK(difference.differing == 1);
  CHECK_FALSE(difference.at_least);
  REQUIRE(difference.first.size() == 1);
  CHECK(difference.first[0].key == "key-777");
  CHECK(difference.first[0].left.value == "603729");
  CHECK(difference.first[0].right.value == "60372x");
  CHECK(left.nodes_asked < 10);
  CHECK_MESSAGE(right.keys_told == 0, "the keys of one side are enough");
}

TEST_CASE("random states: all differences are counted, and the first keys are named in order with their values") {
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::uint64_t keys = 1 + random() % (seed % 3 == 0 ? 4 : 200);
    std::array<Model, 2> models;
    for (std::uint64_t key = 0; key < keys; ++key) {
      const std::string name = std::to_string(random() % 1000);
      for (auto& model : models) {
        if (random() % 8 != 0) model[name] = random() % 8 == 0 ? std::to_string(random() % 5) : "the same";
      }
    }
    MemorySource left("left");
    MemorySource right("right");
    left.fill(models[0]);
    right.fill(models[1]);
    std::vector<Bytes> expected;
    Model all = models[0];
    all.insert(models[1].begin(), models[1].end());
    for (const auto& [key, value] : all) {
      if (value_of(models[0], key) != value_of(models[1], key)) expected.push_back(key);
    }
    WalkOptions options;
    options.keys_max = 1 + random() % 12;
    const auto difference = difference_of(left, right, options);
    CHECK(difference.differing == expected.size());
    REQUIRE(difference.first.size() == std::min(expected.size(), options.keys_max));
    for (std::size_t at = 0; at < difference.first.size(); ++at) {
      const auto& first = difference.first[at];
      CHECK(first.key == expected[at]);
      CHECK(first.left == value_of(models[0], first.key));
      CHECK(first.right == value_of(models[1], first.key));
    }
  }
}

TEST_CASE("a state against nothing, and against one key") {
  MemorySource nothing("nothing");
  MemorySource one("one");
  MemorySource many("many");
  nothing.fill({});
  one.fill({{"key-7", "another"}});
  many.fill(many_keys(300));
  CHECK(difference_of(nothing, many).differing == 300);
  CHECK(difference_of(many, nothing).differing == 300);
  CHECK(difference_of(nothing, one).first.front().right.value == "another");
  CHECK(difference_of(nothing, nothing).differing == 0);
  WalkOptions all;
  all.keys_max = 1000;
  const auto difference = difference_of(one, many, all);
  CHECK(difference.differing == 300);
  CHECK(difference.first.size() == 300);
}

TEST_CASE("where very much differs the walk stops and says at least") {
  MemorySource left("left");
  MemorySource right("right");
  left.fill(many_keys(3000));
  right.fill({});
  WalkOptions options;
  options.differing_max = 100;
  const auto difference = difference_of(left, right, options);
  CHECK(difference.at_least);
  CHECK(difference.differing >= 100);
  CHECK(difference.differing < 3000);
  CHECK(difference.first.size() == options.keys_max);
}

/// The key of a run of kept replies: the only kind of entry that can be too long to be shown.
const Bytes run_key = Bytes(1, state_key::reply_prefix) + Bytes(20, '\x01');

TEST_CASE("a value that is too long to be shown is cut and says so; where no such value can be, it is a lie") {
  for (const auto& key : {run_key, Bytes("\x10\x02kvlong"), Bytes("of unknown kind")}) {
    MemorySource left("left");
    MemorySource right("right");
    left.fill({{key, Bytes(limits::state_value_bytes_max + 9, 'l')}, {"a", "1"}});
    right.fill({{key, Bytes(limits::state_value_bytes_max + 9, 'r')}, {"a", "1"}});
    if (key != run_key) {
      check_failure(walk(left, right), WalkFailure::Kind::inconsistent, "left gives answers that contradict");
      continue;
    }
    const auto difference = difference_of(left, right);
    REQUIRE(difference.first.size() == 1);
    CHECK(difference.first[0].left.size_bytes == limits::state_value_bytes_max + 9);
    CHECK(difference.first[0].left.is_cut());
    CHECK(difference.first[0].right.value.front() == 'r');
    right.on_values = [](StateValues& values) { values.values.front().value.resize(5); };
    check_failure(walk(left, right), WalkFailure::Kind::inconsistent, "right gives answers that contradict");
    right.on_values = [](StateValues& values) { values.values.front().size_bytes = 1ULL << 40U; };
    check_failure(walk(left, right), WalkFailure::Kind::inconsistent, "right gives answers that contradict");
  }
}

TEST_CASE("values are kept up to a number of bytes, and at least one key is named") {
  Model model;
  for (int key = 0; key < 100; ++key) model["key-" + std::to_string(100 + key)] = Bytes(1000, 'v');
  MemorySource left("left");
  MemorySource right("right");
  left.fill(model);
  for (auto& [key, value] : model) value.back() = 'w';
  right.fill(model);
  WalkOptions options;
  options.keys_max = 100;
  options.values_bytes_max = 40'000;
  const auto difference = difference_of(left, right, options);
  CHECK(difference.differing == 100);
  CHECK(difference.full);
  CHECK(difference.first.size() >= 10);
  CHECK(difference.first.size() < 40);
  CHECK(difference.first.back().left.value.size() == 1000);
  CHECK(difference.first.back().right.value.back() == 'w');
  options.values_bytes_max = 1;
  CHECK(difference_of(left, right, options).first.size() <= 3);
  options.values_bytes_max = 1'000'000;
  CHECK_FALSE(difference_of(left, right, options).full);
}

Digest digest_of_inner(const StateNode& node) {
  Bytes bytes;
  append_inner_bytes(bytes, node);
  return sha256(bytes);
}

TEST_CASE("a tree that no state has: an inner node over one key alone") {
  const Model model{{"a", "1"}, {"b", "2"}};
  MemorySource honest("the honest one");
  honest.fill(model);
  // The liar has the same two keys, one of them a level too deep, and says so consistently.
  const auto root = std::get<StateNodes>(std::variant<StateNodes>(*honest.nodes(1, {NibblePrefix()}))).nodes.front();
  REQUIRE(root.children.size() == 2);
  StateNode deep;
  deep.kind = NodeKind::inner;
  const std::size_t at_root = nibble_at(root.children[0].path, 0);
  const auto bit = static_cast<std::uint16_t>(1U << nibble_at(root.children[0].path, 1));
  deep.prefix = NibblePrefix(1, static_cast<char>(at_root));
  deep.occupied = deep.leaves = bit;
  deep.children = {root.children[0]};
  StateNode shown = root;
  shown.leaves = static_cast<std::uint16_t>(shown.leaves ^ (1U << at_root));
  shown.children[0] = {digest_of_inner(deep), {}};
  MemorySource liar("the liar");
  liar.fill(model);
  liar.on_nodes = [&](StateNodes& answer) {
    for (auto& node : answer.nodes) node = node.prefix.empty() ? shown : deep;
  };
  const auto walked = walk_states({honest, honest.at()}, {liar, {1, digest_of_inner(shown)}}, sha256, {});
  check_failure(walked, WalkFailure::Kind::inconsistent, "the liar gives answers that contradict");
  check_failure(walked, WalkFailure::Kind::inconsistent, "over one key alone");
  CHECK(std::get<WalkFailure>(walked).culprit == Culprit::right);
}

TEST_CASE("a liar that calls a node a key is named, although its root is right") {
  MemorySource liar("the liar");
  MemorySource honest("the honest one");
  auto model = many_keys(2000);
  honest.fill(model);
  model["another"] = "key";
  liar.fill(model);
  liar.on_nodes = [](StateNodes& answer) {
    auto& root = answer.nodes.front();
    if (!root.prefix.empty()) return;
    root.leaves = root.occupied;
    for (std::size_t nibble = 0, at = 0; nibble < 16; ++nibble) {
      if ((root.occupied & (1U << nibble)) != 0)
        root.children[at++].path.bytes[0] = static_cast<std::uint8_t>(nibble << 4U);
    }
  };
  const auto walked = walk(liar, honest);
  check_failure(walked, WalkFailure::Kind::inconsistent, "it calls a node of its tree a key");
  CHECK(std::get<WalkFailure>(walked).culprit == Culprit::left);
}

TEST_CASE("roots that differ without a key that does are not called the same") {
  MemorySource left("left");
  MemorySource right("right");
  left.fill(many_keys(50));
  right.fill(many_keys(50));
  // As if the right one had found two trees of one state: of the nodes that are hashed, each second is its root.
  const Digest other = sha256("other");
  const DigestFunction digest = [&, hashed = 0](ByteView bytes) mutable {
    return ++hashed % 2 == 0 ? other : sha256(bytes);
  };
  const auto walked = walk_states({left, left.at()}, {right, {1, other}}, digest, {});
  check_failure(walked, WalkFailure::Kind::inconsistent, "no key that differs");
  CHECK(std::get<WalkFailure>(walked).culprit == Culprit::either);
}

struct Lie {
  const char* says;
  std::function<void(MemorySource&)> tell;
};

/// Every way to lie about the keys.
std::vector<Lie> lies_about_keys() {
  return {
      {"its tree has keys that it does not name",
       [](MemorySource& liar) { liar.on_keys = [](StateKeys& answer) {
                                  answer = {0, answer.seq, {}, false};
                                }; }},
      {"its keys are out of order",
       [](MemorySource& liar) {
         liar.on_keys = [first = true](StateKeys& answer) mutable {
           if (!std::exchange(first, false)) answer.keys.front() = "a";
         };
       }},
      {"it names a key that no state has",
       [](MemorySource& liar) {
         liar.on_keys = [](StateKeys& answer) {
           answer = {0, answer.seq, {Bytes(limits::state_key_bytes_max, 'k')}, true};
         };
       }},
      {"it names a key that no state has",
       [](MemorySource& liar) { liar.on_keys = [](StateKeys& answer) {
                                  answer = {0, answer.seq, {}, true};
                                }; }},
      {"it names more keys than any state has",
       [](MemorySource& liar) {
         liar.on_keys = [count = 0](StateKeys& answer) mutable {
           answer = {0, answer.seq, {"zzz" + std::to_string(1'000'000 + ++count)}, true};
         };
       }},
  };
}

/// Every way to lie about the tree and the values, with what is then said of the liar.
std::vector<Lie> lies_about_the_rest() {
  const auto change_deep_node = [](MemorySource& liar, const std::function<void(StateNode&)>& change) {
    liar.on_nodes = [change](StateNodes& answer) {
      for (auto& node : answer.nodes) {
        if (!node.prefix.empty()) change(node);
      }
    };
  };
  return {
      {"its tree has another root",
       [](MemorySource& liar) {
         liar.on_nodes = [](StateNodes& answer) { answer.nodes[0].children[0].digest = sha256("lie"); };
       }},
      {"the root of its tree is missing",
       [](MemorySource& liar) { liar.on_nodes = [](StateNodes& answer) { answer.nodes.clear(); }; }},
      {"does not have the digest that the node above it names",
       [=](MemorySource& liar) {
         change_deep_node(liar, [](StateNode& node) { node.children[0].digest = sha256("lie"); });
       }},
      {"does not have the digest that the node above it names",
       [=](MemorySource& liar) {
         change_deep_node(liar,
                          [](StateNode& node) { node.prefix.back() = static_cast<char>(node.prefix.back() ^ 1); });
       }},
      {"nodes of its tree are missing",
       [](MemorySource& liar) {
         liar.on_nodes = [](StateNodes& answer) {
           if (!answer.nodes[0].prefix.empty()) answer.nodes.pop_back();
         };
       }},
      {"a key stands in its tree where it does not belong",
       [=](MemorySource& liar) {
         change_deep_node(liar, [](StateNode& node) {
           for (auto& child : node.children)
             child.path.bytes[0] = static_cast<std::uint8_t>(child.path.bytes[0] ^ 0x80U);
         });
       }},
      {"a value is not the one in its tree",
       [](MemorySource& liar) { liar.on_values = [](StateValues& answer) {
                                  answer.values[0] = {true, 3, "lie"};
                                }; }},
      {"a value is not the one in its tree",
       [](MemorySource& liar) { liar.on_values = [](StateValues& answer) { answer.values[0] = {}; }; }},
      {"it does not tell the values",
       [](MemorySource& liar) { liar.on_values = [](StateValues& answer) { answer.values.clear(); }; }},
  };
}

TEST_CASE("a liar is named and not believed") {
  auto lies = lies_about_the_rest();
  for (auto& lie : lies_about_keys()) lies.push_back(std::move(lie));
  for (const auto& lie : lies) {
    CAPTURE(lie.says);
    auto model = many_keys(2000);
    MemorySource liar("the liar");
    MemorySource honest("the honest one");
    honest.fill(model);
    for (int key = 0; key < 5; ++key) model["key-" + std::to_string(key * 211)] = "different";
    liar.fill(model);
    lie.tell(liar);
    WalkOptions options;
    options.keys_read_max = 10'000;
    const auto walked = walk(liar, honest, options);
    check_failure(walked, WalkFailure::Kind::inconsistent, "the liar gives answers that contradict");
    check_failure(walked, WalkFailure::Kind::inconsistent, lie.says);
  }
}

TEST_CASE("a checkpoint that moves on during the walk, and a replica that falls silent") {
  MemorySource left("left");
  MemorySource right("right");
  left.fill(many_keys(100));
  right.fill({});
  right.on_asked = [&, asked = 0]() mutable {
    if (++asked == 1) return;
    right.execute("next", {{"k", "v"}});
    right.checkpoint();
  };
  left.on_keys = [&](StateKeys& answer) { answer.seq = 9; };
  check_failure(walk(left, right), WalkFailure::Kind::moved, "left's newest checkpoint moved on from slot 1 to 9");
  left.silent = true;
  check_failure(walk(left, right), WalkFailure::Kind::no_answer, "left gave no answer");
}

}  // namespace
}  // namespace tagma
