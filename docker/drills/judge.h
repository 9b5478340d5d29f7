// Decides, from what was seen, what a drill promised and whether it was kept. Pure.
#pragma once

#include <string>
#include <vector>

#include "docker/drills/drill_result.h"
#include "docker/drills/load.h"
#include "docker/drills/scenario.h"

namespace tagma::drills {

/// Everything that the verdict rests on.
struct Seen {
  std::vector<Call> history;               ///< of the load's clients
  std::vector<Call> reads;                 ///< of everything that was written, after the load had ended, by one reader
  double load_s = 0;                       ///< how long the load lasted
  std::optional<std::uint64_t> own_total;  ///< what the service of a user's own says was executed
  bool own = false;                        ///< the load was a user's own operations

  std::string states;          ///< why the correct replicas' states do not agree; empty: they do
  std::string did_not_settle;  ///< why replicas did not come back in time; empty: they did
  std::string unexpected_end;  ///< a correct replica that ended by itself; empty: none
  bool stopped = true;         ///< they were asked to stop: a failed cluster that is kept is not
  std::string unclean_stop;    ///< those that did not stop cleanly in the end; empty: all did
};

/// Fills in what follows from the history, the marks and the samples that `result` has already: intervals, counts, the
/// longest pause, the recovery, the cost, the expectations.
void judge(const Scenario& scenario, const Seen& seen, DrillResult& result);

/// The operations that need an explanation, as the checker of linearizability wants them.
[[nodiscard]] std::vector<checkers::KvOperation> history_to_check(const Seen& seen);

}  // namespace tagma::drills
