#include "test/unit/core/core_cluster.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace tagma::test {

namespace {

Digest toy_digest(ByteView bytes) {
  Digest digest;
  std::uint64_t state = 0x9e3779b97f4a7c15U + bytes.size();
  for (const char byte : bytes) state = (state ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  for (auto& out : digest.bytes) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    out = static_cast<std::uint8_t>(state >> 56U);
  }
  return digest;
}

}  // namespace

Digest ToyAuthenticator::digest(ByteView bytes) { return toy_digest(bytes); }

Bytes ToyAuthenticator::signature(const PublicKey& key, ByteView statement) {
  const Digest digest = this->digest(key.bytes + Bytes(statement));
  return Bytes(digest.view()) + Bytes(digest.view()) + Bytes(8, 'd');  // 72 bytes, as P-256 has in DER at its longest
}

ServiceReply ToyService::execute(ByteView payload, Context& context) {
  const Bytes text(payload);
  if (text.starts_with("set ")) {
    context.put(text.substr(4, 1), text.substr(6));
    return {ReplyStatus::ok, "set"};
  }
  if (text.starts_with("get ")) return {ReplyStatus::ok, context.get(text.substr(4, 1)).value_or("nothing")};
  if (text == "fail") {
    context.put("a", "must not stay");
    throw std::runtime_error("failed on purpose");
  }
  if (text == "long") return {ReplyStatus::ok, Bytes(limits::reply_bytes_max, 'x')};
  if (text == "odd") return {static_cast<ReplyStatus>(200), "a status that does not exist"};
  if (text == "time") return {ReplyStatus::ok, std::to_string(context.agreed_time_us())};
  return {ReplyStatus::refused, "what?"};
}

PublicKey toy_key(const Principal& principal) {
  Bytes bytes = to_string(principal);
  bytes.resize(33, '.');
  return {.algorithm = KeyAlgorithm::ecdsa_p256, .bytes = bytes};
}

CoreConfig toy_config(std::uint32_t n, ReplicaId id) {
  CoreConfig config;
  config.id = id;
  config.membership.faults = faults_tolerated(n);
  for (ReplicaId replica = 0; replica < n; ++replica) {
    config.membership.replicas.push_back({.id = replica,
                                          .incarnation = 0,
                                          .key = toy_key({PrincipalKind::replica, replica}),
                                          .replica_address = {},
                                          .client_address = {}});
  }
  for (ClientId client = 0; client < 4; ++client) {
    config.membership.clients.push_back({.id = client, .key = toy_key({PrincipalKind::client, client})});
  }
  config.membership.admins.push_back({.id = 0, .key = toy_key({PrincipalKind::admin, 0})});
  config.checkpoint_interval = 4;
  config.window = 16;
  return config;
}

Bytes toy_operation(const std::string& payload) { return encode_operation("toy", payload); }

std::shared_ptr<const SignedBundle> toy_bundle(const Membership& membership, ClientId client, SessionId session,
                                               RequestNumber first, const std::vector<std::string>& payloads,
                                               RequestNumber acknowledged) {
  auto bundle = std::make_shared<SignedBundle>();
  bundle->content = {.cluster = membership.cluster,
                     .epoch = membership.epoch,
                     .client = client,
                     .session = session,
                     .first = first,
                     .acknowledged = acknowledged,
                     .operations = {}};
  for (const auto& payload : payloads) bundle->content.operations.push_back(toy_operation(payload));
  bundle->body = wire::encode_bundle_body(bundle->content);
  ToyAuthenticator authenticator(toy_key({PrincipalKind::client, client}));
  bundle->signature = authenticator.sign(wire::bundle_statement(bundle->body));
  return bundle;
}

namespace {

const ServiceRegistry& registry_with_toy(ServiceRegistry& registry) {
  if (registry.add(std::make_unique<ToyService>())) throw std::logic_error("the toy service has a good name");
  return registry;
}

}  // namespace

NodeDisk::NodeDisk() : store(std::make_shared<MemoryStateStore>(toy_digest)) {}

Node::Node(CoreConfig wanted, NodeDisk found)
    : config(std::move(wanted)),
      authenticator(toy_key({PrincipalKind::replica, config.id})),
      disk(std::move(found)),
      store(*disk.store),
      core(config, authenticator, registry_with_toy(services), store, disk.records) {}

void Node::step(Event event) { run(std::move(event)); }

void Node::run(Event event) {
  events_.push_back(std::move(event));
  while (!events_.empty()) {
    Event next = std::move(events_.front());
    events_.pop_front();
    perform(sequencer.push(core.step(now, std::move(next))));
  }
}

/// 0: of none, so that it outlives them all.
static Seq slot_of(const Record& record) {
  return std::visit(
      [](const auto& content) -> Seq {
        if constexpr (requires { content.seq; }) return content.seq;
        return 0;
      },
      record);
}

void Node::persist_all() {
  const bool was = std::exchange(persist_at_once, true);
  const PersistNumber up_to = persists;
  disk.records.insert(disk.records.end(), unsynced_.begin(), unsynced_.end());
  unsynced_.clear();
  perform(sequencer.durable(up_to));
  run(Persisted{up_to});
  persist_at_once = was;
}

void Node::perform(Effects effects) {
  for (auto& effect : effects) {
    if (auto* persist = std::get_if<Persist>(&effect)) {
      persists = persist->number;
      unsynced_.push_back(std::move(persist->record));
      if (persist_at_once) {
        disk.records.insert(disk.records.end(), unsynced_.begin(), unsynced_.end());
        unsynced_.clear();
        perform(sequencer.durable(persists));
        events_.emplace_back(Persisted{persists});
      }
    } else if (auto* remember = std::get_if<Remember>(&effect)) {
      unsynced_.push_back(std::move(remember->record));
    } else if (auto* send = std::get_if<Send>(&effect)) {
      sent.push_back(std::move(*send));
    } else if (auto* reply = std::get_if<Reply>(&effect)) {
      replies.push_back(std::move(*reply));
    } else if (auto* answer = std::get_if<Answer>(&effect)) {
      answers.push_back(std::move(*answer));
    } else if (const auto* write = std::get_if<WriteCheckpoint>(&effect)) {
      checkpoints_wanted.push_back(write->seq);
      if (write_checkpoints) {
        events_.emplace_back(CheckpointWritten{write->seq, store.apply(write->seq, *core.state().frozen(write->seq))});
      }
    } else if (std::holds_alternative<ReadStaged>(effect)) {
      if (read_staged) events_.emplace_back(StagedRead{.staged = store.staged(), .damage = {}});
    } else if (const auto* stage = std::get_if<StagePieces>(&effect)) {
      stagings.push_back(stage->pieces.size());
      store.stage(stage->pieces);
      events_.emplace_back(PiecesStaged{});
    } else if (const auto* install = std::get_if<InstallState>(&effect)) {
      const bool installed = store.install(install->seq, install->root, install->cover);
      events_.emplace_back(StateInstalled{install->seq, install->root, installed});
    } else if (const auto* wake = std::get_if<WakeAt>(&effect)) {
      wake_at_us = wake->at_us;
    } else if (const auto* collect = std::get_if<CollectLog>(&effect)) {
      collected = collect->up_to;
      std::erase_if(disk.records,
                    [this](const Record& record) { return slot_of(record) != 0 && slot_of(record) <= collected; });
    } else if (const auto* alarm = std::get_if<Alarm>(&effect)) {
      alarms.push_back(alarm->reason);
    } else if (const auto* distrust = std::get_if<Distrust>(&effect)) {
      if (distrust->distrusted) {
        distrusted.insert(distrust->replica);
      } else {
        distrusted.erase(distrust->replica);
      }
    } else if (const auto* client = std::get_if<SetClient>(&effect)) {
      clients_set[client->client] = client->key;
    } else if (const auto* notice = std::get_if<Notice>(&effect)) {
      notices.push_back(notice->line);
    } else if (const auto* count = std::get_if<Counted>(&effect)) {
      counts.emplace_back(count->reason);
    }
  }
}

std::vector<Send> Node::take_sent() { return std::exchange(sent, {}); }

bool Node::told(std::string_view line) const {
  return std::any_of(notices.begin(), notices.end(), [line](const auto& each) { return each.starts_with(line); });
}

bool Node::counted(std::string_view reason) const {
  return std::find(counts.begin(), counts.end(), reason) != counts.end();
}

Cluster::Cluster(std::uint32_t n, const std::function<void(CoreConfig&)>& change) {
  for (ReplicaId id = 0; id < n; ++id) {
    auto config = toy_config(n, id);
    if (change) change(config);
    nodes.push_back(std::make_unique<Node>(config));
    nodes.back()->step(Started{});
    nodes.back()->take_sent();
  }
}

void Cluster::submit(ReplicaId to, const std::shared_ptr<const SignedBundle>& bundle) {
  nodes[to]->step(Received{client_sender(bundle->content.client), Submit{bundle}});
  nodes[to]->step(InputDrained{});
}

void Cluster::deliver_all(const std::function<bool(ReplicaId, ReplicaId, const Message&)>& passes) {
  for (bool moved = true; moved;) {
    moved = false;
    for (ReplicaId from = 0; from < nodes.size(); ++from) {
      for (auto& send : nodes[from]->take_sent()) {
        for (ReplicaId to = 0; to < nodes.size(); ++to) {
          if (to == from || (send.to && *send.to != to)) continue;
          if (passes && !passes(from, to, send.message)) continue;
          moved = true;
          nodes[to]->step(Received{replica_sender(from), send.message});
          nodes[to]->step(InputDrained{});
        }
      }
    }
  }
}

void Cluster::restart(ReplicaId id) {
  auto& node = *nodes[id];
  const Now now = node.now;
  auto returned = std::make_unique<Node>(node.config, std::move(node.disk));
  nodes[id] = std::move(returned);
  nodes[id]->now = now;
  nodes[id]->step(Started{});
}

void Cluster::wipe(ReplicaId id, std::uint8_t life) {
  auto config = nodes[id]->config;
  config.life_nonce.bytes.fill(life);
  const Now now = nodes[id]->now;
  nodes[id] = std::make_unique<Node>(config);
  nodes[id]->now = now;
  nodes[id]->step(Started{});
}

void Cluster::pass(MonotonicUs us) {
  for (auto& node : nodes) {
    node->now.monotonic_us += us;
    node->now.wall_us += us;
    node->step(Woken{});
  }
}

MemberLife life_of(Cluster& cluster, ReplicaId id, ReplicaId according_to) {
  MemberLife life;
  cluster[according_to].core.state().scan("", "", [&](ByteView key, ByteView value) {
    if (key != ByteView(state_key::member(id))) return true;
    for (const char byte : value.substr(0, 8))
      life.incarnation = life.incarnation << 8U | static_cast<std::uint8_t>(byte);
    for (const char byte : value.substr(8, 8)) life.boundary = life.boundary << 8U | static_cast<std::uint8_t>(byte);
    return true;
  });
  return life;
}

bool settle(Cluster& cluster, const std::function<bool()>& done, const Passes& passes) {
  for (int step = 0; step < 400; ++step) {
    if (done()) return true;
    cluster.pass(25'000);
    cluster.deliver_all(passes);
  }
  return done();
}

NewView new_view_of(const Node& node, View view, std::vector<ViewChange> view_changes) {
  ToyAuthenticator authenticator(toy_key({PrincipalKind::replica, node.config.membership.primary(view)}));
  NewView message;
  message.content = {.cluster = node.config.membership.cluster,
                     .epoch = node.config.membership.epoch,
                     .view = view,
                     .view_changes = std::move(view_changes)};
  message.body = wire::encode_new_view_body(message.content);
  message.signature = authenticator.sign(wire::new_view_statement(message.body));
  return message;
}

ViewChange signed_view_change(ViewChangeStatement content) {
  ToyAuthenticator authenticator(toy_key({PrincipalKind::replica, content.replica}));
  ViewChange message;
  message.content = std::move(content);
  message.body = wire::encode_view_change_body(message.content);
  message.signature = authenticator.sign(wire::view_change_statement(message.body));
  return message;
}

ViewChange empty_view_change(const Node& node, ReplicaId replica, View view) {
  ViewChangeStatement content;
  content.cluster = node.config.membership.cluster;
  content.epoch = node.config.membership.epoch;
  content.replica = replica;
  content.view = view;
  content.issue = 1;
  return signed_view_change(std::move(content));
}

std::shared_ptr<const SignedBundle> request(const Node& node, RequestNumber number, ClientId client) {
  return toy_bundle(node.config.membership, client, 5, number, {"set a " + std::to_string(number)}, number - 1);
}

}  // namespace tagma::test
