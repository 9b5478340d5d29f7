// Oracle 6: memory and queues stay under caps that follow from the configuration alone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "replica/core/config.h"
#include "replica/core/replica_core.h"
#include "test/checkers/violation.h"

namespace tagma::checkers {

/// The caps of one replica, worked out from its configuration and the number of clients that exist.
struct Caps {
  std::size_t pending_operations = 0;
  std::size_t pending_bytes = 0;
  std::size_t slots_held = 0;
  std::size_t effects_waiting = 0;
  std::size_t effects_per_step = 0;
  std::size_t checkpoint_votes = 0;
  std::size_t view_changes = 0;
  std::size_t new_views = 0;
  std::size_t batches_of_slot = 0;
};

/// `bundle_bytes_max` and `bundle_operations_max` bound one bundle of this run's clients: the room that is reserved for
/// a session's lowest unexecuted number comes on top of the configured limits.
[[nodiscard]] Caps caps_of(const CoreConfig& config, std::size_t sessions_waiting_max, std::size_t bundle_bytes_max,
                           std::size_t bundle_operations_max);

class CapsOracle {
 public:
  explicit CapsOracle(Verdict& verdict) : verdict_(verdict) {}

  void check(ReplicaId replica, const Caps& caps, const CoreView& view, std::size_t effects_waiting,
             std::size_t effects_of_step);
  void check(ReplicaId replica, const Caps& caps, const CoreHeld& held);
  void check_connections(ReplicaId replica, std::size_t connections, std::size_t cap);

 private:
  void at_most(ReplicaId replica, std::size_t value, std::size_t cap, std::string_view what, const std::string& where);
  Verdict& verdict_;
};

}  // namespace tagma::checkers
