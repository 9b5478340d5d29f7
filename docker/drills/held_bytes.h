// What one direction of a connection has taken in and not yet passed on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "docker/drills/fault_link.h"

namespace tagma::drills {

/// A queue of bytes, each with the time from which it may leave. Order is kept: nothing overtakes.
class HeldBytes {
 public:
  /// `begins_message`: they begin with the first byte of a message, and no other message begins among them.
  void add(ByteView bytes, MonotonicNs release_ns, bool begins_message);

  enum class Outcome : std::uint8_t {
    sent,     ///< all that may leave by now
    blocked,  ///< the receiver does not keep up
    broken,   ///< nothing can be sent to it any more
  };
  struct Sent {
    Outcome outcome = Outcome::sent;
    std::size_t bytes = 0;
  };
  [[nodiscard]] Sent send(int descriptor, MonotonicNs now_ns);

  /// Drops the messages of which nothing has left. Returns how many began among them.
  [[nodiscard]] std::uint64_t drop_messages();

  void clear();
  [[nodiscard]] bool empty() const { return chunks_.empty(); }
  /// When the first of them may leave.
  [[nodiscard]] std::optional<MonotonicNs> due_ns() const;
  /// When the last may: what comes later may not leave before it. 0: nothing is held.
  [[nodiscard]] MonotonicNs last_ns() const { return chunks_.empty() ? 0 : chunks_.back().release_ns; }
  /// The memory used.
  [[nodiscard]] std::size_t cost_bytes() const { return cost_bytes_; }

 private:
  struct Chunk {
    Bytes bytes;
    MonotonicNs release_ns = 0;
    std::uint32_t messages = 0;   ///< that begin in it
    bool begins_message = false;  ///< with its first byte
  };

  void drop_sent(std::size_t bytes);
  [[nodiscard]] static std::size_t cost_of(const Chunk& chunk);

  std::deque<Chunk> chunks_;  ///< none is empty, their times do not decrease
  std::size_t first_sent_bytes_ = 0;
  std::size_t cost_bytes_ = 0;
};

/// Sends as much as the receiver takes; without SIGPIPE.
[[nodiscard]] HeldBytes::Sent send_now(int descriptor, ByteView bytes);

}  // namespace tagma::drills
