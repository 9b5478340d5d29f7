// A replica's door to its clients: connections, the channels that they have proved, and where a reply goes. What
// decides is the replica's own (replica/runtime/client_routes.h); the socket and the handshakes are modelled.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "replica/runtime/client_routes.h"

namespace tagma::sim {

/// A connection of a client's process to one replica. The client is who the handshake proved, whatever it names itself.
struct ClientConnection {
  ClientId client = 0;
  std::uint64_t number = 0;  ///< among those of this client
  auto operator<=>(const ClientConnection&) const = default;
};

class ClientDoor {
 public:
  explicit ClientDoor(std::size_t connections_per_client_max);

  /// The process ends or begins: nothing is known of anybody.
  void reset();

  enum class Heard : std::uint8_t {
    yes,
    no_socket,   ///< it names itself as a connection that is there
    no_channel,  ///< its channel has made room for others, or for none yet: it shakes hands, what it said is lost
  };
  /// A frame came by the connection, which names itself `borrowed_id` towards the socket; empty: the socket names it.
  Heard arrived(const ClientConnection& from, ByteView borrowed_id = {});
  /// A message of the session was in that frame.
  void asked_by(const ClientConnection& from, SessionId session);
  /// The connection ended. The socket knows; who has its channel does not.
  void closed(const ClientConnection& connection);

  struct Way {
    ClientConnection sealed_for;  ///< whose keys the frame has
    ClientConnection arrives_at;  ///< who has the routing id by now
  };
  /// What is said to the session leaves by these. Forgets routes to channels that are gone.
  [[nodiscard]] std::vector<Way> ways_to(ClientId client, SessionId session);

  [[nodiscard]] std::size_t connections() const { return routes_.connections(); }
  [[nodiscard]] std::size_t connections_per_client_max() const { return connections_max_; }
  /// How the socket names the connection; empty if it does not know it.
  [[nodiscard]] Bytes routing_id(const ClientConnection& connection) const;

 private:
  [[nodiscard]] bool enters(const ClientConnection& from, ByteView borrowed_id);
  void shake_hands(const ClientConnection& from);

  std::size_t connections_max_;
  runtime::ClientRoutes routes_;
  std::uint64_t named_ = 0;
  crypto::ChannelId channels_made_ = 0;
  std::map<Bytes, ClientConnection> by_routing_id_;  ///< the socket's: of connections that are there
  std::map<ClientConnection, Bytes> routing_ids_;    ///< the same
  std::map<crypto::ChannelId, ClientConnection> channels_;
  std::map<ClientId, std::vector<crypto::ChannelId>> of_client_;  ///< the one used last comes last
};

}  // namespace tagma::sim
