// One direction between two parties: its fault, what has passed, and the dice.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>

#include "docker/drills/fault_proxy.h"

namespace tagma::drills {

/// Of the monotonic clock.
using MonotonicNs = std::int64_t;

[[nodiscard]] inline MonotonicNs monotonic_ns() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Decides for each message of a direction, on whichever connection it travels. Which messages are lost depends on the
/// seed, the two parties and the messages' order alone. Used by the proxy's thread only.
class FaultLink {
 public:
  FaultLink(std::uint64_t seed, const Party& from, const Party& to);

  void set(const LinkFault& fault, MonotonicNs now_ns);
  [[nodiscard]] const LinkFault& fault() const { return fault_; }
  [[nodiscard]] LinkCounts& counts() { return counts_; }

  /// Counts a message that begins. Returns whether it is dropped.
  [[nodiscard]] bool drops_message();
  /// How late the message that begins arrives after it was sent; counted if at all.
  [[nodiscard]] MonotonicNs draw_lateness_ns();
  /// Bytes of which all but the first wait for those before: when the last of them has left. Now, if the rate has no
  /// limit.
  [[nodiscard]] MonotonicNs send_by_ns(std::size_t bytes, MonotonicNs now_ns);
  /// Until when nothing more shall be read, for what has been read fills the link. Nothing: go on.
  [[nodiscard]] std::optional<MonotonicNs> busy_until_ns(MonotonicNs now_ns) const;
  /// How much to read at once, and in which portions it leaves: few milliseconds' worth where the rate is limited.
  [[nodiscard]] std::size_t read_bytes(std::size_t most) const;
  [[nodiscard]] std::size_t portion_bytes() const;

 private:
  LinkFault fault_;
  LinkCounts counts_;
  std::mt19937_64 loss_;
  std::mt19937_64 jitter_;   ///< apart, so that a delay does not change which messages are lost
  MonotonicNs free_ns_ = 0;  ///< when what was sent under a limited rate will have left
};

}  // namespace tagma::drills
