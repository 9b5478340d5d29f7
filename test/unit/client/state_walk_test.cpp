#include "client_lib/state_walk.h"

#include <doctest/doctest.h>

#include <random>

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

TEST_CASE("a value that is too long to be shown is cut, and only then need not be verified") {
  MemorySource left("left");
  MemorySource right("right");
  left.fill({{"long", Bytes(limits::state_value_bytes_max + 9, 'l')}, {"a", "1"}});
  right.fill({{"long", Bytes(limits::state_value_bytes_max + 9, 'r')}, {"a", "1"}});
  const auto difference = difference_of(left, right);
  REQUIRE(difference.first.size() == 1);
  CHECK(difference.first[0].left.size_bytes == limits::state_value_bytes_max + 9);
  CHECK(difference.first[0].right.value.front() == 'r');
  right.on_values = [](StateValues& values) { values.values.front().value.resize(5); };
  check_failure(walk(left, right), WalkFailure::Kind::inconsistent, "right gives answers that contradict");
}

struct Lie {
  const char* says;
  std::function<void(MemorySource&)> tell;
};

/// Every way to lie about the tree, with what is then said of the liar.
std::vector<Lie> every_lie() {
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
      {"it names more keys than any state has",
       [](MemorySource& liar) {
         liar.on_keys = [count = 0](StateKeys& answer) mutable {
           answer = {0, answer.seq, {"zzz" + std::to_string(1'000'000 + ++count)}, true};
         };
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
  for (const auto& lie : every_lie()) {
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
