// When a connecting side sends its next HELLO.
#pragma once

#include <algorithm>
#include <optional>

#include "replica/core/config.h"

namespace tagma::runtime {

/// Backs off from 50 ms to 1 s until the channel is accepted; a RESET starts over, at most once per 200 ms.
class HelloTimer {
 public:
  static constexpr MonotonicUs first_retry_us = 50'000;
  static constexpr MonotonicUs retry_max_us = 1'000'000;
  static constexpr MonotonicUs reset_interval_us = 200'000;

  /// When a HELLO is due; nothing while the channel is accepted.
  [[nodiscard]] std::optional<MonotonicUs> due_us() const {
    if (accepted_) return std::nullopt;
    return due_us_;
  }
  [[nodiscard]] bool due(MonotonicUs now_us) const { return !accepted_ && due_us_ <= now_us; }
  /// Whether a HELLO is on its way, so that an ACCEPT is worth verifying.
  [[nodiscard]] bool waiting() const { return waiting_; }

  void sent(MonotonicUs now_us) {
    waiting_ = true;
    reset_earliest_us_ = now_us + reset_interval_us;
    due_us_ = now_us + retry_us_;
    retry_us_ = std::min(2 * retry_us_, retry_max_us);
  }
  void accepted() {
    accepted_ = true;
    waiting_ = false;
    retry_us_ = first_retry_us;
  }
  /// The other side does not know the channel. Returns whether this starts a new handshake; during one it says nothing
  /// new.
  bool reset(MonotonicUs now_us) {
    if (!accepted_) return false;
    accepted_ = false;
    due_us_ = std::max(now_us, reset_earliest_us_);
    return true;
  }

 private:
  bool accepted_ = false;
  bool waiting_ = false;
  MonotonicUs due_us_ = 0;             ///< at once; of no meaning while accepted
  MonotonicUs reset_earliest_us_ = 0;  ///< a RESET starts no handshake before
  MonotonicUs retry_us_ = first_retry_us;
};

}  // namespace tagma::runtime
