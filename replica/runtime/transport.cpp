#include "replica/runtime/transport.h"

#include <algorithm>

#include "messages/assert.h"
#include "messages/validate.h"
#include "messages/wire/codec.h"
#include "tagma/limits.h"

namespace tagma::runtime {
namespace {

constexpr SocketBounds replica_bounds{512, 512};
/// Whoever connects may fill this much before it has proved anything: kept small.
constexpr SocketBounds client_bounds{64, 256};
constexpr std::size_t channels_per_replica_max = 4;
constexpr std::size_t connections_per_admin_max = 16;

crypto::ChannelScope scope_of(const Membership& membership) {
  return crypto::ChannelScope{membership.cluster, membership.epoch};
}

crypto::ChannelEnd end_of(const ReplicaMember& member) {
  return crypto::ChannelEnd{Principal{PrincipalKind::replica, member.id}, member.incarnation};
}

std::string field_of(ReplicaId id, const char* field) { return "replicas[" + std::to_string(id) + "]." + field + " "; }

std::size_t connections_per_client_max(const TransportConfig& config) {
  return std::max<std::size_t>(config.sessions_per_client_max, 1);
}

}  // namespace

Transport::Transport(const TransportConfig& config, Counters& counters)
    : config_(config),
      counters_(counters),
      routes_(connections_per_client_max(config), connections_per_client_max(config)),
      admin_routes_(connections_per_admin_max, connections_per_admin_max) {}

Result<std::unique_ptr<Transport>> Transport::open(const TransportConfig& config, const crypto::Identity& identity,
                                                   Counters& counters, Log& log) {
  TAGMA_ASSERT(config.membership.find_replica(config.id) != nullptr, "the caller has checked the id");
  std::unique_ptr<Transport> transport(new Transport(config, counters));
  if (auto refused = transport->open_listeners(identity, log)) return *std::move(refused);
  if (auto refused = transport->open_links(identity, log)) return *std::move(refused);
  return transport;
}

std::optional<Refused> Transport::open_listeners(const crypto::Identity& identity, Log& log) {
  const ReplicaMember& self = *config_.membership.find_replica(config_.id);
  auto replica_socket = make_router(context_, replica_bounds);
  if (auto refused = bind_socket(replica_socket, self.replica_address)) {
    return Refused{field_of(self.id, "replica_address") + refused->reason};
  }
  auto client_socket = make_router(context_, client_bounds);
  if (auto refused = bind_socket(client_socket, self.client_address)) {
    return Refused{field_of(self.id, "client_address") + refused->reason};
  }

  using Known = crypto::ChannelAcceptor::Known;
  const auto known_replica = [this](const Principal& principal) {
    if (principal.kind != PrincipalKind::replica || principal.id == config_.id) return Known{};
    const auto* member = config_.membership.find_replica(principal.id);
    return member == nullptr ? Known{} : Known{&member->key, member->incarnation};
  };
  const auto known_client = [this](const Principal& principal) {
    if (!is_requester(principal)) return Known{};
    const auto ordered = ordered_clients_.find(requester_of(principal));
    if (ordered == ordered_clients_.end()) return Known{config_.membership.find_key(principal), 0};
    return ordered->second ? Known{&*ordered->second, 0} : Known{};
  };

  ListenerBounds of_replicas;
  of_replicas.receive_bytes_max = 32UL * 1024 * 1024;
  of_replicas.channels_per_principal_max = channels_per_replica_max;
  of_replicas.inbox = {
      .frames_per_sender_max = 512, .bytes_per_sender_max = 32UL * 1024 * 1024, .bytes_max = 128UL * 1024 * 1024};
  of_replicas.faulty_max = config_.membership.faults;
  ListenerBounds of_clients;
  of_clients.channels_per_principal_max = connections_per_client_max(config_);
  const auto scope = scope_of(config_.membership);
  replicas_ = std::make_unique<Listener>("replicas' port", std::move(replica_socket), scope, end_of(self), identity,
                                         known_replica, of_replicas, counters_, log);
  clients_ = std::make_unique<Listener>("clients' port", std::move(client_socket), scope, end_of(self), identity,
                                        known_client, of_clients, counters_, log);
  clients_->on_frame([this](const crypto::ChannelEnd& from, crypto::ChannelId channel, ByteView routing_id) {
    routes_of(from.principal).seen(from.principal.id, channel, routing_id);
  });
  return std::nullopt;
}

std::optional<Refused> Transport::open_links(const crypto::Identity& identity, Log& log) {
  const ReplicaMember& self = *config_.membership.find_replica(config_.id);
  for (const auto& peer : config_.membership.replicas) {
    if (peer.id == config_.id) continue;
    auto socket = make_dealer(context_, replica_bounds);
    if (auto refused = connect_socket(socket, peer.replica_address)) {
      return Refused{field_of(peer.id, "replica_address") + refused->reason};
    }
    links_.emplace(peer.id, std::make_unique<PeerLink>(std::move(socket), peer, scope_of(config_.membership),
                                                       end_of(self), identity, counters_, log));
  }
  return std::nullopt;
}

bool Transport::receive_from_links(MonotonicUs now_us) {
  bool any = false;
  for (auto& [id, link] : links_) any = link->receive(now_us) || any;
  return any;
}

bool Transport::shake_hands(MonotonicUs now_us) {
  bool any = false;
  for (auto& [id, link] : links_) any = link->shake_hands(now_us) || any;
  return any;
}

bool Transport::next_from_replicas(std::optional<Received>& received) {
  received.reset();
  const auto item = replicas_->next();
  if (!item) return false;
  received = admit(*item);
  return true;
}

bool Transport::next_from_clients(std::optional<Received>& received) {
  received.reset();
  const auto item = clients_->next();
  if (!item) return false;
  received = admit(*item);
  if (received && !note_client(*item, received->message)) received.reset();
  return true;
}

std::optional<Received> Transport::admit(const Inbox::Item& item) {
  auto message = wire::decode(item.body);
  if (!message) {
    counters_.refuse("message refused", message.reason());
    return std::nullopt;
  }
  if (!may_send(item.from.principal.kind, *message)) {
    counters_.refuse("message refused", "not the sender's to send");
    return std::nullopt;
  }
  return Received{Sender{item.from.principal, item.from.incarnation}, std::move(*message)};
}

/// Learns where replies and answers go. False if the message speaks for somebody else.
bool Transport::note_client(const Inbox::Item& item, const Message& message) {
  const auto& principal = item.from.principal;
  auto& routes = routes_of(principal);
  if (const auto* submit = std::get_if<Submit>(&message)) {
    if (principal_of(submit->bundle->content.client) != principal) {
      counters_.refuse("message refused", "bundle of another client");
      return false;
    }
    routes.bind(principal.id, submit->bundle->content.session, item.channel);
  } else {
    routes.asked(principal.id, item.channel);  // what it may not ask for, the core refuses
  }
  return true;
}

std::optional<OutgoingBody> Transport::encode(const Message& message) {
  auto bytes = std::make_shared<const Bytes>(wire::encode(message));
  if (bytes->size() > limits::message_bytes_max) {
    counters_.add("messages dropped: too large to send");
    return std::nullopt;
  }
  const Digest digest = hasher_.digest(*bytes);
  return OutgoingBody{std::move(bytes), digest};
}

void Transport::send(ReplicaId to, const Message& message) {
  const auto link = links_.find(to);
  TAGMA_ASSERT(link != links_.end(), "the core sends to other members only");
  if (!link->second->established()) {
    counters_.add("messages dropped: peer not connected");
    return;
  }
  if (const auto body = encode(message)) link->second->add(*body);
}

void Transport::send_bytes(ReplicaId to, Bytes bytes) {
  const auto link = links_.find(to);
  if (link == links_.end() || !link->second->established()) return;
  const Digest digest = hasher_.digest(bytes);
  link->second->add({std::make_shared<const Bytes>(std::move(bytes)), digest});
}

void Transport::broadcast(const Message& message) {
  if (links_established() == 0) {
    counters_.add("messages dropped: peer not connected", links_.size());
    return;
  }
  const auto body = encode(message);
  if (!body) return;
  for (auto& [id, link] : links_) link->add(*body);
}

void Transport::reply(ClientId client, SessionId session, Message message) {
  const auto principal = principal_of(client);
  const auto channels = routes_of(principal).find(principal.id, session);
  if (channels.empty()) {
    counters_.add("replies dropped: client not connected");
    return;
  }
  if (auto* report = std::get_if<Report>(&message)) counters_.append_to(*report);
  const auto body = encode(message);
  if (!body) return;
  for (const auto channel : channels) gather(channel, principal, *body);
}

void Transport::answer(AdminId admin, const Message& message) {
  const auto channels = admin_routes_.find(admin, 0);
  if (channels.empty()) {
    counters_.add("answers dropped: administrator not connected");
    return;
  }
  if (const auto body = encode(message)) gather(channels.front(), {PrincipalKind::admin, admin}, *body);
}

ClientRoutes& Transport::routes_of(const Principal& principal) {
  return principal.kind == PrincipalKind::admin ? admin_routes_ : routes_;
}

void Transport::gather(crypto::ChannelId channel, const Principal& to, const OutgoingBody& body) {
  ClientGather& gathered = replies_[channel];
  gathered.to = to;
  gathered.gather.add(body);
  if (gathered.gather.full()) flush_client(channel, gathered);
}

bool Transport::flush() {
  bool any = !replies_.empty();
  for (auto& [id, link] : links_) any = link->flush() || any;
  for (auto& [channel, gathered] : replies_) flush_client(channel, gathered);
  replies_.clear();
  return any;
}

void Transport::flush_client(crypto::ChannelId channel, ClientGather& gathered) {
  ClientRoutes& routes = routes_of(gathered.to);
  const Bytes* routing_id = routes.routing_id(gathered.to.id, channel);
  if (routing_id == nullptr) {
    counters_.add("replies dropped: client not connected", gathered.gather.size());
    gathered.gather.clear();
    return;
  }
  bool gone = false;
  gathered.gather.flush(
      [&](std::span<const crypto::Body> bodies) { gone = gone || !clients_->send(channel, *routing_id, bodies); });
  if (!gone) return;
  counters_.add("channels_forgotten");
  routes.forget(gathered.to.id, channel);
}

std::uint32_t Transport::links_established() const {
  return static_cast<std::uint32_t>(
      std::count_if(links_.begin(), links_.end(), [](const auto& link) { return link.second->established(); }));
}

bool Transport::shaking_hands() const {
  return std::any_of(links_.begin(), links_.end(), [](const auto& link) { return link.second->shaking_hands(); });
}

std::optional<MonotonicUs> Transport::wake_at_us(MonotonicUs now_us) {
  std::optional<MonotonicUs> earliest;
  const auto consider = [&earliest](std::optional<MonotonicUs> time_us) {
    if (time_us && (!earliest || *time_us < *earliest)) earliest = time_us;
  };
  consider(replicas_->wake_at_us(now_us));
  consider(clients_->wake_at_us(now_us));
  for (const auto& [id, link] : links_) consider(link->wake_at_us(now_us));
  return earliest;
}

void Transport::watch(Waiter& waiter) {
  waiter.add(replicas_->descriptor());
  waiter.add(clients_->descriptor());
  for (auto& [id, link] : links_) waiter.add(link->descriptor());
}

}  // namespace tagma::runtime
