// The lives of the members (docs/protocol.md, "A replica that lost its memory"): what a replica does whose disk was
// wiped, and what the others do for it. A REJOIN is ordered like a request; from its slot alone follows the boundary up
// to which the old life's votes count, and above which the new one's do.
#include <algorithm>
#include <utility>

#include "messages/mutant.h"
#include "messages/wire/codec.h"
#include "replica/core/core_implementation.h"

namespace tagma {

bool ReplicaCore::Implementation::may_vote_on(Seq seq) const {
  if (mutant(Mutant::amnesiac_votes_before_boundary)) return true;
  return life_is_ordered() && seq > own_life().boundary;
}

/// A primary leads in views that this process began: an earlier one may have proposed something else for the same
/// slots. View 0 began with the cluster.
bool ReplicaCore::Implementation::may_lead() const {
  return active_ && is_primary() && led_ && view_durable_ && life_is_ordered();
}

void ReplicaCore::Implementation::read_lives() {
  for (ReplicaId id = 0; id < lives_.size(); ++id) {
    const auto life = executor_.members().find(id);
    if (life.incarnation != lives_[id].incarnation && evidence_.forgive(id)) {
      effects_.emplace_back(Distrust{.replica = id, .distrusted = false});
    }
    lives_[id] = life;
  }
  std::erase_if(pending_rejoins_, [this](const auto& pending) {
    return lives_[pending.first].incarnation > pending.second.rejoin.content.incarnation;
  });
  lives_changed_ = true;
}

/// After the step in which the state changed: votes may follow, which may decide and execute more.
void ReplicaCore::Implementation::review_lives() {
  if (!std::exchange(lives_changed_, false) || !voting_) return;
  if (!life_is_ordered()) {
    if (!life_was_ordered_ && !(config_.life_nonce == LifeNonce{})) return;  // not yet
    return alarm("another life of this replica takes part, incarnation " + std::to_string(own_life().incarnation) +
                 ": its disk is an old copy, or a second process has its key; stop that process, or remove this data "
                 "folder, and this replica asks to be taken back");
  }
  if (std::exchange(life_was_ordered_, true)) return;
  if (!active_ && !view_changes_.contains(config_.id)) issue_view_change();
  if (active_ && is_primary() && !led_) suspect("own view given up: it began before this life");
  if (own_life().is_first()) return;
  count("own life ordered");
  effects_.emplace_back(Notice{"taken back as incarnation " + std::to_string(own_life().incarnation) +
                               ": votes on slots above " + std::to_string(own_life().boundary)});
  reconsider_all_withheld();
}

void ReplicaCore::Implementation::look_after_rejoin() {
  if (life_is_ordered() || !voting_ || now_.monotonic_us < next_rejoin_us_) return;
  next_rejoin_us_ = now_.monotonic_us + config_.rejoin_resend_us;
  if (!own_rejoin_ || own_rejoin_->content.incarnation != own_life().incarnation) {
    Rejoin rejoin;
    rejoin.content = {.cluster = config_.membership.cluster,
                      .epoch = config_.membership.epoch,
                      .replica = config_.id,
                      .incarnation = own_life().incarnation,
                      .nonce = config_.life_nonce};
    rejoin.body = wire::encode_rejoin_body(rejoin.content);
    rejoin.signature = authenticator_.sign(wire::rejoin_statement(rejoin.body));
    own_rejoin_ = std::move(rejoin);
  }
  count("REJOIN sent");
  broadcast(*own_rejoin_);
}

bool ReplicaCore::Implementation::is_rejoin_of_member(const Rejoin& rejoin) const {
  const auto& content = rejoin.content;
  return content.cluster == config_.membership.cluster && content.epoch == config_.membership.epoch &&
         config_.membership.find_replica(content.replica) != nullptr;
}

bool ReplicaCore::Implementation::rejoin_is_authentic(const Rejoin& rejoin) {
  const auto pending = pending_rejoins_.find(rejoin.content.replica);
  if (pending != pending_rejoins_.end() && pending->second.rejoin == rejoin) return true;
  return authenticator_.verify(config_.membership.find_replica(rejoin.content.replica)->key,
                               wire::rejoin_statement(rejoin.body), rejoin.signature);
}

void ReplicaCore::Implementation::receive(const Sender& from, Rejoin& message) {
  const auto& content = message.content;
  if (!is_rejoin_of_member(message)) return count("REJOIN for another cluster or epoch");
  // Of a life that is over, or of one that does not exist yet, as far as is known here: its sender will say it again.
  if (lives_[content.replica].incarnation != content.incarnation) return count("REJOIN of another incarnation");
  const auto held = pending_rejoins_.find(content.replica);
  const bool first_hand = content.replica == from.principal.id;
  if (held != pending_rejoins_.end() && held->second.rejoin == message) {
    return give_up_lost_primary(content.replica);
  }
  // Of two that contradict each other, one will be ordered, and the other is obsolete then.
  if (!first_hand && held != pending_rejoins_.end()) {
    give_up_lost_primary(content.replica);  // the one that is held says the same
    return count("REJOIN passed on: another one is held");
  }
  auto& judged_us = peers_[from.principal.id].rejoin_judged_us;
  if (judged_us != 0 && now_.monotonic_us - judged_us < config_.resend_us) return count("REJOIN changed too soon");
  judged_us = now_.monotonic_us;
  if (!rejoin_is_authentic(message)) return count("forged REJOIN");
  count("REJOIN received");
  const ReplicaId replica = content.replica;
  if (first_hand && active_ && !is_primary() && config_.membership.primary(view_) != replica) {
    send(config_.membership.primary(view_), message, false);
  }
  pending_rejoins_.insert_or_assign(replica, PendingRejoin{.rejoin = std::move(message)});
  tell_if_too_many_rejoin();
  give_up_lost_primary(replica);
}

/// A primary that says itself that it has lost its memory does not lead any more; whoever brings its word, or it could
/// tell one replica alone and go on with the others.
void ReplicaCore::Implementation::give_up_lost_primary(ReplicaId replica) {
  if (active_ && config_.membership.primary(view_) == replica) suspect("view given up: its primary lost its memory");
}

/// Whether so many do not vote for what they lost that no slot can be decided below somebody's boundary, or for a
/// REJOIN.
void ReplicaCore::Implementation::tell_if_too_many_rejoin() {
  std::uint32_t lost = 0;
  for (ReplicaId id = 0; id < lives_.size(); ++id) {
    const bool asks = id == config_.id ? !life_is_ordered() : pending_rejoins_.contains(id);
    lost += asks || lives_[id].boundary > certificate_ ? 1U : 0U;
  }
  const bool too_many = config_.membership.n() - lost < config_.membership.quorum();
  if (!too_many || std::exchange(told_of_rejoins_, true)) {
    if (!too_many) told_of_rejoins_ = false;
    return;
  }
  effects_.emplace_back(Notice{std::to_string(lost) + " of " + std::to_string(config_.membership.n()) +
                               " replicas have lost their memory: no quorum is left that could take them back"});
}

bool ReplicaCore::Implementation::is_due(const PendingRejoin& pending) const {
  return pending.proposed <= executed_ && executor_.members().may_rejoin(pending.rejoin.content, next_seq_);
}

bool ReplicaCore::Implementation::has_due_rejoin() const {
  return std::any_of(pending_rejoins_.begin(), pending_rejoins_.end(),
                     [this](const auto& pending) { return is_due(pending.second); });
}

std::vector<Rejoin> ReplicaCore::Implementation::take_due_rejoins(Seq seq) {
  std::vector<Rejoin> due;
  for (auto& [replica, pending] : pending_rejoins_) {
    if (!is_due(pending)) continue;
    pending.proposed = seq;
    due.push_back(pending.rejoin);
  }
  return due;
}

/// Up to the first checkpoint at or above the boundary, and up to where a REJOIN that waits may stand.
bool ReplicaCore::Implementation::needs_null_batches(ReplicaId replica) const {
  const auto& life = lives_[replica];
  const Seq interval = config_.checkpoint_interval;
  if (life.boundary > certificate_ && next_seq_ <= (life.boundary + interval - 1) / interval * interval) return true;
  const auto pending = pending_rejoins_.find(replica);
  return pending != pending_rejoins_.end() && pending->second.rejoin.content.incarnation == life.incarnation &&
         next_seq_ < executor_.members().first_rejoin_slot(life);
}

/// A replica that says again and again that it has lost its memory gets them slowly: it must not take the slots of
/// those who have something to order.
std::optional<MonotonicUs> ReplicaCore::Implementation::null_batch_due_us() const {
  const MonotonicUs ahead_max_us = 4 * static_cast<MonotonicUs>(config_.window) * 1'000'000 /
                                   static_cast<MonotonicUs>(config_.null_batches_per_second);
  std::optional<MonotonicUs> due_us;
  for (ReplicaId id = 0; id < lives_.size(); ++id) {
    if (!needs_null_batches(id)) continue;
    const MonotonicUs at_us = std::max(next_null_us_, null_paid_until_us_[id] - ahead_max_us);
    due_us = std::min(due_us.value_or(at_us), at_us);
  }
  return due_us;
}

void ReplicaCore::Implementation::charge_null_batch() {
  next_null_us_ = now_.monotonic_us + config_.null_batch_interval_us;
  const MonotonicUs each_us = 1'000'000 / static_cast<MonotonicUs>(config_.null_batches_per_second);
  for (ReplicaId id = 0; id < lives_.size(); ++id) {
    if (needs_null_batches(id))
      null_paid_until_us_[id] = std::max(null_paid_until_us_[id], now_.monotonic_us) + each_us;
  }
}

}  // namespace tagma
