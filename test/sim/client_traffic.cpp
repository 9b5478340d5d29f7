// Clients and their connections: what passes the replicas' doors, and what clients learn (simulation.h).
#include <algorithm>
#include <limits>
#include <string>
#include <variant>

#include "messages/wire/codec.h"
#include "test/sim/simulation.h"

namespace tagma::sim {
namespace {

constexpr VirtualUs handshake_min_us = 200;
constexpr VirtualUs handshake_max_us = 5'000;
/// A client tries again to connect to a process that is not there.
constexpr VirtualUs reconnect_min_us = 20'000;
constexpr VirtualUs reconnect_max_us = 500'000;
/// Between two handshakes of one connection, as in the client library.
constexpr VirtualUs handshake_spacing_us = 100'000;
constexpr VirtualUs shaking = std::numeric_limits<VirtualUs>::max();
constexpr std::size_t borrowable_max = 16;

SessionId session_of(const Message& message) {
  const auto* submit = std::get_if<Submit>(&message);
  return submit == nullptr ? 0 : submit->bundle->content.session;
}

}  // namespace

void Simulation::client_sends(ClientId from, ReplicaId to, const Message& message) {
  const Principal self = principal_of(from);
  const Principal peer{PrincipalKind::replica, to};
  trace("sent", self, &peer, message);
  coverage_.count(std::string("sent ").append(name_of(message)));
  transmit(self, peer, std::make_shared<Packet>(wire::encode(message)), &message);
}

void Simulation::session_opened(ClientId client, SessionId session) {
  ++sessions_opened_;
  const ClientConnection connection{client, session};
  connections_.insert(connection);
  for (ReplicaId at = 0; at < options_.n; ++at) {
    connect_later(connection, at, door_random_.between(handshake_min_us, handshake_max_us));
  }
}

void Simulation::session_closed(ClientId client, SessionId session) {
  const ClientConnection connection{client, session};
  connections_.erase(connection);
  for (ReplicaId at = 0; at < options_.n; ++at) {
    doors_[at].closed(connection);
    shakes_again_us_.erase({connection, at});
  }
}

void Simulation::door_reopens(ReplicaId at) {
  doors_[at].reset();
  for (const auto& connection : connections_) {
    connect_later(connection, at, door_random_.between(reconnect_min_us, reconnect_max_us));
  }
}

/// As the client library: where there is a channel, the client asks for a report, from which the replica learns where
/// to reply to, and says again what waits.
void Simulation::connect_later(const ClientConnection& connection, ReplicaId at, VirtualUs delay_us) {
  scheduler_.after(delay_us, [this, connection, at] {
    if (!connections_.contains(connection) || replicas_[at]->crashed()) return;
    if (!replicas_[at]->running()) {
      return connect_later(connection, at, door_random_.between(reconnect_min_us, reconnect_max_us));
    }
    auto& door = doors_[at];
    auto heard = door.arrived(connection);
    if (heard == ClientDoor::Heard::no_channel) heard = door.arrived(connection);
    if (heard != ClientDoor::Heard::yes) return violated("a client is kept from connecting");
    shakes_again_us_[{connection, at}] = scheduler_.now_us() + handshake_spacing_us;
    door.asked_by(connection, 0);
    if (auto* const requester = requester_with(connection.client)) return requester->connected(at);
    clients_[connection.client]->connected(connection.number, at);
  });
}

/// One handshake at a time, however many frames are lost meanwhile.
void Simulation::shake_hands_again(const ClientConnection& connection, ReplicaId at) {
  auto& earliest_us = shakes_again_us_[{connection, at}];
  const auto now_us = scheduler_.now_us();
  if (earliest_us == shaking) return;
  const auto wait_us = std::max<VirtualUs>(earliest_us - now_us, 0);
  earliest_us = shaking;
  connect_later(connection, at, wait_us + door_random_.between(handshake_min_us, handshake_max_us));
}

/// Whether a frame of a client gets in, and what its replica learns from it.
bool Simulation::passes_door(ClientId from, ReplicaId at, const Message& message) {
  auto& door = doors_[at];
  const bool faulty = is_faulty_client(from);
  const SessionId session = session_of(message);
  ClientConnection connection{from, faulty ? faulty_connection_[from] : session};
  // A report is asked for by whatever connection there is.
  if (!faulty && session == 0) connection.number = asks_by_[from];
  auto heard = door.arrived(connection);
  if (heard == ClientDoor::Heard::no_channel && faulty) heard = door.arrived(connection);
  if (heard == ClientDoor::Heard::no_channel) {
    coverage_.count("door: a channel was forgotten");
    shake_hands_again(connection, at);
  }
  if (heard != ClientDoor::Heard::yes) return false;
  const bool may_ask = std::holds_alternative<ReportQuery>(message);
  const auto* submit = std::get_if<Submit>(&message);
  if (submit != nullptr && submit->bundle->content.client != from) return true;  // which the core refuses
  if (submit != nullptr || may_ask) door.asked_by(connection, session);
  caps_oracle_.check_connections(at, door.connections(), door.connections_per_client_max() * all_clients());
  return true;
}

void Simulation::reply(ReplicaId from, ClientId to, SessionId session, const Message& message) {
  if (twins_.contains(from)) return twin_replies(Twin::first, from, to, message);
  const auto liar = liars_.find(from);
  const auto bent = liar == liars_.end() ? std::vector<Message>{message} : liar->second.bend_for_client(message);
  const Principal self{PrincipalKind::replica, from};
  const Principal peer = principal_of(to);
  for (const auto& answer : bent) {
    trace("sent", self, &peer, answer);
    coverage_.count(std::string("sent ").append(name_of(answer)));
    if (const auto* refusal = std::get_if<Refusal>(&answer)) {
      coverage_.count(std::string("client refused: ").append(to_string(refusal->reason)));
    }
    for (const auto& way : doors_[from].ways_to(to, session)) {
      if (leaves_by(way, from, to, session)) {
        transmit(self, peer, std::make_shared<Packet>(wire::encode(answer)), &answer);
      }
    }
  }
}

/// Whether what is said to a client's session arrives there by this way.
bool Simulation::leaves_by(const ClientDoor::Way& way, ReplicaId from, ClientId to, SessionId session) {
  if (way.sealed_for.client != to) {
    violated("replica " + std::to_string(from) + " says to client " + std::to_string(way.sealed_for.client) +
             " what is client " + std::to_string(to) + "'s");
    return false;
  }
  if (way.arrives_at != way.sealed_for) {
    coverage_.count("row C9: another's reply arrived, and could not be read");
    return false;
  }
  if (is_faulty_client(to)) {
    coverage_.count("row C8: a reply to who never reads");
    return false;
  }
  return session == 0 || way.sealed_for.number == session;
}

std::size_t Simulation::all_clients() const { return clients_.size() + faulty_clients_.size() + requesters_.size(); }

bool Simulation::is_faulty_client(ClientId client) const {
  return client >= clients_.size() && client < clients_.size() + faulty_clients_.size();
}

/// C8: a connection more, the one before it left open or not. C9: under a name that another connection has or had.
void Simulation::faulty_client_connects(ClientId client) {
  auto& number = faulty_connection_[client];
  const auto at = static_cast<ReplicaId>(door_random_.below(options_.n));
  if (!replicas_[at]->running()) return;
  auto& door = doors_[at];
  const auto what = door_random_.below(3);
  if (what == 0 && !borrowable_.empty()) {
    const auto& [door_of, name] = borrowable_[door_random_.below(borrowable_.size())];
    if (door_of != at) return;
    const auto heard = door.arrived({client, ++number}, name);
    coverage_.count(heard == ClientDoor::Heard::no_socket ? "row C9: under the name of another connection"
                                                          : "row C9: under a name that another connection had");
    if (heard == ClientDoor::Heard::no_channel) static_cast<void>(door.arrived({client, number}, name));
    return;
  }
  if (what == 1) door.closed({client, number});
  coverage_.count(what == 1 ? "row C8: connections come and go" : "row C8: connections without end");
  ++number;
  static_cast<void>(door.arrived({client, number}));
  if (door_random_.chance(800'000)) static_cast<void>(door.arrived({client, number}));
  remember_a_name(at);
}

/// Names of connections are no secret that anything rests on.
void Simulation::remember_a_name(ReplicaId at) {
  if (connections_.empty()) return;
  const auto whose =
      std::next(connections_.begin(), static_cast<std::ptrdiff_t>(door_random_.below(connections_.size())));
  auto name = doors_[at].routing_id(*whose);
  if (name.empty()) return;
  if (borrowable_.size() == borrowable_max) borrowable_.erase(borrowable_.begin());
  borrowable_.emplace_back(at, std::move(name));
}

/// A client asks a replica how it is, as `tagma status` does: from the session that it opened last.
void Simulation::ask_for_report() {
  const auto who = static_cast<ClientId>(random_.below(clients_.size()));
  const auto after = connections_.upper_bound({who, ~std::uint64_t{0}});
  if (after == connections_.begin() || std::prev(after)->client != who) return;  // it has gone
  asks_by_[who] = std::prev(after)->number;
  client_sends(who, static_cast<ReplicaId>(random_.below(options_.n)), ReportQuery{++reports_asked_});
}

void Simulation::check_report(ReplicaId from, const Report& report) {
  if (!correct(from)) return;
  const bool excused = std::any_of(report.counters.begin(), report.counters.end(), [](const auto& counter) {
    return counter.first == "rejoin boundary slot" || counter.first == "view not begun";
  });
  if (report.nonce == 0 || report.nonce > reports_asked_ || report.last_executed > executed_ever_[from] ||
      report.stable_checkpoint > certificate_ever_[from] ||
      // One whose own checkpoints lag far behind the others' has no room for slots to vote on, and says so.
      // So does one that took that very checkpoint from others, until its certificate is durable.
      (!report.voting && !excused && report.state_digest_seq >= report.stable_checkpoint &&
       report.stable_checkpoint > installed_[from])) {
    violated("replica " + std::to_string(from) + " reported what is not so");
  }
}

}  // namespace tagma::sim
