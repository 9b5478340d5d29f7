// A run as the drill program would report it, made up: for the tests of the report, and to look at the page.
#pragma once

#include "docker/drills/drill_result.h"

namespace tagma::drills::test {

/// A killed primary, a majority cut off, two attacks with their cost, a failed drill, half an hour of soak and a
/// skipped drill. The same each time.
[[nodiscard]] RunResult sample_run();

/// Half an hour in intervals of half a second, with so many samples in all.
[[nodiscard]] DrillResult sample_soak();

}  // namespace tagma::drills::test
