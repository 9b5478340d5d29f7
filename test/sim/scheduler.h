// Virtual time: the one queue of everything that is going to happen, and the clocks that machines make of it.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "messages/messages.h"
#include "replica/core/config.h"

namespace tagma::sim {

/// Microseconds of virtual time since the start of the run.
using VirtualUs = std::int64_t;

/// Runs actions in the order of their times, equal times in the order in which they were added.
class Scheduler {
 public:
  [[nodiscard]] VirtualUs now_us() const { return now_us_; }
  void at(VirtualUs time_us, std::function<void()> action);
  void after(VirtualUs delay_us, std::function<void()> action) { at(now_us_ + delay_us, std::move(action)); }
  /// Performs the next action; false if there is none.
  bool run_next();
  [[nodiscard]] std::uint64_t events() const { return events_; }

 private:
  struct Entry {
    VirtualUs time_us = 0;
    std::uint64_t order = 0;
    std::function<void()> action;
  };
  static bool later(const Entry& left, const Entry& right);

  VirtualUs now_us_ = 0;
  std::uint64_t next_order_ = 0;
  std::uint64_t events_ = 0;
  std::vector<Entry> heap_;
};

/// One machine's clocks: a monotonic one that runs a little fast or slow, and a wall clock that is off by some skew.
struct MachineClock {
  MonotonicUs monotonic_offset_us = 0;
  std::int64_t rate_ppm = 0;  ///< how much faster than virtual time, in millionths
  TimeUs wall_skew_us = 0;

  [[nodiscard]] MonotonicUs monotonic_us(VirtualUs now_us) const {
    return monotonic_offset_us + now_us + now_us * rate_ppm / 1'000'000;
  }
  [[nodiscard]] TimeUs wall_us(VirtualUs now_us) const {
    constexpr TimeUs start_us = 1'700'000'000'000'000;
    return start_us + wall_skew_us + now_us + now_us * rate_ppm / 1'000'000;
  }
  /// The first virtual time at which the monotonic clock shows `monotonic` or more.
  [[nodiscard]] VirtualUs when(MonotonicUs monotonic) const;
};

}  // namespace tagma::sim
