#include "replica/runtime/client_routes.h"

#include <algorithm>

#include "messages/assert.h"
#include "messages/mutant.h"

namespace tagma::runtime {

ClientRoutes::ClientRoutes(std::size_t connections_per_client_max, std::size_t sessions_per_client_max)
    : connections_max_(connections_per_client_max), sessions_max_(sessions_per_client_max) {
  TAGMA_ASSERT(connections_max_ > 0 && sessions_max_ > 0, "a client has room for one connection and one session");
}

const ClientRoutes::Connection* ClientRoutes::find_connection(const Client& client, crypto::ChannelId channel) {
  const auto found = std::find_if(client.connections.begin(), client.connections.end(),
                                  [channel](const Connection& connection) { return connection.channel == channel; });
  return found == client.connections.end() ? nullptr : &*found;
}

void ClientRoutes::seen(ClientId client, crypto::ChannelId channel, ByteView routing_id) {
  auto& connections = clients_[mutant(Mutant::routes_under_one_client) ? 0 : client].connections;
  auto found = std::find_if(connections.begin(), connections.end(),
                            [channel](const Connection& connection) { return connection.channel == channel; });
  if (found == connections.end()) {
    if (connections.size() == connections_max_ && !mutant(Mutant::routes_without_limit)) connections.pop_back();
    connections.insert(connections.begin(), Connection{channel, Bytes(routing_id), false});
    return;
  }
  // After a reconnection the same channel goes on behind another routing id.
  if (found->routing_id != routing_id) found->routing_id = routing_id;
  std::rotate(connections.begin(), found, found + 1);
}

void ClientRoutes::bind(ClientId client, SessionId session, crypto::ChannelId channel) {
  Client& entry = clients_[client];
  const auto connection = std::find_if(entry.connections.begin(), entry.connections.end(),
                                       [channel](const Connection& each) { return each.channel == channel; });
  if (connection == entry.connections.end()) return;  // displaced while the request waited
  connection->has_session = true;
  auto found = entry.sessions.find(session);
  if (found == entry.sessions.end()) {
    if (entry.sessions.size() == sessions_max_) {
      const auto oldest = std::min_element(
          entry.sessions.begin(), entry.sessions.end(),
          [](const auto& left, const auto& right) { return left.second.last_used < right.second.last_used; });
      entry.sessions.erase(oldest);
    }
    found = entry.sessions.try_emplace(session).first;
  }
  found->second = Session{channel, ++uses_};
}

void ClientRoutes::asked(ClientId client, crypto::ChannelId channel) {
  Client& entry = clients_[client];
  entry.asked = channel;
  entry.has_asked = true;
}

void ClientRoutes::forget(ClientId client, crypto::ChannelId channel) {
  const auto entry = clients_.find(client);
  if (entry == clients_.end()) return;
  std::erase_if(entry->second.connections,
                [channel](const Connection& connection) { return connection.channel == channel; });
  std::erase_if(entry->second.sessions, [channel](const auto& session) { return session.second.channel == channel; });
}

std::vector<crypto::ChannelId> ClientRoutes::find(ClientId client, SessionId session) const {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return {};
  const Client& entry = found->second;
  if (session == 0) {
    if (!entry.has_asked || find_connection(entry, entry.asked) == nullptr) return {};
    return {entry.asked};
  }
  const auto bound = entry.sessions.find(session);
  if (bound != entry.sessions.end() && find_connection(entry, bound->second.channel) != nullptr) {
    return {bound->second.channel};
  }
  std::vector<crypto::ChannelId> candidates;
  for (const auto& connection : entry.connections) {
    if (candidates.size() == candidates_max) break;
    if (!connection.has_session) candidates.push_back(connection.channel);
  }
  return candidates;
}

const Bytes* ClientRoutes::routing_id(ClientId client, crypto::ChannelId channel) const {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return nullptr;
  const Connection* connection = find_connection(found->second, channel);
  return connection == nullptr ? nullptr : &connection->routing_id;
}

std::size_t ClientRoutes::connections() const {
  std::size_t total = 0;
  for (const auto& [id, client] : clients_) total += client.connections.size();
  return total;
}

}  // namespace tagma::runtime
