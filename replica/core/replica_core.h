// The pure replica: step(event) -> effects. No socket, clock, thread, file, random device or logging inside.
#pragma once

#include <memory>
#include <vector>

#include "checkpoint/layered_state.h"
#include "messages/authenticator.h"
#include "replica/core/config.h"
#include "replica/core/effects.h"
#include "replica/core/events.h"
#include "replica/service/service_registry.h"

namespace tagma {

/// What outside observers (status, oracles) may see of a core.
struct CoreView {
  View view = 0;
  bool active = true;   ///< the view has begun here; else it is only wanted
  Seq executed = 0;     ///< last executed slot
  Seq certificate = 0;  ///< highest stable checkpoint
  bool voting = false;
  Seq state_digest_seq = 0;
  Digest state_digest;
  std::size_t pending_operations = 0;
  std::size_t pending_bytes = 0;
  std::size_t slots_held = 0;
  Seq base = 0;                 ///< seq of the durable state
  bool remembers = true;        ///< nothing that an earlier life may have promised matters any more
  Incarnation incarnation = 0;  ///< newest of this replica's lives, as the executed state has it
  TimeUs agreed_time_us = 0;
  MonotonicUs view_timeout_us = 0;  ///< T as often doubled as views have failed lately
};

/// What a core keeps of what others told it, beside its requests and slots: for those who hold it to its bounds.
struct CoreHeld {
  std::size_t checkpoint_votes = 0;
  std::size_t view_changes = 0;
  std::size_t new_views = 0;            ///< because of which something was dropped
  std::size_t batches_of_slot_max = 0;  ///< the most batches that one slot has
};

/// One replica of the protocol in docs/protocol.md. Single-threaded and deterministic: the same
/// constructor arguments and the same events give the same effects.
class ReplicaCore {
 public:
  /// `config.membership` is valid. `authenticator`, `services` and `store` outlive the core. A replica that returns
  /// brings what its earlier lives made durable: the store at its last checkpoint, and every record that CollectLog has
  /// not released, in the order of writing (older ones do no harm). What they promise binds this life too.
  ReplicaCore(CoreConfig config, Authenticator& authenticator, const ServiceRegistry& services,
              const StateReader& store, const std::vector<Record>& records = {});
  ~ReplicaCore();
  ReplicaCore(const ReplicaCore&) = delete;
  ReplicaCore& operator=(const ReplicaCore&) = delete;

  /// Handles one event. `now.monotonic_us` never decreases from call to call.
  [[nodiscard]] Effects step(const Now& now, Event event);

  [[nodiscard]] CoreView view() const;
  /// Takes a look at every slot.
  [[nodiscard]] CoreHeld held() const;
  /// The execution state, for WriteCheckpoint and for oracles.
  [[nodiscard]] const LayeredState& state() const;
  /// Digest executed at a slot that is still held in the log.
  [[nodiscard]] std::optional<Digest> executed_digest(Seq seq) const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace tagma
