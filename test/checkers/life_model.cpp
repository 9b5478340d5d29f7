#include "test/checkers/life_model.h"

namespace tagma::checkers {

LifeModel::Life LifeModel::life_of(ReplicaId replica) const {
  const auto found = lives_.find(replica);
  return found == lives_.end() ? Life{} : found->second;
}

void LifeModel::decided(Seq seq, const std::vector<Rejoin>& rejoins) {
  for (const auto& rejoin : rejoins) {
    const auto& content = rejoin.content;
    const Life life = life_of(content.replica);
    if (content.incarnation != life.incarnation) continue;
    if (life.incarnation > 0 && seq <= life.boundary + window_) continue;
    const Seq checkpoint =
        seq % checkpoint_interval_ == 0 ? seq : seq - seq % checkpoint_interval_ + checkpoint_interval_;
    lives_[content.replica] = {life.incarnation + 1, content.nonce, checkpoint + window_};
  }
}

bool LifeModel::may_vote(ReplicaId replica, const LifeNonce& nonce, Seq seq) const {
  const Life life = life_of(replica);
  return life.nonce == nonce && seq > life.boundary;
}

}  // namespace tagma::checkers
