// One replica as the library's thread sees it: a socket, an authenticated channel, and what waits to be sent there.
// Private to client_lib.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "crypto/channel.h"
#include "messages/messages.h"

namespace tagma {

/// An encoded message with its digest: encoded and hashed once, however many replicas it goes to.
struct EncodedMessage {
  Bytes bytes;
  Digest digest;
};
using SharedEncodedMessage = std::shared_ptr<const EncodedMessage>;

/// What one received record meant.
struct LinkInput {
  bool connected = false;         ///< a channel has just been established, for the first time or anew
  std::vector<Message> messages;  ///< authenticated and validated, of kinds that a replica may send to a client
};

/// A DEALER connected to one replica's client address, with the connecting side of a channel. Belongs to one thread at
/// a time. Whatever cannot be sent now is dropped: the client core retransmits.
class ReplicaLink {
 public:
  /// Starts to connect. Throws zmq::error_t for an address that ZeroMQ does not understand. `identity` outlives it.
  ReplicaLink(zmq::context_t& context, const ReplicaMember& replica, crypto::ChannelScope scope,
              crypto::ChannelEnd local, const crypto::Identity& identity);

  /// Takes one record, without waiting. False where there is none.
  bool receive(std::int64_t now_us, LinkInput& input);

  /// Adds a message to those that the next transmit() sends.
  void post(SharedEncodedMessage message);
  /// Sends what was posted, in one frame unless the limits of a frame ask for more; drops it without a channel.
  void transmit(std::int64_t now_us);

  /// Shakes hands where that is due.
  void tick(std::int64_t now_us);
  /// When tick() has something to do next.
  [[nodiscard]] std::optional<std::int64_t> due_us() const;

  /// The socket and the events to wait for.
  [[nodiscard]] zmq::pollitem_t poll_item();
  /// The socket takes output again, which poll_item() had asked to be told.
  void on_writable(std::int64_t now_us);

  [[nodiscard]] bool established() const { return channel_.established(); }

 private:
  void shake_hands_soon(std::int64_t now_us);
  bool send(const Bytes& record);
  void send_frame(std::int64_t now_us, std::span<const crypto::Body> bodies);
  void take_frame(ByteView record, LinkInput& input);

  crypto::ChannelInitiator channel_;
  zmq::socket_t socket_;
  std::vector<SharedEncodedMessage> posted_;

  /// The next HELLO; unset while none is wanted, or while the socket is blocked and on_writable() will ask for one.
  std::optional<std::int64_t> hello_due_us_ = 0;
  std::optional<std::int64_t> hello_sent_us_;
  std::int64_t hello_wait_us_;
  /// When the first frame left that no valid frame has followed; a long silence makes us shake hands again.
  std::optional<std::int64_t> unanswered_since_us_;
  bool blocked_ = false;  ///< the last send found no connection or no room
};

/// The ZeroMQ context that all clients of a process share, so that they share its threads.
[[nodiscard]] std::shared_ptr<zmq::context_t> shared_context();

}  // namespace tagma
