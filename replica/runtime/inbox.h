// Authenticated frames that wait to be served: one bounded queue per sender, one message of each sender in rotation.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>
#include <zmq.hpp>

#include "crypto/channel.h"

namespace tagma::runtime {

/// A frame as it came. The views in `opened` point into `record`, so a frame never moves in memory.
struct Frame {
  zmq::message_t routing_id;
  zmq::message_t record;
  crypto::OpenedFrame opened;
  std::size_t next_body = 0;  ///< the first body that is not served yet
};

struct InboxBounds {
  std::size_t frames_per_sender_max = 64;
  std::size_t bytes_per_sender_max = 16UL * 1024 * 1024;
  std::size_t bytes_max = 64UL * 1024 * 1024;  ///< of all senders; above it the socket is left unread
};

/// Invariant: whoever sends much waits in its own queue; the next message of another sender is at most one round away.
/// Not thread-safe. Senders are authenticated members, hence their number is bounded.
class Inbox {
 public:
  explicit Inbox(InboxBounds bounds) : bounds_(bounds) {}

  /// An empty frame to receive into; recycled.
  [[nodiscard]] std::unique_ptr<Frame> take_frame();
  void give_back(std::unique_ptr<Frame> frame);

  /// Queues an opened frame with at least one body. False, with the frame recycled, if its sender's queue is full.
  [[nodiscard]] bool push(std::unique_ptr<Frame> frame);

  struct Item {
    crypto::ChannelEnd from;
    crypto::ChannelId channel = 0;
    ByteView body;  ///< valid until the next call of next()
  };
  /// The next message in rotation.
  [[nodiscard]] std::optional<Item> next();

  /// This sender's messages come when nobody else's wait, or in rotation like the others' again.
  void serve_last(const Principal& sender, bool last);

  [[nodiscard]] bool empty() const { return rotation_.empty() && last_rotation_.empty(); }
  /// Whether more should be left in the transport, which pushes back.
  [[nodiscard]] bool full() const { return bytes_ >= bounds_.bytes_max; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Queue {
    std::deque<std::unique_ptr<Frame>> frames;
    std::size_t bytes = 0;
    bool last = false;  ///< stands in last_rotation_
  };
  [[nodiscard]] std::deque<Queue*>& rotation_of(const Queue& queue) { return queue.last ? last_rotation_ : rotation_; }

  InboxBounds bounds_;
  std::map<Principal, Queue> queues_;  ///< nodes stay where they are: the rotation points to them
  std::deque<Queue*> rotation_;        ///< queues with frames, each once, next one first
  std::deque<Queue*> last_rotation_;   ///< the same, of those that are served last
  std::size_t bytes_ = 0;
  std::unique_ptr<Frame> served_;  ///< keeps the body that next() returned last
  std::vector<std::unique_ptr<Frame>> spare_;
};

}  // namespace tagma::runtime
