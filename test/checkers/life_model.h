// Which life of each replica may vote on which slot, computed from the REJOINs that were decided and from nothing that
// replica/core has.
#pragma once

#include <map>
#include <vector>

#include "messages/messages.h"

namespace tagma::checkers {

class LifeModel {
 public:
  /// `checkpoint_interval` and `window` are the cluster's K and L.
  LifeModel(Seq checkpoint_interval, Seq window) : checkpoint_interval_(checkpoint_interval), window_(window) {}

  /// What was decided for a slot; each slot with REJOINs once, in rising order.
  void decided(Seq seq, const std::vector<Rejoin>& rejoins);

  /// Whether the life of this nonce votes on the slot: the replica's newest, above its boundary.
  [[nodiscard]] bool may_vote(ReplicaId replica, const LifeNonce& nonce, Seq seq) const;

 private:
  struct Life {
    Incarnation incarnation = 0;
    LifeNonce nonce;
    Seq boundary = 0;
  };
  [[nodiscard]] Life life_of(ReplicaId replica) const;

  Seq checkpoint_interval_;
  Seq window_;
  std::map<ReplicaId, Life> lives_;
};

}  // namespace tagma::checkers
