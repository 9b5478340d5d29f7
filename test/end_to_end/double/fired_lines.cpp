#include "test/end_to_end/double/fired_lines.h"

#include <sys/resource.h>

#include <chrono>
#include <cstdio>

namespace tagma::end_to_end {
namespace {

constexpr std::int64_t second_us = 1'000'000;

std::int64_t used_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto in_us = [](const timeval& time) { return std::int64_t{time.tv_sec} * second_us + time.tv_usec; };
  return in_us(usage.ru_utime) + in_us(usage.ru_stime);
}

}  // namespace

bool FiredLines::due(std::int64_t now_us) {
  if (now_us < next_us_) return false;
  next_us_ = now_us + second_us;
  return true;
}

void FiredLines::print(std::string_view name, std::uint64_t count) {
  // One call, so that lines of a log on the same stream do not come between.
  std::fprintf(stderr, "fired %.*s %llu\n", static_cast<int>(name.size()), name.data(),
               static_cast<unsigned long long>(count));
  std::fflush(stderr);
}

bool CoreShare::exceeded(std::int64_t now_us) {
  const auto used = used_us();
  if (now_us - since_us_ >= second_us) {
    since_us_ = now_us;
    used_before_us_ = used;
  }
  // A second's share may be spent early: what is held down is the share of each second.
  return used - used_before_us_ > second_us / 100 * percent_max_;
}

std::int64_t monotonic_us() {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  return duration_cast<microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace tagma::end_to_end
