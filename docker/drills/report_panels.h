// The panels of a drill's time line, one below the other on one time axis.
#pragma once

#include <string>

#include "docker/drills/drill_result.h"
#include "docker/drills/report_series.h"

namespace tagma::drills {

/// A drawing that grows downwards.
struct Drawing {
  const DrillResult& drill;
  TimeAxis axis;
  double height = 0;  ///< so far: where the next panel begins
  std::string svg;
  std::string titles;  ///< of the panels: what stands above everything else
};

void draw_throughput(Drawing& drawing);
void draw_latency(Drawing& drawing);
/// The views, and below them a lane for each replica: when it was the primary, did not vote, did not answer.
void draw_lanes(Drawing& drawing);
void draw_memory(Drawing& drawing);

}  // namespace tagma::drills
