// What an adversary says of itself on standard error: `fired NAME COUNT`, at most once a second. A drill proves by it
// that the attack took place.
#pragma once

#include <cstdint>
#include <string_view>

namespace tagma::end_to_end {

class FiredLines {
 public:
  /// Whether a second has passed since the last time that it was.
  [[nodiscard]] bool due(std::int64_t now_us);
  /// One line, at once. COUNT is everything since the process began.
  static void print(std::string_view name, std::uint64_t count);

 private:
  std::int64_t next_us_ = 0;
};

/// Keeps a process that floods from taking the processor from those it shares a machine with.
class CoreShare {
 public:
  /// Of one core.
  explicit CoreShare(std::uint32_t percent_max) : percent_max_(percent_max) {}
  /// Whether this process has taken more than its share since the last second began.
  [[nodiscard]] bool exceeded(std::int64_t now_us);

 private:
  std::uint32_t percent_max_;
  std::int64_t since_us_ = 0;
  std::int64_t used_before_us_ = 0;
};

/// Microseconds of the monotonic clock.
[[nodiscard]] std::int64_t monotonic_us();

}  // namespace tagma::end_to_end
