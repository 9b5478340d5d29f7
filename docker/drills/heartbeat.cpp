#include "docker/drills/heartbeat.h"

#include <ctime>
#include <utility>

namespace tagma::drills {
namespace {

MonotonicNs thread_cpu_ns() {
  constexpr MonotonicNs second_ns = 1'000'000'000;
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return used.tv_sec * second_ns + used.tv_nsec;
}

}  // namespace

void Heartbeat::start() { next_beat(monotonic_ns()); }

ProxyStall Heartbeat::take_longest() { return std::exchange(longest_, {}); }

void Heartbeat::on_ready(std::uint32_t /*events*/, MonotonicNs /*now_ns*/) {}

void Heartbeat::on_time(MonotonicNs now_ns) {
  const std::chrono::nanoseconds late(now_ns - due_ns_);
  if (late > longest_.length) {
    longest_.began = std::chrono::steady_clock::time_point(std::chrono::nanoseconds(due_ns_));
    longest_.length = late;
    longest_.cpu = std::chrono::nanoseconds(thread_cpu_ns() - cpu_at_beat_ns_);
  }
  next_beat(now_ns);
}

void Heartbeat::next_beat(MonotonicNs now_ns) {
  due_ns_ = now_ns + std::chrono::nanoseconds(every).count();
  cpu_at_beat_ns_ = thread_cpu_ns();
  loop_.wake(*this, due_ns_);
}

}  // namespace tagma::drills
