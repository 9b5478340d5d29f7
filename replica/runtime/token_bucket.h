// A rate limit for work that outsiders can ask for.
#pragma once

#include <cstdint>

#include "replica/core/config.h"

namespace tagma::runtime {

/// At most `burst` at once and `per_second` in the long run. Starts full. Integer arithmetic, time comes in.
class TokenBucket {
 public:
  /// Both at least 1; `per_second` at most 1,000,000.
  TokenBucket(std::int64_t per_second, std::int64_t burst)
      : per_second_(per_second), capacity_(burst * micro), level_(capacity_) {}

  /// Takes one token if there is one.
  [[nodiscard]] bool take(MonotonicUs now_us) {
    refill(now_us);
    if (level_ < micro) return false;
    level_ -= micro;
    return true;
  }

  /// The earliest time at which take() succeeds.
  [[nodiscard]] MonotonicUs next_us(MonotonicUs now_us) {
    refill(now_us);
    if (level_ >= micro) return now_us;
    return now_us + (micro - level_ + per_second_ - 1) / per_second_;
  }

 private:
  static constexpr std::int64_t micro = 1'000'000;

  void refill(MonotonicUs now_us) {
    if (!started_) {
      started_ = true;
      last_us_ = now_us;
    }
    const std::int64_t elapsed_us = now_us - last_us_;
    if (elapsed_us <= 0) return;
    last_us_ = now_us;
    // Compared by division first, so that a long idle time cannot overflow the product.
    if (elapsed_us >= (capacity_ - level_) / per_second_ + 1) {
      level_ = capacity_;
    } else {
      level_ += elapsed_us * per_second_;
    }
  }

  std::int64_t per_second_;
  std::int64_t capacity_;  ///< in millionths of a token
  std::int64_t level_;     ///< between 0 and capacity_
  MonotonicUs last_us_ = 0;
  bool started_ = false;
};

}  // namespace tagma::runtime
