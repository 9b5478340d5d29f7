// What may stand between the core and the world: nothing in the product; in a test's double, what makes a real replica
// lie. Here, since only the loop knows what the core is about to hear and when it is idle.
#pragma once

#include <optional>
#include <vector>

#include "replica/core/events.h"
#include "replica/core/replica_core.h"
#include "replica/runtime/effect_performer.h"

namespace tagma::runtime {

class Transport;

/// Called by the loop's thread alone.
class Interposer {
 public:
  Interposer() = default;
  Interposer(const Interposer&) = delete;
  Interposer& operator=(const Interposer&) = delete;
  virtual ~Interposer() = default;

  /// Once, before everything else: where the core's messages go instead of `world`, which outlives the loop. The result
  /// lives as long as this object.
  [[nodiscard]] virtual Outgoing& stand_before(Transport& world) = 0;
  /// Whether the core hears this now; it may be changed.
  [[nodiscard]] virtual bool hears(Received& received) = 0;
  /// Its part of a turn, before what was gathered leaves. Returns what the core hears now of what hears() took away.
  [[nodiscard]] virtual std::vector<Received> act(MonotonicUs now_us, const ReplicaCore& core) = 0;
  /// When it wants the next turn, if nothing else happens before.
  [[nodiscard]] virtual std::optional<MonotonicUs> wake_at_us() const = 0;
};

}  // namespace tagma::runtime
