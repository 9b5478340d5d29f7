// What a run came to: each drill's verdict, why it failed, and how many of each there were.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "docker/drills/drill_result.h"

namespace tagma::drills {

enum class Verdict : std::uint8_t { passed, failed, skipped };

[[nodiscard]] Verdict verdict_of(const DrillResult& drill);
/// "passed", "failed", "skipped".
[[nodiscard]] std::string name_of(Verdict verdict);

/// What failed, a line each: faults that did not happen, then promises that were not kept. Empty unless it failed.
[[nodiscard]] std::vector<std::string> failures_of(const DrillResult& drill);

/// "the drill's own network stood still for 1.90 s at 4.4 s (its thread computed for 3 ms of it)".
[[nodiscard]] std::string stall_text(const Stall& stall);

struct Tally {
  std::size_t passed = 0;
  std::size_t failed = 0;
  std::size_t skipped = 0;

  void add(Verdict verdict);
  [[nodiscard]] std::size_t all() const { return passed + failed + skipped; }
};
[[nodiscard]] Tally tally_of(const std::vector<DrillResult>& drills);

/// "2 of 12 drills failed", "all 12 drills passed", "no drill was run".
[[nodiscard]] std::string headline_of(const Tally& tally);

}  // namespace tagma::drills
