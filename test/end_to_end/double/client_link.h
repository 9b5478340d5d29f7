// A client's way to one replica, for clients that do what the library's would not: any bytes in a good frame, records
// sent again as they were, connections that are never read.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>
#include <zmq.hpp>

#include "crypto/channel.h"
#include "crypto/digest.h"
#include "crypto/identity.h"
#include "messages/messages.h"

namespace tagma::end_to_end {

/// One connection. What cannot be sent now is dropped. Single-threaded.
class ClientLink {
 public:
  /// `identity` outlives it.
  ClientLink(zmq::context_t& context, const ReplicaMember& replica, const Membership& membership,
             const Principal& principal, const crypto::Identity& identity);

  /// Shakes hands where there is no channel, or where the replica has forgotten it.
  void tick(std::int64_t now_us);
  /// Takes all that waits; what is authentic goes to `messages`.
  void receive(std::vector<Message>& messages);
  /// Any bytes, as the only body of a frame. False if they did not leave.
  bool send(const Bytes& body);
  /// A record as it stands.
  bool send_record(const Bytes& record);
  /// A HELLO, whether or not one is wanted.
  bool send_hello() { return send_record(channel_.hello()); }
  /// A record that was sent before, or nothing yet.
  [[nodiscard]] const std::deque<Bytes>& sent() const { return sent_; }

  [[nodiscard]] bool established() const { return channel_.established(); }
  [[nodiscard]] zmq::pollitem_t poll_item() { return {socket_.handle(), 0, ZMQ_POLLIN, 0}; }

 private:
  crypto::ChannelInitiator channel_;
  crypto::Hasher hasher_;
  zmq::socket_t socket_;
  std::deque<Bytes> sent_;
  std::int64_t hello_us_ = 0;  ///< the next one
  bool hello_wanted_ = true;
};

/// The links of one client to all replicas.
class ClientLinks {
 public:
  ClientLinks(zmq::context_t& context, const Membership& membership, const Principal& principal,
              const crypto::Identity& identity);

  struct Heard {
    ReplicaId from = 0;
    Message message;
  };
  /// Waits for input up to `wait_us`, then takes all of it.
  [[nodiscard]] std::vector<Heard> turn(std::int64_t now_us, std::int64_t wait_us);
  [[nodiscard]] ClientLink& to(ReplicaId id) { return *links_.at(id); }
  [[nodiscard]] std::uint32_t established() const;

 private:
  std::vector<std::unique_ptr<ClientLink>> links_;
};

}  // namespace tagma::end_to_end
