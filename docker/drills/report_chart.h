// The drawings of a drill: its time line with every fault marked, and a small picture of it for tables.
#pragma once

#include <string>
#include <vector>

#include "docker/drills/drill_result.h"

namespace tagma::drills {

/// In order of time: as the time line numbers them, from 1.
[[nodiscard]] std::vector<Mark> ordered_marks(const DrillResult& drill);

/// The whole time line as one drawing; `id` is unique in the page. Empty where nothing was recorded.
[[nodiscard]] std::string time_line(const DrillResult& drill, const std::string& id);

/// What the signs of a time line mean.
[[nodiscard]] std::string time_line_legend(const DrillResult& drill);

/// The throughput and the marks, small and without text.
[[nodiscard]] std::string spark_line(const DrillResult& drill);

/// Hatchings that the other drawings refer to: once in the page.
[[nodiscard]] std::string shared_patterns();

}  // namespace tagma::drills
