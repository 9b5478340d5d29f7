// One drill from its beginning to its verdict.
#pragma once

#include <functional>
#include <string>

#include "docker/drills/drill_result.h"
#include "docker/drills/stage.h"

namespace tagma::drills {

/// Is told, a few times a second, where a drill is; returns whether it shall go on.
using Progress = std::function<bool(const std::string& text)>;

/// Runs it. What keeps it from being run at all (no port, no image) is an expectation that was not met. Where it failed
/// and `setting.keep` says so, its cluster is left as it is until `while_kept` returns.
[[nodiscard]] DrillResult run_drill(const Setting& setting, const Scenario& scenario, const Progress& progress,
                                    const std::function<void(Stage&, const DrillResult&)>& while_kept);

/// Why this drill cannot be played under the setting; empty: it can.
[[nodiscard]] std::string reason_to_skip(const Setting& setting, const Scenario& scenario);

}  // namespace tagma::drills
