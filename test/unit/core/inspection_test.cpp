// What an administrator may ask one replica, and who may not.
#include <doctest/doctest.h>

#include <map>

#include "messages/validate.h"
#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

void run_slots(Cluster& cluster, RequestNumber from, RequestNumber to, const std::string& value = "") {
  for (RequestNumber number = from; number <= to; ++number) {
    const std::string payload = "set a " + value + std::to_string(number);
    cluster.submit(0, toy_bundle(cluster[0].config.membership, 1, 5, number, {payload}, number - 1));
    cluster.deliver_all();
  }
}

/// The answer to a query of administrator 0; fails if there is not exactly one.
template <typename Answer, typename Query>
Answer ask(Node& node, const Query& query) {
  node.answers.clear();
  node.step(Received{admin_sender(0), query});
  REQUIRE(node.answers.size() == 1);
  CHECK(node.answers.front().admin == 0);
  REQUIRE(std::holds_alternative<Answer>(node.answers.front().message));
  return std::get<Answer>(node.answers.front().message);
}

/// All keys and values of the newest checkpoint, as the answers tell them.
std::map<Bytes, Bytes> read_state(Node& node, Seq seq) {
  std::map<Bytes, Bytes> state;
  for (const auto& key : ask<StateKeys>(node, StateKeysQuery{1, seq, ""}).keys) {
    const auto values = ask<StateValues>(node, StateValuesQuery{2, seq, {key}});
    REQUIRE(values.values.size() == 1);
    state[key] = values.values.front().value;
  }
  return state;
}

}  // namespace

TEST_CASE("the history tells batches, writes and roots, alike on every replica") {
  Cluster cluster(4);
  run_slots(cluster, 1, 9);
  const auto first = ask<History>(cluster[0], HistoryQuery{7, 1, 100});
  CHECK(first.nonce == 7);
  CHECK(first.executed == 9);
  CHECK(first.oldest == 1);
  CHECK(first.checkpoint_interval == 4);
  CHECK(first.first == 1);
  REQUIRE(first.slots.size() == 9);
  REQUIRE(first.roots.size() == 2);
  CHECK(first.roots[1].seq == 8);
  CHECK(first.roots[1].root == cluster[0].core.view().state_digest);
  CHECK(first.slots[4].batch == *cluster[0].core.executed_digest(5));
  CHECK(first.slots[4].writes != first.slots[5].writes);
  for (ReplicaId id = 1; id < 4; ++id) CHECK(ask<History>(cluster[id], HistoryQuery{7, 1, 100}) == first);
  const auto part = ask<History>(cluster[2], HistoryQuery{8, 3, 2});
  CHECK(part.first == 3);
  CHECK(part.slots == std::vector<SlotHistory>{first.slots[2], first.slots[3]});
  CHECK(ask<History>(cluster[2], HistoryQuery{8, 10, 5}).slots.empty());
}

TEST_CASE("the oldest slots are forgotten, and a history says so") {
  Cluster cluster(4, [](CoreConfig& config) { config.history_slots = 3; });
  run_slots(cluster, 1, 9);
  const auto all = ask<History>(cluster[0], HistoryQuery{1, 1, 100});
  CHECK(all.oldest == 7);
  CHECK(all.first == 7);
  CHECK(all.slots.size() == 3);
  CHECK(ask<History>(cluster[0], HistoryQuery{1, 5, 2}).slots.empty());
  CHECK(ask<History>(cluster[0], HistoryQuery{1, 5, 3}).slots == std::vector<SlotHistory>{all.slots[0]});
}

TEST_CASE("nodes, keys and values are those of the newest checkpoint, and of no other") {
  Cluster cluster(4);
  run_slots(cluster, 1, 6);
  auto& node = cluster[1];
  const auto root = ask<StateNodes>(node, StateNodesQuery{1, 4, {"", "\x01"}});
  CHECK(root.seq == 4);
  REQUIRE(root.nodes.size() == 2);
  CHECK(root.nodes[0].kind == NodeKind::inner);
  Bytes bytes;
  append_inner_bytes(bytes, root.nodes[0]);
  CHECK(node.authenticator.digest(bytes) == node.core.view().state_digest);
  const auto state = read_state(node, 4);
  CHECK(state.at(Bytes("\x10\x03toya")) == "4");
  CHECK(state.size() > 2);  // the session, its replies and the agreed time are state, too
  CHECK(ask<StateKeys>(node, StateKeysQuery{1, 4, "\xff"}).keys.empty());
  CHECK_FALSE(ask<StateValues>(node, StateValuesQuery{1, 4, {"no such key"}}).values.front().present);

  for (const Seq other : {Seq{3}, Seq{8}}) {
    CHECK(ask<StateNodes>(node, StateNodesQuery{1, other, {""}}) == StateNodes{1, 4, {}});
    CHECK(ask<StateKeys>(node, StateKeysQuery{1, other, ""}) == StateKeys{1, 4, {}, false});
    CHECK(ask<StateValues>(node, StateValuesQuery{1, other, {"a"}}) == StateValues{1, 4, {}});
  }
}

TEST_CASE("only administrators of the membership are answered, and the refusal is counted") {
  Cluster cluster(4);
  run_slots(cluster, 1, 4);
  auto& node = cluster[0];
  const std::vector<Message> queries{HistoryQuery{1, 1, 1}, StateNodesQuery{1, 4, {""}}, StateKeysQuery{1, 4, ""},
                                     StateValuesQuery{1, 4, {"a"}}};
  for (const auto& query : queries) {
    for (const auto& stranger : {client_sender(0), replica_sender(1), admin_sender(3)}) {
      node.counts.clear();
      node.step(Received{stranger, query});
      CHECK(node.counted("state asked for by no administrator"));
    }
  }
  CHECK(node.answers.empty());
  for (const Message& answer :
       {Message{History{}}, Message{StateNodes{}}, Message{StateKeys{}}, Message{StateValues{}}}) {
    node.counts.clear();
    node.step(Received{replica_sender(1), answer});
    CHECK(node.counted("message not meant for a replica"));
  }
}

TEST_CASE("answers are as fast as the budget allows, each administrator's for itself, and time makes up for them") {
  Cluster cluster(4, [](CoreConfig& config) {
    config.inspection_bytes_per_second = 8'000'000;
    config.membership.admins.push_back({.id = 1, .key = toy_key({PrincipalKind::admin, 1})});
  });
  run_slots(cluster, 1, 9);
  auto& node = cluster[0];
  std::size_t answered = 0;
  for (int asked = 0; asked < 1000; ++asked) {
    node.answers.clear();
    node.step(Received{admin_sender(0), StateNodesQuery{1, 8, {"", "", "", ""}}});
    answered += node.answers.size();
  }
  CHECK(answered > 5);
  CHECK(answered < 100);
  CHECK(node.counted("state asked for faster than allowed"));
  node.answers.clear();
  node.step(Received{admin_sender(1), HistoryQuery{1, 1, 1}});
  CHECK(node.answers.size() == 1);
  node.now.monotonic_us += 1'000'000;
  CHECK(ask<StateNodes>(node, StateNodesQuery{1, 8, {""}}).nodes.size() == 1);
}

TEST_CASE("a question is charged for what it asks with, not for its answer alone") {
  Cluster cluster(4);
  run_slots(cluster, 1, 4);
  auto& node = cluster[0];
  const Bytes long_key(limits::state_key_bytes_max, 'k');
  const NibblePrefix deep(path_nibbles - 1, '\x03');
  struct Flood {
    const char* name;
    Message question;
    std::size_t answered_max;  ///< in one second, the burst included
  };
  const std::vector<Flood> floods{
      {"long keys that are not there", StateValuesQuery{1, 4, std::vector<Bytes>(limits::state_values_max, long_key)},
       220},
      {"of another checkpoint", StateValuesQuery{1, 3, std::vector<Bytes>(limits::state_values_max, long_key)}, 220},
      {"behind the last key", StateKeysQuery{1, 4, Bytes(limits::state_key_bytes_max, '\xff')}, 600},
      {"a small one without an answer", StateKeysQuery{1, 3, ""}, 700},
      {"places where nothing is", StateNodesQuery{1, 4, std::vector<NibblePrefix>(limits::state_nodes_max, deep)}, 200},
      {"roots alone", HistoryQuery{1, 1, 0}, 700},
  };
  for (const auto& flood : floods) {
    CAPTURE(flood.name);
    node.now.monotonic_us += 60'000'000;
    node.answers.clear();
    for (int asked = 0; asked < 100'000; ++asked) {
      if (asked % 1000 == 0) node.now.monotonic_us += 10'000;
      auto question = flood.question;
      node.step(Received{admin_sender(0), std::move(question)});
    }
    CHECK(node.answers.size() > 10);
    CHECK(node.answers.size() < flood.answered_max);
  }
}

TEST_CASE("a value that is cut is charged for its length") {
  Cluster cluster(4);
  run_slots(cluster, 1, 3);
  auto& node = cluster[0];
  Overlay overlay;
  overlay["short"] = Bytes(limits::state_value_bytes_max, 's');
  overlay["long"] = Bytes(64 * limits::state_value_bytes_max, 'l');
  node.store.apply(3, overlay);
  const auto answered = [&](const Bytes& key) {
    node.now.monotonic_us += 60'000'000;
    node.answers.clear();
    for (int asked = 0; asked < 100; ++asked) {
      node.now.monotonic_us += 10'000;
      node.step(Received{admin_sender(0), StateValuesQuery{1, 3, {key}}});
    }
    return node.answers.size();
  };
  CHECK(answered("short") > 3 * answered("long"));
}

TEST_CASE("long lists of keys come in parts, and long values are cut and say so") {
  Cluster cluster(4);
  run_slots(cluster, 1, 3);
  auto& node = cluster[0];
  Overlay overlay;
  for (int key = 0; key < 3000; ++key) overlay["key" + std::to_string(10'000 + key)] = "v";
  overlay["long"] = Bytes(limits::state_value_bytes_max + 5, 'l');
  node.store.apply(3, overlay);
  std::vector<Bytes> keys;
  for (Bytes from;;) {
    const auto part = ask<StateKeys>(node, StateKeysQuery{1, 3, from});
    CHECK_FALSE(validate(Message{part}));
    keys.insert(keys.end(), part.keys.begin(), part.keys.end());
    if (!part.more) break;
    from = keys.back() + '\0';
    node.now.monotonic_us += 1'000'000;
  }
  std::vector<Bytes> expected;
  for (const auto& [key, value] : overlay) expected.push_back(key);
  CHECK(keys == expected);

  const auto values = ask<StateValues>(node, StateValuesQuery{1, 3, {"long", "long", "long", "key10001"}});
  CHECK_FALSE(validate(Message{values}));
  CHECK(values.values.size() == 2);  // the rest has no room
  CHECK(values.values.front().size_bytes == limits::state_value_bytes_max + 5);
  CHECK(values.values.front().value.size() == limits::state_value_bytes_max);
}
