// Authenticated frames that wait to be served: one bounded queue per sender, and each sender gets as much of the time.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
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

/// Fair by what messages cost, not by their number (start-time fair queueing: Goyal, Vin and Cheng, SIGCOMM 1996): the
/// next message is that of whoever has had least of the time, among those that have one waiting. Whoever sends much, or
/// what takes long, waits in its own queue; others wait for the message that is being served, and for what they
/// themselves have cost. Time that nobody else wants is anybody's.
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
  /// The next message.
  [[nodiscard]] std::optional<Item> next();
  /// What the message cost that next() returned last, in nanoseconds; 1 if nobody says.
  void charge(std::uint64_t cost_ns);

  /// This sender's messages come when nobody else's wait, or like the others' again.
  void serve_last(const Principal& sender, bool last);

  [[nodiscard]] bool empty() const;
  /// Whether more should be left in the transport, which pushes back.
  [[nodiscard]] bool full() const { return bytes_ >= bounds_.bytes_max; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Queue {
    std::deque<std::unique_ptr<Frame>> frames;
    std::size_t bytes = 0;
    bool last = false;          ///< stands in last_line_
    std::uint64_t turn_ns = 0;  ///< the virtual time at which its next message begins
    std::uint64_t place = 0;    ///< in its line, among those with the same turn
  };
  /// Who has messages that wait: the one whose turn is next first; all but the one that is being served.
  using Line = std::set<std::tuple<std::uint64_t, std::uint64_t, Queue*>>;
  [[nodiscard]] Line& line_of(const Queue& queue) { return queue.last ? last_line_ : line_; }
  void stand_in_line(Queue& queue);
  void end_service();

  InboxBounds bounds_;
  std::map<Principal, Queue> queues_;  ///< nodes stay where they are: the lines point to them
  Line line_;
  Line last_line_;  ///< of those that are served last
  std::size_t bytes_ = 0;
  std::uint64_t virtual_ns_ = 0;   ///< when the message began that is, or was, served last
  std::uint64_t places_ = 0;       ///< given so far
  Queue* in_service_ = nullptr;    ///< whose message next() returned last
  std::uint64_t cost_ns_ = 0;      ///< of that message, so far
  std::unique_ptr<Frame> served_;  ///< keeps its body
  std::vector<std::unique_ptr<Frame>> spare_;
};

}  // namespace tagma::runtime
