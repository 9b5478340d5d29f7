#include "docker/drills/fault_link.h"

#include <algorithm>
#include <limits>

namespace tagma::drills {
namespace {

constexpr MonotonicNs second_ns = 1'000'000'000;
/// What a limited rate lets wait inside the proxy. The rest waits at its sender, who feels that the link is slow.
constexpr MonotonicNs backlog_ns_max = second_ns / 10;

std::mt19937_64 dice(std::uint64_t seed, const Party& from, const Party& to, std::uint32_t use) {
  std::seed_seq mixed{static_cast<std::uint32_t>(seed),
                      static_cast<std::uint32_t>(seed >> 32),
                      static_cast<std::uint32_t>(from.kind),
                      from.id,
                      static_cast<std::uint32_t>(to.kind),
                      to.id,
                      use};
  return std::mt19937_64(mixed);
}

}  // namespace

FaultLink::FaultLink(std::uint64_t seed, const Party& from, const Party& to)
    : loss_(dice(seed, from, to, 1)), jitter_(dice(seed, from, to, 2)) {}

void FaultLink::set(const LinkFault& fault, MonotonicNs now_ns) {
  fault_ = fault;
  free_ns_ = std::min(free_ns_, now_ns);
}

bool FaultLink::drops_message() {
  ++counts_.messages;
  const bool lost = fault_.cut || (fault_.loss_ppm > 0 && loss_() % 1'000'000 < fault_.loss_ppm);
  if (lost) ++counts_.dropped;
  return lost;
}

MonotonicNs FaultLink::draw_lateness_ns() {
  MonotonicNs late_us = fault_.delay_us;
  if (fault_.jitter_us > 0) late_us += static_cast<MonotonicNs>(jitter_() % (std::uint64_t{fault_.jitter_us} + 1));
  if (late_us > 0 || fault_.bytes_per_second_max > 0) ++counts_.delayed;
  return late_us * 1'000;
}

MonotonicNs FaultLink::send_by_ns(std::size_t bytes, MonotonicNs now_ns) {
  if (fault_.bytes_per_second_max == 0) return now_ns;
  const std::uint64_t taken_ns = bytes * std::uint64_t{second_ns} / fault_.bytes_per_second_max;
  free_ns_ = std::max(free_ns_, now_ns) + static_cast<MonotonicNs>(taken_ns);
  return free_ns_;
}

std::optional<MonotonicNs> FaultLink::busy_until_ns(MonotonicNs now_ns) const {
  if (fault_.bytes_per_second_max == 0 || free_ns_ <= now_ns + backlog_ns_max) return std::nullopt;
  return free_ns_ - backlog_ns_max;
}

std::size_t FaultLink::read_bytes(std::size_t most) const {
  if (fault_.bytes_per_second_max == 0) return most;
  return std::clamp<std::uint64_t>(fault_.bytes_per_second_max / 50, 512, most);
}

std::size_t FaultLink::portion_bytes() const {
  if (fault_.bytes_per_second_max == 0) return std::numeric_limits<std::size_t>::max();
  return std::clamp<std::uint64_t>(fault_.bytes_per_second_max / 200, 512, std::uint64_t{64} << 10);
}

}  // namespace tagma::drills
