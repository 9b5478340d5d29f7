// The way to one other replica: a DEALER, the handshake, the frame that is being gathered.
#pragma once

#include "crypto/channel.h"
#include "messages/membership.h"
#include "replica/runtime/counters.h"
#include "replica/runtime/frame_gather.h"
#include "replica/runtime/hello_timer.h"
#include "replica/runtime/log.h"
#include "replica/runtime/sockets.h"
#include "replica/runtime/token_bucket.h"

namespace tagma::runtime {

/// Sends only: what the peer says comes on its own link to our listener. Here it answers handshakes. Single-threaded.
class PeerLink {
 public:
  /// `socket` connects to the peer. `identity`, `counters` and `log` outlive this object.
  PeerLink(zmq::socket_t socket, const ReplicaMember& peer, crypto::ChannelScope scope, crypto::ChannelEnd local,
           const crypto::Identity& identity, Counters& counters, Log& log);

  /// Reads handshake records, within a budget. Returns whether there were any.
  [[nodiscard]] bool receive(MonotonicUs now_us);
  /// Sends a HELLO if one is due and the connection is up. Returns whether it did.
  bool shake_hands(MonotonicUs now_us);
  [[nodiscard]] bool established() const { return initiator_.established(); }
  /// Whether a handshake is under way or due.
  [[nodiscard]] bool shaking_hands() const { return timer_.due_us().has_value(); }

  /// Adds to this turn's frame; dropped and counted while there is no channel.
  void add(const OutgoingBody& body);
  /// Sends what was gathered. Returns whether there was anything.
  bool flush();

  [[nodiscard]] std::optional<MonotonicUs> wake_at_us(MonotonicUs now_us) const;
  [[nodiscard]] int descriptor() { return wait_descriptor(socket_); }

 private:
  void take_record(ByteView record, MonotonicUs now_us);
  void send_frame(std::span<const crypto::Body> bodies);

  zmq::socket_t socket_;
  ReplicaId peer_;
  std::string address_;
  crypto::ChannelInitiator initiator_;
  HelloTimer timer_;
  /// A lying peer may send any number of false ACCEPTs, and each costs a verification.
  TokenBucket accepts_{20, 10};
  FrameGather gather_;
  Counters& counters_;
  Log& log_;
};

}  // namespace tagma::runtime
