#include "test/checkers/caps_oracle.h"

#include <algorithm>
#include <string>

#include "checkpoint/state_store.h"
#include "tagma/limits.h"

namespace tagma::checkers {

Caps caps_of(const CoreConfig& config, std::size_t sessions_waiting_max, std::size_t bundle_bytes_max,
             std::size_t bundle_operations_max) {
  Caps caps;
  const std::size_t n = config.membership.n();
  const std::size_t window = config.window;
  caps.pending_operations = sessions_waiting_max * (config.session_pending_operations_max + bundle_operations_max);
  caps.pending_bytes = config.pending_bytes_max + sessions_waiting_max * bundle_bytes_max;
  // A window above the stable checkpoint, and what lies between the own durable state and that checkpoint: at most
  // another window, since nobody votes further above a checkpoint.
  caps.slots_held = 2 * window;
  // One step emits at most a few effects per slot in flight and peer (a status is answered by retransmission), and
  // one reply per session of an executed slot.
  caps.effects_per_step = 64 + 8 * window + 4 * n + 4 * sessions_waiting_max + 4 * window * n;
  // What waits for the disk was emitted by steps that ran during one sync.
  caps.effects_waiting = 64 * (16 + window) * (4 + n);
  // Of each member for each checkpoint of a window, and the own ones of before that a returning replica gives again.
  caps.checkpoint_votes = n * (window / config.checkpoint_interval + 1) + state_roots_max;
  caps.view_changes = n;
  caps.new_views = limits::view_change_named_max;
  // Recorded, prepared, chosen, decided; and one that is held back for its time.
  caps.batches_of_slot = 5;
  return caps;
}

void CapsOracle::at_most(ReplicaId replica, std::size_t value, std::size_t cap, std::string_view what,
                         const std::string& where) {
  if (value <= cap) return;
  verdict_.report(Oracle::caps, "replica " + std::to_string(replica) + " has " + std::to_string(value) + " " +
                                    std::string(what) + ", the cap is " + std::to_string(cap) + where);
}

void CapsOracle::check(ReplicaId replica, const Caps& caps, const CoreView& view, std::size_t effects_waiting,
                       std::size_t effects_of_step) {
  if (view.pending_operations <= caps.pending_operations && view.pending_bytes <= caps.pending_bytes &&
      view.slots_held <= caps.slots_held && effects_waiting <= caps.effects_waiting &&
      effects_of_step <= caps.effects_per_step) {
    return;
  }
  const auto where = " (executed " + std::to_string(view.executed) + ", stable " + std::to_string(view.certificate) +
                     ", newest own checkpoint " + std::to_string(view.state_digest_seq) + ")";
  at_most(replica, view.pending_operations, caps.pending_operations, "pending operations", where);
  at_most(replica, view.pending_bytes, caps.pending_bytes, "pending bytes", where);
  at_most(replica, view.slots_held, caps.slots_held, "slots held", where);
  at_most(replica, effects_waiting, caps.effects_waiting, "effects waiting for the disk", where);
  at_most(replica, effects_of_step, caps.effects_per_step, "effects of one step", where);
}

void CapsOracle::check(ReplicaId replica, const Caps& caps, const CoreHeld& held) {
  at_most(replica, held.checkpoint_votes, caps.checkpoint_votes, "votes for checkpoints", "");
  at_most(replica, held.view_changes, caps.view_changes, "VIEW-CHANGEs", "");
  at_most(replica, held.new_views, caps.new_views, "NEW-VIEWs", "");
  at_most(replica, held.batches_of_slot_max, caps.batches_of_slot, "batches for one slot", "");
}

void CapsOracle::check_connections(ReplicaId replica, std::size_t connections, std::size_t cap) {
  at_most(replica, connections, cap, "connections of clients", "");
}

}  // namespace tagma::checkers
