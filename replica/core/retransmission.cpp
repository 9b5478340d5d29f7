// Nothing is lost for ever: replicas tell each other what they have, and answer with what the other lacks (Castro and
// Liskov, TOCS 2002, section 5.2; thesis, section 5.2). The transport may drop anything at any time.
#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "messages/assert.h"
#include "messages/mutant.h"
#include "messages/wire/codec.h"
#include "replica/core/core_implementation.h"

namespace tagma {
namespace {

/// Slots in flight that one answer to a STATUS helps with, and decided ones that it tells of whether they were told
/// before or not; slots that a STATUS lists beside those in flight; undecided ones whose batches are asked for at once.
constexpr std::size_t slots_per_answer_max = 32;
/// And further decided slots for each one that is executed here. With one a replica that is behind would keep pace with
/// a fast cluster and never reach it. A liar costs so many small messages for a slot, and those 32 an answer.
constexpr Seq slots_told_for_each_executed = 2;
/// After so many answers by which a replica did not gain, what it was told is taken for lost: a queue was full, it had
/// no room, or it is another life. A batch may take as many status intervals to come.
constexpr std::uint32_t answers_without_gain_max = 4;

std::uint64_t bit(ReplicaId replica) { return std::uint64_t{1} << replica; }

std::uint64_t mask_of(const VoteSet<Ballot>& votes, View view) {
  std::uint64_t mask = 0;
  for (const auto& [member, ballot] : votes.votes()) mask |= ballot.view == view ? bit(member) : 0;
  return mask;
}

}  // namespace

bool ReplicaCore::Implementation::unfinished() const {
  return !active_ || highest_ > executed_ || certificate_ > executed_ || base_ > certificate_ || pool_.operations() > 0;
}

/// Lists what is in flight here, and executed slots without an own COMMIT: somebody else may need it, and cannot know
/// from `executed` that this replica lacks the votes for it.
Status ReplicaCore::Implementation::own_status() const {
  Status status{.view = view_,
                .active = active_,
                .doubts = doubts_.own(),
                .certificate = certificate_,
                .executed = executed_,
                .slots = {}};
  std::size_t executed_listed = 0;
  for (auto found = slots_.upper_bound(certificate_);
       found != slots_.end() && status.slots.size() < limits::status_slots_max; ++found) {
    const auto& [seq, slot] = *found;
    if (seq <= executed_) {
      const bool committed = slot.own_commit_durable && slot.prepared && slot.prepared->view == view_;
      const bool of_view = slot.chosen || !slot.own_commit_durable;
      if (committed || !of_view || !may_vote_on(seq) || executed_listed >= slots_per_answer_max) continue;
      ++executed_listed;
    }
    const bool known = slot.decided || slot.chosen || known_prepared(slot);
    const bool accepted = slot.withheld || (slot.recorded && slot.recorded->view == view_);
    status.slots.push_back({.seq = seq,
                            .has_batch = known ? !missing_batch(seq, slot) : accepted,
                            .prepares = mask_of(slot.prepares, view_),
                            .commits = mask_of(slot.commits, view_)});
  }
  return status;
}

void ReplicaCore::Implementation::send_status() {
  auto status = own_status();
  const bool soon = unfinished() || !status.slots.empty();
  broadcast(std::move(status), false);
  next_status_us_ = now_.monotonic_us + (soon ? config_.status_interval_us : config_.heartbeat_us);
}

void ReplicaCore::Implementation::receive(const Sender& from, Status& message) {
  auto& peer = peers_[from.principal.id];
  peer.executed = message.executed;
  peer.certificate = message.certificate;
  if (message.active && message.view < view_) peer.stays_us = now_.monotonic_us;
  const bool waits_above = !message.active && message.view > view_;
  if (!waits_above) peer.waits_above_since_us = 0;
  if (waits_above && peer.waits_above_since_us == 0) peer.waits_above_since_us = now_.monotonic_us;
  if (waits_above) peer.waits_above_us = now_.monotonic_us;
  if (message.active && message.doubts) doubts_.heard(from.principal.id, message.view);
  consider_doubts();
  note_votes_held(from.principal.id, message);
  // Somebody is ahead: do not wait for the heartbeat to say what is missing here.
  if (message.executed > executed_) {
    highest_ = std::max(highest_, std::min(message.executed, executed_ + config_.window));
    next_status_us_ = std::min(next_status_us_, now_.monotonic_us + config_.status_interval_us);
  }
  // However often a peer asks, it is helped once in half a retransmission time, with a bounded number of bytes.
  if (peer.helped_us != 0 && now_.monotonic_us - peer.helped_us < config_.resend_us / 2) {
    return count("STATUS not answered: asked too often");
  }
  peer.helped_us = now_.monotonic_us;
  answer_status_of_checkpoints(from.principal.id, message);
  answer_status_of_view(from.principal.id, message);
  answer_status_of_executed(from.principal.id, message);
  answer_status_in_flight(from.principal.id, message);
}

/// A vote leaves after its record is durable, and the record stays at least until the slot is stable. So a vote that
/// f+1 others hold and that has no record was cast from a disk that is gone (attack K11).
void ReplicaCore::Implementation::note_votes_held(ReplicaId by, const Status& status) {
  forgotten_votes_.erase(forgotten_votes_.begin(), forgotten_votes_.upper_bound(certificate_));
  // Votes of another view say nothing: a NEW-VIEW drops the records of views before it.
  if (!voting_ || !active_ || status.view != view_) return;
  for (const auto& theirs : status.slots) {
    if (((theirs.prepares | theirs.commits) & bit(config_.id)) == 0) continue;
    if (!in_window(theirs.seq) || !may_vote_on(theirs.seq)) continue;
    const auto own = slots_.find(theirs.seq);
    if (own != slots_.end() && own->second.recorded && own->second.recorded->view == view_) continue;
    auto& holders = forgotten_votes_[theirs.seq];
    holders.insert(by);
    if (holders.size() >= config_.membership.weak_quorum()) return found_old_disk();
  }
}

void ReplicaCore::Implementation::answer_status_of_checkpoints(ReplicaId to, const Status& status) {
  auto& peer = peers_[to];
  const bool provable = !certificate_message_.votes.empty();  // not what the cluster began with
  if (provable && status.certificate < certificate_ &&
      now_.monotonic_us - peer.certificate_sent_us >= config_.resend_us) {
    peer.certificate_sent_us = now_.monotonic_us;
    count("certificate sent to a replica that is behind");
    send(to, certificate_message_);
  }
  if (now_.monotonic_us - checkpoint_sent_us_ < config_.resend_us) return;
  for (const auto& [seq, votes] : checkpoint_votes_) {
    const auto own = votes.find(config_.id);
    if (own == votes.end() || seq <= status.certificate) continue;
    count("CHECKPOINT sent again");
    send(to, own->second);
  }
}

void ReplicaCore::Implementation::answer_status_of_executed(ReplicaId to, const Status& status) {
  auto& peer = peers_[to];
  const Seq executed_before = std::exchange(peer.executed_here_when_answered, executed_);
  const Seq earned = slots_told_for_each_executed * (executed_ - std::min(executed_before, executed_));
  peer.slots_to_tell = std::min(peer.slots_to_tell + earned, config_.window);
  const Seq it_had = std::exchange(peer.executed_when_answered, status.executed);
  const bool gained = status.executed > it_had && status.executed - it_had > slots_per_answer_max;
  peer.answers_without_gain = gained ? 0 : peer.answers_without_gain + 1;
  if (status.executed < it_had || peer.answers_without_gain >= answers_without_gain_max) {
    peer.told_up_to = 0;
    peer.answers_without_gain = 0;
  }
  if (!voting_ || status.executed >= executed_) return;
  const Seq told_again_up_to = std::min(status.executed + slots_per_answer_max, executed_);
  for (Seq seq = status.executed + 1; seq <= told_again_up_to; ++seq) {
    if (!tell_decided(to, seq)) return;
  }
  peer.told_up_to = std::max(peer.told_up_to, told_again_up_to);
  // Whoever is behind takes at most a window above what it has executed, and less while it writes a checkpoint.
  const Seq told_at_most = std::min(status.executed + config_.window, executed_);
  while (peer.slots_to_tell > 0 && peer.told_up_to < told_at_most && tell_decided(to, peer.told_up_to + 1)) {
    ++peer.told_up_to;
    --peer.slots_to_tell;
  }
}

bool ReplicaCore::Implementation::tell_decided(ReplicaId to, Seq seq) {
  const auto* entry = decided_.find(seq);
  // What was executed just now is still on its way to the other in the normal case.
  if (entry != nullptr && now_.monotonic_us - entry->executed_us < config_.resend_us) return false;
  const auto digest = entry != nullptr ? std::optional(entry->digest) : decided_in_log(seq);
  if (!digest) {
    count("asked for a slot that is no longer kept");
    return false;
  }
  count("DECIDED sent to a replica that is behind");
  send(to, Decided{.seq = seq, .digest = *digest});
  return true;
}

/// Above the stable checkpoint the log has it, however few batches are kept for those behind: somebody who needs it
/// there may be the one whose vote the next checkpoint lacks, so that no state could help.
std::optional<Digest> ReplicaCore::Implementation::decided_in_log(Seq seq) const {
  const auto slot = slots_.find(seq);
  return slot == slots_.end() ? std::nullopt : slot->second.decided;
}

void ReplicaCore::Implementation::answer_status_in_flight(ReplicaId to, const Status& status) {
  if (!voting_ || status.view != view_ || !active_) return;
  std::size_t helped = 0;
  for (auto found = slots_.upper_bound(status.certificate); found != slots_.end() && helped < slots_per_answer_max;
       ++found) {
    auto& [seq, slot] = *found;
    if (now_.monotonic_us - slot.last_sent_us < config_.resend_us) continue;
    const auto known = std::lower_bound(status.slots.begin(), status.slots.end(), seq,
                                        [](const SlotStatus& left, Seq wanted) { return left.seq < wanted; });
    const bool listed = known != status.slots.end() && known->seq == seq;
    if (!listed && seq <= status.executed) continue;  // finished there
    helped += send_slot_again(to, seq, slot, listed ? *known : SlotStatus{}) ? 1U : 0U;
  }
}

bool ReplicaCore::Implementation::may_send_batch(ReplicaId to, std::size_t bytes) {
  auto& peer = peers_[to];
  if (now_.monotonic_us - peer.batches_since_us >= config_.resend_us) {
    peer.batches_since_us = now_.monotonic_us;
    peer.bytes_sent = 0;
  }
  if (peer.bytes_sent >= config_.help_bytes_max) return false;
  peer.bytes_sent += bytes;
  return true;
}

bool ReplicaCore::Implementation::send_slot_again(ReplicaId to, Seq seq, const Slot& slot, const SlotStatus& theirs) {
  bool sent = false;
  const bool recorded = slot.recorded && slot.recorded->view == view_;
  if (recorded && is_primary() && !slot.chosen && !theirs.has_batch &&
      may_send_batch(to, slot.batches.at(slot.recorded->digest)->bytes.size())) {
    count("PRE-PREPARE sent again");
    const auto& batch = slot.batches.at(slot.recorded->digest);
    send(to, PrePrepare{.view = slot.recorded->view, .seq = seq, .batch = batch});
    sent = true;
  }
  if (slot.withheld && slot.withheld->view == view_ && is_primary() && !theirs.has_batch &&
      may_send_batch(to, slot.batches.at(slot.withheld->digest)->bytes.size())) {
    count("PRE-PREPARE sent again");
    send(to, PrePrepare{.view = view_, .seq = seq, .batch = slot.batches.at(slot.withheld->digest)});
    sent = true;
  }
  if (recorded && slot.own_prepare_durable && (theirs.prepares & bit(config_.id)) == 0) {
    count("PREPARE sent again");
    send(to, Prepare{.view = slot.recorded->view, .seq = seq, .digest = slot.recorded->digest});
    sent = true;
  }
  if (slot.prepared && slot.prepared->view == view_ && slot.own_commit_durable &&
      (theirs.commits & bit(config_.id)) == 0) {
    count("COMMIT sent again");
    send(to, Commit{.view = slot.prepared->view, .seq = seq, .digest = slot.prepared->digest});
    sent = true;
  }
  return sent;
}

void ReplicaCore::Implementation::receive(const Sender& from, Decided& message) {
  // f+1 first-hand statements contain a correct replica that executed the batch, so they decide below the certificate
  // too; the next own checkpoint is compared with the certified root all the same.
  if (message.seq <= executed_) return;
  if (message.seq - executed_ > config_.window || !has_room(message.seq)) return count("DECIDED too far ahead");
  highest_ = std::max(highest_, message.seq);
  auto& slot = slots_[message.seq];
  if (slot.decisions.add(from.principal.id, message.digest) == VoteSet<Digest>::Outcome::contradiction) {
    return contradicts(from.principal.id, "contradictory DECIDED",
                       {.kind = "DECIDED",
                        .seq = message.seq,
                        .first = *slot.decisions.find(from.principal.id),
                        .second = message.digest});
  }
  check_decided(message.seq, slot);
  execute_decided();
}

std::optional<Digest> ReplicaCore::Implementation::missing_batch(Seq seq, const Slot& slot) const {
  std::optional<Digest> wanted = slot.decided ? slot.decided : slot.chosen;
  if (!wanted) {
    if (const auto ballot = known_prepared(slot)) wanted = ballot->digest;
  }
  if (!wanted) wanted = vouched_for(seq, slot);
  if (wanted && find_batch(slot, *wanted) != nullptr) wanted.reset();
  return wanted;
}

void ReplicaCore::Implementation::fetch_missing_batches() {
  std::size_t asked = 0;
  auto found = slots_.upper_bound(std::min(executed_, certificate_));
  for (; found != slots_.end(); ++found) {
    auto& [seq, slot] = *found;
    // Decided ones without a limit: they are two windows' at most, and a replica that lives on them would fall behind.
    if (!slot.decided && asked >= slots_per_answer_max) continue;
    if (fetch_missing_batch(seq, slot) && !slot.decided) ++asked;
  }
}

/// One of those who vouch, as the slot and the number of times say: one that is silent, or has sent as much as it may,
/// does not hold up all slots, nor one slot for ever.
bool ReplicaCore::Implementation::fetch_missing_batch(Seq seq, Slot& slot) {
  // What an installed state covers may still need this replica's votes, where the view chose it.
  if (seq <= executed_ && !(slot.chosen && in_window(seq) && may_vote_in_view(seq))) return false;
  note_vouched(seq, slot);
  const auto wanted = missing_batch(seq, slot);
  // What the primary has proposed is most likely on its way.
  if (wanted && wanted == vouched_for(seq, slot) && !known_prepared(slot) &&
      now_.monotonic_us - slot.vouched_us < std::min(config_.resend_us, round_us())) {
    return false;
  }
  if (!wanted || (slot.fetches > 0 && now_.monotonic_us - slot.fetched_us < config_.resend_us)) return false;
  std::set<ReplicaId> vouchers;
  for (const auto* votes : {&slot.prepares, &slot.commits}) {
    for (const auto& [member, ballot] : votes->votes()) {
      if (ballot.digest == *wanted) vouchers.insert(member);
    }
  }
  for (const auto& [member, digest] : slot.decisions.votes()) {
    if (digest == *wanted) vouchers.insert(member);
  }
  for (ReplicaId id = 0; id < config_.membership.n(); ++id) {
    if (slot.chosen == wanted && (slot.vouchers & bit(id)) != 0) vouchers.insert(id);
  }
  vouchers.erase(config_.id);
  // Who has not sent it so far is not asked for it.
  if (wanted == vouched_for(seq, slot) && vouchers.size() > 1) vouchers.erase(config_.membership.primary(view_));
  if (vouchers.empty()) return false;
  count("batch fetched");
  const auto turn = static_cast<std::ptrdiff_t>((seq + slot.fetches) % vouchers.size());
  send(*std::next(vouchers.begin(), turn), FetchBatch{.seq = seq, .digest = *wanted}, false);
  ++slot.fetches;
  slot.fetched_us = now_.monotonic_us;
  return true;
}

void ReplicaCore::Implementation::receive(const Sender& from, FetchBatch& message) {
  const auto* entry = decided_.find(message.seq);
  if (entry != nullptr && entry->digest != message.digest) entry = nullptr;
  SharedBatch batch;
  if (entry == nullptr) {
    const auto slot = slots_.find(message.seq);
    if (slot != slots_.end()) batch = find_batch(slot->second, message.digest);
    if (batch == nullptr) return count("asked for a batch that is not here");
  }
  // Before it is decoded, which costs more than to refuse.
  const auto bytes = entry != nullptr ? entry->batch.size() : batch->bytes.size();
  if (!may_send_batch(from.principal.id, bytes)) return count("batch not sent: asked for too much");
  if (entry != nullptr) {
    auto decoded = wire::decode_batch(entry->batch);
    TAGMA_ASSERT(decoded.ok(), "what was executed is well-formed");
    batch = std::make_shared<const Batch>(std::move(*decoded));
  }
  send(from.principal.id, BatchBody{.seq = message.seq, .batch = batch}, false);
}

void ReplicaCore::Implementation::receive(const Sender& /*from*/, BatchBody& message) {
  const auto found = slots_.find(message.seq);
  if (found == slots_.end()) return;
  auto& slot = found->second;
  const auto wanted = missing_batch(message.seq, slot);
  if (!wanted) {
    if (mutant(Mutant::unasked_batches_kept)) {
      slot.batches[authenticator_.digest(message.batch->bytes)] = message.batch;
    }
    return;
  }
  const Digest digest =
      mutant(Mutant::wrong_batch_digest_accepted) ? *wanted : authenticator_.digest(message.batch->bytes);
  if (digest != *wanted) return count("batch that nobody asked for");
  slot.batches[digest] = message.batch;
  if (slot.chosen == digest) accept_chosen();
  if (in_window(message.seq)) {  // else it may be gone
    record_vouched(message.seq, slot);
    check_prepared(message.seq, slot);
  }
  execute_decided();
}

}  // namespace tagma
