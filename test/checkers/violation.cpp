#include "test/checkers/violation.h"

#include <algorithm>
#include <utility>

namespace tagma::checkers {

std::string_view name_of(Oracle oracle) {
  switch (oracle) {
    case Oracle::agreement: return "1 agreement";
    case Oracle::state_digest: return "2 state digest";
    case Oracle::acknowledged: return "3 acknowledged";
    case Oracle::exactly_once: return "4 exactly once";
    case Oracle::durable_votes: return "5 durable votes";
    case Oracle::caps: return "6 caps";
    case Oracle::liveness: return "7 liveness";
    case Oracle::linearizability: return "8 linearizability";
    case Oracle::alarm: return "alarm";
    case Oracle::simulator: return "simulator";
  }
  return "unknown";
}

void Verdict::report(Oracle oracle, std::string what) {
  reported_.insert(oracle);
  if (violated_) return;
  if (!heard_.empty() && std::find(heard_.begin(), heard_.end(), oracle) == heard_.end()) return;
  violated_ = true;
  first_ = Violation{oracle, std::move(what)};
}

}  // namespace tagma::checkers
