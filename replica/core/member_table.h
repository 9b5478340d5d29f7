// The lives of the members, kept in the replicated state: which life of a replica votes on which slot (protocol:
// "Amnesia is a replacement of a member"; Lamport, Malkhi and Zhou 2008, R_alpha with alpha of at least the window).
#pragma once

#include <optional>

#include "checkpoint/layered_state.h"
#include "messages/messages.h"
#include "messages/mutant.h"

namespace tagma {

/// A member's newest life.
struct MemberLife {
  Incarnation incarnation = 0;
  LifeNonce nonce;   ///< zero: the first life
  Seq boundary = 0;  ///< slots up to here are voted on by the lives before, those above by this one

  [[nodiscard]] bool is_first() const { return nonce == LifeNonce{}; }
  auto operator<=>(const MemberLife&) const = default;
};

/// Reads and writes lives in the reserved part of the state. Deterministic; judged at execution only.
///
/// Why votes need not say whose life they are of: an earlier life never voted above the boundary. Its votes are on
/// slots up to certificate + window; the certificate is of slots that were decided before the REJOIN was signed, and
/// the REJOIN stands at a slot above them. A later life does not vote up to the boundary. So the slot tells the life.
class MemberTable {
 public:
  /// `checkpoint_interval` and `window` are the cluster's K and L.
  MemberTable(LayeredState& state, Seq checkpoint_interval, Seq window)
      : state_(state), checkpoint_interval_(checkpoint_interval), window_(window) {}

  [[nodiscard]] MemberLife find(ReplicaId replica) const;

  /// Whether a REJOIN that is executed at `seq` begins a life: it names the life that is over, and that one is not
  /// itself so young that a stable checkpoint above its boundary may be missing. Slots above boundary + window exist
  /// only with one.
  [[nodiscard]] bool may_rejoin(const RejoinStatement& statement, Seq seq) const;
  /// The first slot at which it may.
  [[nodiscard]] Seq first_rejoin_slot(const MemberLife& life) const {
    return life.is_first() ? 1 : life.boundary + window_ + 1;
  }

  /// Compare and set. Returns whether a life began.
  bool rejoin(const RejoinStatement& statement, Seq seq);

  /// The boundary of a life that begins at slot `seq`: no earlier one can have voted above it.
  [[nodiscard]] Seq boundary_of(Seq seq) const {
    const Seq checkpoint = (seq + checkpoint_interval_ - 1) / checkpoint_interval_ * checkpoint_interval_;
    return checkpoint + (mutant(Mutant::boundary_without_window) ? 0 : window_);
  }

 private:
  LayeredState& state_;
  Seq checkpoint_interval_;
  Seq window_;
};

namespace state_key {
[[nodiscard]] Bytes member(ReplicaId replica);
}  // namespace state_key

}  // namespace tagma
