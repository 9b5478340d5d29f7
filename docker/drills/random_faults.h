// A soak's faults, drawn by seed: one after the other, never more than f replicas at a time.
#pragma once

#include "docker/drills/scenario.h"

namespace tagma::drills {

/// Replaces the scenario's steps by faults for `random_faults_s`, each healed and settled before the next one, and its
/// length accordingly. The same seed draws the same faults; replicas are drawn by number.
void draw_faults(Scenario& scenario, std::uint64_t seed);

}  // namespace tagma::drills
