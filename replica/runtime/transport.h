// All sockets of a replica: messages in, messages out.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/digest.h"
#include "replica/core/events.h"
#include "replica/runtime/client_routes.h"
#include "replica/runtime/effect_performer.h"
#include "replica/runtime/listener.h"
#include "replica/runtime/peer_link.h"
#include "replica/runtime/waiter.h"

namespace tagma::runtime {

struct TransportConfig {
  ReplicaId id = 0;
  Membership membership;
  std::size_t sessions_per_client_max = 64;
};

/// Two listeners, one link per other replica, one ZeroMQ I/O thread behind them. Single-threaded, never blocks.
///
/// What is sent in a turn is gathered per destination and leaves with flush(); a message is encoded and hashed once,
/// however many destinations it has.
class Transport final : public Outgoing {
 public:
  /// Binds and begins to connect. `identity`, `counters` and `log` outlive the transport. The reason names the field of
  /// the cluster file and the mend.
  [[nodiscard]] static Result<std::unique_ptr<Transport>> open(const TransportConfig& config,
                                                               const crypto::Identity& identity, Counters& counters,
                                                               Log& log);
  ~Transport() override = default;

  /// Reads from the replicas' socket, the clients' socket, the links. Each returns whether there was anything.
  [[nodiscard]] bool receive_from_replicas(MonotonicUs now_us) { return replicas_->receive(now_us); }
  [[nodiscard]] bool receive_from_clients(MonotonicUs now_us) { return clients_->receive(now_us); }
  [[nodiscard]] bool receive_from_links(MonotonicUs now_us);
  /// Handshakes that are due. Returns whether any began.
  bool shake_hands(MonotonicUs now_us);

  /// Takes the next message of the replicas (clients); false if none waits. `received` stays empty if the message was
  /// refused.
  [[nodiscard]] bool next_from_replicas(std::optional<Received>& received);
  [[nodiscard]] bool next_from_clients(std::optional<Received>& received);
  /// What it cost to serve the message that was taken last, in nanoseconds: its sender is charged (Listener::charge()).
  void charge_replica(std::uint64_t cost_ns, bool proposal, MonotonicUs now_us) {
    replicas_->charge(cost_ns, proposal, now_us);
  }
  void charge_client(std::uint64_t cost_ns, MonotonicUs now_us) { clients_->charge(cost_ns, false, now_us); }
  /// Whether messages wait that were received and not taken.
  [[nodiscard]] bool waiting() const { return !replicas_->idle() || !clients_->idle(); }

  void send(ReplicaId to, const Message& message) override;
  void broadcast(const Message& message) override;
  void reply(ClientId client, SessionId session, Message message) override;
  void answer(AdminId admin, const Message& message) override;
  void distrust(ReplicaId replica, bool distrusted) override {
    replicas_->serve_last({PrincipalKind::replica, replica}, distrusted);
  }
  /// Of one that may not connect any more the channels that it has stay until it leaves: the core refuses what it says.
  void set_client(ClientId client, const std::optional<PublicKey>& key) override { ordered_clients_[client] = key; }
  /// A body as it stands, whether or not it is a message: what an interposer says that no core would.
  void send_bytes(ReplicaId to, Bytes bytes);
  /// One frame per destination. Returns whether there was anything to send.
  bool flush();

  /// Links with an established channel.
  [[nodiscard]] std::uint32_t links_established() const;
  /// Whether some link shakes hands, so that receive_from_links() is urgent.
  [[nodiscard]] bool shaking_hands() const;
  /// When something of the transport itself is due.
  [[nodiscard]] std::optional<MonotonicUs> wake_at_us(MonotonicUs now_us);
  void watch(Waiter& waiter);

 private:
  /// What a connection of a client or an administrator gets in this turn.
  struct ClientGather {
    Principal to;
    FrameGather gather;
  };

  Transport(const TransportConfig& config, Counters& counters);
  [[nodiscard]] std::optional<Refused> open_listeners(const crypto::Identity& identity, Log& log);
  [[nodiscard]] std::optional<Refused> open_links(const crypto::Identity& identity, Log& log);
  [[nodiscard]] std::optional<Received> admit(const Inbox::Item& item);
  [[nodiscard]] bool note_client(const Inbox::Item& item, const Message& message);
  [[nodiscard]] std::optional<OutgoingBody> encode(const Message& message);
  [[nodiscard]] ClientRoutes& routes_of(const Principal& principal);
  void gather(crypto::ChannelId channel, const Principal& to, const OutgoingBody& body);
  void flush_client(crypto::ChannelId channel, ClientGather& gathered);

  TransportConfig config_;
  Counters& counters_;
  crypto::Hasher hasher_;
  zmq::context_t context_{1};  ///< above the sockets: destroyed after them
  std::unique_ptr<Listener> replicas_;
  std::unique_ptr<Listener> clients_;
  std::map<ReplicaId, std::unique_ptr<PeerLink>> links_;
  ClientRoutes routes_;
  ClientRoutes admin_routes_;                                     ///< the same for administrators
  std::map<ClientId, std::optional<PublicKey>> ordered_clients_;  ///< changed since the cluster file was written
  std::map<crypto::ChannelId, ClientGather> replies_;             ///< of this turn
};

}  // namespace tagma::runtime
