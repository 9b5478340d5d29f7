// A few cores wired by hand: the test decides what arrives when. For stories that need exact timing; the simulator
// plays everything else.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checkpoint/memory_state_store.h"
#include "messages/authenticator.h"
#include "messages/wire/codec.h"
#include "replica/core/effect_sequencer.h"
#include "replica/core/member_table.h"
#include "replica/core/replica_core.h"

namespace tagma::test {

/// Digests and signatures that are cheap and good enough to tell inputs apart; no security at all.
class ToyAuthenticator final : public Authenticator {
 public:
  explicit ToyAuthenticator(PublicKey own) : own_(std::move(own)) {}
  [[nodiscard]] Digest digest(ByteView bytes) override;
  [[nodiscard]] Bytes sign(ByteView statement) override { return signature(own_, statement); }
  [[nodiscard]] bool verify(const PublicKey& key, ByteView statement, ByteView given) override {
    return given == signature(key, statement);
  }

 private:
  [[nodiscard]] Bytes signature(const PublicKey& key, ByteView statement);
  PublicKey own_;
};

/// "set K V", "get K", "fail": a service small enough to read here.
class ToyService final : public Service {
 public:
  [[nodiscard]] ByteView name() const override { return "toy"; }
  [[nodiscard]] ServiceReply execute(ByteView payload, Context& context) override;
};

[[nodiscard]] PublicKey toy_key(const Principal& principal);
[[nodiscard]] CoreConfig toy_config(std::uint32_t n, ReplicaId id);
[[nodiscard]] Bytes toy_operation(const std::string& payload);
/// A bundle of `client` signed with its own key.
[[nodiscard]] std::shared_ptr<const SignedBundle> toy_bundle(const Membership& membership, ClientId client,
                                                             SessionId session, RequestNumber first,
                                                             const std::vector<std::string>& payloads,
                                                             RequestNumber acknowledged = 0);

/// What survives a crash of a node.
struct NodeDisk {
  NodeDisk();
  std::shared_ptr<MemoryStateStore> store;
  std::vector<Record> records;  ///< durable ones, in the order of writing
};

/// One core with its store and what it wants done.
struct Node {
  /// With the disk of an earlier life it is the same replica, returned.
  explicit Node(CoreConfig wanted, NodeDisk disk = {});

  /// Steps the core; effects that wait for persists stay in the sequencer.
  void step(Event event);
  /// Makes every persist so far durable and tells the core, until nothing more comes of it.
  void persist_all();
  /// Sends that have left, taken away from the node.
  std::vector<Send> take_sent();
  /// How many of the sends that left are messages of this type.
  template <typename Content>
  [[nodiscard]] std::size_t sent_count() const {
    std::size_t count = 0;
    for (const auto& send : sent) count += std::holds_alternative<Content>(send.message) ? 1U : 0U;
    return count;
  }
  [[nodiscard]] bool counted(std::string_view reason) const;
  /// Whether some line for the operator begins like this.
  [[nodiscard]] bool told(std::string_view line) const;

  CoreConfig config;
  ToyAuthenticator authenticator;
  ServiceRegistry services;
  NodeDisk disk;
  MemoryStateStore& store;
  ReplicaCore core;
  EffectSequencer sequencer;
  Now now{.monotonic_us = 1'000'000, .wall_us = 1'700'000'000'000'000};
  bool persist_at_once = true;
  bool write_checkpoints = true;
  bool read_staged = true;

  std::vector<Send> sent;
  std::vector<Reply> replies;
  std::vector<Answer> answers;
  std::vector<std::string> alarms;
  std::vector<std::string> notices;
  std::set<ReplicaId> distrusted;
  std::map<ClientId, std::optional<PublicKey>> clients_set;
  std::vector<std::string> counts;
  std::vector<Seq> checkpoints_wanted;
  std::vector<std::size_t> stagings;  ///< pieces that were to be staged at once
  Seq collected = 0;
  MonotonicUs wake_at_us = 0;
  PersistNumber persists = 0;

 private:
  void perform(Effects effects);
  void run(Event event);
  std::deque<Event> events_;
  std::vector<Record> unsynced_;
};

/// n nodes; deliver_all() moves messages until none is left.
struct Cluster {
  explicit Cluster(std::uint32_t n, const std::function<void(CoreConfig&)>& change = {});

  [[nodiscard]] Node& operator[](ReplicaId id) { return *nodes[id]; }
  void submit(ReplicaId to, const std::shared_ptr<const SignedBundle>& bundle);
  /// Delivers to everybody for whom `passes(from, to, message)` holds (everything by default), until silence.
  void deliver_all(const std::function<bool(ReplicaId, ReplicaId, const Message&)>& passes = {});
  /// The node loses what was not durable, and begins again with the rest.
  void restart(ReplicaId id);
  /// The node loses everything, and begins again as another life.
  void wipe(ReplicaId id, std::uint8_t life);
  /// Lets time pass at all nodes and wakes them.
  void pass(MonotonicUs us);

  std::vector<std::unique_ptr<Node>> nodes;
};

/// Which messages arrive, by sender and receiver.
using Passes = std::function<bool(ReplicaId, ReplicaId, const Message&)>;
/// Lets time pass, and messages, until `done` or for ten seconds; whether it was done.
bool settle(Cluster& cluster, const std::function<bool()>& done, const Passes& passes = {});

/// What a node has sent last of a kind; nothing if it has not.
template <typename Content>
[[nodiscard]] std::optional<Content> last_sent(const Node& node) {
  for (auto send = node.sent.rbegin(); send != node.sent.rend(); ++send) {
    if (const auto* message = std::get_if<Content>(&send->message)) return *message;
  }
  return std::nullopt;
}

/// By the view's primary.
[[nodiscard]] NewView new_view_of(const Node& node, View view, std::vector<ViewChange> view_changes);
/// By the replica that it names.
[[nodiscard]] ViewChange signed_view_change(ViewChangeStatement content);
/// That of a replica which knows nothing yet.
[[nodiscard]] ViewChange empty_view_change(const Node& node, ReplicaId replica, View view);

/// A client's bundle of one operation, the next of its session 5.
[[nodiscard]] std::shared_ptr<const SignedBundle> request(const Node& node, RequestNumber number, ClientId client = 1);

/// The newest life of a replica, as the state of another one has it.
[[nodiscard]] MemberLife life_of(Cluster& cluster, ReplicaId id, ReplicaId according_to = 0);

[[nodiscard]] inline Sender replica_sender(ReplicaId id) { return {.principal = {PrincipalKind::replica, id}}; }
[[nodiscard]] inline Sender admin_sender(AdminId id) { return {.principal = {PrincipalKind::admin, id}}; }
[[nodiscard]] inline Sender client_sender(ClientId id) { return {.principal = {PrincipalKind::client, id}}; }

}  // namespace tagma::test
