#include "test/sim/client_door.h"

#include <algorithm>
#include <string>

#include "messages/assert.h"

namespace tagma::sim {

ClientDoor::ClientDoor(std::size_t connections_per_client_max)
    : connections_max_(connections_per_client_max), routes_(connections_max_, connections_max_) {}

void ClientDoor::reset() {
  routes_ = runtime::ClientRoutes(connections_max_, connections_max_);
  by_routing_id_.clear();
  routing_ids_.clear();
  channels_.clear();
  of_client_.clear();
}

/// The socket refuses a name that another connection has, and gives one to who brings none.
bool ClientDoor::enters(const ClientConnection& from, ByteView borrowed_id) {
  if (routing_ids_.contains(from)) return true;
  const Bytes id = borrowed_id.empty() ? "connection " + std::to_string(++named_) : Bytes(borrowed_id);
  if (!by_routing_id_.try_emplace(id, from).second) return false;
  routing_ids_.emplace(from, id);
  return true;
}

void ClientDoor::shake_hands(const ClientConnection& from) {
  auto& own = of_client_[from.client];
  if (own.size() == connections_max_) {
    channels_.erase(own.front());
    own.erase(own.begin());
  }
  own.push_back(++channels_made_);
  channels_.emplace(channels_made_, from);
}

ClientDoor::Heard ClientDoor::arrived(const ClientConnection& from, ByteView borrowed_id) {
  if (!enters(from, borrowed_id)) return Heard::no_socket;
  auto& own = of_client_[from.client];
  const auto channel =
      std::find_if(own.begin(), own.end(), [&](crypto::ChannelId id) { return channels_.at(id) == from; });
  if (channel == own.end()) {
    shake_hands(from);
    return Heard::no_channel;
  }
  std::rotate(channel, channel + 1, own.end());
  routes_.seen(from.client, own.back(), routing_ids_.at(from));
  return Heard::yes;
}

void ClientDoor::asked_by(const ClientConnection& from, SessionId session) {
  const auto channel = of_client_.at(from.client).back();
  TAGMA_ASSERT(channels_.at(channel) == from, "its frame has just come");
  session == 0 ? routes_.asked(from.client, channel) : routes_.bind(from.client, session, channel);
}

void ClientDoor::closed(const ClientConnection& connection) {
  const auto id = routing_ids_.find(connection);
  if (id == routing_ids_.end()) return;
  by_routing_id_.erase(id->second);
  routing_ids_.erase(id);
}

std::vector<ClientDoor::Way> ClientDoor::ways_to(ClientId client, SessionId session) {
  std::vector<Way> ways;
  for (const auto channel : routes_.find(client, session)) {
    const auto* id = routes_.routing_id(client, channel);
    const auto sealed_for = channels_.find(channel);
    if (sealed_for == channels_.end()) {
      routes_.forget(client, channel);
    } else if (id != nullptr) {
      const auto there = by_routing_id_.find(*id);
      if (there != by_routing_id_.end()) ways.push_back({sealed_for->second, there->second});
    }
  }
  return ways;
}

Bytes ClientDoor::routing_id(const ClientConnection& connection) const {
  const auto found = routing_ids_.find(connection);
  return found == routing_ids_.end() ? Bytes() : found->second;
}

}  // namespace tagma::sim
