#include "test/sim/scheduler.h"

#include <algorithm>

namespace tagma::sim {

bool Scheduler::later(const Entry& left, const Entry& right) {
  return left.time_us != right.time_us ? left.time_us > right.time_us : left.order > right.order;
}

void Scheduler::at(VirtualUs time_us, std::function<void()> action) {
  heap_.push_back({std::max(time_us, now_us_), next_order_++, std::move(action)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

bool Scheduler::run_next() {
  if (heap_.empty()) return false;
  std::pop_heap(heap_.begin(), heap_.end(), later);
  const auto entry = std::move(heap_.back());
  heap_.pop_back();
  now_us_ = entry.time_us;
  ++events_;
  entry.action();
  return true;
}

VirtualUs MachineClock::when(MonotonicUs monotonic) const {
  const auto elapsed = monotonic - monotonic_offset_us;
  auto virtual_us = elapsed - elapsed * rate_ppm / (1'000'000 + rate_ppm) - 2;
  while (monotonic_us(virtual_us) < monotonic) ++virtual_us;
  return virtual_us;
}

}  // namespace tagma::sim
