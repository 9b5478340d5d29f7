// What the replicas of a drill said and cost, as a table.
#pragma once

#include <string>

#include "docker/drills/drill_result.h"

namespace tagma::drills {

/// Empty where there are no samples.
[[nodiscard]] std::string replicas_table(const DrillResult& drill);

}  // namespace tagma::drills
