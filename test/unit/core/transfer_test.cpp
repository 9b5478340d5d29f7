// Stories of state transfer: attacks B8 (bad data), B9 (refused or dripped), B10 (moving target).
#include <doctest/doctest.h>

#include <algorithm>

#include "replica/core/state_fetcher.h"
#include "test/fakes/state_pieces.h"
#include "test/unit/core/core_cluster.h"

using namespace tagma;
using namespace tagma::test;

namespace {

using Passes = std::function<bool(ReplicaId, ReplicaId, const Message&)>;

bool without_3(ReplicaId from, ReplicaId to, const Message& /*message*/) { return from != 3 && to != 3; }

/// Logs so short that whoever misses a few slots needs the state; small pieces and answers, so that there are many.
void short_logs(CoreConfig& config) {
  config.decided_kept_max = 2;
  config.transfer_piece_bytes_max = 200;
  config.transfer_answer_bytes_max = 300;
  config.transfer_places_max = 4;
}

/// The toy service's keys have one byte; ninety of them.
std::string set_key(RequestNumber number) {
  return std::string("set ") + static_cast<char>('!' + number % 90) + " " + std::string(40, 'v') +
         std::to_string(number);
}

void run_slots(Cluster& cluster, RequestNumber from, RequestNumber to, const Passes& passes) {
  for (RequestNumber number = from; number <= to; ++number) {
    cluster.submit(0, toy_bundle(cluster[0].config.membership, 1, 5, number, {set_key(number)}, number - 1));
    cluster.deliver_all(passes);
  }
}

/// Lets time pass in small steps until `done`, for at most ten seconds.
bool wait_for(Cluster& cluster, const std::function<bool()>& done, const Passes& passes = {}) {
  for (int step = 0; step < 1'000 && !done(); ++step) {
    cluster.pass(10'000);
    cluster.deliver_all(passes);
  }
  return done();
}

/// A cluster whose replica 3 has missed `slots` slots, more than the logs of the others keep.
Cluster behind(RequestNumber slots, const std::function<void(CoreConfig&)>& change = {}) {
  Cluster cluster(4, [&](CoreConfig& config) {
    short_logs(config);
    if (change) change(config);
  });
  run_slots(cluster, 1, 2, {});
  run_slots(cluster, 3, slots, without_3);
  REQUIRE(cluster[3].core.view().executed == 2);
  return cluster;
}

std::function<bool()> caught_up(Cluster& cluster) {
  return [&cluster] { return cluster[3].core.view().executed == cluster[0].core.view().executed; };
}

void check_alike(Cluster& cluster) {
  const auto& node = cluster[3];
  CHECK(node.alarms.empty());
  CHECK(node.core.view().voting);
  std::vector<std::pair<Bytes, Bytes>> content[2];
  for (const std::size_t at : {0UL, 1UL}) {
    cluster[at == 0 ? 0 : 3].core.state().scan("", "", [&](ByteView key, ByteView value) {
      content[at].emplace_back(key, value);
      return true;
    });
  }
  CHECK(content[0] == content[1]);
}

/// Changes what replica 1 sends to 3.
void deliver_bent(Cluster& cluster, const std::function<bool(Message&)>& bend) {
  std::vector<std::pair<ReplicaId, Send>> letters;
  for (ReplicaId from = 0; from < 4; ++from) {
    for (auto& send : cluster[from].take_sent()) letters.emplace_back(from, std::move(send));
  }
  for (auto& [from, send] : letters) {
    for (ReplicaId to = 0; to < 4; ++to) {
      if (to == from || (send.to && *send.to != to)) continue;
      Message message = send.message;
      if (from == 1 && to == 3 && !bend(message)) continue;
      cluster[to].step(Received{replica_sender(from), message});
      cluster[to].step(InputDrained{});
    }
  }
}

bool wait_bent(Cluster& cluster, const std::function<bool(Message&)>& bend) {
  const auto done = caught_up(cluster);
  for (int step = 0; step < 6'000 && !done(); ++step) {
    if (step % 6 == 0) cluster.pass(10'000);
    deliver_bent(cluster, bend);
  }
  return done();
}

/// A fetcher that has nothing, asks each of three sources about one place at a time, and what they have.
struct Fetching {
  explicit Fetching(int keys) {
    config.transfer_places_max = 1;
    config.transfer_requests_max = 1;
    Overlay all;
    for (int key = 0; key < keys; ++key) all["key " + std::to_string(key)] = Bytes(50, 'v');
    source.apply(10, all);
    fetcher.emplace(config, own, hash,
                    StateFetcher::Start{
                        .target = {.seq = 10, .root = source.root()}, .staged = {}, .sources = {0, 1, 2}, .nonce = 0});
  }
  CoreConfig config = toy_config(4, 3);
  ToyAuthenticator authenticator{toy_key({PrincipalKind::replica, 3})};
  HashFunction hash = [this](ByteView bytes) { return authenticator.digest(bytes); };
  MemoryStateStore own{hash};
  MemoryStateStore source{hash};
  std::optional<StateFetcher> fetcher;
};

}  // namespace

TEST_CASE("a replica behind the others' logs takes the state, goes on behind it, and votes") {
  Cluster cluster = behind(41);
  auto& node = cluster[3];
  REQUIRE(wait_for(cluster, caught_up(cluster)));
  CHECK(node.counted("state transfer begun"));
  CHECK(node.counted("state installed"));
  CHECK(node.core.view().base == 40);
  CHECK(node.core.view().certificate == 40);
  CHECK(node.collected == 40);
  check_alike(cluster);
  // With another one silent its votes are needed, and its next checkpoint counts.
  const auto without_2 = [](ReplicaId from, ReplicaId to, const Message&) { return from != 2 && to != 2; };
  run_slots(cluster, 42, 45, without_2);
  CHECK(cluster[0].core.view().executed == 45);
  CHECK(cluster[0].core.view().certificate == 44);
  check_alike(cluster);
}

TEST_CASE("a replica that the log brings up asks for no state") {
  Cluster cluster(4);
  run_slots(cluster, 1, 30, without_3);
  REQUIRE(wait_for(cluster, caught_up(cluster)));
  CHECK_FALSE(cluster[3].counted("state transfer begun"));
}

TEST_CASE("B10: under load the target stays, and the log brings the rest") {
  Cluster cluster = behind(41, [](CoreConfig& config) { config.decided_kept_max = 1'000; });
  // The logs reach back now, but not to where replica 3 is: its slots were dropped before.
  RequestNumber next = 42;
  bool done = false;
  for (int step = 0; step < 600 && !done; ++step) {
    cluster.pass(10'000);
    cluster.deliver_all();
    if (step % 4 == 0 && next < 120) {
      cluster.submit(0, toy_bundle(cluster[0].config.membership, 1, 5, next, {set_key(next)}, next - 1));
      cluster.deliver_all();
      ++next;
    }
    done = next == 120 && caught_up(cluster)();
  }
  CHECK(done);
  check_alike(cluster);
}

TEST_CASE("B8: a source that falsifies a part is told, not asked again, and does no harm") {
  Cluster cluster = behind(41);
  int lies = 0;
  REQUIRE(wait_bent(cluster, [&lies](Message& message) {
    if (auto* parts = std::get_if<StateParts>(&message)) {
      for (auto& piece : parts->pieces) {
        if (!piece.entries.empty()) change_entries(piece.entries, [](auto& list) { list.front().second += "x"; });
        ++lies;
      }
      for (auto& node : parts->nodes) {
        node.children.front().digest.bytes[5] ^= 1U;
        ++lies;
      }
    }
    return true;
  }));
  CHECK(lies > 0);
  CHECK(cluster[3].counted("source of the state lied"));
  CHECK(cluster[3].counted("state installed"));
  check_alike(cluster);
}

TEST_CASE("B9: sources that answer nothing, nothing yet, or one place at a time do not keep it from the state") {
  for (const int how : {0, 1, 2}) {
    CAPTURE(how);
    Cluster cluster = behind(41);
    REQUIRE(wait_bent(cluster, [how](Message& message) {
      auto* parts = std::get_if<StateParts>(&message);
      if (parts == nullptr) return true;
      if (how == 0) return false;
      if (how == 1) {
        parts->nodes.clear();
        parts->pieces.clear();
      } else if (!parts->pieces.empty()) {
        parts->pieces.resize(1);
        parts->nodes.clear();
      }
      return true;
    }));
    CHECK_FALSE(cluster[3].counted("source of the state lied"));
    CHECK(cluster[3].counted("state installed"));
    check_alike(cluster);
  }
}

TEST_CASE("a lease with a forged vote is not taken, and one source alone cannot make up f+1 votes") {
  Cluster cluster = behind(41);
  REQUIRE(wait_bent(cluster, [](Message& message) {
    if (auto* lease = std::get_if<StateLease>(&message)) {
      auto& votes = lease->votes.votes;
      if (lease->nonce % 2 == 0) {
        votes.back().signature[0] ^= 1;
      } else {
        for (auto& vote : votes) vote.content.root.bytes[0] ^= 1U;
        for (auto& vote : votes) vote.body = wire::encode_checkpoint_body(vote.content);
      }
    }
    return true;
  }));
  CHECK(cluster[3].counted("forged CHECKPOINT"));
  check_alike(cluster);
}

TEST_CASE("the votes for the newest checkpoint are one short, and that one is the asker's: it is helped all the same") {
  // 0 and 1 have written checkpoint 40; 2 stops for ever before its vote left. Nobody can order anything without 3.
  Cluster cluster = behind(39);
  const auto lost = [](ReplicaId from, ReplicaId to, const Message& message) {
    return without_3(from, to, message) && !(from == 2 && std::holds_alternative<CheckpointVote>(message));
  };
  run_slots(cluster, 40, 40, lost);
  for (const ReplicaId id : {0U, 1U}) {
    REQUIRE(cluster[id].core.view().base == 40);
    REQUIRE(cluster[id].core.view().certificate == 36);
  }
  const auto without_2 = [](ReplicaId from, ReplicaId to, const Message&) { return from != 2 && to != 2; };
  REQUIRE(wait_for(cluster, caught_up(cluster), without_2));
  CHECK(cluster[3].counted("state installed"));
  CHECK(wait_for(
      cluster,
      [&cluster] {
        return cluster[0].core.view().certificate == 40 && cluster[1].core.view().certificate == 40 &&
               cluster[3].core.view().certificate == 40;
      },
      without_2));
  run_slots(cluster, 41, 44, without_2);
  CHECK(cluster[3].core.view().executed == 44);
  check_alike(cluster);
}

TEST_CASE("nobody is left out for ever: sources that were silent for long are asked again once they speak") {
  Cluster cluster = behind(41);
  const auto mute = [](ReplicaId, ReplicaId to, const Message& message) {
    return to != 3 || !std::holds_alternative<StateParts>(message);
  };
  CHECK_FALSE(wait_for(cluster, caught_up(cluster), mute));
  CHECK_FALSE(wait_for(cluster, caught_up(cluster), mute));
  CHECK(cluster[3].counted("state transfer seeks another target"));
  REQUIRE((wait_for(cluster, caught_up(cluster)) || wait_for(cluster, caught_up(cluster))));
  check_alike(cluster);
}

TEST_CASE("a source that answers with nodes all the way down is left alone") {
  Cluster cluster = behind(41, [](CoreConfig& config) {
    config.transfer_piece_bytes_max = config.transfer_answer_bytes_max = 1'000'000;
    config.transfer_places_max = config.transfer_requests_max = 1;
  });
  auto& splitter = cluster[1];
  std::size_t nodes = 0;
  REQUIRE(wait_bent(cluster, [&](Message& message) {
    auto* parts = std::get_if<StateParts>(&message);
    if (parts == nullptr || parts->pieces.empty()) return true;
    const auto node = splitter.store.node(parts->pieces.front().prefix);
    if (node.kind != NodeKind::inner) return true;
    parts->pieces.clear();
    parts->nodes = {node};
    ++nodes;
    return true;
  }));
  CHECK(nodes > 0);
  CHECK_FALSE(cluster[3].counted("source of the state lied"));  // what it sends is true
  check_alike(cluster);
}

TEST_CASE("nodes are asked for where f+1 sources sent them in the place of pieces, not where one did") {
  for (const bool honest : {true, false}) {
    CAPTURE(honest);
    Fetching fetching(400);
    auto& source = fetching.source;
    auto& fetcher = *fetching.fetcher;
    std::map<std::size_t, std::set<ReplicaId>> splits;  // by depth
    std::size_t nodes_wanted = 0;
    for (int round = 0; round < 1'000 && !fetcher.complete(); ++round) {
      for (const auto& [to, query] : fetcher.ask(1'000'000)) {
        StateParts parts{.nonce = query.nonce, .seq = 10, .nodes = {}, .pieces = {}};
        for (const auto& [prefix, node_wanted] : query.places) {
          nodes_wanted += node_wanted ? 1 : 0;
          auto node = source.node(prefix);
          // What an honest source cannot put into one piece, and what a faulty one splits all the same.
          const bool split = node.kind == NodeKind::inner && prefix.size() < 2 && (honest || to == 1);
          if (!node_wanted && split) splits[prefix.size()].insert(to);
          if (node_wanted || split) {
            parts.nodes.push_back(std::move(node));
          } else {
            parts.pieces.push_back(*source.piece(prefix, 1'000'000));
          }
        }
        CHECK(fetcher.take(to, std::move(parts), 1'000'000) == StateFetcher::Verdict::useful);
      }
    }
    REQUIRE(fetcher.complete());
    CHECK((nodes_wanted > 0) == honest);
    CHECK(splits[1].size() == (honest ? 3 : 1));
  }
}

TEST_CASE("much below a few places, at any depth, makes nobody ask for nodes elsewhere") {
  Fetching fetching(4000);
  auto& source = fetching.source;
  auto& fetcher = *fetching.fetcher;
  // As if a client had put large values below an eighth of the places of each depth, those that are asked about first.
  const auto too_much = [](const NibblePrefix& prefix) {
    return prefix.size() < 4 && std::all_of(prefix.begin(), prefix.end(), [](char nibble) { return nibble < 2; });
  };
  std::size_t places = 0;
  for (int round = 0; round < 5'000 && !fetcher.complete(); ++round) {
    for (const auto& [to, query] : fetcher.ask(1'000'000)) {
      StateParts parts{.nonce = query.nonce, .seq = 10, .nodes = {}, .pieces = {}};
      for (const auto& [prefix, node_wanted] : query.places) {
        ++places;
        auto node = source.node(prefix);
        if (node.kind == NodeKind::inner && (node_wanted || too_much(prefix))) {
          parts.nodes.push_back(std::move(node));
        } else {
          parts.pieces.push_back(*source.piece(prefix, 1'000'000));
        }
      }
      CHECK(fetcher.take(to, std::move(parts), 1'000'000) == StateFetcher::Verdict::useful);
    }
  }
  REQUIRE(fetcher.complete());
  CHECK(places < 200);  // 2646 where nodes are asked for as soon as f+1 sources have sent one
}

TEST_CASE("what is staged is read before anybody is asked for a lease, and what is damaged of it is fetched again") {
  Cluster cluster(4, short_logs);
  cluster[3].read_staged = false;
  run_slots(cluster, 1, 2, {});
  run_slots(cluster, 3, 41, without_3);
  CHECK_FALSE(wait_for(cluster, [&] { return cluster[3].counted("state leased"); }));
  REQUIRE(cluster[3].counted("state transfer begun"));
  for (ReplicaId id = 0; id < 3; ++id) CHECK_FALSE(cluster[id].counted("state leased"));
  cluster[3].read_staged = true;
  cluster[3].step(StagedRead{.staged = {}, .damage = "the record of key 6e has a wrong checksum"});
  CHECK(cluster[3].told("what was staged of the state is damaged"));
  REQUIRE(wait_for(cluster, caught_up(cluster)));
  check_alike(cluster);
}

TEST_CASE("what waits for the disk is staged in parts of a quarter of the room") {
  Cluster cluster = behind(41, [](CoreConfig& config) { config.transfer_staging_bytes_max = 4; });
  REQUIRE(wait_for(cluster, caught_up(cluster)));
  const auto& stagings = cluster[3].stagings;
  CHECK(stagings.size() > 5);
  CHECK(std::all_of(stagings.begin(), stagings.end(), [](std::size_t pieces) { return pieces == 1; }));
  check_alike(cluster);
}

TEST_CASE("a crash in the middle: the next life goes on with what is staged") {
  Cluster cluster =
      behind(41, [](CoreConfig& config) { config.transfer_places_max = config.transfer_requests_max = 1; });
  const auto& store = cluster[3].store;
  REQUIRE(wait_for(
      cluster, [&store] { return store.staged().size() >= 3; },
      [&store](ReplicaId, ReplicaId to, const Message& message) {
        return to != 3 || !std::holds_alternative<StateParts>(message) || store.staged().size() < 3;
      }));
  cluster.restart(3);
  REQUIRE(wait_for(cluster, caught_up(cluster)));
  CHECK(cluster[3].counted("state transfer goes on with what was staged"));
  check_alike(cluster);
}

TEST_CASE("sources that give up their lease: another target, which what is staged serves as well") {
  Cluster cluster = behind(41, [](CoreConfig& config) {
    config.transfer_places_max = config.transfer_requests_max = 1;
    config.lease_idle_us = 500'000;
  });
  const auto& store = cluster[3].store;
  const auto no_more_parts = [&store](ReplicaId, ReplicaId to, const Message& message) {
    return to != 3 || !std::holds_alternative<StateParts>(message) || store.staged().size() < 3;
  };
  REQUIRE(wait_for(
      cluster, [&store] { return store.staged().size() >= 3; }, no_more_parts));
  run_slots(cluster, 42, 53, without_3);
  // Long enough for the leases to end; nothing of it reaches replica 3.
  for (int step = 0; step < 9; ++step) {
    cluster.pass(100'000);
    cluster.deliver_all(without_3);
  }
  for (ReplicaId id = 0; id < 3; ++id) CHECK(cluster[id].counted("lease of the state ended"));
  REQUIRE(wait_for(cluster, caught_up(cluster)));
  CHECK(cluster[3].counted("source of the state lost"));
  CHECK(cluster[3].counted("state transfer seeks another target"));
  CHECK(cluster[3].core.view().base == 52);
  check_alike(cluster);
}

TEST_CASE("a source answers about what it has leased only, and no faster than allowed") {
  Cluster cluster = behind(41, [](CoreConfig& config) { config.transfer_bytes_per_second = 64'000; });
  auto& source = cluster[0];
  source.take_sent();
  source.step(Received{replica_sender(3), StatePartsQuery{.nonce = 1, .seq = 40, .places = {{"", false}}}});
  CHECK(source.counted("parts of no leased state asked for"));
  CHECK(std::get<StateParts>(source.take_sent().back().message).seq == 0);
  source.step(Received{replica_sender(3), StateLeaseQuery{.nonce = 7, .above = 40}});
  CHECK(source.take_sent().empty());  // nothing newer
  source.step(Received{replica_sender(3), StateLeaseQuery{.nonce = 8, .above = 2}});
  const auto lease = std::get<StateLease>(source.take_sent().back().message);
  CHECK(lease.nonce == 8);
  CHECK(lease.votes.votes.front().content.seq == 40);
  std::size_t answered = 0;
  for (std::uint64_t nonce = 10; nonce < 200; ++nonce) {
    source.step(Received{replica_sender(3), StatePartsQuery{.nonce = nonce, .seq = 40, .places = {{"", true}}}});
    const auto parts = std::get<StateParts>(source.take_sent().back().message);
    CHECK(parts.nonce == nonce);
    CHECK(parts.seq == 40);
    answered += parts.nodes.size();
  }
  CHECK(answered > 0);
  CHECK(answered < 20);
  CHECK(source.counted("parts of the state asked for faster than allowed"));
}

TEST_CASE(
    "a state that was lost before the first checkpoint of a cluster that began with one is taken from the others") {
  Cluster cluster(4);
  Overlay first;
  for (int key = 0; key < 20; ++key) first["key " + std::to_string(key)] = Bytes(50, 'v');
  NodeDisk model;
  const Digest root = model.store->apply(3, first);
  for (ReplicaId id = 0; id < 4; ++id) {
    auto& node = cluster[id];
    node.config.genesis_slot = 3;  // where the cluster before ended, which is no slot of a checkpoint
    node.config.genesis_root = root;
    if (id != 3) node.store.apply(3, first);  // the disk of 3 has its log, and no state
    cluster.restart(id);
  }
  // Nobody asks for anything, and two are enough to take it from.
  const auto without_2 = [](ReplicaId from, ReplicaId to, const Message&) { return from != 2 && to != 2; };
  REQUIRE(wait_for(
      cluster, [&cluster] { return cluster[3].core.view().executed == 3; }, without_2));
  CHECK(cluster[3].counted("state installed"));
  check_alike(cluster);
  // One alone proves nothing.
  cluster[3].disk = {};
  cluster.restart(3);
  const auto only_0 = [](ReplicaId from, ReplicaId to, const Message&) {
    return (from == 0 || from == 3) && (to == 0 || to == 3);
  };
  CHECK_FALSE(wait_for(
      cluster, [&cluster] { return cluster[3].core.view().executed == 3; }, only_0));
}
