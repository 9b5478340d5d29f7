// Checkpoints: signed votes, certificates, and what may then be dropped (Castro and Liskov, TOCS 2002, section 4.3).
#include <algorithm>
#include <utility>

#include "messages/assert.h"
#include "messages/mutant.h"
#include "messages/wire/codec.h"
#include "replica/core/core_implementation.h"

namespace tagma {

void ReplicaCore::Implementation::on(const CheckpointWritten& event) {
  TAGMA_ASSERT(event.seq > base_ && event.seq <= executed_, "checkpoints are written in the order of their slots");
  base_ = event.seq;
  state_.written(event.seq);
  own_roots_[event.seq] = event.root;
  history_.checkpoint(event.seq, event.root);
  compare_with_certificate();
  while (own_roots_.size() > 1 && own_roots_.begin()->first < certificate_) own_roots_.erase(own_roots_.begin());
  if (voting_ && !diverged_ && event.seq > certificate_) vote_for_checkpoint(event);
  collect_log();
  grant_leases();
}

CheckpointVote ReplicaCore::Implementation::signed_vote_for(const StateRoot& checkpoint) const {
  CheckpointVote vote;
  vote.content = {.cluster = config_.membership.cluster,
                  .epoch = config_.membership.epoch,
                  .replica = config_.id,
                  .incarnation = own_life().incarnation,
                  .seq = checkpoint.seq,
                  .root = checkpoint.root};
  vote.body = wire::encode_checkpoint_body(vote.content);
  vote.signature = authenticator_.sign(wire::checkpoint_statement(vote.body));
  return vote;
}

void ReplicaCore::Implementation::vote_for_checkpoint(const CheckpointWritten& event) {
  if (event.seq <= wrong_votes_up_to_) return;  // it has signed another root, perhaps
  const auto vote = signed_vote_for({event.seq, event.root});
  checkpoint_sent_us_ = now_.monotonic_us;
  broadcast(vote);
  count_checkpoint_vote(vote);
}

bool ReplicaCore::Implementation::checkpoint_vote_is_authentic(const CheckpointVote& vote) {
  const auto& content = vote.content;
  const auto* member = config_.membership.find_replica(content.replica);
  // Any life's: that a state is right does not end with the life that says so.
  return member != nullptr && content.cluster == config_.membership.cluster &&
         content.epoch == config_.membership.epoch &&
         (content.seq % config_.checkpoint_interval == 0 || is_beginning({content.seq, content.root})) &&
         authenticator_.verify(member->key, wire::checkpoint_statement(vote.body), vote.signature);
}

void ReplicaCore::Implementation::receive(const Sender& from, CheckpointVote& message) {
  const auto& content = message.content;
  if (content.replica != from.principal.id) return count("CHECKPOINT of another replica");
  if (content.seq <= certificate_) return;  // stable already
  if (!mutant(Mutant::checkpoint_votes_without_limit) && !in_window(content.seq)) {
    return count("CHECKPOINT outside of the window");
  }
  const auto votes = checkpoint_votes_.find(content.seq);
  if (votes != checkpoint_votes_.end()) {
    const auto held = votes->second.find(content.replica);
    if (held != votes->second.end()) {
      if (held->second.content.root == content.root) return;
      return contradicts(
          content.replica, "contradictory CHECKPOINT",
          {.kind = "CHECKPOINT", .seq = content.seq, .first = held->second.content.root, .second = content.root});
    }
  }
  if (!checkpoint_vote_is_authentic(message)) return count("forged CHECKPOINT");
  count_checkpoint_vote(message);
}

void ReplicaCore::Implementation::count_checkpoint_vote(const CheckpointVote& vote) {
  auto& votes = checkpoint_votes_[vote.content.seq];
  votes.emplace(vote.content.replica, vote);
  CheckpointCertificate certificate;
  for (const auto& [replica, held] : votes) {
    if (held.content.root == vote.content.root) certificate.votes.push_back(held);
  }
  const std::uint32_t needed = mutant(Mutant::checkpoint_quorum_of_one) ? 1 : config_.membership.quorum();
  if (certificate.votes.size() >= needed) adopt_certificate(std::move(certificate));
}

void ReplicaCore::Implementation::receive(const Sender& /*from*/, CheckpointCertificate& message) {
  // The codec has checked that there are votes, of distinct members, all for the same seq and root.
  if (message.votes.front().content.seq <= certificate_ || !certificate_holds(message)) return;
  count("certificate learnt from another replica");
  adopt_certificate(std::move(message));
}

bool ReplicaCore::Implementation::certificate_holds(const CheckpointCertificate& certificate) {
  if (certificate.votes.size() < config_.membership.quorum()) {
    count("certificate without a quorum");
    return false;
  }
  for (const auto& vote : certificate.votes) {
    if (checkpoint_vote_is_authentic(vote)) continue;
    count("forged certificate");
    return false;
  }
  return true;
}

void ReplicaCore::Implementation::adopt_certificate(CheckpointCertificate certificate) {
  const Seq seq = certificate.votes.front().content.seq;
  TAGMA_ASSERT(seq > certificate_, "the stable checkpoint only moves on");
  if (is_forgotten_vote_in(certificate)) return found_old_disk();
  if (certificate_ <= executed_) progress_us_ = now_.monotonic_us;  // not behind so far
  certificate_ = seq;
  certificate_message_ = std::move(certificate);
  certificate_durable_ = false;
  const auto number = persist(RecordCertificate{certificate_message_});
  own_votes_.push_back({.after = number, .kind = OwnVote::Kind::certificate, .seq = seq, .ballot = {}});
  checkpoint_votes_.erase(checkpoint_votes_.begin(), checkpoint_votes_.upper_bound(seq));
  std::erase_if(dropped_by_, [seq](const auto& each) { return each.second.last <= seq; });
  next_seq_ = std::max(next_seq_, seq + 1);
  compare_with_certificate();
  grant_leases();
}

/// Its replies since some slot were wrong, or would have been: it is one of the f until its state has been repaired.
void ReplicaCore::Implementation::found_divergence() {
  const std::string what =
      "the state after slot " + std::to_string(certificate_) + " differs from what a quorum certified";
  if (!config_.repairs_divergence) return alarm(what);
  if (std::exchange(diverged_, true)) return;
  wrong_votes_up_to_ = std::max(wrong_votes_up_to_, base_);
  for (auto& [seq, votes] : checkpoint_votes_) votes.erase(config_.id);
  lease_.reset();
  static_cast<void>(
      persist(RecordStanding{.diverged = true, .wrong_votes_up_to = wrong_votes_up_to_, .installed = remembered_}));
  count("own state differs");
  differences_told_ = 0;
  effects_.emplace_back(
      Notice{"DIFFERS: " + what + "; nothing is executed until it has been repaired from the others"});
}

/// An own vote of this life for a slot that it has not come to, as far as its disk knew (attack K11): the decision of a
/// checkpoint's last slot is durable before the state is, and the state before the vote.
bool ReplicaCore::Implementation::is_forgotten_vote_in(const CheckpointCertificate& certificate) const {
  const Seq known = std::max(base_, remembered_);
  return life_is_ordered() &&
         std::any_of(certificate.votes.begin(), certificate.votes.end(), [&](const CheckpointVote& vote) {
           return vote.content.replica == config_.id && vote.content.incarnation == own_life().incarnation &&
                  vote.content.seq > known;
         });
}

/// Somebody put an older copy of the disk back, or let the replica begin twice: it has forgotten without knowing.
void ReplicaCore::Implementation::found_old_disk() {
  alarm(
      "others hold votes of this replica that it does not know of: its disk is an older copy of the one that it had; "
      "remove this data folder, and this replica asks to be taken back");
}

void ReplicaCore::Implementation::compare_with_certificate() {
  const auto own = own_roots_.find(certificate_);
  if (own == own_roots_.end()) return;
  const auto& votes = certificate_message_.votes;
  const Digest& certified = votes.empty() ? config_.genesis_root : votes.front().content.root;
  if (own->second != certified) return found_divergence();
  own_roots_.erase(own_roots_.begin(), own);
}

/// What is at or below both the stable checkpoint and the own durable state is needed by nobody: not by a view change,
/// whose window starts at the certificate, nor by a restart, which starts at the base.
void ReplicaCore::Implementation::collect_log() {
  const Seq up_to = mutant(Mutant::log_collected_early) ? certificate_ : std::min(base_, certificate_);
  if (!certificate_durable_ || up_to <= collected_) return;
  collected_ = up_to;
  if (!mutant(Mutant::log_never_collected)) slots_.erase(slots_.begin(), slots_.upper_bound(collected_));
  effects_.emplace_back(CollectLog{collected_});
}

}  // namespace tagma
