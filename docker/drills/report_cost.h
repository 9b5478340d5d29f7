// What attacks cost, in the page. As Markdown it is in report.h.
#pragma once

#include <string>
#include <vector>

#include "docker/drills/report_drill.h"

namespace tagma::drills {

/// Empty where no drill measured it.
[[nodiscard]] std::string cost_section(const std::vector<Entry>& entries);

}  // namespace tagma::drills
