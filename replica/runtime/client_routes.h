// Where the replies of a client's session go.
#pragma once

#include <map>
#include <vector>

#include "crypto/channel.h"
#include "messages/membership.h"

namespace tagma::runtime {

/// Connections and sessions of the clients, learnt from authenticated frames alone. Bounded per client, the least
/// recently used goes first, so that no client can displace another's routes. Not thread-safe.
///
/// A session is bound to the connection that last carried one of its requests here. A backup that got the request from
/// the primary has not seen the session on any connection; the reply then goes to those connections of the client that
/// carry no session so far: the right one is among them if the client has connected at all, and a client ignores
/// replies of sessions that are not its own.
class ClientRoutes {
 public:
  /// A reply to a session that is not bound goes to at most this many connections.
  static constexpr std::size_t candidates_max = 16;

  /// Both at least 1.
  ClientRoutes(std::size_t connections_per_client_max, std::size_t sessions_per_client_max);

  /// An authenticated frame of `client` came on this connection.
  void seen(ClientId client, crypto::ChannelId channel, ByteView routing_id);
  /// A request of `session` came on this connection, which seen() has named.
  void bind(ClientId client, SessionId session, crypto::ChannelId channel);
  /// A query came on this connection; its answer goes to session 0.
  void asked(ClientId client, crypto::ChannelId channel);
  /// The channel is gone.
  void forget(ClientId client, crypto::ChannelId channel);

  /// The channels that a reply to (client, session) goes to, most recently used first. Empty if there is none.
  [[nodiscard]] std::vector<crypto::ChannelId> find(ClientId client, SessionId session) const;
  /// The routing id of a channel that find() returned; null if it is gone.
  [[nodiscard]] const Bytes* routing_id(ClientId client, crypto::ChannelId channel) const;

  /// Connections known, of all clients.
  [[nodiscard]] std::size_t connections() const;

 private:
  struct Connection {
    crypto::ChannelId channel = 0;
    Bytes routing_id;
    bool has_session = false;
  };
  struct Session {
    crypto::ChannelId channel = 0;
    std::uint64_t last_used = 0;
  };
  struct Client {
    std::vector<Connection> connections;  ///< most recently used first
    std::map<SessionId, Session> sessions;
    crypto::ChannelId asked = 0;  ///< the connection that asked last
    bool has_asked = false;
  };

  [[nodiscard]] static const Connection* find_connection(const Client& client, crypto::ChannelId channel);

  std::size_t connections_max_;
  std::size_t sessions_max_;
  std::uint64_t uses_ = 0;
  std::map<ClientId, Client> clients_;  ///< only members have an entry, for only they pass the handshake
};

}  // namespace tagma::runtime
