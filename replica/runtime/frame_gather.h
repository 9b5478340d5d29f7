// What one destination gets in one turn of the loop: many messages, one frame (limits.md: messages per frame decide).
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "crypto/channel.h"
#include "tagma/limits.h"

namespace tagma::runtime {

/// An encoded message, hashed once however many destinations it has.
struct OutgoingBody {
  SharedBytes bytes;  ///< never null
  Digest digest;
};

/// Gathers bodies and hands them out in frames that keep within the limits of the wire. Not thread-safe.
class FrameGather {
 public:
  /// Left for the header, the MAC and the lengths of a frame.
  static constexpr std::size_t frame_overhead_bytes = 1024;
  static constexpr std::size_t body_overhead_bytes = 64;
  static constexpr std::size_t frame_body_bytes_max = limits::frame_bytes_max - frame_overhead_bytes;

  /// `body` has at most limits::message_bytes_max bytes.
  void add(OutgoingBody body) {
    bytes_ += body.bytes->size() + body_overhead_bytes;
    bodies_.push_back(std::move(body));
  }

  [[nodiscard]] bool empty() const { return bodies_.empty(); }
  [[nodiscard]] std::size_t size() const { return bodies_.size(); }
  /// Enough for a frame: flush before the end of the turn, so that a turn's output is bounded.
  [[nodiscard]] bool full() const { return bytes_ >= frame_body_bytes_max / 2; }

  using SendFrame = std::function<void(std::span<const crypto::Body>)>;
  /// Calls `send_frame` for as few frames as the limits allow, in order; empty afterwards.
  void flush(const SendFrame& send_frame);
  void clear();

 private:
  std::vector<OutgoingBody> bodies_;
  std::size_t bytes_ = 0;  ///< of all bodies with their overhead
  std::vector<crypto::Body> views_;
};

}  // namespace tagma::runtime
